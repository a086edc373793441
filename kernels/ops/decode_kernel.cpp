#include "kernels/ops/decode_kernel.h"

#include "kernels/ops/decode_dispatch.h"
#include "kernels/ops/kernel_support.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/decode_scores/decode_scores.h"
#include "kernels/launch/gathered_attention/gathered_decode.h"
#include "kernels/launch/index_quantize/index_quantize.h"
#include "kernels/launch/index_scores/index_scores.h"
#include "kernels/launch/topk_select/topk_select.h"
#include "kernels/ops/below_autograd.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/value_checks.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

namespace quantize = launch::index_quantize;
namespace scoring = launch::index_scores;
namespace paged = launch::decode_scores;
namespace select = launch::topk_select;
namespace gather = launch::gathered_attention;

const char *quantizeRefusal(const Tensor &x)
{
    const char *why = kernelRefusal(x);
    if (!why) {
        quantize::Params params;
        params.rows = x.numel() / std::max<std::int64_t>(1, x.size(-1));
        params.width = x.size(-1);
        quantize::supported(params, &why);
    }
    return why;
}

scoring::Params quantizedSizes(const Tensor &q8, const Tensor &k8)
{
    scoring::Params params;
    params.type = scoring::Type::E4m3;
    params.batch = q8.size(0);
    params.queries = q8.size(1);
    params.keys = k8.size(1);
    params.heads = q8.size(2);
    params.width = q8.size(3);
    params.portable = hopperRefusal() != nullptr;
    return params;
}

const char *quantizedRefusal(const Tensor &q8, const Tensor &k8)
{
    const char *why = kernelRefusal(q8);
    if (!why) {
        scoring::supported(quantizedSizes(q8, k8), &why);
    }
    return why;
}

paged::Params scoreSizes(const Tensor &q8, const Tensor &pages, const Tensor &table)
{
    paged::Params params;
    params.batch = q8.size(0);
    params.queries = q8.size(1);
    params.heads = q8.size(2);
    params.width = q8.size(3);
    params.pageCount = pages.size(0);
    params.pagesEach = table.size(1);
    return params;
}

const char *scoresRefusal(const Tensor &q8, const Tensor &pages, const Tensor &table)
{
    const char *why = kernelRefusal(q8);
    if (!why) {
        why = hopperRefusal();
    }
    if (!why) {
        paged::supported(scoreSizes(q8, pages, table), &why);
    }
    return why;
}

gather::DecodeParams attentionSizes(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                    std::int64_t dv, double scale)
{
    gather::DecodeParams params;
    params.batch = q.size(0);
    params.queriesEach = q.size(1);
    params.heads = q.size(2);
    params.width = q.size(3);
    params.valueWidth = dv;
    params.k = idx.size(2);
    params.pageCount = pages.size(0);
    params.pagesEach = table.size(1);
    params.scale = static_cast<float>(scale);
    return params;
}

const char *attentionRefusal(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                             std::int64_t dv, double scale)
{
    const char *why = kernelRefusal(q);
    if (!why && q.scalar_type() != at::kBFloat16) {
        why = "the gathering kernels take bfloat16 alone";
    }
    if (!why) {
        why = hopperRefusal();
    }
    if (!why) {
        gather::supported(attentionSizes(q, pages, table, idx, dv, scale), &why);
    }
    return why;
}

/// Rows of x, and their scales times `factors` (one a row; may be undefined).
std::tuple<Tensor, Tensor> quantized(const Tensor &x, const Tensor &factors)
{
    const Tensor rows = x.contiguous(), out = at::empty(x.sizes(), x.options().dtype(at::kFloat8_e4m3fn)),
                 scales = at::empty(x.sizes().slice(0, x.dim() - 1), x.options().dtype(at::kFloat));
    quantize::Params params;
    params.type = x.scalar_type() == at::kBFloat16 ? quantize::Type::BFloat16
                  : x.scalar_type() == at::kHalf   ? quantize::Type::Half
                                                   : quantize::Type::Float;
    params.x = rows.const_data_ptr();
    params.factors = factors.defined() ? factors.const_data_ptr<float>() : nullptr;
    params.out = out.mutable_data_ptr();
    params.scales = scales.mutable_data_ptr<float>();
    params.rows = scales.numel();
    params.width = x.size(-1);
    C10_CUDA_CHECK(quantize::launch(params, c10::cuda::getCurrentCUDAStream()));
    return {out, scales};
}

} // namespace

