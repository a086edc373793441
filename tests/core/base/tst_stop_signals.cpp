#include "core/base/stop_signals.h"

#include <QtTest>

#include <sys/wait.h>

#include <unistd.h>

using namespace sparsescope;

namespace {

int heard = 0;

/// In a process of its own: how many signals the handler heard, or by which one the process was ended (negative).
int afterSignals(std::initializer_list<int> kinds)
{
    const pid_t child = fork();
    if (child == 0) {
        onStopSignals([](int) { ++heard; });
        for (const int signal : kinds)
            raise(signal);
        _exit(heard);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

/// The first signal is heard, the second one ends the process, of whichever kind they are.
class tst_StopSignals : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theFirstIsHeard()
    {
        QCOMPARE(afterSignals({SIGINT}), 1);
        QCOMPARE(afterSignals({SIGTERM}), 1);
    }
    void theSecondEndsTheProcess()
    {
        QCOMPARE(afterSignals({SIGINT, SIGINT}), -SIGINT);
        QCOMPARE(afterSignals({SIGTERM, SIGINT}), -SIGINT);
        QCOMPARE(afterSignals({SIGINT, SIGTERM}), -SIGTERM);
    }
};

QTEST_GUILESS_MAIN(tst_StopSignals)
#include "tst_stop_signals.moc"
