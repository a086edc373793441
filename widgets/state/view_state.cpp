#include "widgets/state/view_state.h"

namespace sparsescope {

namespace {

/// A bit for every thing that a person changes at once.
unsigned changedFields(const View &a, const View &b)
{
    const bool differs[] = {a.step != b.step || a.followLive != b.followLive,
                            a.layer != b.layer,
                            a.map != b.map || a.head != b.head,
                            a.query != b.query || a.key != b.key,
                            a.logarithmic != b.logarithmic,
                            a.overlay != b.overlay,
                            a.colours != b.colours,
                            a.limits != b.limits,
                            a.window != b.window,
                            a.sideA != b.sideA || a.sideB != b.sideB,
                            a.compared != b.compared,
                            a.compareBy != b.compareBy,
                            a.differenceLimit != b.differenceLimit};
    unsigned fields = 0, bit = 1;
    for (const bool field : differs) {
        fields |= field ? bit : 0;
        bit <<= 1;
    }
    return fields;
}

} // namespace

ViewState::ViewState(QObject *parent)
    : QObject(parent)
{}

void ViewState::show(const View &view)
{
    if (view == m_view) {
        return;
    }
    m_view = view;
    Q_EMIT changed();
}

void ViewState::set(const View &view)
{
    if (const unsigned fields = changedFields(m_view, view); fields != 0) {
        const bool merges = fields == m_lastFields && m_lastChange.isValid() &&
                            m_lastChange.elapsed() <= kMergeMilliseconds && !m_undo.empty();
        if (!merges) {
            m_undo.push_back(m_view);
            if (m_undo.size() > kUndoSteps) {
                m_undo.erase(m_undo.begin());
            }
        }
        m_redo.clear();
        m_lastFields = fields;
        m_lastChange.start();
    }
    show(view);
}

void ViewState::step(std::vector<View> &from, std::vector<View> &to)
{
    if (from.empty()) {
        return;
    }
    View view = std::move(from.back());
    from.pop_back();
    to.push_back(m_view);
    view.run = m_view.run;
    view.inspect = m_view.inspect;
    m_lastFields = 0; // the next change is a step of its own
    show(view);
}

void ViewState::undo() { step(m_undo, m_redo); }

void ViewState::redo() { step(m_redo, m_undo); }

void ViewState::setRun(const QString &run)
{
    View view = m_view;
    view.run = run;
    show(view);
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
    show(view);
}

void ViewState::setFollowLive(bool follow)
{
    View view = m_view;
    view.followLive = follow;
    set(view);
}

void ViewState::setInspect(InspectView inspect)
{
    View view = m_view;
    view.inspect = inspect;
    show(view);
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

void ViewState::proposeCell(int query, int key)
{
    View view = m_view;
    view.query = query;
    view.key = key;
    show(view);
}

void ViewState::setLogarithmic(bool logarithmic)
{
    View view = m_view;
    view.logarithmic = logarithmic;
    view.limitsOf(view.map).reset(); // a linear scale may start at 0, which a logarithmic one cannot show
    set(view);
}

void ViewState::setOverlay(bool overlay)
{
    View view = m_view;
    view.overlay = overlay;
    set(view);
}

void ViewState::setColours(std::optional<ColourMapName> colours)
{
    View view = m_view;
    view.colours = colours;
    set(view);
}

void ViewState::setLimits(MapKind kind, std::optional<Limits> limits)
{
    View view = m_view;
    view.limitsOf(kind) = limits;
    set(view);
}

void ViewState::clearLimits()
{
    View view = m_view;
    view.limits = {};
    set(view);
}

void ViewState::setSides(const QString &a, const QString &b)
{
    View view = m_view;
    view.sideA = a;
    view.sideB = b;
    set(view);
}

void ViewState::proposeSides(const QString &a, const QString &b)
{
    View view = m_view;
    view.sideA = a;
    view.sideB = b;
    show(view);
}

void ViewState::swapSides() { setSides(m_view.sideB, m_view.sideA); }

void ViewState::setCompared(const QStringList &folders)
{
    View view = m_view;
    view.compared = folders;
    set(view);
}

void ViewState::setCompareBy(XAxis axis)
{
    View view = m_view;
    view.compareBy = axis;
    set(view);
}

void ViewState::setDifferenceLimit(std::optional<double> limit)
{
    View view = m_view;
    view.differenceLimit = limit;
    set(view);
}

void ViewState::setWindow(std::optional<MapWindow> window)
{
    View view = m_view;
    view.window = window;
    set(view);
}

} // namespace sparsescope
