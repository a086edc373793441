#include "kernels/launch/index_kl_tiles/hopper.h"

#include "kernels/launch/index_kl_tiles/hopper_gradients.cuh"
#include "kernels/launch/index_kl_tiles/hopper_loss.cuh"
#include "kernels/launch/masked_attention/hopper.h"

#include <algorithm>

namespace dsa::launch::index_kl_tiles {

namespace {

constexpr std::size_t kLossStatic = sizeof(TileSet) + sizeof(HopperLossShared) + 64, kMostBytes = 227 * 1024;

} // namespace

bool hopperTakes(const Params &p)
{
    return !p.portable && std::max(p.width, p.indexWidth) <= 64 && p.heads > 0 && p.indexHeads > 0 && p.queries > 0 && p.keys > 0 &&
           hopperLossBytes(p.heads + p.indexHeads, 2) + kLossStatic <= kMostBytes && masked_attention::hopperRuns();
}

int hopperStages(const Params &p)
{
    int stages = 2;
    while (stages < kMostStages && hopperLossBytes(p.heads + p.indexHeads, stages + 1) + kLossStatic <= kMostBytes) {
        ++stages;
    }
    return stages;
}

cudaError_t hopperParams(HopperParams &hopper, const Params &p)
{
    hopper.p = p;
    hopper.stages = hopperStages(p);
    const auto map = [](CUtensorMap &to, const void *data, std::int64_t batch, std::int64_t heads, std::int64_t rows, std::int64_t width, const std::int64_t(&strides)[3]) {
        return masked_attention::tileMap(to, data, masked_attention::Type::BFloat16, batch, heads, rows, width, strides);
    };
    const std::int64_t padded = (p.keys + kTile - 1) / kTile * kTile;
    cudaError_t error = map(hopper.q, p.q, p.batch, p.heads, p.queries, p.width, p.qStrides);
    error = error == cudaSuccess ? map(hopper.k, p.k, p.batch, p.keyHeads, p.keys, p.width, p.kStrides) : error;
    error = error == cudaSuccess ? map(hopper.qi, p.qi, p.batch, p.indexHeads, p.queries, p.indexWidth, {p.qiStrides[0], p.qiStrides[2], p.qiStrides[1]}) : error;
    error = error == cudaSuccess ? map(hopper.ki, p.ki, p.batch, 1, p.keys, p.indexWidth, {p.kiStrides[0], 0, p.kiStrides[1]}) : error;
    if (error == cudaSuccess && p.gradScores) {
        error = map(hopper.gradScores, p.gradScores, p.batch, 1, p.queries, padded, {p.queries * padded, 0, padded});
    }
    return error;
}

HopperChoice hopperLossChoice(const HopperParams &hopper)
{
    return {hopperLoss, "wgmma loss, up to 64 wide", kHopperLossThreads, 1, hopperLossBytes(hopper.p.heads + hopper.p.indexHeads, hopper.stages)};
}

HopperChoice hopperQueryGradientChoice()
{
    return {hopperQueryGradient, "wgmma gradient of qi and w, up to 64 wide", kHopperGradientThreads, kGradientHeads, kHopperQueryGradientBytes};
}

HopperChoice hopperKeyGradientChoice()
{
    return {hopperKeyGradient, "wgmma gradient of ki, up to 64 wide", kHopperGradientThreads, 1, kHopperKeyGradientBytes};
}

} // namespace dsa::launch::index_kl_tiles
