#include "kernels/launch/masked_attention/forward.cuh"

namespace dsa::launch::masked_attention {

template Choice forwardChoice<__half>(const Params &);

} // namespace dsa::launch::masked_attention
