#include "kernels/launch/decode_scores/decode_scores.h"

#include "kernels/launch/choice.cuh"
#include "kernels/launch/decode_scores/decode_scores.cuh"
#include "kernels/launch/masked_attention/hopper.h"

#include <algorithm>
#include <limits>

namespace dsa::launch::decode_scores {

namespace {

constexpr std::int64_t kMostPages = std::int64_t{1} << 24;
constexpr std::size_t kProcessorBytes = 233472; // of shared memory

std::size_t sharedBytes(const Params &p)
{
    return static_cast<std::size_t>(p.queries + kStages) * hopper::kTileBytes + sizeof(Shared);
}

struct PagedChoice {
    void (*kernel)(PagedParams);
    const char *name;
    int threads;
    std::size_t dynamicBytes;
};

PagedChoice choiceFor(const Params &p)
{
    return {scorePages, "wgmma over e4m3 pages of 64 keys", kThreads, sharedBytes(p)};
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    if (p.batch < 0 || p.queries < 0 || p.heads < 0 || p.width < 0 || p.pageCount < 0 || p.pagesEach < 0) {
        reason = "a size is negative";
    } else if (p.queries > kMostQueries) {
        reason = "more than 4 new queries a request";
    } else if (p.heads > kMostHeads) {
        reason = "more than 64 indexer heads";
    } else if (p.width == 0 || p.width % 16 != 0 || p.width > kMostWidth) {
        reason = "the indexer's width must be a multiple of 16, up to 128";
    } else if (p.pageCount > kMostPages || p.pagesEach > kMostPages || (p.pagesEach > 0 && p.batch > std::numeric_limits<std::int32_t>::max() / p.pagesEach)) {
        reason = "more than 2^24 pages, or 2^31 - 1 of all requests";
    } else if (!masked_attention::hopperRuns()) {
        reason = "the paged kernels run on compute capability 9.0 alone";
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
    if (p.batch * p.queries * p.pagesEach == 0) {
        return cudaSuccess;
    }
    if (p.pageCount == 0) { // nothing to map, and no length may reach a page
        return cudaErrorInvalidValue;
    }
    PagedParams params{p, {}};
    const std::int64_t strides[3] = {0, kPageKeys * (p.width + 4) / 2, p.width / 2}; // of 16 bits
    cudaError_t error = masked_attention::tileMap(params.keys, p.pages, masked_attention::Type::BFloat16, 1, p.pageCount, kPageKeys, p.width / 2, strides);
    int device = 0, processors = 1;
    if (error == cudaSuccess) {
        error = cudaGetDevice(&device);
    }
    if (error == cudaSuccess) {
        error = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
    }
    const std::int64_t together = std::min<std::int64_t>(kBlocks, kProcessorBytes / (sharedBytes(p) + 1024)); // a kilobyte is each block's for the system
    const std::int64_t blocks = std::min(processors * together, p.batch * p.pagesEach);
    return error == cudaSuccess ? launchChoice(choiceFor(p), blocks, params, stream) : error;
}

cudaError_t describe(const Params &p, KernelInfo &info)
{
    const cudaError_t error = describeChoice(choiceFor(p), info);
    info.hopper = true;
    return error;
}

} // namespace dsa::launch::decode_scores
