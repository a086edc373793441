#pragma once

#include <cuda_runtime_api.h>

#include <string>

namespace dsa::launch {

/// What the compiler made of a kernel; benchmarks print it.
struct KernelInfo {
    std::string name;
    int registers = 0;            ///< a thread
    std::size_t spilledBytes = 0; ///< a thread, in local memory
    std::size_t sharedBytes = 0;  ///< a block, static and dynamic
    bool hopper = false;          ///< runs on sm_90 alone
};

} // namespace dsa::launch
