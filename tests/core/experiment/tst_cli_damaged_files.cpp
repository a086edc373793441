#include "core/base/json_reader.h"
#include "core/base/run_store.h"
#include "core/base/safetensors.h"
#include "tests/core/experiment/command_line.h"

#include <QTemporaryDir>
#include <QTest>

#include <QJsonArray>

#include <fstream>

using namespace sparsescope;
using namespace sparsescope::testing;
namespace fs = std::filesystem;

namespace {

/// Flips a bit of the last byte: of a tensor file that is a number which stays one.
void flipLastBit(const fs::path &file)
{
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekg(-1, std::ios::end);
    const int byte = stream.get();
    stream.seekp(-1, std::ios::end);
    stream.put(static_cast<char>(byte ^ 1));
}

void withoutChecksums(const fs::path &file)
{
    std::vector<TensorToWrite> tensors;
    const SafetensorsFile whole(file); // mapped: the replaced file stays until it goes
    for (const auto &[name, view] : whole.tensors())
        tensors.push_back({name, view.dtype, view.shape, view.data});
    std::map<std::string, std::string> metadata = whole.metadata();
    metadata.erase(kChecksumsKey);
    writeSafetensors(file, std::move(tensors), metadata);
}

} // namespace

/// The commands that judge runs read all of their files and find the same damage, also in those that they have no use for.
class tst_CliDamagedFiles : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init();
    void wholeFilesAreCounted();
    void everyCommandFindsIt_data();
    void everyCommandFindsIt();
    void counterfactualLooksBeforeItMeasures();
    void overwrittenWeightsEndEveryReader();
    void olderFilesOpenWithoutChecksums();
    void reportsNameFilesOnceAndFromTheExperiment();
    void whatWasLeftBehindIsNoDamage();
    void filesOfTheProgramAreDamagedNotWrittenWrongly_data();
    void filesOfTheProgramAreDamagedNotWrittenWrongly();
    void aCheckpointThatIsGoneIsNoneToWaitFor();
    void whatWasFoundStaysWhereWeightsAreGone();

private:
    QString experiment() const { return m_copy->filePath("smoke"); }
    fs::path runFolder(const char *family) const
    {
        return fs::path(experiment().toStdString()) / "seq_32" / family / "seed_0";
    }
    /// `command` on the copy, as quick as it gets.
    Result ask(const QString &command) const
    {
        QStringList words{command, experiment(), "--json"};
        if (command == "counterfactual")
            words << "--k"
                  << "8"
                  << "--selectors"
                  << "recency"
                  << "--batches"
                  << "1"
                  << "--indexer-steps"
                  << "1";
        return run(words);
    }
    const QStringList m_commands{"check", "compare", "report", "counterfactual"};
    QTemporaryDir m_trained;
    std::unique_ptr<QTemporaryDir> m_copy;
};

void tst_CliDamagedFiles::initTestCase()
{
    const Result result = run(smokeTraining(m_trained.path(), 6, R"(["classic","sparse"])") << "--set"
                                                                                            << "probe.every=2");
    QVERIFY2(result.code == 0, result.err.constData());
}

void tst_CliDamagedFiles::init()
{
    m_copy = std::make_unique<QTemporaryDir>();
    fs::copy(m_trained.filePath("smoke").toStdString(), experiment().toStdString(), fs::copy_options::recursive);
}

void tst_CliDamagedFiles::wholeFilesAreCounted()
{
    int snapshots = 0, checkpoints = 0;
    for (const char *family : {"classic", "sparse"}) {
        const RunReader reader(runFolder(family));
        snapshots += static_cast<int>(reader.snapshots().size());
        checkpoints += static_cast<int>(reader.checkpoints().size());
    }
    QVERIFY(snapshots > 4 && checkpoints > 2);
    for (const QString &command : m_commands) {
        const Result result = ask(command);
        QVERIFY2(result.code == 0 || result.code == 3, result.err.constData());
        const QJsonObject files = result.json()["files"].toObject();
        QCOMPARE(files["experiments"].toInt(), 1);
        QCOMPARE(files["runs"].toInt(), 2);
        QCOMPARE(files["snapshots"].toInt(), snapshots);
        QCOMPARE(files["checkpoints"].toInt(), checkpoints);
        QCOMPARE(files["without_checksums"].toInt(), 0);
        QVERIFY(files["not_read"].toArray().isEmpty());
        QVERIFY(files["bytes"].toDouble() > 0);
    }
    // Of a checkpoint alone the rest of its run is not asked for, and that is said.
    const QString one = QString::fromStdString(RunReader(runFolder("sparse")).checkpoints().back().folder.string());
    const Result alone = run({"check", one});
    QVERIFY2(alone.code == 0 || alone.code == 3, alone.err.constData());
    QVERIFY2(alone.out.contains("Not read: ") && alone.out.contains("its snapshots and other checkpoints."),
             alone.out.constData());
}

