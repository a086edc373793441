#pragma once

#include "kernels/launch/kernel_info.h"

#include <cuda_runtime.h>

#include <cstdint>

/// What every launch does with the instantiation it picked: a struct with kernel, name, threads and dynamicBytes.
namespace dsa::launch {

constexpr std::size_t kFreeDynamicBytes = 32 * 1024; ///< with the static part within the 48 KiB that need no asking

template <class Choice, class Params>
cudaError_t launchChoice(const Choice &choice, std::int64_t blocks, const Params &params, cudaStream_t stream)
{
    if (choice.dynamicBytes > kFreeDynamicBytes) {
        const cudaError_t error = cudaFuncSetAttribute(choice.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(choice.dynamicBytes));
        if (error != cudaSuccess) {
            return error;
        }
    }
    choice.kernel<<<static_cast<unsigned>(blocks), choice.threads, choice.dynamicBytes, stream>>>(params);
    return cudaGetLastError();
}

template <class Choice>
cudaError_t describeChoice(const Choice &choice, KernelInfo &info)
{
    cudaFuncAttributes attributes{};
    const cudaError_t error = cudaFuncGetAttributes(&attributes, choice.kernel);
    info = {choice.name, attributes.numRegs, attributes.localSizeBytes, attributes.sharedSizeBytes + choice.dynamicBytes};
    return error;
}

} // namespace dsa::launch
