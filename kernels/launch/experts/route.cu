#include "kernels/launch/experts/experts.h"

#include <cfloat>
#include <limits>

namespace dsa::launch::experts {

namespace {

constexpr int kThreads = 256, kMostExperts = 64, kMostChosen = 16;
constexpr int kSortThreads = 1024, kWarps = kSortThreads / 32;
constexpr float kLeastSum = 1e-20f;

__device__ float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

unsigned blocksFor(std::int64_t items, int threads)
{
    return static_cast<unsigned>((items + threads - 1) / threads);
}

/// A thread a token.
__global__ void __launch_bounds__(kThreads) route(RouteParams p)
{
    __shared__ int counts[kMostExperts];
    const int experts = static_cast<int>(p.count), chosen = static_cast<int>(p.chosen);
    for (int e = threadIdx.x; e < experts; e += kThreads) {
        counts[e] = 0;
    }
    __syncthreads();
    const std::int64_t n = blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x;
    if (n < p.tokens) {
        const float *logits = p.logits + n * experts;
        for (int e = 0; e < experts; ++e) {
            p.slots[n * experts + e] = -1;
        }
        unsigned long long taken = 0;
        float sum = 0;
        for (int r = 0; r < chosen; ++r) {
            int best = -1;
            float highest = 0;
            for (int e = 0; e < experts; ++e) {
                const float value = sigmoid(logits[e]) + p.bias[e];
                if (!(taken >> e & 1) && (best < 0 || value > highest)) {
                    best = e;
                    highest = value;
                }
            }
            taken |= 1ull << best;
            const float score = sigmoid(logits[best]);
            sum += score;
            p.experts[n * chosen + r] = best;
            p.weights[n * chosen + r] = score;
            p.slots[n * experts + best] = static_cast<std::int32_t>(n * chosen + r);
            atomicAdd(counts + best, 1);
        }
        const float factor = p.normalise ? p.scale / (sum + kLeastSum) : p.scale;
        for (int r = 0; r < chosen; ++r) {
            p.weights[n * chosen + r] *= factor;
        }
    }
    __syncthreads();
    for (int e = threadIdx.x; e < experts; e += kThreads) {
        if (counts[e]) {
            atomicAdd(p.loads + e, static_cast<float>(counts[e])); // whole numbers: in any order the same sum
        }
    }
}

__global__ void __launch_bounds__(kThreads) routeBackward(RouteParams p)
{
    const int experts = static_cast<int>(p.count), chosen = static_cast<int>(p.chosen);
    const std::int64_t n = blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x;
    if (n >= p.tokens) {
        return;
    }
    for (int e = 0; e < experts; ++e) {
        p.gradLogits[n * experts + e] = 0;
    }
    float sum = 0, along = 0;
    for (int r = 0; r < chosen; ++r) {
        const float score = sigmoid(p.logits[n * experts + p.experts[n * chosen + r]]);
        sum += score;
        along += score * p.gradWeights[n * chosen + r];
    }
    sum += kLeastSum;
    for (int r = 0; r < chosen; ++r) {
        const std::int64_t place = n * experts + p.experts[n * chosen + r];
        const float score = sigmoid(p.logits[place]), grad = p.gradWeights[n * chosen + r];
        p.gradLogits[place] = (p.normalise ? (grad - along / sum) / sum : grad) * p.scale * score * (1 - score);
    }
}

/// How many pairs of a block go to each expert.
__global__ void __launch_bounds__(kSortThreads) countPairs(SortParams p)
{
    __shared__ int counts[kMostExperts];
    const int experts = static_cast<int>(p.count);
    if (threadIdx.x < experts) {
        counts[threadIdx.x] = 0;
    }
    __syncthreads();
    const std::int64_t pair = blockIdx.x * static_cast<std::int64_t>(kSortThreads) + threadIdx.x;
    if (pair < p.pairs) {
        atomicAdd(counts + p.experts[pair], 1);
    }
    __syncthreads();
    if (threadIdx.x < experts) {
        p.scratch[blockIdx.x * experts + threadIdx.x] = counts[threadIdx.x];
    }
}

/// A pair's place: pairs of lower experts, pairs of its expert in earlier blocks, in earlier warps, in earlier lanes.
__global__ void __launch_bounds__(kSortThreads) placePairs(SortParams p)
{
    __shared__ int starts[kMostExperts], ends[kMostExperts], before[kWarps][kMostExperts];
    const int experts = static_cast<int>(p.count), warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (threadIdx.x < experts) {
        int all = 0, earlier = 0;
        for (int block = 0; block < static_cast<int>(gridDim.x); ++block) {
            const int count = p.scratch[block * experts + threadIdx.x];
            all += count;
            earlier += block < static_cast<int>(blockIdx.x) ? count : 0;
        }
        before[0][threadIdx.x] = all;
        starts[threadIdx.x] = earlier;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        int end = 0;
        for (int e = 0; e < experts; ++e) {
            starts[e] += end;
            end += before[0][e];
            ends[e] = end;
        }
    }
    __syncthreads();
    if (blockIdx.x == 0) {
        const int pieces = static_cast<int>(p.pieceCount);
        for (int i = threadIdx.x; i < experts * pieces; i += kSortThreads) {
            const int e = i / pieces, start = e > 0 ? ends[e - 1] : 0;
            p.pieces[i] = start + static_cast<int>(static_cast<long long>(ends[e] - start) * (i % pieces + 1) / pieces);
        }
        if (threadIdx.x < experts) {
            p.ends[threadIdx.x] = ends[threadIdx.x];
        }
    }
    const std::int64_t pair = blockIdx.x * static_cast<std::int64_t>(kSortThreads) + threadIdx.x;
    const int own = pair < p.pairs ? static_cast<int>(p.experts[pair]) : -1;
    int rank = 0;
    for (int e = 0; e < experts; ++e) {
        const unsigned same = __ballot_sync(~0u, own == e);
        rank = own == e ? __popc(same & ((1u << lane) - 1)) : rank;
        if (lane == 0) {
            before[warp][e] = __popc(same);
        }
    }
    __syncthreads();
    if (own < 0) {
        return;
    }
    int place = starts[own] + rank;
    for (int w = 0; w < warp; ++w) {
        place += before[w][own];
    }
    p.places[pair] = place;
    p.order[place] = static_cast<std::int32_t>(pair);
}

} // namespace

bool supported(const RouteParams &p, const char **why)
{
    const char *reason = nullptr;
    if (p.tokens < 0 || p.count < 1 || p.chosen < 1 || p.chosen > p.count) {
        reason = "a size is negative, or more experts are chosen than there are";
    } else if (p.count > kMostExperts || p.chosen > kMostChosen) {
        reason = "more than 64 experts, or more than 16 a token";
    } else if (p.tokens > std::numeric_limits<std::int32_t>::max() / p.count) {
        reason = "more than 2^31 - 1 pairs of a token and an expert";
    }
    if (why) {
        *why = reason;
    }
    return reason == nullptr;
}

cudaError_t launchRoute(const RouteParams &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    const cudaError_t error = cudaMemsetAsync(p.loads, 0, p.count * sizeof(float), stream);
    if (error != cudaSuccess || p.tokens == 0) {
        return error;
    }
    route<<<blocksFor(p.tokens, kThreads), kThreads, 0, stream>>>(p);
    return cudaGetLastError();
}

cudaError_t launchRouteBackward(const RouteParams &p, cudaStream_t stream)
{
    if (!supported(p)) {
        return cudaErrorInvalidValue;
    }
    if (p.tokens > 0) {
        routeBackward<<<blocksFor(p.tokens, kThreads), kThreads, 0, stream>>>(p);
    }
    return cudaGetLastError();
}

std::int64_t sortScratch(std::int64_t pairs, std::int64_t experts)
{
    return (pairs + kSortThreads - 1) / kSortThreads * experts;
}

cudaError_t launchSort(const SortParams &p, cudaStream_t stream)
{
    if (p.count < 1 || p.count > kMostExperts || p.pieceCount < 1 || p.pairs < 0 || p.pairs > std::numeric_limits<std::int32_t>::max()) {
        return cudaErrorInvalidValue;
    }
    if (p.pairs == 0) {
        const cudaError_t error = cudaMemsetAsync(p.ends, 0, p.count * sizeof(std::int32_t), stream);
        return error == cudaSuccess ? cudaMemsetAsync(p.pieces, 0, p.count * p.pieceCount * sizeof(std::int32_t), stream) : error;
    }
    const unsigned blocks = blocksFor(p.pairs, kSortThreads);
    countPairs<<<blocks, kSortThreads, 0, stream>>>(p);
    placePairs<<<blocks, kSortThreads, 0, stream>>>(p);
    return cudaGetLastError();
}

} // namespace dsa::launch::experts
