#include "kernels/launch/index_scores/mma.cuh"

namespace dsa::launch::index_scores {

Choice choiceHalf(const Params &params)
{
    return mmaChoice<__half>(params);
}

} // namespace dsa::launch::index_scores
