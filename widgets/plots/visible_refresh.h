#pragma once

#include <QObject>
#include <QTimer>

#include <functional>

class QWidget;

namespace sparsescope {

/// Brings a widget up to date some time after that was asked for, however often it was: never while the widget is off the
/// screen, then once when it comes back; less often where it takes long, so that a steady stream leaves time for the rest.
class VisibleRefresh : public QObject {
    Q_OBJECT

public:
    VisibleRefresh(QWidget *widget, int milliseconds, std::function<void()> refresh);

    /// Now, where it is due.
    void flush();
    bool due() const { return m_due; }
    /// The widget is up to date by other means.
    void done();

public Q_SLOTS:
    void request();

protected:
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    QWidget *m_widget;
    int m_milliseconds;
    std::function<void()> m_refresh;
    QTimer m_timer;
    bool m_due = false;
};

} // namespace sparsescope
