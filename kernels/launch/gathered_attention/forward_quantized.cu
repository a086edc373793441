#include "kernels/launch/gathered_attention/quantized_rows.cuh"

namespace dsa::launch::gathered_attention {

Choice quantizedForwardChoice()
{
    return {gatheredForward<QuantizedRows>, "wgmma over gathered e4m3 rows", kBlockThreads, kQuantizedForwardBytes};
}

} // namespace dsa::launch::gathered_attention
