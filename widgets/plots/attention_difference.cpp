#include "widgets/plots/attention_difference.h"

#include <cmath>
#include <limits>

namespace sparsescope {

namespace {

/// 1 for a key that the layer may read, else 0: every visible one where nothing is selected.
Map readMap(const Snapshot &snapshot, int layer)
{
    const LayerSnapshot &part = snapshot.layers[static_cast<std::size_t>(layer)];
    const int length = snapshot.length();
    const bool selects = snapshot.sparse && part.hasSelection();
    Map map{length, length, std::vector<float>(static_cast<std::size_t>(length) * length)};
    for (int t = 0; t < length; ++t) {
        for (int s = 0; s < length; ++s) {
            map.values[static_cast<std::size_t>(t) * length + s] =
                s > t                                        ? std::numeric_limits<float>::quiet_NaN()
                : !selects || part.isSelected(t, s, length) ? 1.0F
                                                             : 0.0F;
        }
    }
    return map;
}

Map mapOf(const Snapshot &snapshot, int layer, DifferenceKind kind)
{
    return kind == DifferenceKind::Selection
               ? readMap(snapshot, layer)
               : attentionMap(snapshot.layers[static_cast<std::size_t>(layer)], snapshot.length(), snapshot.scale, -1);
}

} // namespace

QString whyNoDifference(const Snapshot &a, const Snapshot &b, int layer)
{
    if (a.tokens != b.tokens) {
        return QStringLiteral("A and B looked at different probe texts. Give both experiments the same probe.text.");
    }
    const auto layers = static_cast<int>(std::min(a.layers.size(), b.layers.size()));
    if (layer >= layers) {
        return QStringLiteral("Only one side has a layer %1: the other ends at layer %2.").arg(layer).arg(layers - 1);
    }
    return {};
}

DifferencePicture differencePicture(const DifferenceRequest &request)
{
    DifferencePicture picture;
    picture.request = request;
    picture.a = mapOf(*request.a, request.layer, request.kind);
    picture.b = mapOf(*request.b, request.layer, request.kind);
    picture.difference = picture.a;
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < picture.a.values.size(); ++i) {
        float &value = picture.difference.values[i];
        value -= picture.b.values[i];
        if (std::isfinite(value)) {
            sum += std::abs(value);
            ++count;
        }
    }
    picture.meanMagnitude = count > 0 ? sum / static_cast<double>(count) : 0;
    picture.scale = suitableScale(picture.difference, ColourMapName::Diverging, false, true, 0);
    if (request.limit) {
        picture.scale.high = *request.limit;
        picture.scale.low = -*request.limit;
    }
    picture.levels =
        mapLevels(picture.difference, Reducer::LargestMagnitude, picture.scale, tokens(request.theme));
    return picture;
}

} // namespace sparsescope
