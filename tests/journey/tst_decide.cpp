#include "core/base/run_store.h"
#include "tests/journey/launch_window.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/metrics_table.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"
#include "widgets/plots/difference_heatmap.h"
#include "widgets/plots/loss_difference.h"
#include "widgets/plots/series_plot.h"
#include "widgets/style/dialogs.h"

#include <QAbstractItemView>
#include <QDir>
#include <QImage>
#include <QMimeData>
#include <QProcess>
#include <QSlider>

using namespace sparsescope;

namespace {

QByteArray contentOf(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

/// A person finds out whether a comparison is true: three families of two seeds, trained by the engine, side by side; swapped,
/// over another axis, with a further run, measured, undone, taken home. Real events on the window.
class tst_Decide : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LaunchWindow::prepare(); }
    void decide();

private:
    void train();
    void chooseSide(const char *combo, const QString &title);
    void settle() { QTRY_VERIFY_WITH_TIMEOUT(page()->settled(), 20000); }
    ComparePage *page() { return m_window->comparePage(); }
    QString cell(const QString &metric, int column);

    test::LaunchWindow m_window;
};

void tst_Decide::train()
{
    nlohmann::ordered_json document = tinyExperiment();
    document["training"]["steps"] = 60;
    document["training"]["eval_every"] = 10;
    document["probe"]["every"] = 20;
    document["sweep"] = {{"family", {"classic", "sparse", "mhla"}}, {"seed", {0, 1}}};
    std::ofstream(m_window.file("presets") / "tiny.json") << document.dump(2);
    m_window.open();
    QVERIFY(m_window->startPreset("tiny"));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training(), 240000);
    for (const RunData *run : m_window->runs()) {
        QVERIFY2(run->state() == RunState::Finished, qPrintable(run->reason()));
    }
}

/// Through its list, with the mouse.
void tst_Decide::chooseSide(const char *name, const QString &title)
{
    auto *combo = m_window.child<QComboBox>(name);
    QTest::mouseClick(combo, Qt::LeftButton);
    QTRY_VERIFY(combo->view()->isVisible());
    const int row = combo->findText(title, Qt::MatchContains);
    QVERIFY2(row >= 0, qPrintable(title));
    const QModelIndex index = combo->model()->index(row, 0);
    combo->view()->scrollTo(index);
    QTest::qWait(QApplication::doubleClickInterval() + 50); // the press that opened the list must not close it
    QTest::mouseMove(combo->view()->viewport(), combo->view()->visualRect(index).center());
    QTest::mouseClick(combo->view()->viewport(), Qt::LeftButton, {}, combo->view()->visualRect(index).center());
    QTRY_COMPARE(combo->currentIndex(), row);
    settle();
}

QString tst_Decide::cell(const QString &metric, int column)
{
    auto *table = m_window.child<QTableWidget>("metricsTable");
    for (int row = 0; row < table->rowCount(); ++row) {
        if (table->item(row, 0)->text().startsWith(metric)) {
            return table->item(row, column)->text();
        }
    }
    return QStringLiteral("no such row");
}

