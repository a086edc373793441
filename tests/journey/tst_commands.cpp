// Longer than 400 lines: one window with its trained runs serves every command.
#include "app/train_page.h"
#include "tests/journey/commands.h"
#include "tests/journey/launch_window.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/dialogs.h"

#include <QCheckBox>
#include <QClipboard>
#include <QDockWidget>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>

using namespace sparsescope;
using test::kCommands;

/// Every command is in its menu under its key, and does what it says: on one window with trained runs, by real keys.
class tst_Commands : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init()
    {
        m_window->activateWindow(); // without a desktop nobody else does it after a dialog
        QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
    }
    void everyCommandIsInItsMenu_data();
    void everyCommandIsInItsMenu();
    void pagesAndDocks();
    void lettersOfTheLossPlot();
    void lettersInATextFieldAreText();
    void snapshotsAndLayers();
    void mapKeys();
    void undoAndCopy();
    void dialogsOpenAndClose();
    void preferencesTakeEffect();
    void tableBecomesARun();
    void recentFolders();
    void windowSizes();
    void queueAndTraining();

private:
    QAction *action(const char *menu, const char *text) const;
    void press(int key, Qt::KeyboardModifiers modifiers = {})
    {
        QTest::keyClick(m_window.get(), static_cast<Qt::Key>(key), modifiers);
    }
    const View &view() const { return m_window->viewState().view(); }
    /// Presses or triggers what opens a dialog, and closes it: its object name.
    QString opened(const std::function<void()> &open);

    test::LaunchWindow m_window;
    RunData *m_sparse = nullptr;
};

void tst_Commands::initTestCase()
{
    test::LaunchWindow::prepare();
    nlohmann::ordered_json document = tinyExperiment();
    document["training"]["steps"] = 60;
    document["training"]["eval_every"] = 10;
    document["probe"]["every"] = 4;
    document["sweep"]["family"] = {"classic", "sparse"};
    std::ofstream(m_window.file("presets") / "tiny.json") << document.dump(2);
    m_window.open();
    QVERIFY(m_window->startPreset("tiny"));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training(), 240000);
    for (RunData *run : m_window->runs()) {
        QVERIFY2(run->state() == RunState::Finished, qPrintable(run->reason()));
        m_sparse = isSparse(run->config().model.family) ? run : m_sparse;
    }
    QTRY_VERIFY(m_window->settled());
    m_window->setCurrentRun(m_sparse);
}

QAction *tst_Commands::action(const char *menu, const char *text) const
{
    for (QAction *top : m_window->menuBar()->actions()) {
        if (top->text() == QString::fromUtf8(menu)) {
            for (QAction *entry : top->menu()->actions()) {
                if (entry->text().section(QLatin1Char('\t'), 0, 0) == QString::fromUtf8(text)) {
                    return entry;
                }
            }
        }
    }
    return nullptr;
}

void tst_Commands::everyCommandIsInItsMenu_data()
{
    QTest::addColumn<int>("command");
    for (std::size_t i = 0; i < std::size(kCommands); ++i) {
        QTest::addRow("%s, %s", kCommands[i].menu, kCommands[i].text) << static_cast<int>(i);
    }
}

void tst_Commands::everyCommandIsInItsMenu()
{
    QFETCH(int, command);
    const test::Command &wanted = kCommands[command];
    const QAction *found = action(wanted.menu, wanted.text);
    QVERIFY(found != nullptr);
    const QString named = found->text().section(QLatin1Char('\t'), 1);
    QCOMPARE(named.isEmpty() ? found->shortcut().toString() : named, QString::fromUtf8(wanted.keys));
}

