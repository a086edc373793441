#include "kernels/launch/masked_attention/forward.cuh"

namespace dsa::launch::masked_attention {

template Choice forwardChoice<__nv_bfloat16>(const Params &);

} // namespace dsa::launch::masked_attention