KernelReport indexQuantizeKernel(const Tensor &qi)
{
    const char *why = quantizeRefusal(qi);
    return {why == nullptr, why ? why : "a warp a row"};
}

KernelReport quantizedScoresKernel(const Tensor &q8, const Tensor &k8)
{
    const char *why = quantizedRefusal(q8, k8);
    return why ? KernelReport{false, why} : describedKernel(quantizedSizes(q8, k8), scoring::describe);
}

KernelReport decodeScoresKernel(const Tensor &q8, const Tensor &pages, const Tensor &table)
{
    const char *why = scoresRefusal(q8, pages, table);
    return why ? KernelReport{false, why} : describedKernel(scoreSizes(q8, pages, table), paged::describe);
}

KernelReport gatheredDecodeKernel(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                  std::int64_t dv)
{
    const char *why = attentionRefusal(q, pages, table, idx, dv, 1);
    return why ? KernelReport{false, why}
               : describedKernel(attentionSizes(q, pages, table, idx, dv, 1), gather::describeDecode);
}

namespace dispatch::kernel {

namespace {

std::tuple<Tensor, Tensor, Tensor, Tensor> index_quantize(const Tensor &qi, const Tensor &ki, const Tensor &w)
{
    check::indexQuantize(qi, ki, w);
    if (quantizeRefusal(qi)) {
        return plain::index_quantize(qi, ki, w);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(qi.device());
    const auto [q8, w2] = quantized(qi, w.to(at::kFloat).contiguous());
    const auto [k8, scale] = quantized(ki, {});
    return {q8, w2, k8, scale};
}

Tensor index_scores_quantized(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale,
                              std::int64_t offset)
{
    check::quantizedScores(q8, k8, w, kscale);
    if (quantizedRefusal(q8, k8) || w.scalar_type() == at::kDouble) {
        return plain::index_scores_quantized(q8, k8, w, kscale, offset);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q8.device());
    const Tensor queries = readable(q8), keys = readable(k8), weights = w.to(at::kFloat).contiguous(),
                 scales = kscale.contiguous(),
                 out = at::empty({q8.size(0), q8.size(1), k8.size(1)}, w.options().dtype(at::kFloat));
    scoring::Params params = quantizedSizes(queries, keys);
    params.q = queries.const_data_ptr();
    params.k = keys.const_data_ptr();
    params.w = weights.const_data_ptr<float>();
    params.kScale = scales.const_data_ptr<float>();
    params.out = out.mutable_data_ptr<float>();
    params.offset = offset;
    std::copy_n(queries.strides().begin(), 3, params.qStrides);
    std::copy_n(keys.strides().begin(), 2, params.kStrides);
    std::copy_n(weights.strides().begin(), 2, params.wStrides);
    C10_CUDA_CHECK(scoring::launch(params, c10::cuda::getCurrentCUDAStream()));
    return out;
}

Tensor decode_scores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table, const Tensor &lengths)
{
    check::decodeScores(q8, w, pages, table, lengths);
    if (scoresRefusal(q8, pages, table) || w.scalar_type() == at::kDouble) {
        return plain::decode_scores(q8, w, pages, table, lengths);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q8.device());
    const Tensor queries = q8.contiguous(), weights = w.to(at::kFloat).contiguous(),
                 cache = readable(pages.contiguous()), places = table.contiguous(), ends = lengths.contiguous();
    const Tensor out = at::empty({q8.size(0), q8.size(1), kPageKeys * table.size(1)}, w.options().dtype(at::kFloat));
    paged::Params params = scoreSizes(q8, pages, table);
    params.q = queries.const_data_ptr();
    params.w = weights.const_data_ptr<float>();
    params.pages = cache.const_data_ptr();
    params.table = places.const_data_ptr<std::int32_t>();
    params.lengths = ends.const_data_ptr<std::int32_t>();
    params.out = out.mutable_data_ptr<float>();
    C10_CUDA_CHECK(paged::launch(params, c10::cuda::getCurrentCUDAStream()));
    return out;
}

std::tuple<Tensor, Tensor> decode_select(const Tensor &scores, std::int64_t k, const Tensor &lengths)
{
    check::decodeSelect(scores, k, lengths);
    select::Params params;
    params.batch = scores.size(0);
    params.queries = params.rows = scores.size(1);
    params.keys = scores.size(2);
    params.k = k;
    if (kernelRefusal(scores) || !select::supported(params)) {
        return plain::decode_select(scores, k, lengths);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(scores.device());
    checks::reportValues();
    checks::noNan("decode_select", "scores", scores);
    const std::int64_t batch = params.batch, queries = params.queries;
    const Tensor wide = scores.to(at::kFloat), source = wide.stride(2) == 1 ? wide : wide.contiguous(),
                 ends = lengths.contiguous(), idx = at::empty({batch, queries, k}, lengths.options()),
                 count = at::empty({batch, queries}, lengths.options());
    params.scores = source.const_data_ptr<float>();
    params.batchStride = source.stride(0);
    params.rowStride = source.stride(1);
    params.count = count.mutable_data_ptr<std::int32_t>();
    params.idx = idx.mutable_data_ptr<std::int32_t>();
    params.lengths = ends.const_data_ptr<std::int32_t>();
    const Tensor scratch =
        at::empty({static_cast<std::int64_t>(select::scratchBytes(params))}, scores.options().dtype(at::kByte));
    params.scratch = scratch.numel() > 0 ? scratch.mutable_data_ptr() : nullptr;
    C10_CUDA_CHECK(select::launch(params, c10::cuda::getCurrentCUDAStream()));
    return {idx, count};
}

std::tuple<Tensor, Tensor> gathered_decode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                           std::int64_t dv, std::optional<double> scale)
{
    check::gatheredDecode(q, pages, table, idx, dv);
    const double factor = plain::scaleOr(scale, q.size(3));
    if (attentionRefusal(q, pages, table, idx, dv, factor)) {
        return plain::gathered_decode(q, pages, table, idx, dv, scale);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q.device());
    const Tensor queries = readable(q.flatten(0, 1)), cache = readable(pages.contiguous()),
                 pageTable = table.contiguous(), list = idx.contiguous(), places = at::empty_like(list),
                 slots = at::empty({q.size(0) * q.size(1)}, idx.options()),
                 o = at::empty({q.size(0), q.size(1), q.size(2), dv}, q.options()),
                 lse = at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat));
    gather::DecodeParams params = attentionSizes(q, pages, table, idx, dv, factor);
    params.q = queries.const_data_ptr();
    params.pages = cache.const_data_ptr();
    params.table = pageTable.const_data_ptr<std::int32_t>();
    params.idx = list.const_data_ptr<std::int32_t>();
    params.places = places.mutable_data_ptr<std::int32_t>();
    params.slots = slots.mutable_data_ptr<std::int32_t>();
    params.o = o.mutable_data_ptr();
    params.lse = lse.mutable_data_ptr<float>();
    std::copy_n(queries.strides().begin(), 2, params.qStrides);
    std::copy_n(o.strides().begin() + 1, 2, params.oStrides);
    C10_CUDA_CHECK(gather::launchDecode(params, c10::cuda::getCurrentCUDAStream()));
    return {o, lse};
}

} // namespace

} // namespace dispatch::kernel

#else

KernelReport indexQuantizeKernel(const Tensor &qi) { return {false, kernelRefusal(qi)}; }

KernelReport quantizedScoresKernel(const Tensor &q8, const Tensor &) { return {false, kernelRefusal(q8)}; }

KernelReport decodeScoresKernel(const Tensor &q8, const Tensor &, const Tensor &) { return {false, kernelRefusal(q8)}; }

KernelReport gatheredDecodeKernel(const Tensor &q, const Tensor &, const Tensor &, const Tensor &, std::int64_t)
{
    return {false, kernelRefusal(q)};
}

#endif

void dispatch::keepDecodeKernels() {}

} // namespace dsa

#ifdef SPARSESCOPE_HAS_KERNELS
TORCH_LIBRARY_IMPL(dsa, CUDA, m)
{
    namespace kernel = dsa::dispatch::kernel;
    m.impl("index_quantize", TORCH_FN(kernel::index_quantize));
    m.impl("index_scores_quantized", TORCH_FN(kernel::index_scores_quantized));
    m.impl("decode_scores", TORCH_FN(kernel::decode_scores));
    m.impl("decode_select", TORCH_FN(kernel::decode_select));
    m.impl("gathered_decode", TORCH_FN(kernel::gathered_decode));
}
#endif
