#pragma once

#include "kernels/ops/dsa.h"

/// Checks of values, switched on by dsa::set_value_checks. They run on the tensors' device without waiting for it, so what an
/// operation finds is thrown by the next one.
namespace dsa::checks {

/// Throws what earlier operations found; nothing while the checks are off.
void reportValues();
void noNan(const char *op, const char *name, const Tensor &x);
/// idx with what is not below `size` turned into -1 while the checks are on, idx itself otherwise.
Tensor indicesBelow(const char *op, const char *name, const Tensor &idx, std::int64_t size);

} // namespace dsa::checks
