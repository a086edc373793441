#include "kernels/launch/masked_attention/query_gradient.cuh"

namespace dsa::launch::masked_attention {

template Choice queryGradientChoice<__nv_bfloat16>(const Params &);

} // namespace dsa::launch::masked_attention