void tst_CliDamagedFiles::everyCommandFindsIt_data()
{
    QTest::addColumn<QString>("what");
    for (const char *what : {"experiment.json", "first snapshot", "first snapshot gone", "first checkpoint",
                             "first checkpoint gone", "last checkpoint", "trainer.safetensors", "trainer.json"})
        QTest::newRow(what) << what;
}

void tst_CliDamagedFiles::everyCommandFindsIt()
{
    QFETCH(QString, what);
    const RunReader reader(runFolder("sparse"));
    const std::vector<CheckpointInfo> checkpoints = reader.checkpoints();
    fs::path place;
    if (what == "experiment.json") {
        place = fs::path(experiment().toStdString()) / "experiment.json";
        fs::resize_file(place, fs::file_size(place) / 2);
    } else if (what.startsWith("first snapshot")) {
        place = reader.snapshots().front().file;
        what.endsWith("gone") ? void(fs::remove(place)) : flipLastBit(place);
    } else if (what == "first checkpoint gone") {
        place = checkpoints.front().folder;
        fs::remove_all(place);
    } else if (what.startsWith("trainer")) {
        place = checkpoints.back().folder / what.toStdString();
        what.endsWith("json") ? void(std::ofstream(place) << "{}") : flipLastBit(place);
    } else {
        place = (what.startsWith("first") ? checkpoints.front() : checkpoints.back()).folder / "model.safetensors";
        flipLastBit(place);
    }
    for (const QString &command : m_commands) {
        const Result result = ask(command);
        QVERIFY2(result.code == 1 && result.err.contains(place.lexically_relative(experiment().toStdString()).c_str()),
                 (command.toUtf8() + ": " + result.err).constData());
        QCOMPARE(result.json()["ok"], QJsonValue(false));
    }
}

/// Damage in the last of several runs is said before the first one's minutes of work.
void tst_CliDamagedFiles::counterfactualLooksBeforeItMeasures()
{
    const auto damaged = RunReader(runFolder("sparse")).checkpoints().back().folder / "model.safetensors";
    fs::resize_file(damaged, fs::file_size(damaged) - 4);
    const Result result = ask("counterfactual");
    QCOMPARE(result.code, 1);
    QVERIFY2(result.err.contains("Nothing was measured") && !result.err.contains("classic/seed_0: k ="),
             result.err.constData());
    QVERIFY(!result.json().contains("tables"));
    QVERIFY(!fs::exists(runFolder("classic") / "counterfactual_windows.csv"));
    // check goes on with the runs that are whole.
    const Result check = run({"check", experiment()});
    QCOMPARE(check.code, 1);
    QVERIFY2(check.out.contains("not checked, because it is damaged") &&
                 check.out.contains("classic/seed_0, checkpoint"),
             check.out.constData());
}

void tst_CliDamagedFiles::overwrittenWeightsEndEveryReader()
{
    flipLastBit(RunReader(runFolder("sparse")).checkpoints().back().folder / "model.safetensors");
    const QString sparse = QString::fromStdString(runFolder("sparse").string());
    const QString ids = qEnvironmentVariable("SPARSESCOPE_SOURCE") + "/tests/truth/hf-deepseek_v3/vectors.safetensors";
    const QList<QStringList> commands{QStringList({"forward", sparse, "--ids", ids, "--out", m_copy->filePath("o")}),
                                      QStringList({"generate", sparse, "--tokens", "1,2"}),
                                      QStringList({"convert", sparse, m_copy->filePath("native"), "--to", "native"})};
    for (const QStringList &words : commands) {
        const Result result = run(words);
        QVERIFY2(result.code == 1 && result.err.contains("model.safetensors: ") &&
                     result.err.contains("numbers are not those that were written"),
                 (words[0].toUtf8() + ": " + result.err).constData());
    }
}

