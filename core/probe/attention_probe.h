#pragma once

#include "core/base/snapshot.h"
#include "core/data/data_source.h"
#include "core/model/transformer.h"

#include <string>

namespace sparsescope {

/// What names a snapshot: the run, the moment and the attention that runs there.
struct ProbeMoment {
    std::string run;
    std::int64_t step = 0;
    std::string stage;
    bool sparse = false;
    std::string selector;
};

/// Runs the model on the probe text once and factors what every layer saw into a snapshot (CONTRACTS.md 5), in fp32.
/// Trains nothing and counts no router load. `model` must be on `device`; `pager` brings the weights of a hollow one.
/// `onlyLayer`: the snapshot holds this layer alone, and none behind it runs; -1: all.
Snapshot takeSnapshot(Transformer &model, const Probe &probe, const ProbeMoment &moment, const at::Device &device,
                      WeightPager *pager = nullptr, int onlyLayer = -1);

} // namespace sparsescope
