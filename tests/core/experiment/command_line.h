#pragma once

#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>

/// Runs the command line program of this build.
namespace sparsescope::testing {

struct Result {
    int code = -1; ///< -2: it crashed
    QByteArray out, err;
    QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
};

inline QString program() { return qEnvironmentVariable("SPARSESCOPE_BIN") + "/sparsescope-cli"; }

inline Result run(const QStringList &arguments, const QString &folder = {})
{
    QProcess process;
    if (!folder.isEmpty())
        process.setWorkingDirectory(folder);
    process.start(program(), arguments);
    Result result;
    if (!process.waitForStarted() || !process.waitForFinished(300000))
        return result;
    result.code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    result.out = process.readAllStandardOutput();
    result.err = process.readAllStandardError();
    return result;
}

/// What trains the smoke preset shortly on the CPU: `families` as a JSON list.
inline QStringList smokeTraining(const QString &out, int steps, const QString &families)
{
    return {"train",     "smoke",
            "--device",  "cpu",
            "--threads", "1",
            "--out",     out,
            "--set",     QStringLiteral("training.steps=%1").arg(steps),
            "--set",     "training.warmup_indexer_steps=2",
            "--set",     "training.eval_every=20",
            "--set",     "probe.every=5",
            "--set",     "sweep.family=" + families};
}

} // namespace sparsescope::testing
