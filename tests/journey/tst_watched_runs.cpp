#include "app/run_folder_reader.h"
#include "core/base/run_store.h"
#include "tests/core/tiny_experiment.h"

#include <QProcess>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <csignal>
#include <fstream>

using namespace sparsescope;
namespace fs = std::filesystem;

/// Runs that grow elsewhere, and what can happen to their folders while the window watches.
class tst_WatchedRuns : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init();
    void aFolderThatVanishesIsTold();
    void aDatabaseThatShrinksIsTold();
    void aQuestionEndsWithTheWindow();

private:
    fs::path root() const { return m_folder->path().toStdString(); }

    std::unique_ptr<QTemporaryDir> m_folder;
    fs::path m_run;
    std::unique_ptr<RunWriter> m_writer;
};

void tst_WatchedRuns::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    const RunConfig config = expand(parseExperiment(tinyExperiment(), "test")).front();
    m_run = root() / "runs" / config.experiment / config.folder();
    fs::create_directories(m_run.parent_path());
    m_writer = RunWriter::create(m_run, config);
    m_writer->state(RunState::Running);
    m_writer->scalars(1, 0, {{"train.loss", 5}});
    m_writer->flush();
}

void tst_WatchedRuns::aFolderThatVanishesIsTold()
{
    RunFolderReader reader;
    QSignalSpy found(&reader, &RunFolderReader::found), lost(&reader, &RunFolderReader::lost),
        again(&reader, &RunFolderReader::readAgain);
    reader.open(root() / "runs");
    QTRY_COMPARE(found.size(), 1);
    fs::rename(root() / "runs", root() / "elsewhere");
    QTRY_COMPARE_WITH_TIMEOUT(lost.size(), 1, 10000);
    QCOMPARE(lost.front().at(0).toString(), QString::fromStdString(m_run.string()));
    QVERIFY2(lost.front().at(1).toString().contains("the run's folder is gone"),
             qPrintable(lost.front().at(1).toString()));
    QVERIFY(again.isEmpty());
    fs::rename(root() / "elsewhere", root() / "runs");
    QTRY_COMPARE_WITH_TIMEOUT(again.size(), 1, 10000);
    QTest::qWait(1500);
    QCOMPARE(lost.size(), 1); // told once
}

void tst_WatchedRuns::aDatabaseThatShrinksIsTold()
{
    RunFolderReader reader;
    QSignalSpy found(&reader, &RunFolderReader::found), lost(&reader, &RunFolderReader::lost);
    reader.open(root() / "runs");
    QTRY_COMPARE(found.size(), 1);
    fs::resize_file(m_run / "run.sqlite", 5000);
    QTRY_COMPARE_WITH_TIMEOUT(lost.size(), 1, 10000);
    QVERIFY2(lost.front().at(1).toString().contains("run.sqlite"), qPrintable(lost.front().at(1).toString()));
}

/// The import of a table asks for its family; whoever asks the program to end meanwhile is obeyed.
void tst_WatchedRuns::aQuestionEndsWithTheWindow()
{
    std::ofstream(root() / "curves.csv") << "step,train_loss\n1,5.0\n";
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
    environment.insert(QStringLiteral("XDG_DATA_HOME"), m_folder->path());
    environment.insert(QStringLiteral("XDG_CONFIG_HOME"), m_folder->path());
    process.setProcessEnvironment(environment);
    process.start(
        qEnvironmentVariable("SPARSESCOPE_BIN") + QStringLiteral("/sparsescope"),
        {QStringLiteral("--device"), QStringLiteral("cpu"), QString::fromStdString((root() / "curves.csv").string())});
    QVERIFY(process.waitForStarted());
    QTest::qWait(4000);
    kill(static_cast<pid_t>(process.processId()), SIGTERM);
    const bool ended = process.waitForFinished(10000);
    if (!ended) {
        process.kill();
        process.waitForFinished();
    }
    QVERIFY(ended);
    QCOMPARE(process.exitCode(), 130);
}

QTEST_GUILESS_MAIN(tst_WatchedRuns)
#include "tst_watched_runs.moc"
