#include "app/main_window.h"

#include "app/exporting.h"
#include "app/train_page.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/speed_page.h"
#include "widgets/plots/comparison_figure.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/dialogs.h"

#include <QApplication>
#include <QClipboard>
#include <QDropEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QMimeData>
#include <QUrl>

/// Keys, drops, menus and export of the window.
namespace sparsescope {

void MainWindow::keyPressEvent(QKeyEvent *event)
{
    // A focused text field takes letters before they come here.
    LossPlot *loss = m_trainPage->loss();
    const bool ten = event->modifiers() & Qt::ShiftModifier;
    switch (event->key()) {
    case Qt::Key_L:
        loss->toggleLogX();
        break;
    case Qt::Key_Y:
        loss->toggleLogY();
        break;
    case Qt::Key_R:
        loss->toggleRaw();
        break;
    case Qt::Key_BracketLeft:
    case Qt::Key_BraceLeft:
        m_inspectPage->stepSnapshot(ten ? -10 : -1);
        break;
    case Qt::Key_BracketRight:
    case Qt::Key_BraceRight:
        m_inspectPage->stepSnapshot(ten ? 10 : 1);
        break;
    case Qt::Key_Home:
        m_inspectPage->stepSnapshot(-1000000);
        break;
    case Qt::Key_End:
        m_view.setFollowLive(true);
        if (m_current) {
            m_view.followStep(m_current->step());
        }
        break;
    default:
        QMainWindow::keyPressEvent(event);
    }
}

void MainWindow::dragEnterEvent(QDragEnterEvent *event)
{
    if (event->mimeData()->hasUrls()) {
        event->acceptProposedAction();
    }
}

void MainWindow::dropEvent(QDropEvent *event)
{
    for (const QUrl &url : event->mimeData()->urls()) {
        if (url.isLocalFile()) {
            openPath(url.toLocalFile().toStdString());
        }
    }
    event->acceptProposedAction();
}

void MainWindow::showShortcuts()
{
    static const std::pair<const char *, const char *> kKeys[] = {
        {"Ctrl+1 to Ctrl+4", "Train, Inspect, Compare, Speed"},
        {"Ctrl+N", "New experiment"},
        {"Ctrl+O", "Open runs or a checkpoint"},
        {"Ctrl+Return", "Start the queue"},
        {"F6", "Pause or resume"},
        {"Shift+F6", "Stop"},
        {"[ and ], Shift: ten", "Previous, next snapshot"},
        {"Home, End", "First snapshot, follow live"},
        {"Enter, Esc", "Focus, Atlas"},
        {"Page up, page down", "Layer"},
        {"Arrows in the map, Shift: ten", "Key, query"},
        {"M, K", "Mask overlay, lock limits"},
        {"Ctrl+Z, Ctrl+Shift+Z", "Undo, redo view change"},
        {"L, Y, R", "Log x, log y, raw"},
        {"+, −, 0 on a plot", "Zoom, show everything"},
        {"Ctrl+D", "Duplicate and change"},
        {"Alt+Up, Alt+Down", "Reorder the queue"},
        {"Space, Delete on a run", "Hide or show its curves, remove it from the queue"},
        {"A, B on a run", "Put its group on that side of Compare"},
        {"C on a run", "Draw it beside A and B, or no longer"},
        {"Ctrl+F", "Filter runs"},
        {"Ctrl+E", "Export"},
        {"Ctrl+Shift+C", "Copy image"},
        {"F8, F9, F10", "Log, Runs, Metrics"},
        {"Ctrl+T", "Light or dark"},
        {"F11", "Full screen"}};
    QString rows;
    for (const auto &[keys, words] : kKeys) {
        rows += QStringLiteral("<tr><td style='padding-right:18px'><tt>%1</tt></td><td>%2</td></tr>")
                    .arg(QString::fromUtf8(keys).toHtmlEscaped(), QString::fromUtf8(words));
    }
    dialogs::ask(this, QStringLiteral("Shortcuts"), QStringLiteral("<table>%1</table>").arg(rows),
                 {QStringLiteral("Close")});
}

void MainWindow::showInLog(const RunData *run)
{
    showPage(Page::Train);
    m_logDock->show();
    m_log->showLastError(run->id().toStdString());
}

void MainWindow::showPlotMenu(QPoint globalPosition)
{
    QMenu menu(this);
    menu.addAction(QStringLiteral("Copy image"), m_trainPage->loss()->plot(), &SeriesPlot::copyImage);
    menu.addAction(QStringLiteral("Export…"), this, &MainWindow::exportFigures);
    menu.addSeparator();
    menu.addAction(QStringLiteral("Show everything"), m_trainPage->loss()->plot(), &SeriesPlot::resetView);
    menu.exec(globalPosition);
}

void MainWindow::copyImage()
{
    if (m_page == Page::Inspect) {
        QApplication::clipboard()->setPixmap(m_inspectPage->mainView()->grab());
    } else if (m_page == Page::Compare) {
        QApplication::clipboard()->setPixmap(m_comparePage->grab());
    } else if (m_page == Page::Speed) {
        QApplication::clipboard()->setPixmap(m_speedPage->grab());
    } else {
        m_trainPage->loss()->plot()->copyImage();
    }
}

std::vector<std::pair<QString, std::shared_ptr<ExportableView>>> MainWindow::figures() const
{
    // Views that are on screen stay with their owners: a pointer without a deleter.
    const auto borrowed = [](ExportableView *view) {
        return std::shared_ptr<ExportableView>(view, [](ExportableView *) {});
    };
    std::vector<std::pair<QString, std::shared_ptr<ExportableView>>> figures;
    for (const auto &[name, view] : m_speedPage->exportableViews()) {
        figures.emplace_back(name, borrowed(const_cast<ExportableView *>(view)));
    }
    const std::vector<RunData *> shown = shownRuns();
    if (shown.empty()) {
        return figures;
    }
    m_trainPage->loss()->catchUp();
    figures.emplace_back(QStringLiteral("loss"), borrowed(m_trainPage->loss()));
    figures.emplace_back(QStringLiteral("comparison"), std::make_shared<ComparisonFigure>(comparisonOf(shown)));
    for (const auto &[name, view] : m_inspectPage->exportableViews()) { // of the snapshot that the page shows
        figures.emplace_back(name, borrowed(const_cast<ExportableView *>(view)));
    }
    for (const auto &[name, view] : m_comparePage->exportableViews()) {
        figures.emplace_back(name, borrowed(const_cast<ExportableView *>(view)));
    }
    return figures;
}

void MainWindow::exportFigures()
{
    ExportDialog dialog(figures(),
                        m_page == Page::Compare                       ? QStringLiteral("paired")
                        : m_page == Page::Speed                       ? QStringLiteral("speed")
                        : m_page != Page::Inspect                     ? QStringLiteral("loss")
                        : m_view.view().inspect == InspectView::Atlas ? QStringLiteral("atlas")
                                                                      : QStringLiteral("map"),
                        this);
    dialog.exec();
}

} // namespace sparsescope
