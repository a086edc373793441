#pragma once

#include <string>

/// Door: makes the first step of the first run as quick as the later ones.
namespace sparsescope {

/// Trains a very small model for two steps and throws it away: libraries are read in, kernels and thread pools made. Takes from
/// one to four seconds, writes nothing. For a thread that the window does not wait for. Throws Failure when `device` cannot be had.
void warmUpEngine(const std::string &device);

} // namespace sparsescope
