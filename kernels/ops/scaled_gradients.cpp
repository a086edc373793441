#include "kernels/ops/scaled_gradients.h"

#include "kernels/ops/kernel_support.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/scaled_copy/scaled_copy.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace dsa {

namespace {

using at::Tensor;

#ifdef SPARSESCOPE_HAS_KERNELS

std::optional<launch::scaled_copy::Type> typeOf(at::ScalarType type)
{
    switch (type) {
    case at::kFloat:
        return launch::scaled_copy::Type::Float;
    case at::kHalf:
        return launch::scaled_copy::Type::Half;
    case at::kBFloat16:
        return launch::scaled_copy::Type::BFloat16;
    default:
        return std::nullopt;
    }
}

bool takes(const Tensor &gradient, at::ScalarType type)
{
    return !kernelRefusal(gradient) && gradient.scalar_type() == at::kFloat && gradient.is_contiguous() && typeOf(type);
}

#endif

} // namespace

std::array<Tensor, 3> scaledGradients(const std::array<Tensor, 3> &gradients, const Tensor &factor,
                                      const std::array<at::ScalarType, 3> &types)
{
    std::array<Tensor, 3> scaled;
#ifdef SPARSESCOPE_HAS_KERNELS
    if (std::equal(gradients.begin(), gradients.end(), types.begin(), takes) && factor.is_cuda() &&
        factor.scalar_type() == at::kFloat) {
        const c10::cuda::CUDAGuard device(factor.device());
        launch::scaled_copy::Params params;
        params.factor = factor.const_data_ptr<float>();
        for (std::size_t i = 0; i < scaled.size(); ++i) {
            scaled[i] = at::empty_like(gradients[i], gradients[i].options().dtype(types[i]));
            params.arrays[i] = {gradients[i].const_data_ptr<float>(), scaled[i].mutable_data_ptr(),
                                gradients[i].numel(), *typeOf(types[i])};
        }
        if (launch::scaled_copy::supported(params)) {
            C10_CUDA_CHECK(launch::scaled_copy::launch(params, c10::cuda::getCurrentCUDAStream()));
            return scaled;
        }
    }
#endif
    for (std::size_t i = 0; i < scaled.size(); ++i) {
        scaled[i] = gradients[i].mul(factor).to(types[i]);
    }
    return scaled;
}

} // namespace dsa
