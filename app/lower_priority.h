#pragma once

namespace sparsescope {

/// For the first line of a thread that computes beside the window. Threads that the engine starts from there inherit it.
/// Priorities of the standard library and of Qt do nothing on Linux.
void lowerPriority();

} // namespace sparsescope
