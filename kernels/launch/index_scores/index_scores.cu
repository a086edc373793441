#include "kernels/launch/index_scores/index_scores.h"

#include "kernels/launch/choice.cuh"

#include <algorithm>
#include <limits>

namespace dsa::launch::index_scores {

namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 30, kMostHeads = 128;

Choice choiceFor(const Params &p)
{
    return p.type == Type::BFloat16 ? choiceBFloat16(p) : p.type == Type::Half ? choiceHalf(p) : choiceFloat(p);
}

std::int64_t blocksFor(const Params &p, const Choice &choice)
{
    return p.batch * ((p.queries + choice.tileQueries - 1) / choice.tileQueries) * ((p.keys + choice.tileKeys - 1) / choice.tileKeys);
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    const bool exact = p.type == Type::Float;
    if (p.batch < 0 || p.queries < 0 || p.keys < 0 || p.heads < 0 || p.width < 0) {
        reason = "a size is negative";
    } else if (p.queries > kLargest || p.keys > kLargest) {
        reason = "more than 2^30 queries or keys";
    } else if (p.heads > kMostHeads) {
        reason = "more than 128 indexer heads";
    } else if (!exact && (p.width % 8 != 0 || p.width > 128 || p.width == 0)) {
        reason = "in low precision the indexer's width must be a multiple of 8, up to 128";
    } else if (p.batch > 0 && blocksFor(p, choiceFor(p)) / p.batch > std::numeric_limits<std::int32_t>::max() / p.batch) {
        reason = "more than 2^31 - 1 tiles";
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
    const Choice choice = choiceFor(p);
    const std::int64_t blocks = blocksFor(p, choice);
    if (blocks == 0) {
        return cudaSuccess;
    }
    return launchChoice(choice, blocks, p, stream);
}

cudaError_t describe(const Params &p, KernelInfo &info)
{
    return describeChoice(choiceFor(p), info);
}

} // namespace dsa::launch::index_scores
