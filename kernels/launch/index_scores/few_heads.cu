#include "kernels/launch/index_scores/few_heads.cuh"

namespace dsa::launch::index_scores {

namespace {

template <int kHeads>
HopperChoice choiceOf(const char *name)
{
    return {scoresFewHeads<kHeads>, name, kFewThreads, FewCopier::kBytes, kFewGroups * FewHeads<kHeads>::kQueries, kHeads};
}

} // namespace

HopperChoice fewHeadsChoice(std::int64_t heads)
{
    return heads == 4   ? choiceOf<4>("wgmma, 4 heads up to 64 wide")
           : heads == 8 ? choiceOf<8>("wgmma, 8 heads up to 64 wide")
                        : choiceOf<16>("wgmma, 16 heads up to 64 wide");
}

} // namespace dsa::launch::index_scores