void tst_CliDamagedFiles::olderFilesOpenWithoutChecksums()
{
    const fs::path last = RunReader(runFolder("sparse")).checkpoints().back().folder;
    withoutChecksums(last / "model.safetensors");
    withoutChecksums(last / "trainer.safetensors");
    withoutChecksums(RunReader(runFolder("sparse")).snapshots().front().file);
    const Result result = ask("compare");
    QVERIFY2(result.code == 0 || result.code == 3, result.err.constData());
    QCOMPARE(result.json()["files"].toObject()["without_checksums"].toInt(), 3);
    QVERIFY(run({"compare", experiment()}).out.contains("3 files of an older version without checksums"));
}

/// What is written beside results is read in other places, and one file is one fault.
void tst_CliDamagedFiles::reportsNameFilesOnceAndFromTheExperiment()
{
    const fs::path folder = experiment().toStdString();
    const auto read = [&](const char *name) { return QByteArray::fromStdString(readTextFile(folder / name)); };
    const fs::path snapshot = RunReader(runFolder("sparse")).snapshots().front().file;
    flipLastBit(snapshot);
    const QByteArray name = snapshot.lexically_relative(folder).c_str();
    const Result damaged = run({"report", experiment()});
    QCOMPARE(damaged.code, 1);
    QVERIFY2(damaged.err.count(name) == 1, damaged.err.constData());
    QJsonObject summary = QJsonDocument::fromJson(read("summary.json")).object();
    QCOMPARE(summary["problems"].toArray().size(), 1);
    QVERIFY(summary["problems"].toArray()[0].toString().startsWith(name));
    QVERIFY(summary["not_kept"].toArray().isEmpty());
    QCOMPARE(read("RESULTS_SUMMARY.md").count(name), 1);

    std::vector<fs::path> numbers;
    for (const auto &entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".safetensors")
            numbers.push_back(entry.path());
    }
    for (const fs::path &file : numbers)
        fs::remove(file);
    const Result absent = run({"report", experiment()});
    QVERIFY2(absent.err.count("not kept") == 2, absent.err.constData()); // once a run
    summary = QJsonDocument::fromJson(read("summary.json")).object();
    QVERIFY(summary["problems"].toArray().isEmpty());
    QCOMPARE(summary["not_kept"].toArray().size(), 2);
    int files = 0;
    for (const QJsonValue &row : summary["not_kept"].toArray())
        files += static_cast<int>(row["files"].toArray().size());
    QCOMPARE(files, static_cast<int>(numbers.size()));
    for (const char *written : {"summary.json", "RESULTS_SUMMARY.md"})
        QVERIFY2(!read(written).contains(folder.c_str()), read(written).constData());
    QVERIFY(read("RESULTS_SUMMARY.md").contains("## Not kept") && !read("RESULTS_SUMMARY.md").contains("## Problems"));
}

/// Numbers alone, say copied from another machine, are no fault; what is not there is named.
void tst_CliDamagedFiles::whatWasLeftBehindIsNoDamage()
{
    for (const char *family : {"classic", "sparse"})
        fs::remove_all(runFolder(family) / "checkpoints");
    const Result result = run({"compare", experiment()});
    QVERIFY2(result.code == 0 || result.code == 3, result.err.constData());
    QVERIFY2(result.out.contains("that run.sqlite names are not there."), result.out.constData());
}

void tst_CliDamagedFiles::filesOfTheProgramAreDamagedNotWrittenWrongly_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("remedy");
    const char *copy = "Restore it from a copy, or ";
    QTest::newRow("run.json") << "run.json" << copy + QString("remove the run's folder and train the run again");
    QTest::newRow("config.json") << "config.json" << copy + QString("take another checkpoint");
    QTest::newRow("trainer.json") << "trainer.json" << copy + QString("remove this checkpoint's folder");
    QTest::newRow("trainer.safetensors") << "trainer.safetensors" << copy + QString("remove this checkpoint's folder");
    QTest::newRow("experiment.json") << "experiment.json" << copy + QString("train the experiment again with --resume");
}

