#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

/// Arrays of fp32 times one number that is on the device, rounded to another type.
namespace dsa::launch::scaled_copy {

enum class Type { Float, Half, BFloat16 };

struct Array {
    const float *from = nullptr; ///< on 16 bytes
    void *to = nullptr;          ///< on 16 bytes, of `type`
    std::int64_t elements = 0;
    Type type = Type::Float;
};

constexpr int kMostArrays = 3;

struct Params {
    Array arrays[kMostArrays];     ///< those behind the last have no elements
    const float *factor = nullptr; ///< one number
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// All arrays at once. Asynchronous on `stream`; two runs give the same bits.
cudaError_t launch(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::scaled_copy
