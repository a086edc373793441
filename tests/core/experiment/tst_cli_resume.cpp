#include "tests/core/experiment/command_line.h"

#include <QTemporaryDir>
#include <QTest>

#include <fstream>

using namespace sparsescope::testing;

namespace {

QStringList training(const QString &out, int steps) { return smokeTraining(out, steps, R"(["sparse"])"); }

} // namespace

/// Going on with what does not fit what is asked.
class tst_CliResume : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void resumeOfAnotherConfigurationNamesTheFields();
};

void tst_CliResume::resumeOfAnotherConfigurationNamesTheFields()
{
    QTemporaryDir folder;
    const QString corpus = folder.filePath("corpus.txt");
    {
        std::ofstream text(corpus.toStdString());
        for (int i = 0; i < 60; ++i)
            text << "A document of its own, number " << i << ", of some length.\n\n";
    }
    const QStringList ofText = {"--set", "data.source=text", "--set", "data.path=" + corpus,
                                "--set", "data.options={}"};
    QVERIFY2(run(training(folder.path(), 2) + ofText).code == 0, "training");
    const Result other = run(training(folder.path(), 3) + ofText + QStringList{"--resume"});
    QCOMPARE(other.code, 2);
    QVERIFY2(
        other.err.contains("run.json: the run was started with another configuration, got training.steps 3, allowed "
                           "training.steps 2"),
        other.err.constData());
    // Without --set data.path, too, and the corpus is gone: the same --set would not do.
    QVERIFY(QFile::remove(corpus));
    const Result gone = run(training(folder.path(), 2) << "--resume");
    QCOMPARE(gone.code, 2);
    QVERIFY2(gone.err.contains(("run.json: data.path: file not found, got " + corpus).toUtf8()), gone.err.constData());
    QVERIFY2(gone.err.contains("data.source"), gone.err.constData());
}

QTEST_GUILESS_MAIN(tst_CliResume)
#include "tst_cli_resume.moc"
