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
    propose([&](View &view) { view.run = run; });
}

void ViewState::setStep(std::int64_t step)
{
    change([&](View &view) {
        view.step = step;
        view.followLive = false;
    });
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
    change([&](View &view) { view.followLive = follow; });
}

void ViewState::setInspect(InspectView inspect)
{
    propose([&](View &view) { view.inspect = inspect; });
}

void ViewState::setLayer(int layer)
{
    change([&](View &view) { view.layer = layer; });
}

void ViewState::setMap(MapKind map, int head)
{
    change([&](View &view) {
        view.map = map;
        view.head = head;
    });
}

void ViewState::setQuery(int query) { setCell(query, m_view.key); }

void ViewState::setCell(int query, int key)
{
    change([&](View &view) {
        view.query = query;
        view.key = key;
    });
}

void ViewState::proposeCell(int query, int key)
{
    propose([&](View &view) {
        view.query = query;
        view.key = key;
    });
}

void ViewState::setLogarithmic(bool logarithmic)
{
    change([&](View &view) {
        view.logarithmic = logarithmic;
        view.limitsOf(view.map).reset(); // a linear scale may start at 0, which a logarithmic one cannot show
    });
}

void ViewState::setOverlay(bool overlay)
{
    change([&](View &view) { view.overlay = overlay; });
}

void ViewState::setColours(std::optional<ColourMapName> colours)
{
    change([&](View &view) { view.colours = colours; });
}

void ViewState::setLimits(MapKind kind, std::optional<Limits> limits)
{
    change([&](View &view) { view.limitsOf(kind) = limits; });
}

void ViewState::clearLimits()
{
    change([&](View &view) { view.limits = {}; });
}

void ViewState::setSides(const QString &a, const QString &b)
{
    change([&](View &view) {
        view.sideA = a;
        view.sideB = b;
    });
}

void ViewState::proposeSides(const QString &a, const QString &b)
{
    propose([&](View &view) {
        view.sideA = a;
        view.sideB = b;
    });
}

void ViewState::swapSides() { setSides(m_view.sideB, m_view.sideA); }

void ViewState::setCompared(const QStringList &folders)
{
    change([&](View &view) { view.compared = folders; });
}

void ViewState::setCompareBy(XAxis axis)
{
    change([&](View &view) { view.compareBy = axis; });
}

void ViewState::setDifferenceLimit(std::optional<double> limit)
{
    change([&](View &view) { view.differenceLimit = limit; });
}

void ViewState::setWindow(std::optional<MapWindow> window)
{
    change([&](View &view) { view.window = window; });
}

} // namespace sparsescope
