#include "kernels/ops/rotary.h"

#include "kernels/ops/kernel_support.h"
#include "kernels/ops/reference.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/rotary/rotary.h"

#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

/// Sizes and strides with dimensions of one in front, so that there are three besides the width.
launch::rotary::Params sizesOf(const Tensor &x, const Tensor &cos)
{
    launch::rotary::Params params;
    params.type = x.scalar_type() == at::kBFloat16 ? launch::rotary::Type::BFloat16
                  : x.scalar_type() == at::kHalf   ? launch::rotary::Type::Half
                                                   : launch::rotary::Type::Float;
    std::fill_n(params.sizes, 3, 1);
    const std::int64_t rowDims = x.dim() - 1;
    std::copy_n(x.sizes().begin(), rowDims, params.sizes + 3 - rowDims);
    std::copy_n(x.strides().begin(), rowDims, params.strides + 3 - rowDims);
    params.width = x.size(-1);
    params.pairs = cos.size(-1);
    params.positionDim = cos.dim() == 2 ? 2 : 1;
    return params;
}

} // namespace

const char *rotaryRefusal(const Tensor &x, const Tensor &cos)
{
    const char *why = kernelRefusal(x);
    if (!why && x.scalar_type() != at::kFloat && x.scalar_type() != at::kBFloat16 && x.scalar_type() != at::kHalf) {
        why = "the kernel rotates float32, bfloat16 and float16";
    }
    const bool fits = cos.dim() == 2 || (cos.dim() == 3 && cos.size(1) == 1 && x.dim() >= 3);
    if (!why && (x.dim() > 4 || !fits)) {
        why = "more dimensions than the kernel takes";
    }
    if (!why) {
        launch::rotary::supported(sizesOf(x, cos), &why);
    }
    return why;
}

Tensor rotated(const Tensor &source, const Tensor &cos, const Tensor &sin, RopeStyle style, bool inverse)
{
    if (rotaryRefusal(source, cos)) {
        return reference::rotate(source, cos, sin, style, inverse);
    }
    const c10::cuda::CUDAGuard device(source.device());
    const Tensor x = source.stride(-1) == 1 ? source : source.contiguous();
    const Tensor c = cos.to(at::kFloat).contiguous(), s = sin.to(at::kFloat).contiguous();
    Tensor out = at::empty_like(x); // laid out like x, so that the views before and behind it need no copy
    launch::rotary::Params params = sizesOf(x, cos);
    std::copy_n(out.strides().begin(), x.dim() - 1, params.outStrides + 4 - x.dim());
    params.x = x.const_data_ptr();
    params.cos = c.const_data_ptr<float>();
    params.sin = s.const_data_ptr<float>();
    params.out = out.mutable_data_ptr();
    params.interleaved = style == RopeStyle::Interleaved;
    params.inverse = inverse;
    C10_CUDA_CHECK(launch::rotary::launch(params, c10::cuda::getCurrentCUDAStream()));
    return out;
}

#else

const char *rotaryRefusal(const Tensor &x, const Tensor &) { return kernelRefusal(x); }

Tensor rotated(const Tensor &x, const Tensor &cos, const Tensor &sin, RopeStyle style, bool inverse)
{
    return reference::rotate(x, cos, sin, style, inverse);
}

#endif

} // namespace dsa
