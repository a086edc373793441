#pragma once

#include "kernels/ops/dsa.h"

namespace dsa {

/// reference::rotate by the CUDA kernel where it takes the inputs: x [...,T,D] with cos, sin [T,pairs], or [...,T,n,D] with
/// [T,1,pairs]. `inverse` rotates back.
Tensor rotated(const Tensor &x, const Tensor &cos, const Tensor &sin, RopeStyle style, bool inverse);
/// Null when the kernel takes it, else why not.
const char *rotaryRefusal(const Tensor &x, const Tensor &cos);

} // namespace dsa
