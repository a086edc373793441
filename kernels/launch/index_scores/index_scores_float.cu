#include "kernels/launch/index_scores/tile.cuh"
#include "kernels/launch/ptx.cuh"

namespace dsa::launch::index_scores {

namespace {

constexpr int kTile = 64, kThreads = 256, kDepth = 32, kPitch = kTile + 4; // the pitch keeps float4 aligned and banks apart

/// 64 x 64 scores a block, 4 x 4 a thread, plain fp32 multiply-adds in the order of the width: TF32 would cost three digits.
__global__ void __launch_bounds__(kThreads, 3) scoresFloat(Params p)
{
    __shared__ __align__(16) float queries[kDepth][kPitch], keys[kDepth][kPitch];
    const Tile tile(p, kTile, kTile);
    const int lastQuery = static_cast<int>(min(tile.firstQuery + static_cast<long long>(kTile), static_cast<long long>(p.queries))) - 1;
    if (!tile.sees(p, lastQuery, tile.firstKey)) {
        if (p.fillHidden) {
            fillWithHidden(p, tile, kTile, kTile);
        }
        return;
    }
    const int width = static_cast<int>(p.width), row = threadIdx.x / 16 * 4, column = threadIdx.x % 16 * 4;
    const float *q = static_cast<const float *>(p.q) + tile.b * p.qStrides[0], *k = static_cast<const float *>(p.k) + tile.b * p.kStrides[0];
    float sums[4][4] = {};
    for (int head = 0; head < p.heads; ++head) {
        float dots[4][4] = {};
        for (int depth = 0; depth < width; depth += kDepth) {
            __syncthreads();
            for (int i = threadIdx.x; i < kTile * kDepth; i += kThreads) {
                const int d = i % kDepth, r = i / kDepth;
                const bool inside = depth + d < width;
                const long long t = tile.firstQuery + r, s = tile.firstKey + r;
                queries[d][r] = inside && t <= lastQuery ? q[t * p.qStrides[1] + head * p.qStrides[2] + depth + d] : 0.0f;
                keys[d][r] = inside && s < p.keys ? k[s * p.kStrides[1] + depth + d] : 0.0f;
            }
            __syncthreads();
#pragma unroll
            for (int d = 0; d < kDepth; ++d) {
                const float4 a = *reinterpret_cast<const float4 *>(&queries[d][row]), b = *reinterpret_cast<const float4 *>(&keys[d][column]);
                const float left[4] = {a.x, a.y, a.z, a.w}, right[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
                for (int i = 0; i < 4; ++i) {
#pragma unroll
                    for (int j = 0; j < 4; ++j) {
                        dots[i][j] = fmaf(left[i], right[j], dots[i][j]);
                    }
                }
            }
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const long long t = tile.firstQuery + row + i;
            const float weight = t <= lastQuery ? p.w[tile.b * p.wStrides[0] + t * p.wStrides[1] + head] : 0.0f;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                sums[i][j] = fmaf(weight, ptx::relu(dots[i][j]), sums[i][j]);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const long long t = tile.firstQuery + row + i;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const long long s = tile.firstKey + column + j;
            const bool visible = s <= t + p.offset;
            if (t <= lastQuery && s < p.keys && (visible || p.fillHidden)) {
                p.out[(tile.b * p.queries + t) * p.keys + s] = visible ? sums[i][j] : -__builtin_huge_valf();
            }
        }
    }
}

} // namespace

Choice choiceFloat(const Params &)
{
    return {scoresFloat, "fp32 multiply-add", kThreads, kTile, kTile, 0};
}

} // namespace dsa::launch::index_scores
