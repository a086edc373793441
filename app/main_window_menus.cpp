#include "app/help_dialog.h"
#include "app/inspect_menu.h"
#include "app/main_window.h"
#include "app/run_actions.h"
#include "app/train_page.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/run_table.h"
#include "widgets/plots/loss_difference.h"
#include "widgets/plots/series_plot.h"

#include <QAction>
#include <QMenuBar>

#include <tuple>

/// Every command of the window with its place in the menus and its key. Letters are shortcuts like the others: a text field
/// keeps those that are typed into it.
namespace sparsescope {

namespace {

constexpr double kZoomStep = 1.25;

} // namespace

QAction *MainWindow::addCommand(QMenu *menu, const QString &text, const QKeySequence &keys,
                                std::function<void()> command)
{
    QAction *action = menu->addAction(text);
    action->setShortcut(keys);
    connect(action, &QAction::triggered, this, std::move(command));
    return action;
}

void MainWindow::buildActions()
{
    buildFileMenus();
    buildViewMenu(menuBar()->addMenu(QStringLiteral("View")));

    QMenu *run = menuBar()->addMenu(QStringLiteral("Run"));
    addCommand(run, QStringLiteral("Start"), QKeySequence(Qt::CTRL | Qt::Key_Return), [this] { startQueue(); });
    addCommand(run, QStringLiteral("Pause or resume"), QKeySequence(Qt::Key_F6), [this] { togglePause(); });
    addCommand(run, QStringLiteral("Stop"), QKeySequence(Qt::SHIFT | Qt::Key_F6), [this] { stopTraining(); });
    m_checkpointAction =
        addCommand(run, QStringLiteral("Checkpoint now"), {}, [this] { m_queue.thread().checkpointNow(); });
    m_runChecksAction = addCommand(run, QStringLiteral("Run checks"), {}, [this] { m_checks->start(m_current); });
    run->addSeparator();
    for (QAction *entry : m_runActions->actions()) {
        run->addAction(entry);
    }

    m_continueAction = fillInspectMenu(menuBar()->addMenu(QStringLiteral("Inspect")), *m_inspectPage, m_view, [this] {
        if (m_page == Page::Compare) {
            m_comparePage->toggleLimits();
        } else if (m_page == Page::Inspect) {
            m_inspectPage->toggleLimits();
        }
    });
    connect(m_continueAction, &QAction::triggered, this, &MainWindow::continueText);
    fillCompareMenu(menuBar()->addMenu(QStringLiteral("Compare")));

    QMenu *window = menuBar()->addMenu(QStringLiteral("Window"));
    addCommand(window, QStringLiteral("Full screen"), QKeySequence(Qt::Key_F11),
               [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); });
    addCommand(window, QStringLiteral("1600 × 1000"), {}, [this] {
        setWindowState(windowState() & ~(Qt::WindowFullScreen | Qt::WindowMaximized));
        resize(1600, 1000);
    });

    QMenu *help = menuBar()->addMenu(QStringLiteral("Help"));
    const auto page = [this, help](const QString &words, const QKeySequence &keys, const QString &before,
                                   HelpDialog::Rows (*rows)(), bool isKeys) {
        addCommand(help, words, keys, [this, words, before, rows, isKeys] {
            (new HelpDialog(words, before, rows(), isKeys, this))->open();
        });
    };
    page(QStringLiteral("Shortcuts"), QKeySequence(Qt::Key_F1),
         QStringLiteral("Letters act while no text field has the focus."), shortcutRows, true);
    page(QStringLiteral("Terms"), {}, {}, termRows, false);
    page(
        QStringLiteral("About Sparsescope"), {},
        QStringLiteral("Trains dense and sparse attention side by side and shows what the indexer scores and selects."),
        licenceRows, false);
}

