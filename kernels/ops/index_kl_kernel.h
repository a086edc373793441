#pragma once

#include "kernels/ops/dsa.h"

namespace dsa {

/// Null when the loss kernel takes it, else why not. qi [B,T,Hi,Di], ki [B,S,Di], q [B,H,T,D].
const char *indexKlRefusal(const Tensor &qi, const Tensor &ki, const Tensor &q);

} // namespace dsa
