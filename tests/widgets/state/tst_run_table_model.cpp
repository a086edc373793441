#include "tests/widgets/fake_runs.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_table_model.h"

#include <QAbstractItemModelTester>
#include <QMimeData>
#include <QSignalSpy>
#include <QTest>

using namespace sparsescope;

class tst_RunTableModel : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void readsAsText();
    void experimentsOfOneNameAreToldApart();
    void growsUnderTheModelTester();
    void chipsNameOnlyWhatDiffers();
    void waitingExperimentsMoveAndGo();
    void onlyWaitingExperimentsAreDragged();
    void unknownIsADash();
    void theLossIsTheNewestOfAFinishedRunToo();
    void failureIsTold();
    void numbersReadAsTheyShould();
};

namespace {

/// The model as a person reads it.
QString textOf(const RunTableModel &model)
{
    QString text;
    for (int group = 0; group < model.rowCount(); ++group) {
        const QModelIndex parent = model.index(group, 0);
        text += parent.data().toString() + QStringLiteral(" | ") +
                parent.siblingAtColumn(RunTableModel::State).data().toString() + QLatin1Char('\n');
        for (int row = 0; row < model.rowCount(parent); ++row) {
            QStringList cells;
            for (const int column : {RunTableModel::Name, RunTableModel::ValidationLoss, RunTableModel::State}) {
                cells << model.index(row, column, parent).data().toString();
            }
            text += QStringLiteral("  ") + cells.join(QStringLiteral(" | ")) + QLatin1Char('\n');
        }
    }
    return text;
}

} // namespace

void tst_RunTableModel::readsAsText()
{
    auto runs = test::smallRuns();
    RunTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setRuns(test::pointers(runs));
    runs[0]->apply(StateChange{"", RunState::Running, {}, 0, 100});
    test::train(*runs[0], 40);
    test::train(*runs[1], 100);
    runs[1]->apply(StateChange{"", RunState::Finished, {}, 100, 100});
    QCOMPARE(textOf(model), QStringLiteral("small | 1 of 4 done\n"
                                           "  Classic s0 | 1.591 | 40 %\n"
                                           "  DSA s0 | 1.077 | Done\n"
                                           "  Classic s1 | – | Not started\n"
                                           "  DSA s1 | – | Not started\n"));
    // What trains keeps its place in the queue, also when none of its runs waits any more.
    const QString key = model.index(0, 0).data(RunTableModel::ExperimentRole).toString();
    QVERIFY(!key.isEmpty());
    model.setWaitingRuns({{key, {}}});
    QCOMPARE(model.data(model.indexOf(runs[2].get(), RunTableModel::State)).toString(), QStringLiteral("Queued"));
    model.setWaitingRuns({});
    QCOMPARE(model.data(model.indexOf(runs[2].get(), RunTableModel::State)).toString(), QStringLiteral("Not started"));
}

void tst_RunTableModel::growsUnderTheModelTester()
{
    auto runs = test::smallRuns();
    RunTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy inserted(&model, &QAbstractItemModel::rowsInserted);
    for (const std::size_t run : {3, 0, 2, 1}) { // in whatever order a folder gives them
        model.addRun(runs[run].get());
    }
    QCOMPARE(model.indexOf(runs[2].get()).row(), 2);
    QCOMPARE(model.indexOf(runs[2].get()).data().toString(), QStringLiteral("Classic s1"));
    QCOMPARE(inserted.count(), 5); // the experiment and its four runs
    QCOMPARE(model.runAt(model.indexOf(runs[2].get())), runs[2].get());
    QCOMPARE(model.runsBeside(runs[2].get()).size(), std::size_t{4});
    QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
    test::train(*runs[2], 5);
    QVERIFY(changed.count() > 0);
    QVERIFY(!model.runAt(model.index(0, 0)));
}