void MainWindow::buildFileMenus()
{
    QMenu *file = menuBar()->addMenu(QStringLiteral("File"));
    addCommand(file, QStringLiteral("New experiment"), QKeySequence(Qt::CTRL | Qt::Key_N), [this] { newExperiment(); });
    addCommand(file, QStringLiteral("Open…"), QKeySequence(Qt::CTRL | Qt::Key_O), [this] { chooseFolder(); });
    addCommand(file, QStringLiteral("Open file…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O),
               [this] { chooseFile(); });
    QMenu *recent = file->addMenu(QStringLiteral("Open recent"));
    recent->setObjectName(QStringLiteral("recentMenu"));
    connect(file, &QMenu::aboutToShow, this, [this, recent] {
        recent->clear();
        for (const std::filesystem::path &folder : m_recent) {
            recent->addAction(QString::fromStdString(folder.string()), this, [this, folder] { openPath(folder); });
        }
        recent->menuAction()->setVisible(!m_recent.empty());
    });
    addCommand(file, QStringLiteral("Import CSV…"), {}, [this] { chooseTable(); });
    file->addSeparator();
    addCommand(file, QStringLiteral("Export…"), QKeySequence(Qt::CTRL | Qt::Key_E), [this] { exportFigures(); });
    addCommand(file, QStringLiteral("Export comparison…"), {}, [this] { exportComparison(); });
    file->addSeparator();
    addCommand(file, QStringLiteral("Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q), [this] { close(); });

    QMenu *edit = menuBar()->addMenu(QStringLiteral("Edit"));
    addCommand(edit, QStringLiteral("Undo view change"), QKeySequence(Qt::CTRL | Qt::Key_Z), [this] { m_view.undo(); });
    addCommand(edit, QStringLiteral("Redo view change"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z),
               [this] { m_view.redo(); });
    edit->addSeparator();
    addCommand(edit, QStringLiteral("Copy image"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C),
               [this] { copyImage(); });
    addCommand(edit, QStringLiteral("Copy data"), {}, [this] { copyData(); });
    addCommand(edit, QStringLiteral("Filter runs"), QKeySequence(Qt::CTRL | Qt::Key_F), [this] {
        m_runsDock->show();
        m_runsDock->raise();
        m_runTable->focusFilter();
    });
    edit->addSeparator();
    addCommand(edit, QStringLiteral("Preferences…"), {}, [this] { showPreferences(); });
}

void MainWindow::buildViewMenu(QMenu *view)
{
    const std::tuple<const char *, int, Page> pages[] = {{"Train", Qt::Key_1, Page::Train},
                                                         {"Inspect", Qt::Key_2, Page::Inspect},
                                                         {"Compare", Qt::Key_3, Page::Compare},
                                                         {"Speed", Qt::Key_4, Page::Speed}};
    for (const auto &[words, key, page] : pages) {
        addCommand(view, QLatin1String(words), QKeySequence(static_cast<int>(Qt::CTRL) | key),
                   [this, page = page] { showPage(page); });
    }
    view->addSeparator();
    // On another page the plot that they change is not in sight.
    const auto ofLoss = [this, view](const char *words, int key, void (LossPlot::*toggle)()) {
        addCommand(view, QLatin1String(words), QKeySequence(key), [this, toggle] {
            if (m_page == Page::Train) {
                (m_trainPage->loss()->*toggle)();
            }
        });
    };
    ofLoss("Logarithmic steps", Qt::Key_L, &LossPlot::toggleLogX);
    ofLoss("Logarithmic loss", Qt::Key_Y, &LossPlot::toggleLogY);
    ofLoss("Unsmoothed loss", Qt::Key_R, &LossPlot::toggleRaw);
    QAction *inset = view->addAction(QStringLiteral("Last quarter, enlarged"));
    inset->setCheckable(true);
    inset->setChecked(m_trainPage->loss()->insetWanted());
    connect(inset, &QAction::toggled, m_trainPage->loss(), &LossPlot::setInsetWanted);
    connect(m_trainPage->loss(), &LossPlot::insetWantedChanged, inset, &QAction::setChecked);
    view->addSeparator();
    addCommand(view, QStringLiteral("Zoom in\t+"), {}, [this] { zoomBy(kZoomStep); });
    addCommand(view, QStringLiteral("Zoom out\t−"), {}, [this] { zoomBy(1 / kZoomStep); });
    addCommand(view, QStringLiteral("Show everything\t0"), {}, [this] { resetZoom(); });
    view->addSeparator();
    const std::tuple<PanelDock *, int> docks[] = {
        {m_logDock, Qt::Key_F8}, {m_runsDock, Qt::Key_F9}, {m_metricsDock, Qt::Key_F10}};
    for (const auto &[dock, key] : docks) {
        dock->toggleViewAction()->setShortcut(QKeySequence(key));
        view->addAction(dock->toggleViewAction());
    }
    view->addAction(m_experimentDock->toggleViewAction());
    view->addAction(m_soundnessDock->toggleViewAction());
    addCommand(view, QStringLiteral("Reset layout"), {}, [this] { resetLayout(); });
    view->addSeparator();
    addCommand(view, QStringLiteral("Light or dark"), QKeySequence(Qt::CTRL | Qt::Key_T), [this] { toggleTheme(); });
}

SeriesPlot *MainWindow::shownPlot() const
{
    return m_page == Page::Train     ? m_trainPage->loss()->plot()
           : m_page == Page::Compare ? m_comparePage->curves()->loss()
                                     : nullptr;
}

void MainWindow::zoomBy(double factor)
{
    if (SeriesPlot *plot = shownPlot()) {
        plot->zoomBy(factor);
    } else if (m_page == Page::Inspect) {
        m_inspectPage->zoomBy(factor);
    }
}

void MainWindow::resetZoom()
{
    if (SeriesPlot *plot = shownPlot()) {
        plot->resetView();
    } else if (m_page == Page::Inspect) {
        m_inspectPage->resetZoom();
    }
}

} // namespace sparsescope
