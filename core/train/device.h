#pragma once

#include "core/train/train_run.h"
#include "kernels/ops/dsa.h"

#include <ATen/core/Tensor.h>

namespace sparsescope {

/// "auto", "cpu", "cuda", "cuda:1" as a device; throws Failure naming the word, what this machine has and what is allowed.
at::Device resolveDevice(const std::string &device);
/// What training.kernels lets operations take.
dsa::KernelUse kernelUse(Kernels kernels);
/// Bytes in use by this process on the device (allocator peak on CUDA, resident set on the CPU).
double deviceMemory(const at::Device &device);
double hostMemory();
/// Has memory run out, of the card or of this computer?
bool isOutOfMemory(const std::exception &error);
/// What was asked for, how much there is and who has it, as far as the allocator says so.
std::string memoryText(const std::exception &error);

} // namespace sparsescope
