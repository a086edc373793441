#include "core/base/run_store.h"
#include "tests/core/experiment/command_line.h"

#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <csignal>
#include <filesystem>

using namespace sparsescope;
using namespace sparsescope::testing;

namespace {

const char *const kFamilies[] = {"classic", "sparse"};

QStringList training(const QString &out)
{
    return {"train",
            "smoke",
            "--quiet",
            "--device",
            "cpu",
            "--threads",
            "1",
            "--out",
            out,
            "--set",
            "sweep.family=[\"classic\",\"sparse\"]",
            "--set",
            "training.steps=600",
            "--set",
            "training.checkpoint_seconds=1",
            "--set",
            "training.eval_every=100"};
}

std::filesystem::path runFolder(const QString &out, const char *family)
{
    return std::filesystem::path(out.toStdString()) / "smoke" / "seq_32" / family / "seed_0";
}

/// Of the last checkpoint that is complete; -1 without one.
std::int64_t saved(const QString &out, const char *family)
{
    try {
        const auto checkpoints = RunReader(runFolder(out, family)).checkpoints();
        return checkpoints.empty() ? -1 : checkpoints.back().step;
    } catch (const Failure &) { // no run yet
        return -1;
    }
}

/// Everything but clocks and memory, which no two processes share.
bool repeats(const std::string &metric) { return metric.rfind("time.", 0) != 0 && metric.rfind("memory.", 0) != 0; }

} // namespace

/// A process killed in the middle of training, three times, by the signal that nobody can catch.
class tst_CliKilled : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void threeKillsChangeNoBit();
};

void tst_CliKilled::threeKillsChangeNoBit()
{
    QTemporaryDir whole, cut;
    const Result uninterrupted = run(training(whole.path()));
    QVERIFY2(uninterrupted.code == 0, uninterrupted.err.constData());

    QStringList arguments = training(cut.path());
    for (int kills = 0; kills < 3; ++kills) {
        const std::int64_t before = saved(cut.path(), "sparse");
        QProcess process;
        process.start(program(), arguments);
        QVERIFY(process.waitForStarted());
        QTRY_VERIFY_WITH_TIMEOUT(saved(cut.path(), "sparse") > before, 120000); // it went on from there
        QCOMPARE(process.state(), QProcess::Running);
        kill(static_cast<pid_t>(process.processId()), SIGKILL);
        QVERIFY(process.waitForFinished(30000));
        QCOMPARE(process.exitStatus(), QProcess::CrashExit);
        for (const char *family : kFamilies)
            QVERIFY(RunReader(runFolder(cut.path(), family)).state() == RunState::Interrupted);
        if (kills == 0)
            arguments << "--resume";
    }
    const Result resumed = run(arguments);
    QVERIFY2(resumed.code == 0, resumed.err.constData());

    for (const char *family : kFamilies) {
        const RunReader a(runFolder(whole.path(), family)), b(runFolder(cut.path(), family));
        QVERIFY(a.metrics() == b.metrics());
        int compared = 0;
        for (const std::string &metric : a.metrics()) {
            if (!repeats(metric))
                continue;
            const Series x = a.series(metric), y = b.series(metric);
            QCOMPARE(x.size(), y.size());
            for (std::size_t i = 0; i < x.size(); ++i) {
                QVERIFY2(x[i].x == y[i].x && (x[i].y == y[i].y || (std::isnan(x[i].y) && std::isnan(y[i].y))),
                         qPrintable(QStringLiteral("%1 at step %2").arg(QString::fromStdString(metric)).arg(x[i].x)));
                ++compared;
            }
        }
        QVERIFY(compared > 300);
        QCOMPARE(a.snapshots().size(), b.snapshots().size());
    }
}

QTEST_GUILESS_MAIN(tst_CliKilled)
#include "tst_cli_killed.moc"
