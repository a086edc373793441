#include "core/base/reference_selections.h"

#include <algorithm>
#include <utility>

namespace sparsescope {
namespace {

std::size_t wordsOf(int length) { return (static_cast<std::size_t>(length) + 63) / 64; }

void select(LayerSnapshot &layer, int length, int t, int s)
{
    layer.selected[static_cast<std::size_t>(t) * wordsOf(length) + static_cast<std::size_t>(s) / 64] |= std::uint64_t{1}
                                                                                                        << (s % 64);
}

} // namespace

void drawKeys(std::mt19937_64 &random, int keys, int count, std::vector<int> &pool)
{
    pool.resize(static_cast<std::size_t>(keys));
    for (int s = 0; s < keys; ++s)
        pool[static_cast<std::size_t>(s)] = s;
    for (int i = 0; i < count; ++i) {
        const int j = i + static_cast<int>(random() % static_cast<std::uint64_t>(keys - i));
        std::swap(pool[static_cast<std::size_t>(i)], pool[static_cast<std::size_t>(j)]);
    }
}

LayerSnapshot withNewestKeys(LayerSnapshot layer, int length, std::int64_t topK)
{
    layer.selected.assign(static_cast<std::size_t>(length) * wordsOf(length), 0);
    for (int t = 0; t < length; ++t) {
        for (int s = static_cast<int>(std::max<std::int64_t>(0, t + 1 - topK)); s <= t; ++s)
            select(layer, length, t, s);
    }
    return layer;
}

LayerSnapshot withRandomKeys(LayerSnapshot layer, int length, std::int64_t topK, std::uint64_t seed)
{
    layer.selected.assign(static_cast<std::size_t>(length) * wordsOf(length), 0);
    std::mt19937_64 random(seed);
    std::vector<int> pool;
    for (int t = 0; t < length; ++t) {
        const int count = static_cast<int>(std::min<std::int64_t>(topK, t + 1));
        drawKeys(random, t + 1, count, pool);
        for (int i = 0; i < count; ++i)
            select(layer, length, t, pool[static_cast<std::size_t>(i)]);
    }
    return layer;
}

} // namespace sparsescope
