#pragma once

#include "core/base/snapshot.h"
#include "widgets/plots/thumbnail.h"
#include "widgets/state/view_state.h"
#include "widgets/style/colour_maps.h"

#include <QImage>

#include <memory>
#include <optional>
#include <vector>

/// What the Atlas computes off the GUI thread: all maps of all layers as thumbnails, and each layer's numbers.
namespace sparsescope {

struct AtlasRequest {
    std::shared_ptr<const Snapshot> snapshot;
    std::shared_ptr<const Snapshot> previous; ///< for the churn; may be null
    int side = 79;                            ///< room for a thumbnail in device pixels
    std::vector<int> first;                   ///< layers in sight, computed before the others
    std::optional<Limits> termLimits, attentionLimits;
    Theme theme = Theme::Light;
    int tag = 0; ///< the asker's own; comes back unchanged
    bool operator==(const AtlasRequest &) const = default;
};

/// One layer, computed once for a snapshot and a size.
struct AtlasLayer {
    std::vector<Map> terms;         ///< [HI] largest magnitude
    std::vector<Map> attention;     ///< [H] mass per pixel
    std::vector<StateCounts> mask;  ///< [side x side]; empty without a selection
    std::vector<double> headShare;  ///< [HI] share of sum |term| over all visible pairs
    std::optional<double> massKept; ///< mean over rows t >= k, as SelectionMetrics has it
    std::optional<double> massKeptChance;
    std::optional<double> kl; ///< nats: KL(p, softmax I) over what the attention that ran could read, mean over rows
};

struct AtlasImages {
    QImage mask; ///< null without a selection
    std::vector<QImage> terms, attention;
};

struct AtlasPicture {
    AtlasRequest request;
    std::vector<std::shared_ptr<const AtlasLayer>> layers; ///< null: not computed yet
    std::vector<std::optional<double>> churn;
    std::vector<AtlasImages> images;
    ColourScale termScale, attentionScale; ///< one limit per kind across all thumbnails
    int pixels = 0;                        ///< side of the images, before they are drawn at thumbnailSide()
    bool complete = false;                 ///< false: ask again for the rest
};

/// Computes a few layers a call and says whether that was all, so that a newer request never waits for more than these.
/// For one thread (which starts helpers for the layers of one call).
class AtlasMaker {
public:
    AtlasPicture make(const AtlasRequest &request);

private:
    std::vector<int> missingLayers(const AtlasRequest &request) const;

    std::shared_ptr<const Snapshot> m_snapshot;
    int m_side = 0;
    std::vector<std::shared_ptr<const AtlasLayer>> m_layers;
};

/// One layer with thumbnails of at most `side` pixels.
AtlasLayer makeAtlasLayer(const Snapshot &snapshot, std::size_t layer, int side);

} // namespace sparsescope
