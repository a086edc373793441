#include "widgets/plots/map_worker.h"

#include "core/base/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sparsescope {

namespace {

constexpr double kScoreFloor = 0.1; // of the logarithmic scale
constexpr double kWeightFloor = 1e-3;
constexpr int kAtOnceUpTo = 512; // queries; a longer map comes before its mask

const LayerSnapshot &layerOf(const Snapshot &snapshot, int layer)
{
    if (layer < 0 || layer >= static_cast<int>(snapshot.layers.size())) {
        throw Failure({"no such layer in the snapshot", "layer", std::to_string(layer),
                       "0 to " + std::to_string(static_cast<int>(snapshot.layers.size()) - 1), ""});
    }
    return snapshot.layers[static_cast<std::size_t>(layer)];
}

void checkHead(int head, int low, int count)
{
    if (head < low || head >= count) {
        throw Failure({"no such head in the snapshot", "head", std::to_string(head),
                       std::to_string(low) + " to " + std::to_string(count - 1), ""});
    }
}

Map valuesOf(const MapRequest &request, const LayerSnapshot &layer)
{
    const int length = request.snapshot->length();
    switch (request.kind) {
    case MapKind::IndexScore:
        checkHead(0, 0, layer.indexHeads);
        return indexScoreMap(layer, length);
    case MapKind::IndexTerm:
        checkHead(request.head, 0, layer.indexHeads);
        return indexTermMap(layer, length, request.head);
    case MapKind::Attention:
        checkHead(request.head, -1, layer.heads);
        return attentionMap(layer, length, request.snapshot->scale, request.head);
    case MapKind::Mask:
        return indexScoreMap(layer, length);
    }
    return {};
}

ColourScale makeScale(const MapRequest &request, const Map &values)
{
    ColourScale scale;
    switch (request.kind) {
    case MapKind::IndexScore:
    case MapKind::Mask:
        scale = suitableScale(values, request.colours.value_or(ColourMapName::Cividis), request.logarithmic, false,
                              kScoreFloor);
        break;
    case MapKind::IndexTerm:
        scale = suitableScale(values, ColourMapName::Diverging, false, true, 0);
        break;
    case MapKind::Attention:
        scale = suitableScale(values, request.colours.value_or(ColourMapName::Viridis), request.logarithmic, false,
                              kWeightFloor);
        break;
    }
    if (request.limits) {
        scale.low = request.limits->first;
        scale.high = request.limits->second;
        // As they were locked: what this snapshot alone would ask for does not matter.
        scale.logarithmic = request.logarithmic && request.kind != MapKind::IndexTerm && scale.low > 0;
    }
    return scale;
}

Reducer reducerOf(MapKind kind)
{
    switch (kind) {
    case MapKind::IndexScore:
    case MapKind::Mask:
        return Reducer::Maximum;
    case MapKind::IndexTerm:
        return Reducer::LargestMagnitude;
    case MapKind::Attention:
        return Reducer::Sum;
    }
    return Reducer::Maximum;
}

bool isSelectedState(KeyState state)
{
    return state == KeyState::SelectedNeeded || state == KeyState::SelectedLittle || state == KeyState::FutureSelected;
}

/// Over the rows in which the key competed: t >= k, and visible.
std::vector<float> shareOfRows(const MaskMap &mask, std::int64_t topK)
{
    std::vector<float> share(static_cast<std::size_t>(mask.columns));
    for (int s = 0; s < mask.columns; ++s) {
        int chosen = 0, rows = 0;
        for (int t = std::max(s, static_cast<int>(std::min<std::int64_t>(topK, mask.rows))); t < mask.rows; ++t) {
            ++rows;
            chosen += isSelectedState(mask.at(t, s)) ? 1 : 0;
        }
        share[static_cast<std::size_t>(s)] =
            rows > 0 ? static_cast<float>(chosen) / static_cast<float>(rows) : std::numeric_limits<float>::quiet_NaN();
    }
    return share;
}

void countFaults(const MaskMap &mask, LayerPicture &picture)
{
    for (int t = 0; t < mask.rows; ++t) {
        for (int s = t + 1; s < mask.columns; ++s) {
            if (mask.at(t, s) == KeyState::FutureSelected) {
                ++picture.futureSelected;
                if (picture.firstFaultyQuery < 0) {
                    picture.firstFaultyQuery = t;
                    picture.firstFaultyKey = s;
                }
            }
        }
    }
}

} // namespace

QString mapTitle(MapKind kind, int head)
{
    switch (kind) {
    case MapKind::IndexScore:
        return QStringLiteral("Indexer score, all heads");
    case MapKind::IndexTerm:
        return QStringLiteral("Indexer head %1, signed term").arg(head);
    case MapKind::Attention:
        return head < 0 ? QStringLiteral("Attention weight, mean of heads")
                        : QStringLiteral("Attention weight, head %1").arg(head);
    case MapKind::Mask:
        return QStringLiteral("Selection mask");
    }
    return {};
}

void PictureMaker::makeValues(const MapRequest &request, const LayerSnapshot &layer)
{
    const MapKind kind = request.kind == MapKind::Mask ? MapKind::IndexScore : request.kind;
    if (const Key key{request.snapshot, request.layer, kind, request.head}; !m_values || key != m_valuesKey) {
        m_values = std::make_shared<const Map>(valuesOf(request, layer));
        m_valuesKey = key;
    }
}

