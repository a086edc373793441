#include "kernels/launch/gathered_attention/gathered_decode.h"

#include "kernels/launch/choice.cuh"

#include <algorithm>

namespace dsa::launch::gathered_attention {

namespace {

constexpr int kPlaceThreads = 256;
constexpr std::int64_t kHeadsPerBlock = 64;

/// Positions become rows of the cache, or -1; and up to which slot a list has any. A block a list.
__global__ void __launch_bounds__(kPlaceThreads) findPlaces(DecodeParams p)
{
    __shared__ int last;
    if (threadIdx.x == 0) {
        last = 0;
    }
    __syncthreads();
    const long long t = blockIdx.x;
    const std::int32_t *pages = p.table + t / p.queriesEach * p.pagesEach;
    int end = 0;
    for (int slot = threadIdx.x; slot < p.k; slot += kPlaceThreads) {
        const int position = __ldg(p.idx + t * p.k + slot);
        const int page = position >= 0 && position / kPageKeys < p.pagesEach ? __ldg(pages + position / kPageKeys) : -1;
        const bool isThere = page >= 0 && page < p.pageCount;
        p.places[t * p.k + slot] = isThere ? page * static_cast<int>(kPageKeys) + position % static_cast<int>(kPageKeys) : -1;
        end = isThere ? slot + 1 : end;
    }
    end = __reduce_max_sync(~0u, end);
    if (threadIdx.x % 32 == 0) {
        atomicMax(&last, end);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        p.slots[t] = last;
    }
}

Params attentionOf(const DecodeParams &p)
{
    Params a;
    a.q = p.q;
    a.kv = p.pages;
    a.idx = p.places;
    a.o = p.o;
    a.lse = p.lse;
    a.slots = p.slots;
    a.queries = p.batch * p.queriesEach;
    a.keys = p.pageCount * kPageKeys;
    a.heads = p.heads;
    a.width = p.width;
    a.valueWidth = p.valueWidth;
    a.k = p.k;
    a.scale = p.scale;
    std::copy_n(p.qStrides, 2, a.qStrides);
    std::copy_n(p.oStrides, 2, a.oStrides);
    return a;
}

} // namespace

bool supported(const DecodeParams &p, const char **why)
{
    const char *reason = nullptr;
    if (p.batch < 0 || p.queriesEach < 0 || p.pageCount < 0 || p.pagesEach < 0) {
        reason = "a size is negative";
    } else {
        supported(attentionOf(p), &reason);
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launchDecode(const DecodeParams &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const std::int64_t queries = p.batch * p.queriesEach, work = queries * ((p.heads + kHeadsPerBlock - 1) / kHeadsPerBlock);
    if (work == 0) {
        return cudaSuccess;
    }
    findPlaces<<<static_cast<unsigned>(queries), kPlaceThreads, 0, stream>>>(p);
    cudaError_t error = cudaGetLastError();
    int device = 0, processors = 1;
    if (error == cudaSuccess) {
        error = cudaGetDevice(&device);
    }
    if (error == cudaSuccess) {
        error = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
    }
    return error == cudaSuccess ? launchChoice(quantizedForwardChoice(), std::min<std::int64_t>(work, processors), attentionOf(p), stream) : error;
}

cudaError_t describeDecode(const DecodeParams &, KernelInfo &info)
{
    const cudaError_t error = describeChoice(quantizedForwardChoice(), info);
    info.hopper = true;
    return error;
}

} // namespace dsa::launch::gathered_attention
