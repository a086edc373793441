#include "kernels/ops/rms_norm_kernel.h"

#include "kernels/ops/kernel_support.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/rms_norm/rms_norm.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <c10/util/Exception.h>

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

launch::rms_norm::Params sizesOf(const at::Tensor &x)
{
    launch::rms_norm::Params params;
    params.width = x.size(-1);
    params.rows = params.width > 0 ? x.numel() / params.width : 0;
    return params;
}

bool onSixteenBytes(const at::Tensor &x) { return reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % 16 == 0; }

/// As the kernel reads it: in one piece.
at::Tensor rowsOf(const at::Tensor &x)
{
    if (!x.defined()) {
        return x;
    }
    const at::Tensor rows = x.contiguous();
    return onSixteenBytes(rows) ? rows : rows.clone();
}

const float *floatsOf(const at::Tensor &x) { return x.defined() ? x.const_data_ptr<float>() : nullptr; }
const void *lowOf(const at::Tensor &x) { return x.defined() ? x.const_data_ptr() : nullptr; }

} // namespace

const char *addedRmsNormRefusal(const at::Tensor &x, const at::Tensor &branch, const at::Tensor &weight)
{
    const char *why = kernelRefusal(x);
    if (!why && (x.scalar_type() != at::kFloat || weight.scalar_type() != at::kFloat)) {
        why = "rows and weight must be float32";
    } else if (!why && branch.defined() && (branch.scalar_type() != at::kBFloat16 || branch.sizes() != x.sizes())) {
        why = "what is added must be bfloat16, of the same shape";
    }
    if (!why) {
        launch::rms_norm::supported(sizesOf(x), &why);
    }
    return why;
}

namespace rms_norm {

Rows forward(const Tensor &x, const Tensor &branch, const Tensor &weight, double epsilon, bool wantFull)
{
    const c10::cuda::CUDAGuard device(x.device());
    const Tensor rows = rowsOf(x), added = rowsOf(branch), weights = rowsOf(weight);
    launch::rms_norm::Params params = sizesOf(rows);
    Rows result;
    result.low = at::empty(rows.sizes(), rows.options().dtype(at::kBFloat16));
    result.inverse = at::empty({params.rows}, rows.options());
    params.x = floatsOf(rows);
    params.branch = lowOf(added);
    params.weight = floatsOf(weights);
    params.low = result.low.mutable_data_ptr();
    params.inverse = result.inverse.mutable_data_ptr<float>();
    params.epsilon = static_cast<float>(epsilon);
    if (added.defined()) {
        result.sum = at::empty(rows.sizes(), rows.options());
        params.sum = result.sum.mutable_data_ptr<float>();
    }
    if (wantFull) {
        result.full = at::empty(rows.sizes(), rows.options());
        params.full = result.full.mutable_data_ptr<float>();
    }
    C10_CUDA_CHECK(launch::rms_norm::launchForward(params, c10::cuda::getCurrentCUDAStream()));
    return result;
}

Gradients backward(const Tensor &gradSum, const Tensor &gradFull, const Tensor &gradLow, const Tensor &sum,
                   const Tensor &inverse, const Tensor &weight, bool wantBranch)
{
    const c10::cuda::CUDAGuard device(sum.device());
    const Tensor ofSum = rowsOf(gradSum), ofFull = rowsOf(gradFull), ofLow = rowsOf(gradLow), rows = rowsOf(sum),
                 weights = rowsOf(weight);
    launch::rms_norm::Params params = sizesOf(rows);
    Gradients result;
    result.x = at::empty(rows.sizes(), rows.options());
    result.weight = at::empty(weights.sizes(), weights.options());
    const Tensor scratch = at::empty({launch::rms_norm::scratchRows(params.rows), params.width}, rows.options());
    params.x = floatsOf(rows);
    params.weight = floatsOf(weights);
    // Read only here; the forward writes it.
    params.inverse = const_cast<float *>(floatsOf(inverse));
    params.gradSum = floatsOf(ofSum);
    params.gradFull = floatsOf(ofFull);
    params.gradLow = lowOf(ofLow);
    params.gradX = result.x.mutable_data_ptr<float>();
    params.gradWeight = result.weight.mutable_data_ptr<float>();
    params.scratch = scratch.mutable_data_ptr<float>();
    if (wantBranch) {
        result.branch = at::empty(rows.sizes(), rows.options().dtype(at::kBFloat16));
        params.gradBranch = result.branch.mutable_data_ptr();
    }
    C10_CUDA_CHECK(launch::rms_norm::launchBackward(params, c10::cuda::getCurrentCUDAStream()));
    return result;
}

} // namespace rms_norm

#else

const char *addedRmsNormRefusal(const at::Tensor &x, const at::Tensor &, const at::Tensor &)
{
    return kernelRefusal(x);
}

namespace rms_norm {

Rows forward(const Tensor &, const Tensor &, const Tensor &, double, bool)
{
    TORCH_CHECK(false, "addedRmsNorm: built without CUDA kernels");
}

Gradients backward(const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &, bool)
{
    TORCH_CHECK(false, "addedRmsNorm: built without CUDA kernels");
}

} // namespace rms_norm

#endif

} // namespace dsa
