#pragma once

#include "core/base/snapshot.h"

#include <nlohmann/json.hpp>

#include <QString>

namespace sparsescope {

/// What the file beside every figure of one snapshot says: title, run, step, stage, probe, selector, top_k.
nlohmann::ordered_json snapshotContext(const QString &title, const Snapshot &snapshot);

} // namespace sparsescope