void PictureMaker::makeParts(const MapRequest &request, const LayerSnapshot &layer)
{
    const Snapshot &snapshot = *request.snapshot;
    const auto index = static_cast<std::size_t>(request.layer);
    const Map dense = denseAttentionMap(layer, snapshot.length(), snapshot.scale, -1);
    m_parts = {};
    m_parts.distance = distanceProfile(layer, dense, snapshot.topK);
    if (layer.hasSelection()) {
        m_parts.mask = std::make_shared<const MaskMap>(maskMap(layer, dense, snapshot.topK));
        m_parts.columnShare = shareOfRows(*m_parts.mask, snapshot.topK);
        const bool scoresAreHere = m_valuesKey.kind == MapKind::IndexScore;
        const Map scores = layer.threshold.empty() ? Map()
                           : scoresAreHere         ? *m_values
                                                   : indexScoreMap(layer, snapshot.length());
        m_parts.metrics = selectionMetrics(snapshot, index, dense, scores);
        if (index > 0) {
            m_parts.agreement = agreement(snapshot, index, index - 1);
        }
    }
    m_partsKey = {request.snapshot, request.layer};
}

LayerPicture PictureMaker::make(const MapRequest &request)
{
    const Snapshot &snapshot = *request.snapshot;
    const LayerSnapshot &layer = layerOf(snapshot, request.layer);
    LayerPicture picture;
    picture.request = request;
    const bool partsAreHere = Key{request.snapshot, request.layer} == m_partsKey;
    const Map *before = m_values.get();
    makeValues(request, layer);
    picture.values = m_values;
    picture.reducer = reducerOf(request.kind);
    picture.scale = makeScale(request, *m_values);
    picture.valueLevels = mapLevels(*m_values, picture.reducer, picture.scale, tokens(request.theme));
    if (!partsAreHere && m_values.get() != before && snapshot.length() > kAtOnceUpTo) {
        picture.complete = false;
        return picture;
    }
    if (!partsAreHere) {
        makeParts(request, layer);
    }
    picture.mask = m_parts.mask;
    picture.columnShare = m_parts.columnShare;
    picture.metrics = m_parts.metrics;
    picture.distance = m_parts.distance;
    picture.agreement = m_parts.agreement;
    if (!picture.mask) {
        return picture;
    }
    picture.maskLevels = maskLevels(*picture.mask, tokens(request.theme));
    if (request.previous && request.layer < static_cast<int>(request.previous->layers.size())) {
        picture.churn = churn(snapshot, *request.previous, static_cast<std::size_t>(request.layer));
    }
    countFaults(*picture.mask, picture);
    return picture;
}

int RowAnswer::rankOf(int key) const
{
    if (!hasIndexer || key < 0 || key >= static_cast<int>(row.score.size())) {
        return 0;
    }
    const float score = row.score[static_cast<std::size_t>(key)];
    return 1 + static_cast<int>(
                   std::count_if(row.score.begin(), row.score.end(), [score](float other) { return other > score; }));
}

RowAnswer makeRow(const RowRequest &request)
{
    const Snapshot &snapshot = *request.snapshot;
    const LayerSnapshot &layer = layerOf(snapshot, request.layer);
    if (request.query < 0 || request.query >= snapshot.length()) {
        throw Failure({"no such query in the snapshot", "query", std::to_string(request.query),
                       "0 to " + std::to_string(snapshot.length() - 1), ""});
    }
    RowAnswer answer;
    answer.request = request;
    answer.hasSelection = layer.hasSelection();
    answer.hasIndexer = layer.hasIndexer();
    answer.row = queryRow(layer, snapshot.length(), snapshot.scale, snapshot.topK, request.query);
    answer.attention = request.head < 0 ? answer.row.attention
                                        : attentionRow(layer, snapshot.length(), snapshot.scale, request.query,
                                                       std::min(request.head, layer.heads - 1));
    const std::vector<float> &worth = answer.hasIndexer ? answer.row.score : answer.row.attention;
    answer.order.resize(worth.size());
    std::iota(answer.order.begin(), answer.order.end(), 0);
    std::stable_sort(answer.order.begin(), answer.order.end(), [&worth](int a, int b) {
        return worth[static_cast<std::size_t>(a)] > worth[static_cast<std::size_t>(b)];
    });
    const int visible = request.query + 1;
    answer.topKeys = static_cast<int>(std::min<std::int64_t>(snapshot.topK, visible));
    if (!answer.hasSelection) {
        return answer;
    }
    double kept = 0;
    for (int s = 0; s < visible; ++s) {
        const KeyState state = answer.row.state[static_cast<std::size_t>(s)];
        const double mass = answer.row.attention[static_cast<std::size_t>(s)];
        kept += isSelectedState(state) ? mass : 0;
        answer.selected += isSelectedState(state) ? 1 : 0;
        answer.needed += state == KeyState::SelectedNeeded ? 1 : 0;
        if (state == KeyState::Missed) {
            ++answer.missed;
            answer.missedMass += mass;
        }
    }
    answer.massKept = kept;
    answer.randomKeys = static_cast<double>(answer.topKeys) / visible;
    if (request.query < static_cast<int>(snapshot.needed.size())) {
        for (const int key : snapshot.needed[static_cast<std::size_t>(request.query)]) {
            ++answer.taskNeeded;
            answer.taskNeededSelected +=
                key >= 0 && key < visible && layer.isSelected(request.query, key, snapshot.length()) ? 1 : 0;
        }
    }
    return answer;
}

} // namespace sparsescope