void tst_RunTableModel::chipsNameOnlyWhatDiffers()
{
    auto document = test::smallDocument();
    document["sweep"] = {{"family", {"sparse"}}, {"top_k", {8, 16}}, {"sequence_length", {32, 64}}};
    auto runs = test::smallRuns(document);
    const auto all = test::pointers(runs);
    QCOMPARE(chipsOf(*runs[0], differencesOf(all)), QStringList({"DSA", "L32", "k8"}));
    QCOMPARE(chipsOf(*runs[0], differencesOf({runs[0].get()})).first(), QStringLiteral("DSA"));
    RunTableModel model; // they come one by one, a run in front of those that are there among them
    for (const std::size_t run : {2, 0, 3, 1}) {
        model.addRun(runs[run].get());
    }
    for (const RunData *run : all) {
        QCOMPARE(model.indexOf(run).data(RunTableModel::ChipsRole).toStringList(), chipsOf(*run, differencesOf(all)));
    }
}

namespace {

/// Three experiments of two runs each, of which the first has been trained.
struct Three {
    std::vector<std::unique_ptr<RunData>> runs;
    RunTableModel model;
    QAbstractItemModelTester tester{&model, QAbstractItemModelTester::FailureReportingMode::QtTest};

    Three()
    {
        nlohmann::ordered_json document = test::smallDocument();
        document["sweep"]["seed"] = {0};
        for (const char *name : {"done", "first", "second"}) {
            document["name"] = name;
            for (RunConfig &config : expand(parseExperiment(document, "test"))) {
                runs.push_back(std::make_unique<RunData>(std::move(config), std::filesystem::path("out") / name));
                model.addRun(runs.back().get());
            }
        }
        model.setWaiting({QStringLiteral("out/first"), QStringLiteral("out/second")});
    }
    QStringList order() const
    {
        QStringList names;
        for (int row = 0; row < model.rowCount(); ++row) {
            names << model.index(row, 0).data().toString();
        }
        return names;
    }
};

} // namespace

void tst_RunTableModel::waitingExperimentsMoveAndGo()
{
    Three three;
    const QPersistentModelIndex run = three.model.indexOf(three.runs[4].get());
    three.model.setWaiting({QStringLiteral("out/second"), QStringLiteral("out/first")});
    QCOMPARE(three.order(), QStringList({"done", "second", "first"}));
    QVERIFY(run.isValid()); // whoever looked at a run still does
    QCOMPARE(three.model.runAt(run), three.runs[4].get());
    QCOMPARE(run.parent().data().toString(), QStringLiteral("second"));
    QCOMPARE(run.data(RunTableModel::ExperimentRole).toString(), QStringLiteral("out/second"));
    three.model.removeExperiment(QStringLiteral("out/second"));
    QCOMPARE(three.order(), QStringList({"done", "first"}));
    QVERIFY(!run.isValid());
    QCOMPARE(three.model.waiting(), QStringList({"out/first"}));
    QCOMPARE(three.model.runAt(three.model.indexOf(three.runs[2].get())), three.runs[2].get());
}

void tst_RunTableModel::onlyWaitingExperimentsAreDragged()
{
    Three three;
    const QModelIndex done = three.model.index(0, 0), second = three.model.index(2, 0);
    QVERIFY(!(done.flags() & Qt::ItemIsDragEnabled));
    QVERIFY(second.flags() & Qt::ItemIsDragEnabled);
    QSignalSpy wanted(&three.model, &RunTableModel::placeRequested);
    std::unique_ptr<QMimeData> data(three.model.mimeData({second}));
    three.model.dropMimeData(data.get(), Qt::MoveAction, 1, 0, {}); // before "first"
    QCOMPARE(wanted.takeFirst(), QVariantList({QStringLiteral("out/second"), 0}));
    data.reset(three.model.mimeData({three.model.index(1, 0)}));
    three.model.dropMimeData(data.get(), Qt::MoveAction, -1, -1, second); // onto "second": behind it
    QCOMPARE(wanted.takeFirst(), QVariantList({QStringLiteral("out/first"), 1}));
    data.reset(three.model.mimeData({done}));
    QVERIFY(!three.model.dropMimeData(data.get(), Qt::MoveAction, 1, 0, {}));
    QVERIFY(wanted.empty());
    QCOMPARE(three.order(), QStringList({"done", "first", "second"})); // the queue decides, not the drop
}

