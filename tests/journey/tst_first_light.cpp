#include "app/main_window.h"
#include "app/train_page.h"
#include "core/experiment/runner.h"
#include "core/train/train_run.h"
#include "core/train/warm_up.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/style/dialogs.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QElapsedTimer>
#include <QFile>
#include <QImage>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>

#include <future>

using namespace sparsescope;

/// A person's first minutes with the window, with the real engine on the CPU.
class tst_FirstLight : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void firstLight();

private:
    void exportAs(const char *format, const QString &folder, QString &written);
};

void tst_FirstLight::initTestCase()
{
    QStandardPaths::setTestModeEnabled(true);
    QApplication::setOrganizationName(QStringLiteral("sparsescope-test"));
    applyTheme(*qApp, Theme::Light);
}

void tst_FirstLight::firstLight()
{
    QTemporaryDir out, exports;
    WindowOptions options;
    options.out = out.path().toStdString();
    options.device = "cpu";
    options.describeDevice = describeDevice;
    std::promise<void> warm;
    options.warmUp = [&warm](const std::string &device) {
        warmUpEngine(device);
        warm.set_value();
    };
    auto window = std::make_unique<MainWindow>(runExperiment, options);
    window->resize(1600, 1000);
    window->show();
    window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(window.get()));
    const auto child = [&](const char *name) { return window->findChild<QWidget *>(QLatin1String(name)); };
    const auto button = [&](const char *name) { return window->findChild<QPushButton *>(QLatin1String(name)); };

    // Nothing yet: three cards, nothing to stop.
    QVERIFY(child("demoCard")->isVisible());
    QVERIFY(!button("startButton")->isEnabled());
    QVERIFY(!button("pauseButton")->isEnabled());
    QVERIFY(!button("stopButton")->isEnabled());
    QTest::mouseClick(child("presetButton"), Qt::LeftButton);
    QVERIFY(child("presetCombo")->isVisible());

    // A person reads for some seconds before the first click; in that time the engine has been loaded.
    QVERIFY(warm.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);

    // Choose smoke, start, first points within two seconds.
    auto *presets = window->findChild<QComboBox *>(QStringLiteral("presetCombo"));
    QVERIFY(presets->findText(QStringLiteral("smoke")) >= 0);
    presets->setCurrentText(QStringLiteral("smoke"));
    QVERIFY(window->form()->experiment().has_value());
    QElapsedTimer clock;
    clock.start();
    QTest::mouseClick(button("startButton"), Qt::LeftButton);
    QCOMPARE(window->runs().size(), std::size_t{4});
    QTRY_VERIFY_WITH_TIMEOUT(!window->runs().front()->series("train.loss").empty(), 2000);
    QTRY_VERIFY_WITH_TIMEOUT(!window->trainPage()->loss()->plot()->content().curves.empty(), 2000);
    QVERIFY2(clock.elapsed() <= 2000, qPrintable(QStringLiteral("%1 ms").arg(clock.elapsed())));
    qInfo("first point after %lld ms", static_cast<long long>(clock.elapsed()));
    for (RunData *run : window->runs()) {
        QTRY_VERIFY_WITH_TIMEOUT(run->series("train.loss").size() >= 30, 120000);
    }

    // Pause: within three seconds nothing moves any more.
    QTest::mouseClick(button("pauseButton"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(button("startButton")->text(), QStringLiteral("Resume"), 3000);
    std::vector<std::int64_t> steps;
    for (RunData *run : window->runs()) {
        QVERIFY(run->state() == RunState::Paused);
        steps.push_back(run->step());
    }
    QTest::qWait(700);
    for (std::size_t run = 0; run < steps.size(); ++run) {
        QCOMPARE(window->runs()[run]->step(), steps[run]);
    }
    QTest::keyClick(window.get(), Qt::Key_F6);
    QTRY_VERIFY_WITH_TIMEOUT(window->runs().front()->step() > steps.front(), 5000);
    QVERIFY(button("pauseButton")->isEnabled());

    // Inspect: scrub back two snapshots, then follow live again.
    QTest::mouseClick(child("inspectPageButton"), Qt::LeftButton);
    QCOMPARE(window->page(), Page::Inspect);
    RunData *current = window->currentRun();
    QVERIFY(current != nullptr && isSparse(current->config().model.family));
    QTRY_VERIFY_WITH_TIMEOUT(current->snapshotSteps().size() >= 4, 30000);
    auto *map = window->inspectPage()->findChild<IndexerHeatmap *>();
    QVERIFY(map != nullptr);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() != nullptr, 10000);
    QVERIFY(window->viewState().view().followLive);
    QTest::mouseClick(child("snapshotPrev"), Qt::LeftButton);
    const std::int64_t once = window->viewState().view().step;
    QTest::mouseClick(child("snapshotPrev"), Qt::LeftButton);
    const std::int64_t twice = window->viewState().view().step;
    QVERIFY(!window->viewState().view().followLive);
    QVERIFY(twice < once);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() && map->picture()->request.snapshot->step == twice, 10000);
    QTest::qWait(400); // training goes on; the picture stays where the person put it
    QCOMPARE(window->viewState().view().step, twice);
    QTest::mouseClick(child("followLive"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(window->viewState().view().step > once, 10000);
    QVERIFY(window->viewState().view().followLive);

    // Hover a cell of the large map: every view hears which.
    QTest::mouseClick(child("openFocusButton"), Qt::LeftButton);
    QTRY_VERIFY(map->isVisible());
    const int query = 20, key = 7;
    const QPointF cell = cellRect(query, key, map->mapping()).center();
    QTest::mouseMove(map, cell.toPoint());
    QTRY_COMPARE(window->hoverState().hover().query, query);
    QCOMPARE(window->hoverState().hover().key, key);

    // Take it home.
    QTest::mouseClick(child("trainPageButton"), Qt::LeftButton);
    QString picture, data;
    exportAs("PNG", exports.path(), picture);
    QVERIFY2(QImage(picture).width() > 800, qPrintable(picture));
    exportAs("CSV", exports.path(), data);
    QFile csv(data);
    QVERIFY(csv.open(QIODevice::ReadOnly));
    QVERIFY(csv.readAll().startsWith("series,quantity,step,"));

    // Stop: answered within three seconds, every run has its word.
    QTest::mouseClick(button("stopButton"), Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(!window->queue().training(), 3000);
    for (RunData *run : window->runs()) {
        QVERIFY(run->state() == RunState::Stopped || run->state() == RunState::Finished);
    }

    // Another one takes a free name and does not touch the first.
    QTest::mouseClick(button("startButton"), Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(window->runs().size(), std::size_t{8}, 30000);
    QTRY_VERIFY_WITH_TIMEOUT(!window->runs().back()->series("train.loss").empty(), 10000);
    QCOMPARE(window->runs().back()->experiment(), QStringLiteral("smoke-2"));

    // Close while it trains: first keep running, then save and quit.
    dialogs::setNextAnswer(1);
    window->close();
    QVERIFY(window->isVisible() && window->queue().training());
    QCOMPARE(dialogs::asked().last(), QStringLiteral("Training is running"));
    dialogs::setNextAnswer(0);
    window->close();
    QTRY_VERIFY_WITH_TIMEOUT(!window->isVisible(), 5000);
    QVERIFY(!window->queue().training());
    window.reset();

    // What was saved can be opened again.
    MainWindow again(runExperiment, options);
    again.openPath(out.path().toStdString());
    QTRY_COMPARE_WITH_TIMEOUT(again.runs().size(), std::size_t{8}, 10000);
    for (RunData *run : again.runs()) {
        QVERIFY(run->state() == RunState::Stopped || run->state() == RunState::Finished);
    }
}

void tst_FirstLight::exportAs(const char *format, const QString &folder, QString &written)
{
    QTimer::singleShot(0, this, [&] {
        auto *dialog = qobject_cast<QDialog *>(QApplication::activeModalWidget());
        QVERIFY(dialog != nullptr);
        dialog->findChild<QLineEdit *>(QStringLiteral("exportFolder"))->setText(folder);
        dialog->findChild<QComboBox *>(QStringLiteral("exportFormat"))->setCurrentText(QLatin1String(format));
        QTest::mouseClick(dialog->findChild<QPushButton *>(QStringLiteral("exportSave")), Qt::LeftButton);
        written = dialog->findChild<QLabel *>(QStringLiteral("exportTarget"))->text();
        dialog->reject();
    });
    for (QWidget *top : QApplication::topLevelWidgets()) {
        if (auto *window = qobject_cast<MainWindow *>(top)) {
            window->exportFigures();
        }
    }
    QVERIFY(QFile::exists(written));
}

QTEST_MAIN(tst_FirstLight)
#include "tst_first_light.moc"