void tst_Commands::pagesAndDocks()
{
    const std::pair<int, Page> pages[] = {
        {Qt::Key_2, Page::Inspect}, {Qt::Key_3, Page::Compare}, {Qt::Key_4, Page::Speed}, {Qt::Key_1, Page::Train}};
    for (const auto &[key, page] : pages) {
        press(key, Qt::ControlModifier);
        QVERIFY(m_window->page() == page);
    }
    const std::pair<int, const char *> docks[] = {
        {Qt::Key_F8, "logDock"}, {Qt::Key_F9, "runsDock"}, {Qt::Key_F10, "metricsDock"}};
    for (const auto &[key, name] : docks) {
        auto *dock = m_window.child<QDockWidget>(name);
        QVERIFY2(dock->isVisible(), name);
        press(key);
        QVERIFY2(!dock->isVisible(), name);
    }
    action("View", "Reset layout")->trigger();
    QTRY_VERIFY(m_window.child<QDockWidget>("logDock")->isVisible() &&
                m_window.child<QDockWidget>("runsDock")->isVisible());
    press(Qt::Key_F, Qt::ControlModifier);
    QCOMPARE(QApplication::focusWidget(), m_window.child<QWidget>("runFilter"));
    press(Qt::Key_N, Qt::ControlModifier);
    QVERIFY(m_window.child<QDockWidget>("experimentDock")->isVisible());
    QVERIFY(m_window.child<QDockWidget>("experimentDock")->isAncestorOf(QApplication::focusWidget()));
}

void tst_Commands::lettersOfTheLossPlot()
{
    press(Qt::Key_1, Qt::ControlModifier);
    SeriesPlot *plot = m_window->trainPage()->loss()->plot();
    auto *raw = m_window.child<QAbstractButton>("rawButton");
    // From the list of runs, which would search for letters by itself.
    auto *runs = m_window.child<QTreeView>("runTable");
    runs->setFocus();
    for (const bool on : {true, false}) {
        QTest::keyClick(runs, Qt::Key_L);
        QCOMPARE(plot->logX(), on);
        QTest::keyClick(runs, Qt::Key_Y);
        QCOMPARE(plot->logY(), on);
        QTest::keyClick(runs, Qt::Key_R);
        QCOMPARE(raw->isChecked(), !on);
    }
    const auto whole = plot->xRange();
    action("View", "Zoom in")->trigger();
    QVERIFY(plot->xRange().second - plot->xRange().first < whole.second - whole.first);
    action("View", "Show everything")->trigger();
    QCOMPARE(plot->xRange(), whole);
    plot->setFocus();
    QTest::keyClick(plot, Qt::Key_Plus);
    QVERIFY(plot->zoomed());
    QTest::keyClick(plot, Qt::Key_Minus);
    QTest::keyClick(plot, Qt::Key_0);
    QVERIFY(!plot->zoomed());
    // Of a plot that is not in sight nothing changes.
    press(Qt::Key_2, Qt::ControlModifier);
    press(Qt::Key_L);
    QVERIFY(!plot->logX());
}

void tst_Commands::lettersInATextFieldAreText()
{
    press(Qt::Key_1, Qt::ControlModifier);
    const std::int64_t step = view().step;
    auto *filter = m_window.child<QLineEdit>("runFilter");
    filter->setFocus();
    QTest::keyClicks(filter, QStringLiteral("lyrmk[]"));
    QCOMPARE(filter->text(), QStringLiteral("lyrmk[]"));
    QVERIFY(!m_window->trainPage()->loss()->plot()->logX() && !view().overlay);
    QCOMPARE(view().step, step);
    filter->clear();
}

void tst_Commands::snapshotsAndLayers()
{
    press(Qt::Key_2, Qt::ControlModifier);
    const std::vector<std::int64_t> &steps = m_window->currentRun()->snapshotSteps();
    QVERIFY(steps.size() > 12);
    m_window->inspectPage()->mainView()->setFocus();
    QWidget *at = QApplication::focusWidget();
    QTest::keyClick(at, Qt::Key_Home);
    QCOMPARE(view().step, steps[0]);
    QTest::keyClick(at, Qt::Key_BracketRight);
    QCOMPARE(view().step, steps[1]);
    QTest::keyClick(at, Qt::Key_BraceRight, Qt::ShiftModifier);
    QCOMPARE(view().step, steps[11]);
    QTest::keyClick(at, Qt::Key_BracketLeft);
    QCOMPARE(view().step, steps[10]);
    QTest::keyClick(at, Qt::Key_BraceLeft, Qt::ShiftModifier);
    QCOMPARE(view().step, steps[0]);
    action("Inspect", "Next snapshot")->trigger();
    action("Inspect", "First snapshot")->trigger();
    QCOMPARE(view().step, steps[0]);
    QVERIFY(!view().followLive);
    QTest::keyClick(at, Qt::Key_End);
    QVERIFY(view().followLive);
    QCOMPARE(view().step, m_window->currentRun()->step());
    QCOMPARE(view().layer, 0);
    QTest::keyClick(at, Qt::Key_PageDown);
    QCOMPARE(view().layer, 1);
    QTest::keyClick(at, Qt::Key_PageUp);
    QCOMPARE(view().layer, 0);
    QTest::keyClick(at, Qt::Key_Return);
    QCOMPARE(view().inspect, InspectView::Focus);
    QTest::keyClick(m_window->inspectPage()->mainView(), Qt::Key_Escape);
    QCOMPARE(view().inspect, InspectView::Atlas);
}

