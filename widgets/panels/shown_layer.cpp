#include "widgets/panels/shown_layer.h"

#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QStringList>

#include <algorithm>
#include <iterator>
#include <tuple>

namespace sparsescope {

namespace {

std::pair<MapKind, int> mapShown(const LayerSnapshot &layer, const View &view)
{
    if (view.map != MapKind::Attention && !layer.hasIndexer()) {
        return {MapKind::Attention, -1};
    }
    if (view.map == MapKind::Mask && !layer.hasSelection()) {
        return {MapKind::IndexScore, -1};
    }
    switch (view.map) {
    case MapKind::IndexScore:
    case MapKind::Mask:
        return {view.map, -1};
    case MapKind::IndexTerm:
        return {view.map, std::clamp(view.head, 0, layer.indexHeads - 1)};
    case MapKind::Attention:
        return {view.map, std::clamp(view.head, -1, layer.heads - 1)};
    }
    return {MapKind::Attention, -1};
}

} // namespace

std::int64_t shownStep(const RunData *run, const View &view)
{
    if (run == nullptr || run->snapshotSteps().empty()) {
        return -1;
    }
    const auto &steps = run->snapshotSteps();
    if (view.followLive || view.step < 0) {
        return steps.back();
    }
    const auto after = std::upper_bound(steps.begin(), steps.end(), view.step);
    return after == steps.begin() ? steps.front() : *std::prev(after);
}

std::int64_t stepBefore(const RunData *run, std::int64_t step)
{
    if (run == nullptr) {
        return -1;
    }
    const auto &steps = run->snapshotSteps();
    const auto at = std::lower_bound(steps.begin(), steps.end(), step);
    return at == steps.begin() ? -1 : *std::prev(at);
}

MapRequest requestFor(std::shared_ptr<const Snapshot> snapshot, const View &view)
{
    MapRequest request;
    request.layer = std::clamp(view.layer, 0, static_cast<int>(snapshot->layers.size()) - 1);
    std::tie(request.kind, request.head) = mapShown(snapshot->layers[static_cast<std::size_t>(request.layer)], view);
    request.logarithmic = view.logarithmic;
    request.colours = view.colours;
    request.limits = view.limitsOf(request.kind);
    request.theme = currentTheme();
    request.snapshot = std::move(snapshot);
    return request;
}

int firstQuery(const Snapshot &snapshot)
{
    for (int t = snapshot.length() - 1; t >= 0; --t) {
        if (t < static_cast<int>(snapshot.needed.size()) && !snapshot.needed[static_cast<std::size_t>(t)].empty()) {
            return t;
        }
    }
    return snapshot.length() - 1;
}

QString cursorText(const LayerPicture &picture, const View &view, const Hover &hover)
{
    const MapRequest &request = picture.request;
    const bool asMask = view.inspect == InspectView::Atlas && request.kind == MapKind::IndexScore && picture.mask;
    QString map = asMask ? mapTitle(MapKind::Mask, -1) : mapTitle(request.kind, request.head);
    map[0] = map[0].toLower();
    QStringList parts{QStringLiteral("Layer %1").arg(picture.layer().layer), map};
    const auto position = [&request](const QString &name, int at) {
        const auto &words = request.snapshot->words;
        return at < static_cast<int>(words.size())
                   ? QStringLiteral("%1 %2 “%3”").arg(name).arg(at).arg(shownToken(words[static_cast<std::size_t>(at)]))
                   : QStringLiteral("%1 %2").arg(name).arg(at);
    };
    if (const int query = hover.query >= 0 ? hover.query : view.query; query >= 0) {
        parts << position(QStringLiteral("query"), query);
    }
    if (const int key = hover.query >= 0 ? hover.key : view.key; key >= 0) {
        parts << position(QStringLiteral("key"), key);
    }
    return parts.join(QStringLiteral(" · "));
}

} // namespace sparsescope
