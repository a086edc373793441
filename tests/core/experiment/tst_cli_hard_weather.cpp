#include "core/base/run_store.h"
#include "core/base/sqlite.h"
#include "tests/core/experiment/command_line.h"

#include <QTemporaryDir>
#include <QTest>

#include <QJsonArray>
#include <QRegularExpression>

#include <csignal>
#include <fstream>

#include <sys/mount.h>

using namespace sparsescope;
using namespace sparsescope::testing;
namespace fs = std::filesystem;

namespace {

QStringList training(const QString &out, int steps)
{
    return smokeTraining(out, steps, R"(["classic","sparse"])") + QStringList{"--set", "training.checkpoint_seconds=1"};
}

fs::path runFolder(const QString &out, const char *family)
{
    return fs::path(out.toStdString()) / "smoke" / "seq_32" / family / "seed_0";
}

void overwrite(const fs::path &file)
{
    std::ofstream(file) << "no file of that kind, only some text that stands where one should be, and then some more";
}

/// Starts it and waits until a line with `part` is on standard error, which it returns so far.
QByteArray startAndWaitFor(QProcess &process, const QStringList &arguments, const char *part)
{
    process.setReadChannel(QProcess::StandardError);
    process.start(program(), arguments);
    QByteArray text;
    while (!text.contains(part) && process.waitForReadyRead(120000))
        text += process.readAllStandardError();
    return text;
}

std::vector<Series> losses(const QString &out)
{
    std::vector<Series> all;
    for (const char *family : {"classic", "sparse"}) {
        const RunReader reader(runFolder(out, family));
        for (const char *metric : {"train.loss", "val.loss", "grad.norm", "selection.mass_kept"})
            all.push_back(reader.series(metric));
    }
    return all;
}

bool equal(const std::vector<Series> &a, const std::vector<Series> &b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Series &x, const Series &y) {
        return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                          [](const Point &p, const Point &q) { return p.x == q.x && p.y == q.y; });
    });
}

} // namespace

/// Damaged files, full disks and folders that go away, as someone at the command line meets them.
class tst_CliHardWeather : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aDamagedRunIsNamedAndTheRestReported();
    void aDamagedPageInTheMiddleIsFound();
    void aFinishedRunWithoutItsLossIsNamed();
    void aDamagedSnapshotIsNamedAndTheFigureDrawn();
    void aFileOfAnotherRunIsNamed_data();
    void aFileOfAnotherRunIsNamed();
    void resumeSaysWhereEachRunGoesOn();
    void aFinishedRunWithADamagedCheckpointIsNamed();
    void aDamagedRunAtResumeDoesNotStopTheOthers();
    void whatMayNotBeMeantIsSaid();
    void aFullDiskPausesUntilThereIsRoom();
    void aGoneFolderPausesUntilItIsBack();
    void givingUpOnAGoneFolderFailsWithTheReason();
};

void tst_CliHardWeather::aDamagedRunIsNamedAndTheRestReported()
{
    QTemporaryDir folder;
    QCOMPARE(run(training(folder.path(), 4)).code, 0);
    overwrite(runFolder(folder.path(), "classic") / "run.sqlite");
    const QString experiment = folder.filePath("smoke");
    QFile::remove(experiment + "/sequence_length_comparison.png");
    const Result report = run({"report", experiment});
    QCOMPARE(report.code, 1);
    const QString err = QString::fromUtf8(report.err), out = QString::fromUtf8(report.out);
    QVERIFY2(err.contains("seq_32/classic/seed_0: run is damaged and left out") && err.contains("run.sqlite"),
             report.err.constData());
    QVERIFY2(out.contains(QRegularExpression("seq_32/classic/seed_0 +- +Damaged")), report.out.constData());
    QVERIFY2(out.contains(QRegularExpression("seq_32/sparse/seed_0 +DSA +Done +[0-9]")), report.out.constData());
    if (qEnvironmentVariable("SPARSESCOPE_GUI") == "ON" && QFileInfo::exists(program().chopped(4)))
        QVERIFY2(QFileInfo::exists(experiment + "/sequence_length_comparison.png"), report.err.constData());
    const Result json = run({"report", experiment, "--json"}); // figures or not, the damaged run is an error
    QCOMPARE(json.json()["ok"], QJsonValue(false));
    QCOMPARE(json.json()["errors"][0]["path"].toString(), QString("seq_32/classic/seed_0"));
}