/// Nobody wrote them by hand, so nobody can save them in another way.
void tst_CliDamagedFiles::filesOfTheProgramAreDamagedNotWrittenWrongly()
{
    QFETCH(QString, file);
    QFETCH(QString, remedy);
    const fs::path run = runFolder("sparse"), last = RunReader(run).checkpoints().back().folder;
    const fs::path place = file == "run.json"          ? run / "run.json"
                           : file == "experiment.json" ? fs::path(experiment().toStdString()) / "experiment.json"
                                                       : last / file.toStdString();
    const bool json = file.endsWith(".json");
    if (json) {
        std::ofstream(place) << "\xff\x01\xfe garbage";
        const Result result = ask("compare");
        QVERIFY2(result.code == 1 && result.err.contains("file is damaged: not UTF-8 text") &&
                     QString::fromUtf8(result.err).contains(remedy) && !result.err.contains("Save it as"),
                 result.err.constData());
    }
    if (file.endsWith(".safetensors") || file == "trainer.json") {
        fs::remove(place);
        const Result result = ask("compare");
        QVERIFY2(result.code == 1 && QString::fromUtf8(result.err).contains(file + ": file not found. " + remedy),
                 result.err.constData());
    }
}

void tst_CliDamagedFiles::aCheckpointThatIsGoneIsNoneToWaitFor()
{
    const QString sparse = QString::fromStdString(runFolder("sparse").string());
    const std::vector<CheckpointInfo> checkpoints = RunReader(runFolder("sparse")).checkpoints();
    QVERIFY(checkpoints.size() > 1);
    fs::remove_all(checkpoints.back().folder);
    const Result newest = run({"generate", sparse, "--tokens", "1,2"});
    QVERIFY2(newest.code == 1 && newest.err.contains(checkpoints.back().folder.c_str()) &&
                 newest.err.contains("the run's newest checkpoint is missing. Restore it from a copy, or name an "
                                     "earlier one, such as "),
             newest.err.constData());
    fs::remove_all(runFolder("sparse") / "checkpoints");
    const Result none = run({"generate", sparse, "--tokens", "1,2"});
    QVERIFY2(none.code == 1 && none.err.contains("Restore it from a copy, or train the run again.") &&
                 !none.err.contains("Wait for"),
             none.err.constData());
    const Result frozen = run({"counterfactual", sparse});
    QVERIFY2(frozen.code == 1 && frozen.err.contains("the run's checkpoints are missing") &&
                 frozen.err.contains(checkpoints.back().folder.c_str()),
             frozen.err.constData());
    // A snapshot that is gone is called so by whoever opens it.
    const fs::path snapshot = RunReader(runFolder("sparse")).snapshots().front().file;
    fs::remove(snapshot);
    QVERIFY2(ask("check").err.contains("snapshot is missing. run.sqlite names it: restore it from a copy. The other "
                                       "snapshots"),
             "");
}

/// The gates of other weights than those that the run ended with do not take the place of what was found at its end.
void tst_CliDamagedFiles::whatWasFoundStaysWhereWeightsAreGone()
{
    const auto found = [&] { return *RunReader(runFolder("sparse")).value("check/chance"); };
    const std::string atTheEnd = found();
    QVERIFY(atTheEnd.find("not run") == std::string::npos);
    for (const bool all : {false, true}) {
        const fs::path newest = RunReader(runFolder("sparse")).checkpoints().back().folder;
        fs::remove_all(all ? runFolder("sparse") / "checkpoints" : newest);
        const Result result = ask("check");
        QVERIFY2(result.err.contains("its newest checkpoint is not there") &&
                     result.err.contains(all ? "the weights of step 0" : "an earlier one"),
                 result.err.constData());
        QCOMPARE(found(), atTheEnd);
    }
}

QTEST_GUILESS_MAIN(tst_CliDamagedFiles)
#include "tst_cli_damaged_files.moc"
