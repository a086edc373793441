#include "kernels/launch/masked_attention/key_gradient.cuh"

namespace dsa::launch::masked_attention {

template Choice keyGradientChoice<__half>(const Params &);

} // namespace dsa::launch::masked_attention