void tst_CliHardWeather::aDamagedPageInTheMiddleIsFound()
{
    QTemporaryDir folder;
    QCOMPARE(run(training(folder.path(), 4)).code, 0);
    const fs::path database = runFolder(folder.path(), "sparse") / "run.sqlite";
    constexpr std::uintmax_t kPage = 4096;
    {
        std::fstream stream(database, std::ios::binary | std::ios::in | std::ios::out);
        stream.seekp(static_cast<std::streamoff>(fs::file_size(database) / kPage / 2 * kPage));
        stream << std::string(kPage, '\0');
    }
    for (const QStringList &words :
         {QStringList{"report", folder.filePath("smoke")}, QStringList{"check", folder.filePath("smoke")},
          QStringList{"compare", folder.filePath("smoke")}, QStringList{"counterfactual", folder.filePath("smoke")},
          training(folder.path(), 4) << "--resume"}) {
        const Result result = run(words);
        QVERIFY2(result.code != 0 && result.err.contains("run's database is damaged") && !result.err.contains("***"),
                 (words[0].toUtf8() + ": " + result.err).constData());
    }
}

void tst_CliHardWeather::aFinishedRunWithoutItsLossIsNamed()
{
    QTemporaryDir folder;
    QCOMPARE(run(training(folder.path(), 4)).code, 0);
    Database(runFolder(folder.path(), "sparse") / "run.sqlite", Database::Mode::Write, 1000)
        .execute("DELETE FROM scalar WHERE metric = 'val.loss' AND step = 4");
    for (const char *command : {"compare", "report"}) {
        const Result result = run({command, folder.filePath("smoke")});
        QCOMPARE(result.code, 1);
        QVERIFY2(result.err.contains("seq_32/sparse/seed_0: finished at step 4 without a finite val.loss"),
                 result.err.constData());
    }
    for (const char *command :
         {"compare", "report"}) { // one folder too high: nothing is damaged, and nothing written there
        const Result parent = run({command, folder.path()});
        QCOMPARE(parent.code, 2);
        QVERIFY2(parent.err.contains("is not the folder of one experiment"), parent.err.constData());
        QCOMPARE(QDir(folder.path()).entryList(QDir::AllEntries | QDir::NoDotAndDotDot), QStringList("smoke"));
    }
}

void tst_CliHardWeather::aFileOfAnotherRunIsNamed_data()
{
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("what");
    QTest::newRow("run.json") << "run.json"
                              << "are of different runs";
    QTest::newRow("run.sqlite") << "run.sqlite"
                                << "are of different runs";
    QTest::newRow("both") << "run.json run.sqlite"
                          << "is the description of another run";
    QTest::newRow("no run.json") << ""
                                 << "run's description is missing";
}

void tst_CliHardWeather::aFileOfAnotherRunIsNamed()
{
    QFETCH(QString, file);
    QFETCH(QString, what);
    QTemporaryDir folder;
    QCOMPARE(run(training(folder.path(), 2)).code, 0);
    const fs::path from = runFolder(folder.path(), "classic"), to = runFolder(folder.path(), "sparse");
    for (const QString &name : file.split(QLatin1Char(' '), Qt::SkipEmptyParts))
        fs::copy_file(from / name.toStdString(), to / name.toStdString(), fs::copy_options::overwrite_existing);
    if (file.isEmpty())
        fs::remove(to / "run.json");
    for (const char *command : {"report", "compare"}) {
        const Result result = run({command, folder.filePath("smoke")});
        QVERIFY2(result.code != 0 && result.err.contains(what.toUtf8()) && result.err.contains("sparse/seed_0"),
                 (QByteArray(command) + ": " + result.err).constData());
    }
}

void tst_CliHardWeather::aDamagedSnapshotIsNamedAndTheFigureDrawn()
{
    if (qEnvironmentVariable("SPARSESCOPE_GUI") != "ON" || !QFileInfo::exists(program().chopped(4)))
        QSKIP("the window program is not built here");
    QTemporaryDir folder;
    QCOMPARE(run(training(folder.path(), 4)).code, 0);
    const std::vector<SnapshotInfo> snapshots = RunReader(runFolder(folder.path(), "sparse")).snapshots();
    QVERIFY(!snapshots.empty());
    for (const SnapshotInfo &snapshot : snapshots)
        fs::resize_file(snapshot.file, fs::file_size(snapshot.file) / 2);
    const QString experiment = folder.filePath("smoke");
    for (const char *ending : {"png", "svg"})
        QFile::remove(experiment + "/sequence_length_comparison." + ending);
    const Result report = run({"report", experiment});
    QCOMPARE(report.code, 1);
    QVERIFY2(report.err.contains(snapshots.back().file.filename().c_str()), report.err.constData());
    for (const char *ending : {"png", "svg"})
        QVERIFY2(QFileInfo::exists(experiment + "/sequence_length_comparison." + ending), report.err.constData());
}