void tst_Commands::mapKeys()
{
    m_window->setCurrentRun(m_sparse);
    press(Qt::Key_2, Qt::ControlModifier);
    m_window->viewState().setInspect(InspectView::Focus);
    m_window->viewState().setMap(MapKind::IndexScore, -1);
    auto *map = m_window->inspectPage()->findChild<IndexerHeatmap *>();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->inspectPage()->settled() && map->picture() != nullptr &&
                                 map->picture()->request.kind == MapKind::IndexScore,
                             20000);
    m_window->viewState().setCell(12, 8);
    map->setFocus();
    QTest::keyClick(map, Qt::Key_Left);
    QTest::keyClick(map, Qt::Key_Down);
    QCOMPARE(std::pair(view().query, view().key), std::pair(13, 7));
    QTest::keyClick(map, Qt::Key_Up, Qt::ShiftModifier);
    QTest::keyClick(map, Qt::Key_Right, Qt::ShiftModifier);
    QCOMPARE(std::pair(view().query, view().key), std::pair(3, 17));
    for (const bool on : {true, false}) {
        QTest::keyClick(map, Qt::Key_M);
        QCOMPARE(view().overlay, on);
        QTest::keyClick(map, Qt::Key_K);
        QCOMPARE(view().limitsOf(MapKind::IndexScore).has_value(), on);
    }
    const double whole = map->mapping().cell;
    QTest::keyClick(map, Qt::Key_Plus);
    QVERIFY(map->mapping().cell > whole);
    QTest::keyClick(map, Qt::Key_Minus);
    QTest::keyClick(map, Qt::Key_Plus);
    QTest::keyClick(map, Qt::Key_0);
    QCOMPARE(map->mapping().cell, whole);
    const auto choose = [this](const char *menu, int entry) {
        action("Inspect", menu)->menu()->actions()[entry]->trigger();
    };
    choose("Map", 2);
    QCOMPARE(view().map, MapKind::Attention);
    choose("Map", 0);
    choose("Colours", 2);
    QVERIFY(view().colours == ColourMapName::Magma);
    choose("Colours", 4);
    QVERIFY(!view().colours);
}

