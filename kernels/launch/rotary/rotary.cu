#include "kernels/launch/rotary/rotary.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <limits>

namespace dsa::launch::rotary {

namespace {

constexpr int kThreads = 256;

__device__ float wide(float x) { return x; }
__device__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ float wide(__half x) { return __half2float(x); }
__device__ void store(float *to, float value) { *to = value; }
__device__ void store(__nv_bfloat16 *to, float value) { *to = __float2bfloat16(value); }
__device__ void store(__half *to, float value) { *to = __float2half(value); }

/// Where a row lies, and the angles of its position.
struct Row {
    unsigned place[3], position;

    __device__ Row(const Params &p, unsigned row)
    {
        place[2] = row % static_cast<unsigned>(p.sizes[2]);
        const unsigned rest = row / static_cast<unsigned>(p.sizes[2]);
        place[1] = rest % static_cast<unsigned>(p.sizes[1]);
        place[0] = rest / static_cast<unsigned>(p.sizes[1]);
        position = p.positionDim == 2 ? place[2] : p.positionDim == 1 ? place[1] : place[0];
    }
    __device__ std::int64_t offset(const std::int64_t (&strides)[3]) const { return place[0] * strides[0] + place[1] * strides[1] + place[2] * strides[2]; }
};

/// A thread rotates one pair, or copies one of the elements behind them.
template <class T>
__global__ void __launch_bounds__(kThreads) rotate(Params p, unsigned items, unsigned total)
{
    const unsigned thread = blockIdx.x * kThreads + threadIdx.x;
    if (thread >= total) {
        return;
    }
    const unsigned item = thread % items, pairs = static_cast<unsigned>(p.pairs);
    const Row row(p, thread / items);
    const T *x = static_cast<const T *>(p.x) + row.offset(p.strides);
    T *out = static_cast<T *>(p.out) + row.offset(p.outStrides);
    if (item >= pairs) {
        out[item + pairs] = x[item + pairs];
        return;
    }
    const float c = p.cos[row.position * pairs + item], s = p.inverse ? -p.sin[row.position * pairs + item] : p.sin[row.position * pairs + item];
    const unsigned first = p.interleaved ? 2 * item : item, second = p.interleaved ? first + 1 : item + pairs;
    const float a = wide(x[first]), b = wide(x[second]);
    store(out + first, a * c - b * s);
    store(out + second, b * c + a * s);
}

/// 16 bytes of a row.
template <class T>
struct alignas(16) Pack {
    static constexpr int kSize = 16 / sizeof(T);
    T values[kSize];
};

/// The same by whole packs: a thread rotates a pack against the one `pairs` further on (or, interleaved, within itself), or copies one.
template <class T>
__global__ void __launch_bounds__(kThreads) rotatePacks(Params p, unsigned items, unsigned total)
{
    constexpr unsigned kSize = Pack<T>::kSize;
    const unsigned thread = blockIdx.x * kThreads + threadIdx.x;
    if (thread >= total) {
        return;
    }
    const unsigned item = thread % items, pairs = static_cast<unsigned>(p.pairs), turning = pairs / kSize;
    const Row row(p, thread / items);
    const auto *x = reinterpret_cast<const Pack<T> *>(static_cast<const T *>(p.x) + row.offset(p.strides));
    auto *out = reinterpret_cast<Pack<T> *>(static_cast<T *>(p.out) + row.offset(p.outStrides));
    if (item >= (p.interleaved ? 2 * turning : turning)) {
        const unsigned place = p.interleaved ? item : item + turning;
        out[place] = x[place];
        return;
    }
    const float *cos = p.cos + row.position * pairs, *sin = p.sin + row.position * pairs;
    const float sign = p.inverse ? -1.0f : 1.0f;
    if (p.interleaved) {
        Pack<T> both = x[item];
#pragma unroll
        for (unsigned i = 0; i < kSize / 2; ++i) {
            const float a = wide(both.values[2 * i]), b = wide(both.values[2 * i + 1]);
            const float c = cos[item * (kSize / 2) + i], s = sign * sin[item * (kSize / 2) + i];
            store(both.values + 2 * i, a * c - b * s);
            store(both.values + 2 * i + 1, b * c + a * s);
        }
        out[item] = both;
        return;
    }
    Pack<T> first = x[item], second = x[item + turning];
#pragma unroll
    for (unsigned i = 0; i < kSize; ++i) {
        const float a = wide(first.values[i]), b = wide(second.values[i]);
        const float c = cos[item * kSize + i], s = sign * sin[item * kSize + i];
        store(first.values + i, a * c - b * s);
        store(second.values + i, b * c + a * s);
    }
    out[item] = first;
    out[item + turning] = second;
}

template <class T>
bool wholePacks(const Params &p)
{
    constexpr std::int64_t kSize = Pack<T>::kSize;
    const auto fits = [](const void *start, const std::int64_t(&strides)[3]) {
        return reinterpret_cast<std::uintptr_t>(start) % 16 == 0 && strides[0] % kSize == 0 && strides[1] % kSize == 0 && strides[2] % kSize == 0;
    };
    return p.pairs % kSize == 0 && p.width % kSize == 0 && fits(p.x, p.strides) && fits(p.out, p.outStrides);
}

template <class T>
cudaError_t launchRows(const Params &p, cudaStream_t stream)
{
    const bool packs = wholePacks<T>(p);
    const std::int64_t size = packs ? Pack<T>::kSize : 1, turned = packs && p.interleaved ? 0 : p.pairs;
    const std::int64_t items = (p.width - turned) / size, total = p.sizes[0] * p.sizes[1] * p.sizes[2] * items;
    if (total == 0) {
        return cudaSuccess;
    }
    const auto kernel = packs ? rotatePacks<T> : rotate<T>;
    kernel<<<static_cast<unsigned>((total + kThreads - 1) / kThreads), kThreads, 0, stream>>>(p, static_cast<unsigned>(items), static_cast<unsigned>(total));
    return cudaGetLastError();
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    const auto most = static_cast<double>(std::numeric_limits<std::int32_t>::max());
    if (p.sizes[0] < 0 || p.sizes[1] < 0 || p.sizes[2] < 0 || p.width < 0 || p.pairs < 0 || p.width < 2 * p.pairs) {
        reason = "a size is negative, or the width holds fewer than two elements a pair";
    } else if (static_cast<double>(p.sizes[0]) * p.sizes[1] * p.sizes[2] * p.width > most) {
        reason = "more than 2^31 - 1 elements";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launch(const Params &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    return p.type == Type::BFloat16 ? launchRows<__nv_bfloat16>(p, stream) : p.type == Type::Half ? launchRows<__half>(p, stream) : launchRows<float>(p, stream);
}

} // namespace dsa::launch::rotary
