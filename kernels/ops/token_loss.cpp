#include "kernels/ops/token_loss.h"

#include "kernels/ops/kernel_support.h"

#include <c10/util/Exception.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/token_loss/token_loss.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

namespace launcher = launch::token_loss;

launcher::Params sizesOf(const Tensor &logits)
{
    launcher::Params params;
    params.type = logits.scalar_type() == at::kBFloat16 ? launcher::Type::BFloat16
                  : logits.scalar_type() == at::kHalf   ? launcher::Type::Half
                                                        : launcher::Type::Float;
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
        launcher::supported(sizesOf(logits), &why);
    }
    return why;
}

TokenLossRows tokenLossForward(const Tensor &logits, const Tensor &targets)
{
    const c10::cuda::CUDAGuard device(logits.device());
    const Tensor lse = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat)), loss = at::empty_like(lse);
    launcher::Params params = sizesOf(logits);
    params.logits = logits.const_data_ptr();
    params.targets = targets.const_data_ptr<std::int64_t>();
    params.lse = lse.mutable_data_ptr<float>();
    params.loss = loss.mutable_data_ptr<float>();
    C10_CUDA_CHECK(launcher::launchForward(params, c10::cuda::getCurrentCUDAStream()));
    const Tensor share = targets.ge(0).sum().to(at::kFloat).reciprocal_();
    return {lse, loss.sum().mul_(share), share};
}

Tensor tokenLossBackward(const Tensor &gradient, const Tensor &logits, const Tensor &targets, const Tensor &lse,
                         const Tensor &share)
{
    const c10::cuda::CUDAGuard device(logits.device());
    Tensor result = at::empty(logits.sizes(), logits.options());
    const Tensor factor = gradient.to(at::kFloat).mul(share);
    launcher::Params params = sizesOf(logits);
    params.logits = logits.const_data_ptr();
    params.targets = targets.const_data_ptr<std::int64_t>();
    // Read only here; the forward writes it.
    params.lse = const_cast<float *>(lse.const_data_ptr<float>());
    params.factor = factor.const_data_ptr<float>();
    params.gradient = result.mutable_data_ptr();
    C10_CUDA_CHECK(launcher::launchBackward(params, c10::cuda::getCurrentCUDAStream()));
    return result;
}

#else

const char *tokenLossRefusal(const Tensor &logits) { return kernelRefusal(logits); }

TokenLossRows tokenLossForward(const Tensor &logits, const Tensor &)
{
    TORCH_CHECK(false, "token_loss: no kernel here, ", kernelRefusal(logits));
}

Tensor tokenLossBackward(const Tensor &, const Tensor &logits, const Tensor &, const Tensor &, const Tensor &)
{
    TORCH_CHECK(false, "token_loss: no kernel here, ", kernelRefusal(logits));
}

#endif

} // namespace dsa
