#include "app/main_window.h"

#include "app/export_dialog.h"
#include "app/preferences_dialog.h"
#include "app/run_actions.h"
#include "app/text_size.h"
#include "app/train_page.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/speed_page.h"
#include "widgets/plots/comparison_figure.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QDropEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QMimeData>
#include <QSettings>
#include <QUrl>

/// Keys, drops, menus and export of the window.
namespace sparsescope {

void MainWindow::keyPressEvent(QKeyEvent *event)
{
    switch (event->key()) {
    case Qt::Key_Home:
        m_inspectPage->firstSnapshot();
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

QString MainWindow::shownFigure() const
{
    return m_page == Page::Compare                       ? QStringLiteral("paired")
           : m_page == Page::Speed                       ? QStringLiteral("speed")
           : m_page != Page::Inspect                     ? QStringLiteral("loss")
           : m_view.view().inspect == InspectView::Atlas ? QStringLiteral("atlas")
                                                         : QStringLiteral("map");
}

void MainWindow::copyData()
{
    for (const auto &[name, view] : figures()) {
        if (name == shownFigure()) {
            QApplication::clipboard()->setText(view->csv());
        }
    }
}

void MainWindow::showPreferences()
{
    const QString folder = QSettings().value(QStringLiteral("exportFolder"), QDir::currentPath()).toString();
    auto *dialog = new PreferencesDialog({currentTheme(), QSettings().value(QStringLiteral("reducedMotion")).toBool(),
                                          m_queue.continueOnError(), folder, chosenTextSize()},
                                         this);
    connect(dialog, &PreferencesDialog::changed, this, [this](const Preferences &wanted) {
        QSettings settings;
        settings.setValue(QStringLiteral("reducedMotion"), wanted.reducedMotion);
        settings.setValue(QStringLiteral("exportFolder"), wanted.exportFolder);
        chooseTextSize(wanted.textSize);
        setReducedMotion(wanted.reducedMotion);
        m_queue.setContinueOnError(wanted.continueOnError);
        m_runActions->refresh();
        if (wanted.theme != currentTheme()) {
            toggleTheme();
        }
    });
    dialog->open();
}

void MainWindow::exportFigures()
{
    ExportDialog dialog(figures(), shownFigure(), this);
    dialog.exec();
}

} // namespace sparsescope
