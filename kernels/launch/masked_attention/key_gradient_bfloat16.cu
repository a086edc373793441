#include "kernels/launch/masked_attention/key_gradient.cuh"

namespace dsa::launch::masked_attention {

template Choice keyGradientChoice<__nv_bfloat16>(const Params &);

} // namespace dsa::launch::masked_attention