void tst_Commands::undoAndCopy()
{
    m_window->viewState().setInspect(InspectView::Focus);
    m_window->viewState().setLayer(0);
    QTest::qWait(ViewState::kMergeMilliseconds + 20);
    m_window->viewState().setLayer(1);
    press(Qt::Key_Z, Qt::ControlModifier);
    QCOMPARE(view().layer, 0);
    press(Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(view().layer, 1);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->inspectPage()->settled(), 20000);
    QApplication::clipboard()->clear();
    press(Qt::Key_C, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(QApplication::clipboard()->mimeData()->hasImage());
    action("Edit", "Copy data")->trigger();
    QVERIFY2(QApplication::clipboard()->text().startsWith("t,s,value\n"),
             qPrintable(QApplication::clipboard()->text().left(40)));
    press(Qt::Key_1, Qt::ControlModifier);
    action("Edit", "Copy data")->trigger();
    QVERIFY(QApplication::clipboard()->text().startsWith("series,"));
    const Theme before = currentTheme();
    press(Qt::Key_T, Qt::ControlModifier);
    QVERIFY(currentTheme() != before);
    press(Qt::Key_T, Qt::ControlModifier);
}

QString tst_Commands::opened(const std::function<void()> &open)
{
    QString name;
    QTimer::singleShot(50, m_window.get(), [&] {
        if (QWidget *dialog = QApplication::activeModalWidget()) {
            name = dialog->objectName() + QLatin1Char(' ') + dialog->windowTitle();
            QTest::keyClick(dialog, Qt::Key_Escape);
        }
    });
    open();
    [[maybe_unused]] const bool closed = QTest::qWaitFor([&] { return !name.isEmpty(); }, 3000);
    init();
    return name;
}

void tst_Commands::dialogsOpenAndClose()
{
    QCOMPARE(opened([this] { press(Qt::Key_E, Qt::ControlModifier); }), QStringLiteral("exportDialog Export"));
    QCOMPARE(opened([this] { press(Qt::Key_F1); }), QStringLiteral("helpDialog Shortcuts"));
    QCOMPARE(opened([this] { action("Help", "Terms")->trigger(); }), QStringLiteral("helpDialog Terms"));
    QCOMPARE(opened([this] { action("Help", "About Sparsescope")->trigger(); }),
             QStringLiteral("helpDialog About Sparsescope"));
    QCOMPARE(opened([this] { action("Edit", "Preferences…")->trigger(); }),
             QStringLiteral("preferencesDialog Preferences"));
    dialogs::setNextPath({});
    press(Qt::Key_O, Qt::ControlModifier);
    QCOMPARE(dialogs::asked().back(), QStringLiteral("Open runs or a checkpoint"));
    press(Qt::Key_3, Qt::ControlModifier);
    dialogs::setNextPath({});
    QTRY_VERIFY(m_window->comparePage() != nullptr);
    action("File", "Export comparison…")->trigger();
    QTRY_COMPARE(dialogs::asked().back(), QStringLiteral("Folder for the comparison"));
}

void tst_Commands::preferencesTakeEffect()
{
    action("Edit", "Preferences…")->trigger();
    auto *dialog = m_window.child<QDialog>("preferencesDialog");
    QVERIFY(dialog != nullptr && dialog->isVisible());
    auto *box = dialog->findChild<QCheckBox *>(QStringLiteral("continueOnErrorBox"));
    QCOMPARE(box->isChecked(), m_window->queue().continueOnError());
    box->click();
    QVERIFY(!m_window->queue().continueOnError());
    box->click();
    auto *theme = dialog->findChild<QComboBox *>(QStringLiteral("themeCombo"));
    theme->setFocus();
    QTest::keyClick(theme, Qt::Key_Down);
    QVERIFY(currentTheme() == Theme::Dark);
    QTest::keyClick(theme, Qt::Key_Up);
    QVERIFY(currentTheme() == Theme::Light);
    // Nothing plays any more: it jumps to the last one.
    dialog->findChild<QCheckBox *>(QStringLiteral("reducedMotionBox"))->click();
    press(Qt::Key_2, Qt::ControlModifier);
    const std::vector<std::int64_t> &steps = m_window->currentRun()->snapshotSteps();
    action("Inspect", "First snapshot")->trigger();
    action("Inspect", "Play snapshots or stop")->trigger();
    QCOMPARE(view().step, steps.back());
    dialog->findChild<QCheckBox *>(QStringLiteral("reducedMotionBox"))->click();
    QTest::mouseClick(dialog->findChild<QPushButton *>(QStringLiteral("preferencesClose")), Qt::LeftButton);
    QVERIFY(!dialog->isVisible());
}

void tst_Commands::tableBecomesARun()
{
    const std::size_t before = m_window->runs().size();
    const std::filesystem::path table = m_window.file("Loss of elsewhere.csv");
    std::ofstream(table) << "step,loss,val_loss\n1,5.5,\n2,5.0,5.25\n3,4.5,\n4,4.25,4.5\n";
    dialogs::setNextPath(QString::fromStdString(table.string()));
    dialogs::setNextAnswer(2);
    action("File", "Import CSV…")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->runs().size() == before + 1 && m_window->settled(), 20000);
    const RunData *run = m_window->currentRun();
    QCOMPARE(run->config().experiment, std::string("loss-of-elsewhere"));
    QVERIFY(run->config().model.family == Family::Mhla && run->state() == RunState::Finished);
    QCOMPARE(run->series("train.loss").size(), std::size_t{4});
    QCOMPARE(run->last("val.loss").value_or(0), 4.5);
    QVERIFY(m_window->page() == Page::Train);
    // What is no table of numbers is named, and nothing is made of it.
    std::ofstream(table) << "step,loss\n1,low\n";
    dialogs::setNextAnswer(0);
    m_window->openPath(table);
    auto *notices = m_window.child<QWidget>("noticeBar");
    QTRY_VERIFY(notices->isVisible());
    QString words;
    for (const QLabel *label : notices->findChildren<QLabel *>()) {
        words += label->text() + QLatin1Char(' ');
    }
    QVERIFY2(words.contains("line 2, column loss"), qPrintable(words));
    QCOMPARE(m_window->runs().size(), before + 1);
    // What stands before the fault can be had.
    std::ofstream(table) << "step,loss\n1,5.5\n2,5.0\n3,n/a\n4,4.5\n";
    dialogs::setNextAnswer(0);
    m_window->openPath(table);
    const auto remedy = [notices] {
        for (auto *button : notices->findChildren<QPushButton *>()) {
            if (button->text() == QLatin1String("Open the 3 lines")) {
                return button;
            }
        }
        return static_cast<QPushButton *>(nullptr);
    };
    QTRY_VERIFY(remedy() != nullptr);
    QTest::mouseClick(remedy(), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->runs().size() == before + 2 && m_window->settled(), 20000);
    QCOMPARE(m_window->currentRun()->series("train.loss").size(), std::size_t{2});
}