void tst_CliHardWeather::resumeSaysWhereEachRunGoesOn()
{
    QTemporaryDir folder;
    const Result empty = run(training(folder.path(), 4) << "--resume"); // an empty folder just starts
    QCOMPARE(empty.code, 0);
    QVERIFY2(empty.err.contains("seq_32/sparse/seed_0 begins"), empty.err.constData());
    RunWriter::open(runFolder(folder.path(), "sparse"))->state(RunState::Stopped);
    {
        auto writer = RunWriter::open(runFolder(folder.path(), "classic"));
        writer->truncateAfter(-1);
        writer->state(RunState::Stopped);
    }
    const Result resumed = run(training(folder.path(), 4) << "--resume");
    QVERIFY2(resumed.code == 0, resumed.err.constData());
    QVERIFY2(resumed.err.contains("seq_32/sparse/seed_0 goes on at step 4 of 4"), resumed.err.constData());
    QVERIFY2(resumed.err.contains("seq_32/classic/seed_0 starts afresh: no checkpoint yet"), resumed.err.constData());
    const Result again = run(training(folder.path(), 4) << "--resume");
    QCOMPARE(again.code, 0);
    QVERIFY2(again.err.contains("seq_32/sparse/seed_0 is done"), again.err.constData());
    QCOMPARE(RunReader(runFolder(folder.path(), "classic")).lastStep(), std::int64_t{4});
}

void tst_CliHardWeather::aFinishedRunWithADamagedCheckpointIsNamed()
{
    for (const char *file : {"model.safetensors", "trainer.safetensors", "trainer.json", "config.json"}) {
        QTemporaryDir folder;
        QCOMPARE(run(training(folder.path(), 2)).code, 0);
        const fs::path damaged = runFolder(folder.path(), "sparse") / "checkpoints/00000002" / file;
        overwrite(damaged);
        const Result resumed = run(training(folder.path(), 2) << "--resume");
        QCOMPARE(resumed.code, 1);
        const QString err = QString::fromUtf8(resumed.err);
        QVERIFY2(err.contains("seq_32/sparse/seed_0: run is done, but: The checkpoint of step 2 is damaged") &&
                     err.contains(damaged.c_str()),
                 resumed.err.constData());
        const bool ofTheTrainer = QByteArray(file).startsWith("trainer");
        QVERIFY2(err.contains("for the weights the run must be trained again") != ofTheTrainer, resumed.err);
        QVERIFY2(err.contains("What was measured and the weights are whole") == ofTheTrainer, resumed.err);
        QVERIFY(RunReader(runFolder(folder.path(), "sparse")).state() == RunState::Finished);
    }
}

void tst_CliHardWeather::aDamagedRunAtResumeDoesNotStopTheOthers()
{
    QTemporaryDir folder;
    QCOMPARE(run(training(folder.path(), 2)).code, 0);
    overwrite(runFolder(folder.path(), "sparse") / "run.sqlite");
    {
        auto writer = RunWriter::open(runFolder(folder.path(), "classic"));
        writer->truncateAfter(-1);
        writer->state(RunState::Stopped);
    }
    const Result resumed = run(training(folder.path(), 2) << "--resume");
    QCOMPARE(resumed.code, 1);
    QVERIFY2(resumed.err.contains("seq_32/sparse/seed_0 cannot go on") && resumed.err.contains("run.sqlite"),
             resumed.err.constData());
    QVERIFY(RunReader(runFolder(folder.path(), "classic")).state() == RunState::Finished);
}

void tst_CliHardWeather::whatMayNotBeMeantIsSaid()
{
    QTemporaryDir folder;
    QFile corpus(folder.filePath("corpus.bin"));
    QVERIFY(corpus.open(QIODevice::WriteOnly));
    QByteArray bytes;
    for (int i = 0; i < 20000; ++i)
        bytes += static_cast<char>(i * 2654435761u >> 13);
    corpus.write(bytes);
    corpus.close();
    const Result result = run(training(folder.path(), 1) << "--set"
                                                         << "data.source=text"
                                                         << "--set"
                                                         << "data.options={}"
                                                         << "--set"
                                                         << "data.separator=a"
                                                         << "--set"
                                                         << "data.path=" + corpus.fileName() << "--set"
                                                         << "model.selection.top_k=100000");
    QVERIFY2(result.code == 0, result.err.constData());
    QVERIFY2(result.err.contains("corpus.bin is not UTF-8 text; its bytes are taken as they are"),
             result.err.constData());
    QVERIFY2(result.err.contains("model.selection.top_k: 100000 keys at training.sequence_length 32 leave nothing out"),
             result.err.constData());
    QCOMPARE(result.err.count("Notice:"), 2);
    bool inTheLog = false;
    for (const EventRow &event : RunReader(runFolder(folder.path(), "sparse")).events())
        inTheLog = inTheLog || event.text.find("leave nothing out") != std::string::npos;
    QVERIFY(inTheLog);
}

