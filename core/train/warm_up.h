#pragma once

#include "core/base/cost_model.h"

#include <string>

/// Door: makes the first step of the first run as quick as the later ones, and finds out how quick that is.
namespace sparsescope {

/// Trains two very small models for some steps and throws them away: libraries are read in, kernels and thread pools made.
/// Returns how fast that went. Takes from one to five seconds, writes nothing. For a thread that the window does not wait for.
/// Throws Failure when `device` cannot be had.
DeviceSpeed warmUpEngine(const std::string &device);

} // namespace sparsescope
