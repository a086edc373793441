#include "app/quit_signals.h"

#include "core/base/stop_signals.h"

#include <QSocketNotifier>

#include <csignal>
#include <sys/socket.h>
#include <unistd.h>

namespace sparsescope {

namespace {

int g_sockets[2] = {-1, -1}; ///< the handler writes into the first, the notifier watches the second

extern "C" void tellWindow(int)
{
    const char byte = 1;
    if (write(g_sockets[0], &byte, 1) < 0) {
        _exit(1); // nobody would ever hear of it
    }
}

} // namespace

QuitSignals::QuitSignals(QObject *parent)
    : QObject(parent)
    , m_notifier(nullptr)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, g_sockets) != 0) {
        return; // signals keep their default
    }
    m_notifier = new QSocketNotifier(g_sockets[1], QSocketNotifier::Read, this);
    connect(m_notifier, &QSocketNotifier::activated, this, [this] {
        char byte = 0;
        if (read(g_sockets[1], &byte, 1) == 1) {
            Q_EMIT asked();
        }
    });
    onStopSignals(tellWindow);
}

QuitSignals::~QuitSignals()
{
    if (m_notifier != nullptr) {
        onStopSignals(SIG_DFL);
        delete m_notifier;
        close(g_sockets[0]);
        close(g_sockets[1]);
    }
}

} // namespace sparsescope
