#include "kernels/ops/token_loss.h"

#include "kernels/ops/kernel_support.h"

#include <c10/util/Exception.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/token_loss/token_loss.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

launch::token_loss::Params lossSizes(const Tensor &logits)
{
    launch::token_loss::Params params;
    params.type = logits.scalar_type() == at::kBFloat16 ? launch::token_loss::Type::BFloat16
                  : logits.scalar_type() == at::kHalf   ? launch::token_loss::Type::Half
                                                        : launch::token_loss::Type::Float;
    params.rows = logits.size(0);
    params.kinds = logits.size(1);
    params.stride = logits.stride(0);
    return params;
}

} // namespace

const char *tokenLossRefusal(const Tensor &logits)
{
    const char *why = kernelRefusal(logits);
    if (!why && logits.scalar_type() != at::kFloat && logits.scalar_type() != at::kBFloat16 &&
        logits.scalar_type() != at::kHalf) {
        why = "the kernel takes float32, bfloat16 and float16";
    }
    if (!why) {
        launch::token_loss::supported(lossSizes(logits), &why);
    }
    return why;
}

TokenLossRows tokenLossRows(const Tensor &logits, const Tensor &targets, bool wantGradient)
{
    const c10::cuda::CUDAGuard device(logits.device());
    const Tensor loss = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
    const Tensor share = targets.ge(0).sum().to(at::kFloat).reciprocal_();
    TokenLossRows result;
    launch::token_loss::Params params = lossSizes(logits);
    params.logits = logits.const_data_ptr();
    params.targets = targets.const_data_ptr<std::int64_t>();
    params.loss = loss.mutable_data_ptr<float>();
    params.factor = share.const_data_ptr<float>();
    if (wantGradient) {
        result.gradient = at::empty(logits.sizes(), logits.options());
        params.gradient = result.gradient.mutable_data_ptr();
    }
    C10_CUDA_CHECK(launch::token_loss::launch(params, c10::cuda::getCurrentCUDAStream()));
    result.mean = loss.sum().mul_(share);
    return result;
}

void scaleTokenLossGradient(const Tensor &gradient, const Tensor &factor)
{
    const c10::cuda::CUDAGuard device(gradient.device());
    const Tensor wide = factor.to(at::kFloat);
    launch::token_loss::Params params = lossSizes(gradient);
    params.gradient = gradient.mutable_data_ptr();
    params.factor = wide.const_data_ptr<float>();
    C10_CUDA_CHECK(launch::token_loss::launchScale(params, c10::cuda::getCurrentCUDAStream()));
}

#else

const char *tokenLossRefusal(const Tensor &logits) { return kernelRefusal(logits); }

TokenLossRows tokenLossRows(const Tensor &logits, const Tensor &, bool)
{
    TORCH_CHECK(false, "token_loss: no kernel here, ", kernelRefusal(logits));
}

void scaleTokenLossGradient(const Tensor &gradient, const Tensor &)
{
    TORCH_CHECK(false, "token_loss: no kernel here, ", kernelRefusal(gradient));
}

#endif

} // namespace dsa