void tst_CliHardWeather::aFullDiskPausesUntilThereIsRoom()
{
    QTemporaryDir folder, whole;
    const QByteArray place = folder.path().toUtf8();
    if (::mount("tmpfs", place.constData(), "tmpfs", 0, "size=4m") != 0)
        QSKIP("mounting a small file system needs root");
    struct Unmount {
        const QByteArray &place;
        ~Unmount() { ::umount2(place.constData(), MNT_DETACH); }
    } unmount{place};
    QFile ballast(folder.filePath("ballast"));
    QVERIFY(ballast.open(QIODevice::WriteOnly));
    ballast.write(QByteArray(3 << 20, 'x')); // room for the start, not for all of it
    QVERIFY(ballast.flush());

    QProcess process;
    QByteArray text = startAndWaitFor(process, training(folder.path(), 60) << "--quiet", "paused at step");
    QVERIFY2(text.contains("full") || text.contains("No space left"), text.constData());
    QVERIFY(!process.waitForFinished(5000));           // it waits, for longer than one try takes
    for (const char *family : {"classic", "sparse"}) { // nothing already written is damaged
        const RunReader reader(runFolder(folder.path(), family));
        reader.series("train.loss");
        QVERIFY(reader.state() != RunState::Interrupted);
    }
    ballast.remove();
    QVERIFY(process.waitForFinished(120000));
    text += process.readAllStandardError();
    QVERIFY2(process.exitCode() == 0, text.constData());
    QVERIFY2(text.contains("goes on at step"), text.constData());
    QCOMPARE(run(training(whole.path(), 60)).code, 0);
    QVERIFY(equal(losses(folder.path()), losses(whole.path()))); // nothing is lost
    int told = 0;
    for (const char *family : {"classic", "sparse"}) {
        for (const EventRow &event : RunReader(runFolder(folder.path(), family)).events())
            told += event.text.find("Paused: ") == 0;
    }
    QVERIFY(told >= 1);
}

void tst_CliHardWeather::aGoneFolderPausesUntilItIsBack()
{
    QTemporaryDir folder, whole;
    QProcess process;
    const fs::path there = runFolder(folder.path(), "sparse"), away = folder.filePath("away").toStdString();
    QByteArray text = startAndWaitFor(process, training(folder.path(), 300), "Sparse training from step");
    QTRY_VERIFY_WITH_TIMEOUT(fs::exists(there / "snapshots/00000005.safetensors"), 60000);
    fs::rename(there, away);
    while (!text.contains("paused at step") && process.waitForReadyRead(60000))
        text += process.readAllStandardError();
    QVERIFY2(text.contains("folder is gone"), text.constData());
    QVERIFY(!process.waitForFinished(1000));
    fs::rename(away, there);
    QVERIFY(process.waitForFinished(120000));
    text += process.readAllStandardError();
    QVERIFY2(process.exitCode() == 0, text.constData());
    QCOMPARE(run(training(whole.path(), 300)).code, 0);
    QVERIFY(equal(losses(folder.path()), losses(whole.path())));
}

void tst_CliHardWeather::givingUpOnAGoneFolderFailsWithTheReason()
{
    QTemporaryDir folder;
    QProcess process;
    const fs::path there = runFolder(folder.path(), "sparse");
    QByteArray text = startAndWaitFor(process, training(folder.path(), 2000), "Sparse training from step");
    QTRY_VERIFY_WITH_TIMEOUT(fs::exists(there / "snapshots/00000005.safetensors"), 60000);
    fs::rename(there, folder.filePath("away").toStdString());
    while (!text.contains("paused at step") && process.waitForReadyRead(60000))
        text += process.readAllStandardError();
    kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(30000));
    text += process.readAllStandardError();
    QCOMPARE(process.exitCode(), 1);
    QVERIFY2(text.contains("seq_32/sparse/seed_0: run failed: ") && text.contains("could not be saved"),
             text.constData());
    QVERIFY2(!process.readAllStandardOutput().contains("Summary:"), "a summary of half a training");
    const RunReader other(runFolder(folder.path(), "classic"));
    QVERIFY(other.state() == RunState::Stopped && !other.checkpoints().empty());
}

QTEST_GUILESS_MAIN(tst_CliHardWeather)
#include "tst_cli_hard_weather.moc"
