#include "kernels/launch/gathered_attention/forward.cuh"

namespace dsa::launch::gathered_attention {

Choice forwardChoice()
{
    return {gatheredForward<PlainRows>, "wgmma over gathered rows", kBlockThreads, kForwardBytes};
}

} // namespace dsa::launch::gathered_attention
