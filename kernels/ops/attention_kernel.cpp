#include "kernels/ops/attention_kernel.h"

#include "kernels/ops/kernel_support.h"
#include "kernels/ops/reference.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/masked_attention/masked_attention.h"
#include "kernels/launch/topk_select/topk_select.h"
#include "kernels/ops/below_autograd.h"
#include "kernels/ops/checks.h"
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/value_checks.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

namespace attend = launch::masked_attention;

attend::Params sizesOf(const Tensor &q, const Tensor &k, const Tensor &v, double scale)
{
    attend::Params params;
    params.type = q.scalar_type() == at::kHalf ? attend::Type::Half : attend::Type::BFloat16;
    params.batch = q.size(0);
    params.heads = q.size(1);
    params.queries = q.size(2);
    params.width = q.size(3);
    params.keyHeads = k.size(1);
    params.keys = k.size(2);
    params.valueWidth = v.size(3);
    params.scale = static_cast<float>(scale);
    params.portable = hopperRefusal() != nullptr;
    return params;
}

/// Null when the kernels run. Asked at every call, so nothing is described here.
const char *attentionRefusal(const Tensor &q, const Tensor &k, const Tensor &v, double scale)
{
    const char *why = kernelRefusal(q);
    if (!why && q.scalar_type() != at::kBFloat16 && q.scalar_type() != at::kHalf) {
        why = "no attention kernel for float32 yet";
    }
    if (!why) {
        attend::supported(sizesOf(q, k, v, scale), &why);
    }
    return why;
}

/// Rows as the kernels read them: their distance is an int there.
Tensor rowsOf(const Tensor &x)
{
    const Tensor rows = readable(x);
    return rows.stride(2) > std::numeric_limits<std::int32_t>::max() ? rows.contiguous() : rows;
}

void setStrides(std::int64_t (&to)[3], const Tensor &x) { std::copy_n(x.strides().begin(), 3, to); }

const std::int64_t *wordsOf(const Tensor &x) { return x.defined() ? x.const_data_ptr<std::int64_t>() : nullptr; }

/// q, k, v and the mask as the kernels read them; kept until they are launched.
struct Inputs {
    Tensor q, k, v, bits;
    attend::Params params;

    Inputs(const Tensor &q, const Tensor &k, const Tensor &v, const AttentionMask &mask, double scale)
        : q(rowsOf(q))
        , k(rowsOf(k))
        , v(rowsOf(v))
        , bits(mask.bits.defined() ? mask.bits.contiguous() : Tensor())
        , params(sizesOf(q, k, v, scale))
    {
        params.q = this->q.const_data_ptr();
        params.k = this->k.const_data_ptr();
        params.v = this->v.const_data_ptr();
        params.bits = wordsOf(bits);
        params.offset = mask.offset;
        setStrides(params.qStrides, this->q);
        setStrides(params.kStrides, this->k);
        setStrides(params.vStrides, this->v);
    }
};

Tensor transposedBits(const Tensor &bits, std::int64_t keys)
{
    Tensor result = at::empty({bits.size(0), (bits.size(1) + 63) / 64, keys}, bits.options());
    launch::topk_select::Params params;
    params.batch = bits.size(0);
    params.queries = params.rows = bits.size(1);
    params.keys = keys;
    // Read only, but the same field is what a selection writes.
    params.bits = const_cast<std::int64_t *>(bits.const_data_ptr<std::int64_t>());
    params.bitsT = result.mutable_data_ptr<std::int64_t>();
    C10_CUDA_CHECK(launch::topk_select::launchTranspose(params, c10::cuda::getCurrentCUDAStream()));
    return result;
}

/// Scratch for a map of the tiles that are seen; kept until the kernels are launched.
Tensor tileMapFor(attend::Params &params, const Tensor &like)
{
    const auto words = static_cast<std::int64_t>(attend::workspaceBytes(params) / sizeof(std::uint32_t));
    Tensor map = words > 0 ? at::empty({words}, like.options().dtype(at::kInt)) : Tensor();
    params.tileMap = map.defined() ? reinterpret_cast<std::uint32_t *>(map.mutable_data_ptr<std::int32_t>()) : nullptr;
    return map;
}

std::tuple<Tensor, Tensor> attentionForward(const Tensor &q, const Tensor &k, const Tensor &v,
                                            const AttentionMask &mask, double scale)
{
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q.device());
    checks::reportValues();
    Inputs inputs(q, k, v, mask, scale);
    // Laid out like q, tokens before heads or behind, so that the views behind it need no copy.
    const bool tokensFirst = q.stride(1) < q.stride(2);
    const Tensor o = tokensFirst ? at::empty({q.size(0), q.size(2), q.size(1), v.size(3)}, q.options()).transpose(1, 2)
                                 : at::empty({q.size(0), q.size(1), q.size(2), v.size(3)}, q.options());
    Tensor lse = at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat));
    inputs.params.o = o.mutable_data_ptr();
    inputs.params.lse = lse.mutable_data_ptr<float>();
    setStrides(inputs.params.oStrides, o);
    const Tensor map = tileMapFor(inputs.params, q);
    C10_CUDA_CHECK(attend::launchForward(inputs.params, c10::cuda::getCurrentCUDAStream()));
    return {o, lse};
}

} // namespace

