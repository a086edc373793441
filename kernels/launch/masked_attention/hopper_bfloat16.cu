#include "kernels/launch/masked_attention/hopper_forward.cuh"
#include "kernels/launch/masked_attention/hopper_key_gradient.cuh"
#include "kernels/launch/masked_attention/hopper_query_gradient.cuh"

namespace dsa::launch::masked_attention {

template HopperChoice hopperForwardChoice<__nv_bfloat16>(const Params &);
template HopperChoice hopperQueryGradientChoice<__nv_bfloat16>(const Params &);
template HopperChoice hopperKeyGradientChoice<__nv_bfloat16>(const Params &);

} // namespace dsa::launch::masked_attention
