#pragma once

#include "core/base/snapshot.h"
#include "tests/widgets/sample_snapshot.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

/// What benchmarks look at: the time does not depend on the values.
namespace sparsescope {

/// Random factors: 8 attention heads of 32, 4 indexer heads of 64.
inline std::shared_ptr<Snapshot> randomSnapshot(int length, int layers, int topK)
{
    auto made = std::make_shared<Snapshot>();
    made->run = "random";
    made->step = 100;
    made->sparse = true;
    made->scale = 1 / std::sqrt(32.0);
    made->topK = topK;
    made->tokens.assign(static_cast<std::size_t>(length), 1);
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    const auto fill = [&](auto &values, std::size_t count, auto convert) {
        values.resize(count);
        std::generate(values.begin(), values.end(), [&] { return convert(normal(random)); });
    };
    const auto asIs = [](float value) { return value; };
    for (int index = 0; index < layers; ++index) {
        LayerSnapshot layer;
        layer.layer = index;
        layer.heads = layer.kvHeads = 8;
        layer.headDim = 32;
        layer.indexHeads = 4;
        layer.indexDim = 64;
        const auto n = static_cast<std::size_t>(length);
        fill(layer.q, 8 * n * 32, floatToHalf);
        fill(layer.k, 8 * n * 32, floatToHalf);
        fill(layer.indexQ, n * 4 * 64, asIs);
        fill(layer.indexK, n * 64, asIs);
        fill(layer.indexW, n * 4, asIs);
        sample::detail::select(layer, length, topK);
        layer.lse.assign(8 * n, 3.0F); // not normalised: the time is the same
        layer.lseDense.assign(8 * n, 4.0F);
        made->layers.push_back(std::move(layer));
    }
    return made;
}

} // namespace sparsescope