KernelReport attentionKernel(const Tensor &q, const Tensor &k, const Tensor &v)
{
    const char *why = attentionRefusal(q, k, v, 1);
    return why ? KernelReport{false, why} : describedKernel(sizesOf(q, k, v, 1), attend::describeForward);
}

KernelReport attentionGradientKernel(const Tensor &q, const Tensor &k, const Tensor &v)
{
    const char *why = attentionRefusal(q, k, v, 1);
    return why ? KernelReport{false, why} : describedKernel(sizesOf(q, k, v, 1), attend::describeBackward);
}

std::array<Tensor, 3> attentionBackward(const Tensor &gradO, const Tensor &q, const Tensor &k, const Tensor &v,
                                        const Tensor &o, const Tensor &lse, const AttentionMask &mask, double scale)
{
    if (attentionRefusal(q, k, v, scale)) {
        return reference::attentionBackward(gradO, q, k, v, o, lse, {mask.bits, mask.offset}, scale);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q.device());
    Inputs inputs(q, k, v, mask, scale);
    const Tensor grad = rowsOf(gradO.to(q.scalar_type())), out = rowsOf(o), logSums = lse.contiguous();
    const Tensor delta = at::empty_like(logSums);
    // Laid out like what they belong to, so that the views behind it need no copy.
    Tensor gradQ = at::empty_like(inputs.q), gradK = at::empty_like(inputs.k), gradV = at::empty_like(inputs.v), bitsT;
    if (inputs.bits.defined()) {
        bitsT = mask.bitsT.defined() ? mask.bitsT.contiguous() : transposedBits(inputs.bits, k.size(2));
    }
    attend::Params &params = inputs.params;
    params.bitsT = wordsOf(bitsT);
    params.gradO = grad.const_data_ptr();
    // Read only here; the forward writes them.
    params.o = const_cast<void *>(out.const_data_ptr());
    params.lse = const_cast<float *>(logSums.const_data_ptr<float>());
    params.delta = delta.mutable_data_ptr<float>();
    params.gradQ = gradQ.mutable_data_ptr();
    params.gradK = gradK.mutable_data_ptr();
    params.gradV = gradV.mutable_data_ptr();
    setStrides(params.oStrides, out);
    setStrides(params.gradOStrides, grad);
    setStrides(params.gradQStrides, gradQ);
    setStrides(params.gradKStrides, gradK);
    setStrides(params.gradVStrides, gradV);
    const Tensor map = tileMapFor(params, q);
    C10_CUDA_CHECK(attend::launchBackward(params, c10::cuda::getCurrentCUDAStream()));
    return {gradQ, gradK, gradV};
}

bool ordersGradients(const Tensor &q, const Tensor &k, const Tensor &v)
{
    constexpr std::int64_t kKeysInOrder = 512, kWidest = 64;
    return k.size(2) > kKeysInOrder && std::max(q.size(3), v.size(3)) <= kWidest && !attentionRefusal(q, k, v, 1);
}

namespace dispatch::kernel {

std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &bits,
                                            const Maybe &bitsT, std::optional<double> scale, bool deterministic)
{
    checks::attention("masked_attention", q, k, v);
    checks::bits("masked_attention", bits, q.size(0), q.size(2), k.size(2));
    if (bitsT.has_value()) {
        checks::bitsT("masked_attention", *bitsT, q.size(0), q.size(2), k.size(2));
    }
    const double factor = plain::scaleOr(scale, q.size(3));
    return attentionRefusal(q, k, v, factor) ? plain::masked_attention(q, k, v, bits, bitsT, scale, deterministic)
                                             : attentionForward(q, k, v, {bits}, factor);
}

std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale, std::int64_t offset)
{
    checks::attention("dense_attention", q, k, v);
    const double factor = plain::scaleOr(scale, q.size(3));
    {
        // The library's kernels are the faster ones where they take the inputs.
        const BelowAutograd guard;
        if (const std::int64_t kind = fusedDenseKind(q, k, v, factor, offset)) {
            const FusedDense fused = fusedDense(kind, q, k, v, factor);
            return {fused.o, fused.lse};
        }
    }
    return attentionRefusal(q, k, v, factor) ? plain::dense_attention(q, k, v, scale, offset)
                                             : attentionForward(q, k, v, {{}, {}, offset}, factor);
}

} // namespace dispatch::kernel

#else

KernelReport attentionKernel(const Tensor &q, const Tensor &, const Tensor &) { return {false, kernelRefusal(q)}; }

KernelReport attentionGradientKernel(const Tensor &q, const Tensor &, const Tensor &)
{
    return {false, kernelRefusal(q)};
}

bool ordersGradients(const Tensor &, const Tensor &, const Tensor &) { return false; }

std::array<Tensor, 3> attentionBackward(const Tensor &gradO, const Tensor &q, const Tensor &k, const Tensor &v,
                                        const Tensor &o, const Tensor &lse, const AttentionMask &mask, double scale)
{
    return reference::attentionBackward(gradO, q, k, v, o, lse, {mask.bits, mask.offset}, scale);
}

#endif

} // namespace dsa

#ifdef SPARSESCOPE_HAS_KERNELS
TORCH_LIBRARY_IMPL(dsa, CUDA, m)
{
    namespace kernel = dsa::dispatch::kernel;
    m.impl("masked_attention", TORCH_FN(kernel::masked_attention));
    m.impl("dense_attention", TORCH_FN(kernel::dense_attention));
}
#endif
