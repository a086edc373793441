#include "kernels/launch/index_scores/index_scores.h"

#include "kernels/launch/choice.cuh"
#include "kernels/launch/index_scores/hopper.h"
#include "kernels/launch/masked_attention/hopper.h"

#include <algorithm>
#include <limits>

namespace dsa::launch::index_scores {

namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 30, kMostHeads = 128;

Choice choiceFor(const Params &p)
{
    return p.type == Type::BFloat16 ? choiceBFloat16(p) : p.type == Type::Half ? choiceHalf(p) : choiceFloat(p);
}

bool fewHeads(const Params &p)
{
    return p.type == Type::BFloat16 && (p.heads == 4 || p.heads == 8 || p.heads == 16) && p.width <= kFewWidth;
}

/// By heads and width alone: a score must not depend on how many queries and keys there are.
bool onHopper(const Params &p)
{
    const bool wide = p.type == Type::BFloat16 && p.heads > 32 && p.width > 64;
    return !p.portable && (wide || fewHeads(p) || p.type == Type::E4m3) && p.heads <= 64 && p.width <= 128 && masked_attention::hopperRuns();
}

HopperChoice hopperChoiceFor(const Params &p)
{
    return p.type == Type::E4m3 ? e4m3Choice() : fewHeads(p) ? fewHeadsChoice(p.heads) : hopperChoice();
}

cudaError_t launchHopper(const Params &p, cudaStream_t stream)
{
    const HopperChoice choice = hopperChoiceFor(p);
    HopperParams params{p, {}, {}, static_cast<int>((p.queries + choice.queries - 1) / choice.queries), static_cast<int>((p.keys + kHopperKeys - 1) / kHopperKeys)};
    const std::int64_t each = p.type == Type::E4m3 ? 2 : 1; // the maps count 16 bits
    const std::int64_t queryStrides[3] = {p.qStrides[0] / each, p.qStrides[1] / each, p.qStrides[2] / each}, keyStrides[3] = {p.kStrides[0] / each, 0, p.kStrides[1] / each};
    cudaError_t error = masked_attention::tileMap(params.queries, p.q, masked_attention::Type::BFloat16, p.batch, p.queries, p.heads, p.width / each, queryStrides, choice.heads);
    if (error == cudaSuccess) {
        error = masked_attention::tileMap(params.keys, p.k, masked_attention::Type::BFloat16, p.batch, 1, p.keys, p.width / each, keyStrides);
    }
    return error == cudaSuccess ? launchChoice(choice, p.batch * params.blocks * params.segments, params, stream) : error;
}

std::int64_t blocksFor(const Params &p, const Choice &choice)
{
    return p.batch * ((p.queries + choice.tileQueries - 1) / choice.tileQueries) * ((p.keys + choice.tileKeys - 1) / choice.tileKeys);
}

} // namespace

bool supported(const Params &p, const char **why)
{
    const char *reason = nullptr;
    const bool exact = p.type == Type::Float, e4m3 = p.type == Type::E4m3;
    if (p.batch < 0 || p.queries < 0 || p.keys < 0 || p.heads < 0 || p.width < 0) {
        reason = "a size is negative";
    } else if (p.queries > kLargest || p.keys > kLargest) {
        reason = "more than 2^30 queries or keys";
    } else if (p.heads > kMostHeads) {
        reason = "more than 128 indexer heads";
    } else if (e4m3 && (p.heads > 64 || p.width % 16 != 0 || p.width > 128 || p.width == 0)) {
        reason = "in e4m3 there may be 64 indexer heads, their width a multiple of 16 up to 128";
    } else if (e4m3 && !onHopper(p)) {
        reason = "e4m3 scores run on compute capability 9.0 alone";
    } else if (!exact && (p.width % 8 != 0 || p.width > 128 || p.width == 0)) {
        reason = "in low precision the indexer's width must be a multiple of 8, up to 128";
    } else if (p.batch > 0 && !e4m3 && blocksFor(p, choiceFor(p)) / p.batch > std::numeric_limits<std::int32_t>::max() / p.batch) {
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
    if (p.batch * p.queries * p.keys == 0) {
        return cudaSuccess;
    }
    if (onHopper(p)) {
        return launchHopper(p, stream);
    }
    const Choice choice = choiceFor(p);
    return launchChoice(choice, blocksFor(p, choice), p, stream);
}

cudaError_t describe(const Params &p, KernelInfo &info)
{
    const cudaError_t error = onHopper(p) ? describeChoice(hopperChoiceFor(p), info) : describeChoice(choiceFor(p), info);
    info.hopper = onHopper(p);
    return error;
}

} // namespace dsa::launch::index_scores
