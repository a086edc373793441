#pragma once

#include "core/base/maps.h"
#include "core/base/snapshot.h"
#include "widgets/plots/heatmap_image.h"
#include "widgets/style/tokens.h"

#include <QString>

#include <memory>
#include <optional>
#include <vector>

namespace sparsescope {

enum class DifferenceKind { Attention, Selection };

struct DifferenceRequest {
    std::shared_ptr<const Snapshot> a, b;
    int layer = 0;
    DifferenceKind kind = DifferenceKind::Attention;
    std::optional<double> limit; ///< locked, to both sides of zero
    Theme theme = Theme::Light;
    bool operator==(const DifferenceRequest &) const = default;
};

/// A - B of one layer on one text: attention that ran, mean over the heads; or 1 where only A reads the key, -1 where only B does.
struct DifferencePicture {
    DifferenceRequest request;
    Map a, b, difference;
    ColourScale scale; ///< symmetric
    std::vector<MapLevel> levels;
    double meanMagnitude = 0; ///< over the visible pairs
};

/// Why two snapshots have no difference, in words; empty: they have one.
QString whyNoDifference(const Snapshot &a, const Snapshot &b, int layer);
/// Pure. The snapshots must have one.
DifferencePicture differencePicture(const DifferenceRequest &request);

} // namespace sparsescope
