#pragma once

#include "core/base/maps.h"
#include "core/base/selection_metrics.h"
#include "core/base/snapshot.h"
#include "widgets/plots/heatmap_image.h"
#include "widgets/state/view_state.h"

#include <QString>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

/// What the Inspect page computes off the GUI thread: the pictures of one layer and the row of one query.
namespace sparsescope {

struct MapRequest {
    std::shared_ptr<const Snapshot> snapshot;
    std::shared_ptr<const Snapshot> previous; ///< for the churn; may be null
    int layer = 0;
    MapKind kind = MapKind::IndexScore;
    int head = -1; ///< indexer head of a term; attention head, -1: mean
    bool logarithmic = true;
    std::optional<ColourMapName> colours; ///< none: those of the kind; signed terms always have the diverging ones
    std::optional<Limits> limits;         ///< locked ones
    Theme theme = Theme::Light;
    int tag = 0; ///< the asker's own; comes back unchanged
    bool operator==(const MapRequest &) const = default;
};

/// Everything that is painted of one layer, ready.
struct LayerPicture {
    MapRequest request;
    /// False: the map is here, mask and statistics of this layer are still to come; ask again.
    bool complete = true;
    std::shared_ptr<const Map> values; ///< of the mask: the index scores it was made from
    ColourScale scale;
    Reducer reducer = Reducer::Maximum;
    std::vector<MapLevel> valueLevels;
    std::shared_ptr<const MaskMap> mask; ///< null: no selection
    std::vector<MapLevel> maskLevels;
    std::vector<float> columnShare; ///< [S] share of the rows t >= max(k, s) that choose key s; NaN: no such row
    std::optional<SelectionMetrics> metrics;
    DistanceProfile distance;
    std::optional<double> churn;
    std::optional<double> agreement; ///< with the layer before
    int futureSelected = 0;          ///< pairs that look into the future: a fault
    int firstFaultyQuery = -1, firstFaultyKey = -1;

    const LayerSnapshot &layer() const { return request.snapshot->layers[static_cast<std::size_t>(request.layer)]; }
    int length() const { return request.snapshot->length(); }
};

/// "Index score, all heads", "Index head 2, signed term", "Attention weight, mean of heads", ...
QString mapTitle(MapKind kind, int head);

/// Keeps the maps of its last answer, so that new limits, colours or themes only colour again. For one thread.
class PictureMaker {
public:
    /// A large map comes first without its mask, so that it is on screen early. Throws Failure when the layer or head does
    /// not exist in the snapshot.
    LayerPicture make(const MapRequest &request);

private:
    struct Key {
        std::shared_ptr<const Snapshot> snapshot;
        int layer = -1;
        MapKind kind = MapKind::IndexScore;
        int head = -1;
        bool operator==(const Key &) const = default;
    };
    /// What a layer has whatever map of it is shown.
    struct LayerParts {
        std::shared_ptr<const MaskMap> mask; ///< null: no selection
        std::vector<float> columnShare;
        std::optional<SelectionMetrics> metrics;
        DistanceProfile distance;
        std::optional<double> agreement;
    };
    void makeValues(const MapRequest &request, const LayerSnapshot &layer);
    void makeParts(const MapRequest &request, const LayerSnapshot &layer);

    Key m_valuesKey, m_partsKey;
    std::shared_ptr<const Map> m_values;
    LayerParts m_parts;
};

struct RowRequest {
    std::shared_ptr<const Snapshot> snapshot;
    int layer = 0;
    int query = 0;
    int head = -1; ///< whose attention the answer's `attention` is; -1: mean
    bool operator==(const RowRequest &) const = default;
};

/// One query in words and numbers: what token strip, row inspector and tooltip show.
struct RowAnswer {
    RowRequest request;
    QueryRow row;
    std::vector<float> attention; ///< [t+1] dense attention of the head that was asked for
    std::vector<int> order;       ///< [t+1] keys by falling score (without an indexer: attention), ties by position
    int selected = 0;             ///< visible keys that were selected
    bool hasSelection = false, hasIndexer = false;
    std::optional<double> massKept, randomKeys;
    int topKeys = 0; ///< min(k, t+1)
    int needed = 0;  ///< of the dense top-k, selected
    int missed = 0;
    double missedMass = 0;
    int taskNeeded = 0, taskNeededSelected = 0; ///< known needed keys of the task
    /// 1 = highest score (ties share the best rank of theirs); 0 when there is no indexer.
    int rankOf(int key) const;
};
RowAnswer makeRow(const RowRequest &request);

} // namespace sparsescope
