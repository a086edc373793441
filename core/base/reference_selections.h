#pragma once

#include "core/base/snapshot.h"

#include <cstdint>
#include <random>
#include <vector>

/// Selections that look at no content: what a trained indexer is held against. Every query t takes min(k, t+1) visible keys.
namespace sparsescope {

/// `count` different keys of 0 .. keys-1 into the first places of `pool`: a shuffle that stops early.
void drawKeys(std::mt19937_64 &random, int keys, int count, std::vector<int> &pool);

/// The layer with its selection replaced by the newest keys, or by random ones from a seed. Scores and attention stay.
LayerSnapshot withNewestKeys(LayerSnapshot layer, int length, std::int64_t topK);
LayerSnapshot withRandomKeys(LayerSnapshot layer, int length, std::int64_t topK, std::uint64_t seed = 0);

} // namespace sparsescope
