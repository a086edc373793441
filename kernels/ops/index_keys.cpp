#include "kernels/ops/index_keys.h"

#include "kernels/ops/kernel_support.h"
#include "kernels/ops/layer_norm.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/rotary.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_keys/index_keys.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace dsa {

namespace {

#ifdef SPARSESCOPE_HAS_KERNELS

/// What the kernels read; kept until they are launched.
struct KeyInputs {
    Tensor x, weight, bias, cos, sin;
    launch::index_keys::Params params;

    KeyInputs(const Tensor &x, const Tensor &weight, const Tensor &bias, const Tensor &cos, const Tensor &sin,
              RopeStyle style)
        : x(x.contiguous())
        , weight(weight.to(at::kFloat).contiguous())
        , bias(bias.to(at::kFloat).contiguous())
        , cos(cos.to(at::kFloat).contiguous())
        , sin(sin.to(at::kFloat).contiguous())
    {
        params.x = this->x.const_data_ptr();
        params.weight = this->weight.const_data_ptr<float>();
        params.bias = this->bias.const_data_ptr<float>();
        params.cos = this->cos.const_data_ptr<float>();
        params.sin = this->sin.const_data_ptr<float>();
        params.rows = x.size(0) * x.size(1);
        params.width = x.size(2);
        params.positions = x.size(1);
        params.pairs = cos.size(1);
        params.interleaved = style == RopeStyle::Interleaved;
    }
};

bool byKernel(const Tensor &x, const Tensor &cos)
{
    launch::index_keys::Params params;
    params.rows = x.size(0) * x.size(1);
    params.width = x.size(2);
    params.positions = x.size(1);
    params.pairs = cos.size(1);
    return x.scalar_type() == at::kBFloat16 && !kernelRefusal(x) && launch::index_keys::supported(params);
}

#endif

} // namespace

Tensor preparedKeys(const Tensor &x, const Tensor &weight, const Tensor &bias, const Tensor &cos, const Tensor &sin,
                    RopeStyle style)
{
#ifdef SPARSESCOPE_HAS_KERNELS
    if (byKernel(x, cos)) {
        const c10::cuda::CUDAGuard device(x.device());
        KeyInputs inputs(x, weight, bias, cos, sin, style);
        Tensor out = at::empty(x.sizes(), x.options());
        inputs.params.out = out.mutable_data_ptr();
        C10_CUDA_CHECK(launch::index_keys::launchForward(inputs.params, c10::cuda::getCurrentCUDAStream()));
        return out;
    }
#endif
    return rotated(keyLayerNorm(x, weight, bias).out, cos, sin, style, false).to(x.scalar_type());
}

std::array<Tensor, 3> preparedKeysBackward(const Tensor &grad, const Tensor &x, const Tensor &weight,
                                           const Tensor &bias, const Tensor &cos, const Tensor &sin, RopeStyle style)
{
#ifdef SPARSESCOPE_HAS_KERNELS
    if (byKernel(x, cos)) {
        const c10::cuda::CUDAGuard device(x.device());
        KeyInputs inputs(x, weight, bias, cos, sin, style);
        const Tensor rows = grad.to(x.scalar_type()).contiguous();
        Tensor gradX = at::empty(x.sizes(), x.options());
        Tensor gradWeight = at::empty(weight.sizes(), x.options().dtype(at::kFloat));
        Tensor gradBias = at::empty(bias.sizes(), x.options().dtype(at::kFloat));
        const Tensor scratch = at::empty({launch::index_keys::scratchRows(inputs.params.rows), 2, inputs.params.width},
                                         x.options().dtype(at::kFloat));
        inputs.params.grad = rows.const_data_ptr();
        inputs.params.gradX = gradX.mutable_data_ptr();
        inputs.params.gradWeight = gradWeight.mutable_data_ptr<float>();
        inputs.params.gradBias = gradBias.mutable_data_ptr<float>();
        inputs.params.scratch = scratch.mutable_data_ptr<float>();
        C10_CUDA_CHECK(launch::index_keys::launchBackward(inputs.params, c10::cuda::getCurrentCUDAStream()));
        return {gradX, gradWeight.to(weight.scalar_type()), gradBias.to(bias.scalar_type())};
    }
#endif
    const Tensor wide = grad.to(reference::accumulateType(grad.scalar_type()));
    const KeyLayerNorm norm = keyLayerNorm(x, weight, bias);
    return keyLayerNormBackward(rotated(wide, cos, sin, style, true), x, norm.mean, norm.inverseDeviation, weight,
                                bias);
}

} // namespace dsa
