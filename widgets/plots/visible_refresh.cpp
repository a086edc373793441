#include "widgets/plots/visible_refresh.h"

#include <QElapsedTimer>
#include <QEvent>
#include <QWidget>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kRest = 4; ///< times as long as the last refresh took

} // namespace

VisibleRefresh::VisibleRefresh(QWidget *widget, int milliseconds, std::function<void()> refresh)
    : m_widget(widget)
    , m_milliseconds(milliseconds)
    , m_refresh(std::move(refresh))
{
    m_timer.setSingleShot(true);
    m_timer.setInterval(milliseconds);
    connect(&m_timer, &QTimer::timeout, this, [this] {
        if (m_widget->isVisible()) {
            flush();
        }
    });
    m_widget->installEventFilter(this);
}

void VisibleRefresh::request()
{
    m_due = true;
    if (!m_timer.isActive() && m_widget->isVisible()) { // not restarted: a steady stream must not put it off for ever
        m_timer.start();
    }
}

void VisibleRefresh::flush()
{
    if (!m_due) {
        return;
    }
    QElapsedTimer took;
    took.start();
    done();
    m_refresh();
    m_timer.setInterval(std::max(m_milliseconds, kRest * static_cast<int>(took.elapsed())));
}

void VisibleRefresh::done()
{
    m_due = false;
    m_timer.stop();
}

bool VisibleRefresh::eventFilter(QObject *watched, QEvent *event)
{
    if (event->type() == QEvent::Show && m_due) {
        m_timer.start(0);
    }
    return QObject::eventFilter(watched, event);
}

} // namespace sparsescope
