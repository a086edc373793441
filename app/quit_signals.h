#pragma once

#include <QObject>

class QSocketNotifier;

namespace sparsescope {

/// Turns the first SIGINT or SIGTERM into a signal of Qt, on the thread of this object; a second one ends the process at
/// once. One object a process.
class QuitSignals : public QObject {
    Q_OBJECT

public:
    explicit QuitSignals(QObject *parent = nullptr);
    ~QuitSignals() override;

Q_SIGNALS:
    void asked();

private:
    QSocketNotifier *m_notifier;
};

} // namespace sparsescope