void tst_Commands::recentFolders()
{
    QMenu *file = nullptr;
    for (QAction *top : m_window->menuBar()->actions()) {
        file = top->text() == QLatin1String("File") ? top->menu() : file;
    }
    Q_EMIT file->aboutToShow();
    const QList<QAction *> recent = m_window.child<QMenu>("recentMenu")->actions();
    QVERIFY(!recent.isEmpty());
    QVERIFY2(recent.front()->text().contains("loss-of-elsewhere"), qPrintable(recent.front()->text()));
    const QStringList asked = dialogs::asked();
    recent.back()->trigger();
    QTRY_VERIFY(m_window->settled());
    QCOMPARE(dialogs::asked(), asked);
}

void tst_Commands::windowSizes()
{
    press(Qt::Key_F11);
    QVERIFY(m_window->isFullScreen());
    action("Window", "1600 × 1000")->trigger();
    QVERIFY(!m_window->isFullScreen());
    QTRY_COMPARE(m_window->size(), QSize(1600, 1000));
}

void tst_Commands::queueAndTraining()
{
    press(Qt::Key_1, Qt::ControlModifier);
    m_window.chooseRow("tiny");
    press(Qt::Key_D, Qt::ControlModifier); // into the form, to be changed
    QVERIFY(m_window.child<QDockWidget>("experimentDock")->isVisible());
    m_window.type("stepsEdit", QStringLiteral("100000"));
    for (int i = 0; i < 3; ++i) {
        QTest::mouseClick(m_window.child<QWidget>("addToQueueButton"), Qt::LeftButton);
    }
    const QStringList names = m_window.waiting();
    QCOMPARE(names.size(), 3);
    m_window.chooseRow(names[2].toStdString());
    auto *runs = m_window.child<QTreeView>("runTable");
    QTest::keyClick(runs, Qt::Key_Up, Qt::AltModifier);
    QCOMPARE(m_window.waiting(), QStringList({names[0], names[2], names[1]}));
    QTest::keyClick(runs, Qt::Key_Down, Qt::AltModifier);
    QCOMPARE(m_window.waiting(), names);
    QTest::keyClick(runs, Qt::Key_Delete);
    QCOMPARE(m_window.waiting(), names.mid(0, 2));

    QVERIFY(!action("Run", "Checkpoint now")->isEnabled());
    press(Qt::Key_Return, Qt::ControlModifier);
    RunQueue &queue = m_window->queue();
    QVERIFY(queue.training());
    QTRY_VERIFY_WITH_TIMEOUT(m_window->currentRun()->step() > 3, 20000);
    const std::filesystem::path folder = m_window->currentRun()->folder() / "checkpoints";
    const auto checkpoints = [&] {
        std::error_code ignored;
        return std::distance(std::filesystem::directory_iterator(folder, ignored),
                             std::filesystem::directory_iterator());
    };
    QCOMPARE(checkpoints(), 0);
    QTRY_VERIFY(action("Run", "Checkpoint now")->isEnabled());
    action("Run", "Checkpoint now")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(checkpoints() == 1, 10000);
    press(Qt::Key_F6);
    QVERIFY(queue.thread().pausing());
    press(Qt::Key_F6);
    QVERIFY(!queue.thread().pausing());
    press(Qt::Key_F6, Qt::ShiftModifier);
    QTRY_VERIFY_WITH_TIMEOUT(!queue.training(), 10000);
    QCOMPARE(m_window.waiting(), names.mid(1, 1));
}

QTEST_MAIN(tst_Commands)
#include "tst_commands.moc"
