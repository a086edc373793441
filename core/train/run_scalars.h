#pragma once

#include "core/base/snapshot.h"
#include "core/train/evaluation.h"

#include <optional>
#include <string>
#include <vector>

/// Numbers of a run beside those of its steps and evaluations.
namespace sparsescope {

/// How much the selection changed between two snapshots: by layer, their mean, and what chance makes of it. Empty where no layer selects.
std::vector<Scalar> churnScalars(const Snapshot &now, const Snapshot &before);

/// Loss and accuracy of the model with other selectors in place of its own, which choose without having learnt; empty for a
/// model that does not select.
std::vector<Scalar> otherSelectorScalars(Transformer &model, const DataSource &data, const EvaluationOptions &options,
                                         const at::Device &device);

std::optional<double> findScalar(const std::vector<Scalar> &scalars, const std::string &metric);

} // namespace sparsescope
