#include "widgets/state/view_state.h"

namespace sparsescope {

ViewState::ViewState(QObject *parent)
    : QObject(parent)
{}

void ViewState::set(const View &view)
{
    if (view == m_view) {
        return;
    }
    m_view = view;
    Q_EMIT changed();
}

void ViewState::setRun(const QString &run)
{
    View view = m_view;
    view.run = run;
    set(view);
}

void ViewState::setStep(std::int64_t step)
{
    View view = m_view;
    view.step = step;
    view.followLive = false;
    set(view);
}

void ViewState::followStep(std::int64_t step)
{
    if (!m_view.followLive) {
        return;
    }
    View view = m_view;
    view.step = step;
    set(view);
}

void ViewState::setFollowLive(bool follow)
{
    View view = m_view;
    view.followLive = follow;
    set(view);
}

void ViewState::setLayer(int layer)
{
    View view = m_view;
    view.layer = layer;
    set(view);
}

void ViewState::setMap(MapKind map, int head)
{
    View view = m_view;
    if (view.map != map) {
        view.lockedLimits.reset(); // limits of one kind of map mean nothing for another
    }
    view.map = map;
    view.head = head;
    set(view);
}

void ViewState::setQuery(int query) { setCell(query, m_view.key); }

void ViewState::setCell(int query, int key)
{
    View view = m_view;
    view.query = query;
    view.key = key;
    set(view);
}

void ViewState::setLogarithmic(bool logarithmic)
{
    View view = m_view;
    view.logarithmic = logarithmic;
    set(view);
}

void ViewState::setLockedLimits(std::optional<std::pair<double, double>> limits)
{
    View view = m_view;
    view.lockedLimits = limits;
    set(view);
}

} // namespace sparsescope
