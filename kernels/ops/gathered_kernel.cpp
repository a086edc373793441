#include "kernels/ops/gathered_kernel.h"

#include "kernels/ops/kernel_support.h"
#include "kernels/ops/reference.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/gathered_attention/gathered_attention.h"
#include "kernels/ops/below_autograd.h"
#include "kernels/ops/checks.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/value_checks.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

namespace gather = launch::gathered_attention;

gather::Params sizesOf(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv, double scale)
{
    gather::Params params;
    params.queries = q.size(0);
    params.heads = q.size(1);
    params.width = q.size(2);
    params.keys = kv.size(0);
    params.k = idx.size(1);
    params.valueWidth = dv;
    params.scale = static_cast<float>(scale);
    return params;
}

/// Null when the kernels run. Asked at every call, so nothing is described here.
const char *gatheredRefusal(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv, double scale)
{
    const char *why = kernelRefusal(q);
    if (!why && q.scalar_type() != at::kBFloat16) {
        why = "the gathering kernels take bfloat16 alone";
    }
    if (!why) {
        why = hopperRefusal();
    }
    if (!why) {
        gather::supported(sizesOf(q, kv, idx, dv, scale), &why);
    }
    return why;
}

void setStrides(std::int64_t (&to)[2], const Tensor &x) { std::copy_n(x.strides().begin(), 2, to); }

/// GatheredInputs as the kernels read them, and scratch; kept until they are launched.
struct GatheredInputs {
    Tensor q, kv, idx, sink, slots;
    gather::Params params;

    GatheredInputs(const Tensor &q, const Tensor &kv, const Tensor &idx, const Tensor &sink, std::int64_t dv,
                   double scale)
        : q(readable(q))
        , kv(readable(kv))
        , idx(idx.contiguous())
        , sink(sink.defined() ? sink.to(at::kFloat).contiguous() : Tensor())
        , slots(at::empty({q.size(0)}, idx.options()))
        , params(sizesOf(q, kv, idx, dv, scale))
    {
        params.q = this->q.const_data_ptr();
        params.kv = this->kv.const_data_ptr();
        params.idx = this->idx.const_data_ptr<std::int32_t>();
        params.sink = this->sink.defined() ? this->sink.const_data_ptr<float>() : nullptr;
        params.slots = slots.mutable_data_ptr<std::int32_t>();
        params.kvStride = this->kv.stride(0);
        setStrides(params.qStrides, this->q);
    }
};

std::array<Tensor, 3> backwardByKernel(const Tensor &gradO, const GatheredForward &f)
{
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(f.q.device());
    GatheredInputs inputs(f.q, f.kv, f.idx, f.sink, f.dv, f.scale);
    const Tensor grad = readable(gradO.to(f.q.scalar_type())), o = readable(f.o);
    // With a sink the weights are exp(score - log(exp lse + exp sink)).
    const Tensor norm = inputs.sink.defined() ? at::logaddexp(f.lse, inputs.sink.unsqueeze(0)) : f.lse.contiguous();
    const Tensor delta = at::empty(norm.sizes(), norm.options()), gradQ = at::empty(f.q.sizes(), f.q.options()),
                 gradKv = at::zeros(f.kv.sizes(), f.kv.options().dtype(at::kFloat));
    gather::Params &params = inputs.params;
    params.norm = norm.const_data_ptr<float>();
    params.gradO = grad.const_data_ptr();
    params.o = const_cast<void *>(o.const_data_ptr()); // read only here; the forward writes it
    params.delta = delta.mutable_data_ptr<float>();
    params.gradQ = gradQ.mutable_data_ptr();
    params.gradKv = gradKv.mutable_data_ptr<float>();
    setStrides(params.oStrides, o);
    setStrides(params.gradOStrides, grad);
    setStrides(params.gradQStrides, gradQ);
    C10_CUDA_CHECK(gather::launchBackward(params, c10::cuda::getCurrentCUDAStream()));
    Tensor gradSink;
    if (inputs.sink.defined()) {
        gradSink = inputs.sink.unsqueeze(0).sub(norm).exp_().mul_(delta).neg_().sum(0).to(f.sink.scalar_type());
    }
    return {gradQ, gradKv.to(f.kv.scalar_type()), gradSink};
}

} // namespace

KernelReport gatheredKernel(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv)
{
    const char *why = gatheredRefusal(q, kv, idx, dv, 1);
    return why ? KernelReport{false, why} : describedKernel(sizesOf(q, kv, idx, dv, 1), gather::describeForward);
}

KernelReport gatheredGradientKernel(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                    bool deterministic)
{
    const char *why = gatheredRefusal(q, kv, idx, dv, 1);
    if (!why && deterministic) {
        why =
            "the gradient kernel adds in the order of arrival: a deterministic backward takes plain tensor operations";
    }
    return why ? KernelReport{false, why} : describedKernel(sizesOf(q, kv, idx, dv, 1), gather::describeBackward);
}

std::array<Tensor, 3> gatheredBackward(const Tensor &gradO, const GatheredForward &f, bool deterministic)
{
    if (!deterministic && !gatheredRefusal(f.q, f.kv, f.idx, f.dv, f.scale)) {
        return backwardByKernel(gradO, f);
    }
    return reference::gatheredBackward(gradO, f.q, f.kv, f.idx, f.dv, f.scale, f.sink, f.o, f.lse, deterministic);
}

namespace dispatch::kernel {

std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale, const Maybe &sink, bool deterministic)
{
    checks::gathered("gathered_attention", q, kv, idx, dv, sink.value_or(Tensor()));
    const double factor = plain::scaleOr(scale, q.size(2));
    if (gatheredRefusal(q, kv, idx, dv, factor)) {
        return plain::gathered_attention(q, kv, idx, dv, scale, sink, deterministic);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q.device());
    checks::reportValues();
    const Tensor places = checks::indicesBelow("gathered_attention", "idx", idx, kv.size(0));
    GatheredInputs inputs(q, kv, places, sink.value_or(Tensor()), dv, factor);
    const Tensor o = at::empty({q.size(0), q.size(1), dv}, q.options()),
                 lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(at::kFloat));
    inputs.params.o = o.mutable_data_ptr();
    inputs.params.lse = lse.mutable_data_ptr<float>();
    setStrides(inputs.params.oStrides, o);
    C10_CUDA_CHECK(gather::launchForward(inputs.params, c10::cuda::getCurrentCUDAStream()));
    return {o, lse};
}

} // namespace dispatch::kernel

#else

KernelReport gatheredKernel(const Tensor &q, const Tensor &, const Tensor &, std::int64_t)
{
    return {false, kernelRefusal(q)};
}

KernelReport gatheredGradientKernel(const Tensor &q, const Tensor &, const Tensor &, std::int64_t, bool)
{
    return {false, kernelRefusal(q)};
}

std::array<Tensor, 3> gatheredBackward(const Tensor &gradO, const GatheredForward &f, bool deterministic)
{
    return reference::gatheredBackward(gradO, f.q, f.kv, f.idx, f.dv, f.scale, f.sink, f.o, f.lse, deterministic);
}

#endif

} // namespace dsa

#ifdef SPARSESCOPE_HAS_KERNELS
TORCH_LIBRARY_IMPL(dsa, CUDA, m) { m.impl("gathered_attention", TORCH_FN(dsa::dispatch::kernel::gathered_attention)); }
#endif
