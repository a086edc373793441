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

} // namespace sparsescope::testing