void tst_Decide::decide()
{
    train();
    QCOMPARE(m_window->runs().size(), std::size_t{6});

    // Ctrl+3: the page, with its runs and no other dock, and two sides worth looking at.
    QTest::keyClick(m_window.get(), Qt::Key_3, Qt::ControlModifier);
    QTRY_VERIFY(page()->isVisible());
    QVERIFY(m_window.child<QWidget>("runsDock")->isVisible());
    for (const char *dock : {"experimentDock", "metricsDock", "soundnessDock", "logDock"}) {
        QVERIFY2(!m_window.child<QWidget>(dock)->isVisible(), dock);
    }
    settle();
    // What the runs began with is read when they are done.
    QTRY_VERIFY_WITH_TIMEOUT(page()->content()->input.a->runs[0].compared.started.fingerprint.has_value(), 20000);
    settle();
    QCOMPARE(m_window.child<QComboBox>("sideA")->currentText(), QStringLiteral("DSA k6, seeds 0–1"));
    QCOMPARE(m_window.child<QComboBox>("sideB")->currentText(), QStringLiteral("Classic, seeds 0–1"));

    // What the table says is what the command line says of the same folder.
    const PairComparison &found = page()->content()->comparison;
    QCOMPARE(found.steps.statistics.n, 2);
    QProcess cli;
    cli.start(test::program("sparsescope-cli"), {QStringLiteral("compare"),
                                                 QString::fromStdString((m_window.file("runs") / "tiny").string()),
                                                 QStringLiteral("--json")});
    QVERIFY(cli.waitForFinished(60000));
    const auto said = nlohmann::json::parse(cli.readAllStandardOutput().toStdString());
    bool compared = false;
    for (const auto &row : said.at("comparisons")) {
        if (row.at("a") == "classic" && row.at("b") == "sparse" && row.at("metric") == "val_loss") {
            compared = true;
            QCOMPARE(*found.steps.statistics.mean, row.at("mean_difference").get<double>());
            QCOMPARE(found.steps.statistics.ci95->low, row.at("ci95").at(0).get<double>());
            QCOMPARE(*found.flops.statistics.mean, row.at("equal_flops").at("mean_difference").get<double>());
            QCOMPARE(found.comparable(), row.at("comparable").get<bool>());
        }
    }
    QVERIFY(compared);
    double sum = 0;
    for (const RunData *run : m_window->runs()) {
        sum += run->config().model.family == Family::Sparse ? *run->last("val.loss") : 0;
    }
    QCOMPARE(cell(QStringLiteral("Validation loss"), MetricsTable::A), QString::number(sum / 2, 'f', 3));

    // Swap, and take it back.
    const QString before = cell(QStringLiteral("Validation loss"), MetricsTable::Difference);
    QTest::mouseClick(m_window.child<QWidget>("swapButton"), Qt::LeftButton);
    settle();
    QVERIFY(cell(QStringLiteral("Validation loss"), MetricsTable::Difference) != before);
    QCOMPARE(m_window.child<QComboBox>("sideA")->currentText(), QStringLiteral("Classic, seeds 0–1"));
    QTest::keyClick(m_window.get(), Qt::Key_Z, Qt::ControlModifier);
    settle();
    QCOMPARE(cell(QStringLiteral("Validation loss"), MetricsTable::Difference), before);

    // Over the operations that were executed.
    auto *by = m_window.child<QComboBox>("compareByCombo");
    by->setFocus();
    QTest::keyClick(by, Qt::Key_End);
    settle();
    QVERIFY(page()->content()->difference.xLabel.startsWith(QStringLiteral("Computation")));
    const double end = page()->content()->differences.back().statistics.mean.value();
    QVERIFY(std::abs(end - *page()->content()->comparison.flops.statistics.mean) < 1e-12);

    // Another B by its list, a third by a key on its row; a further run by its box.
    chooseSide("sideB", QStringLiteral("MHLA, seeds 0–1"));
    QVERIFY(page()->content()->input.b->family == Family::Mhla);
    auto *runTable = m_window.get()->findChild<RunTable *>();
    m_window.chooseRow("tiny", 0);
    QVERIFY(runTable->currentRun() != nullptr);
    const Family pressed = runTable->currentRun()->config().model.family;
    QTest::keyClick(m_window.child<QTreeView>("runTable"), Qt::Key_B);
    settle();
    QVERIFY(page()->content()->input.b->family == pressed);
    RunData *further = nullptr;
    for (RunData *run : m_window->runs()) {
        further = run->config().model.family == Family::Mhla ? run : further;
    }
    const QRect box = runTable->markRect(further);
    QVERIFY(!box.isEmpty());
    QTest::mouseClick(m_window.child<QTreeView>("runTable")->viewport(), Qt::LeftButton, {}, box.center());
    settle();
    QCOMPARE(page()->content()->input.more.size(), std::size_t{1});
    QCOMPARE(page()->curves()->loss()->content().curves.size(), std::size_t{3});

    // The difference of their attention at the cursor.
    auto *map = m_window.child<DifferenceHeatmap>("differenceHeatmap");
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() != nullptr, 20000);

    // Which selector? Asked, called off, asked again.
    auto *measure = m_window.child<QPushButton>("counterfactualMeasure");
    auto *cancel = m_window.child<QPushButton>("counterfactualCancel");
    QVERIFY(measure->isVisible());
    QTest::mouseClick(measure, Qt::LeftButton);
    QVERIFY(cancel->isVisible());
    QTest::mouseClick(cancel, Qt::LeftButton);
    QVERIFY(measure->isVisible() && !cancel->isVisible());
    QTest::mouseClick(measure, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(page()->content()->selectors.tables.size() == 2 && !cancel->isVisible(), 120000);
    settle();
    QVERIFY(!m_window.child<QLabel>("counterfactualVerdict")->text().isEmpty());
    for (const RunData *run : page()->selectorRuns()) {
        QVERIFY(RunReader(run->folder()).value(kCounterfactualKey).has_value()); // it stays when the window goes
    }

    // All of it goes home.
    QTemporaryDir home;
    dialogs::setNextPath(home.path());
    QTest::mouseClick(m_window.child<QWidget>("exportComparisonButton"), Qt::LeftButton);
    auto *notices = m_window.child<NoticeBar>("noticeBar");
    QTRY_COMPARE_WITH_TIMEOUT(notices->newest(), QStringLiteral("Comparison written"), 60000);
    const QStringList folders = QDir(home.path()).entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    QCOMPARE(folders.size(), 1);
    const QDir written(home.filePath(folders.front()));
    for (const char *figure : {"paired", "position", "counterfactual", "difference"}) {
        for (const char *format : {"png", "svg", "pdf", "csv", "json"}) {
            const QString file = QStringLiteral("%1.%2").arg(QLatin1String(figure), QLatin1String(format));
            QVERIFY2(written.exists(file), qPrintable(file));
        }
        QVERIFY(QImage(written.filePath(QLatin1String(figure) + QStringLiteral(".png"))).width() > 800);
    }
    QVERIFY(contentOf(written.filePath(QStringLiteral("report.pdf"))).startsWith("%PDF"));
    const QByteArray metrics = contentOf(written.filePath(QStringLiteral("metrics.csv")));
    QVERIFY2(metrics.contains("\nval_loss,"), metrics.constData());
    const auto context = nlohmann::json::parse(contentOf(written.filePath(QStringLiteral("comparison.json"))).toStdString());
    QCOMPARE(context.at("a").at("runs").size(), std::size_t{2});
    QCOMPARE(context.at("by_seed").at(0).at("mean_difference").get<double>(),
             *page()->content()->comparison.steps.statistics.mean);
    for (const char *config : {"config-a.json", "config-b.json"}) {
        QVERIFY(nlohmann::json::parse(contentOf(written.filePath(QLatin1String(config))).toStdString()).size() == 2);
    }

    // A run folder dropped on A is that side.
    auto *sideA = m_window.child<QComboBox>("sideA");
    QMimeData mime;
    mime.setUrls({QUrl::fromLocalFile(QString::fromStdString(further->folder().string()))});
    QDragEnterEvent enter(QPoint(10, 10), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(sideA, &enter);
    QVERIFY(enter.isAccepted());
    QDropEvent drop(QPointF(10, 10), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(sideA, &drop);
    settle();
    QVERIFY(page()->content()->input.a->family == Family::Mhla);
    QCOMPARE(page()->content()->input.a->runs.size(), std::size_t{1});

    // The next window comes back to it.
    const View left = m_window->viewState().view();
    m_window->close();
    m_window.open();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->settled() && m_window->runs().size() == 6, 20000);
    QTRY_COMPARE(m_window->viewState().view().sideA, left.sideA);
    QCOMPARE(m_window->viewState().view().sideB, left.sideB);
    QCOMPARE(m_window->viewState().view().compared, left.compared);
    QCOMPARE(m_window->viewState().view().compareBy, XAxis::Flops);
    QVERIFY(page()->isVisible());
    settle();
    QVERIFY(page()->content()->input.a->family == Family::Mhla);
}

QTEST_MAIN(tst_Decide)
#include "tst_decide.moc"
