#pragma once

#include "core/base/fairness.h"
#include "core/data/data_source.h"
#include "core/model/transformer.h"

namespace sparsescope {

/// What a run begins with: its first 100 batches and its weights at step 0.
RunFingerprint fingerprintOf(const Parameters &atStart, const DataSource &data);

} // namespace sparsescope
