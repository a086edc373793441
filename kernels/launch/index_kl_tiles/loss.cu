#include "kernels/launch/index_kl_tiles/loss.cuh"

#include <cuda_bf16.h>

#include <algorithm>

namespace dsa::launch::index_kl_tiles {

namespace {

template <int kWidth, int kIndexWidth>
Choice make(const char *name)
{
    return {loss<__nv_bfloat16, kWidth, kIndexWidth>, name, kLossThreads, 1, LossMemory<kWidth, kIndexWidth>::kBytes};
}

template <int kIndexWidth>
Choice ofWidth(const Params &p)
{
    if (p.width <= 32) {
        return make<32, kIndexWidth>("mma.sync loss, up to 32 wide");
    }
    if (p.width <= 64) {
        return make<64, kIndexWidth>("mma.sync loss, up to 64 wide");
    }
    return make<128, kIndexWidth>("mma.sync loss, up to 128 wide");
}

} // namespace

Choice lossChoice(const Params &p)
{
    return p.indexWidth <= 64 ? ofWidth<64>(p) : ofWidth<128>(p);
}

} // namespace dsa::launch::index_kl_tiles