void tst_RunTableModel::unknownIsADash()
{
    auto runs = test::smallRuns();
    RunTableModel model;
    model.setRuns(test::pointers(runs));
    const QModelIndex loss = model.indexOf(runs[0].get(), RunTableModel::ValidationLoss);
    QCOMPARE(loss.data().toString(), QStringLiteral("–"));
    QVERIFY(!loss.data(RunTableModel::SortRole).isValid());
}

void tst_RunTableModel::theLossIsTheNewestOfAFinishedRunToo()
{
    auto runs = test::smallRuns();
    RunTableModel model;
    model.setRuns(test::pointers(runs));
    for (const auto &[step, value] : std::vector<std::pair<std::int64_t, double>>{{10, 2.0}, {20, 2.5}}) {
        EvalRecord record;
        record.step = step;
        record.scalars = {{"val.loss", value}};
        runs[0]->apply(record);
    }
    runs[0]->apply(StateChange{"", RunState::Finished, "", 20, 20});
    runs[0]->flush();
    const QModelIndex loss = model.indexOf(runs[0].get(), RunTableModel::ValidationLoss);
    QCOMPARE(loss.data(RunTableModel::SortRole).toDouble(), 2.5);
}

void tst_RunTableModel::failureIsTold()
{
    auto runs = test::smallRuns();
    RunTableModel model;
    model.setRuns(test::pointers(runs));
    runs[0]->apply(StateChange{"", RunState::Failed, "loss became NaN at step 31", 31, 100});
    runs[0]->flush();
    const QModelIndex state = model.indexOf(runs[0].get(), RunTableModel::State);
    QCOMPARE(state.data().toString(), QStringLiteral("Failed"));
    QCOMPARE(state.data(Qt::ToolTipRole).toString(), QStringLiteral("Failed: loss became NaN at step 31"));
}

void tst_RunTableModel::numbersReadAsTheyShould()
{
    QCOMPARE(countText(1234567), QStringLiteral("1,234,567"));
    QCOMPARE(countText(999), QStringLiteral("999"));
    QCOMPARE(lossText(3.96849), QStringLiteral("3.968"));
    QCOMPARE(percentText(0.298), QStringLiteral("29.8 %"));
    QCOMPARE(percentText(std::nullopt), QStringLiteral("–"));
    QCOMPARE(signedText(-0.0121), QStringLiteral("−0.012"));
    QCOMPARE(signedText(0.006), QStringLiteral("+0.006"));
    QCOMPARE(durationText(78), QStringLiteral("1 min 18 s"));
    QCOMPARE(durationText(16800), QStringLiteral("4 h 40 min"));
    QCOMPARE(roughDurationText(2), QStringLiteral("5 s"));
    QCOMPARE(roughDurationText(119), QStringLiteral("2 min"));
    QCOMPARE(roughDurationText(144), QStringLiteral("2 min 30 s"));
    QCOMPARE(roughDurationText(17100), QStringLiteral("4 h 50 min"));
    QCOMPARE(bytesText(1.84e9), QStringLiteral("1.84 GB"));
    QCOMPARE(significantText(52.94), QStringLiteral("52.9"));
    QCOMPARE(significantText(0.01312), QStringLiteral("0.0131"));
    QCOMPARE(significantText(0.0008), QStringLiteral("8.00e-4"));
    QCOMPARE(significantText(-2.5e7), QChar(0x2212) + QStringLiteral("2.50e7"));
}

void tst_RunTableModel::experimentsOfOneNameAreToldApart()
{
    const RunConfig config = test::smallRuns().front()->config();
    RunData mine(config, "runs/mine"), theirs(config, "elsewhere/theirs");
    RunTableModel model;
    model.addRun(&mine);
    const QString name = model.index(0, RunTableModel::Name).data().toString();
    QCOMPARE(name, mine.experiment()); // alone it needs no more
    model.addRun(&theirs);
    QCOMPARE(model.index(0, RunTableModel::Name).data().toString(), name + " · mine");
    QCOMPARE(model.index(1, RunTableModel::Name).data().toString(), name + " · theirs");
}

QTEST_GUILESS_MAIN(tst_RunTableModel)
#include "tst_run_table_model.moc"
