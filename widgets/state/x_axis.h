#pragma once

namespace sparsescope {

/// What a curve is drawn over.
enum class XAxis { Step, Tokens, Time, Flops };
inline constexpr int kXAxes = 4;

} // namespace sparsescope
