#include "kernels/launch/gathered_attention/backward.cuh"

namespace dsa::launch::gathered_attention {

Choice backwardChoice(const Params &p)
{
    // Pairs are of 128 heads; with an odd number of blocks one would be left over.
    const bool pairs = (p.heads + kHeadRows - 1) / kHeadRows % 2 == 0 && p.heads > 0;
    return pairs ? Choice{gatheredBackwardPair, "wgmma gradients over gathered rows, two blocks add together", kBlockThreads, kBackwardBytes}
                 : Choice{gatheredBackward, "wgmma gradients over gathered rows", kBlockThreads, kBackwardBytes};
}

} // namespace dsa::launch::gathered_attention
