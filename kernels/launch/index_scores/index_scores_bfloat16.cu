#include "kernels/launch/index_scores/mma.cuh"

namespace dsa::launch::index_scores {

Choice choiceBFloat16(const Params &params)
{
    return mmaChoice<__nv_bfloat16>(params);
}

} // namespace dsa::launch::index_scores
