#include "kernels/ops/kernel_path.h"

#include "kernels/ops/below_autograd.h"
#include "kernels/ops/checks.h"
#include "kernels/ops/dispatch.h"
#include "kernels/ops/kernel_support.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/value_checks.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_scores/index_scores.h"
#include "kernels/launch/topk_select/topk_select.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>
#endif

namespace dsa {

namespace {

constexpr std::int64_t kScoreShare =
    4; ///< of what a chunk may take: scores are the largest array of a small layer's step

#ifdef SPARSESCOPE_HAS_KERNELS

namespace scores = launch::index_scores;
namespace select = launch::topk_select;

scores::Params sizesOf(const Tensor &q, const Tensor &k)
{
    scores::Params params;
    params.type = q.scalar_type() == at::kBFloat16 ? scores::Type::BFloat16
                  : q.scalar_type() == at::kHalf   ? scores::Type::Half
                                                   : scores::Type::Float;
    params.batch = q.size(0);
    params.queries = q.size(1);
    params.keys = k.size(1);
    params.heads = q.size(2);
    params.width = q.size(3);
    params.portable = hopperRefusal() != nullptr;
    return params;
}

select::Params selectSizes(std::int64_t batch, std::int64_t queries, std::int64_t keys)
{
    select::Params params;
    params.batch = batch;
    params.queries = params.rows = queries;
    params.keys = keys;
    return params;
}

// Asked at every call of an operation, so nothing is described here. Null when the kernel runs.
const char *scoresRefusal(const Tensor &q, const Tensor &k)
{
    const char *why = kernelRefusal(q);
    if (!why) {
        scores::supported(sizesOf(q, k), &why);
    }
    return why;
}

const char *selectRefusal(const Tensor &x, const select::Params &sizes)
{
    const char *why = kernelRefusal(x);
    if (!why) {
        select::supported(sizes, &why);
    }
    return why;
}

select::Params selectSizes(const Tensor &scores) { return selectSizes(scores.size(0), scores.size(1), scores.size(2)); }

select::Params selectSizes(const Tensor &q, const Tensor &k) { return selectSizes(q.size(0), q.size(1), k.size(1)); }

bool selectsByKernels(const Tensor &q, const Tensor &k)
{
    return !scoresRefusal(q, k) && !selectRefusal(q, selectSizes(q, k));
}

/// Inputs as the kernel reads them; kept until it is launched.
struct ScoreInputs {
    Tensor q, k, w;

    ScoreInputs(const Tensor &q, const Tensor &k, const Tensor &w)
        : q(readable(q))
        , k(readable(k))
        , w(w.to(at::kFloat).contiguous())
    {}

    /// Scores of rows begin .. begin + rows into out [B,rows,S].
    void launch(std::int64_t begin, const Tensor &out, std::int64_t offset, bool fillHidden) const
    {
        scores::Params params = sizesOf(q, k);
        params.q = static_cast<const char *>(q.const_data_ptr()) + begin * q.stride(1) * q.element_size();
        params.k = k.const_data_ptr();
        params.w = w.const_data_ptr<float>() + begin * w.stride(1);
        params.out = out.mutable_data_ptr<float>();
        params.queries = out.size(1);
        params.offset = offset + begin;
        std::copy_n(q.strides().begin(), 3, params.qStrides);
        std::copy_n(k.strides().begin(), 2, params.kStrides);
        std::copy_n(w.strides().begin(), 2, params.wStrides);
        params.fillHidden = fillHidden;
        C10_CUDA_CHECK(scores::launch(params, c10::cuda::getCurrentCUDAStream()));
    }
};

/// The outputs of a selection, filled from a chunk of rows at a time.
class SelectionLauncher {
public:
    SelectionLauncher(const at::TensorOptions &options, std::int64_t batch, std::int64_t queries, std::int64_t keys,
                      std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx, bool wantSums)
        : m_params(selectSizes(batch, queries, keys))
    {
        const auto make = [&](bool wanted, at::IntArrayRef sizes, at::ScalarType type) {
            return at::empty(wanted ? sizes : at::IntArrayRef{0}, options.dtype(type));
        };
        bits = make(wantBits, {batch, queries, (keys + 63) / 64}, at::kLong);
        bitsT = make(wantBits, {batch, (queries + 63) / 64, keys}, at::kLong);
        count = make(true, {batch, queries}, at::kInt);
        idx = make(wantIdx, {batch, queries, k}, at::kInt);
        tau = make(wantSums, {batch, queries}, at::kFloat);
        lse = make(wantSums, {batch, queries}, at::kFloat);
        m_params.k = k;
        m_params.offset = offset;
        m_params.bits = wantBits ? bits.mutable_data_ptr<std::int64_t>() : nullptr;
        m_params.bitsT = wantBits ? bitsT.mutable_data_ptr<std::int64_t>() : nullptr;
        m_params.count = count.mutable_data_ptr<std::int32_t>();
        m_params.idx = wantIdx ? idx.mutable_data_ptr<std::int32_t>() : nullptr;
        m_params.tau = wantSums ? tau.mutable_data_ptr<float>() : nullptr;
        m_params.lse = wantSums ? lse.mutable_data_ptr<float>() : nullptr;
    }

    /// part [B,rows,S]: the scores of rows firstRow and on.
    void add(std::int64_t firstRow, const Tensor &part)
    {
        m_params.scores = part.const_data_ptr<float>();
        m_params.batchStride = part.stride(0);
        m_params.rowStride = part.stride(1);
        m_params.firstRow = firstRow;
        m_params.rows = part.size(1);
        const Tensor scratch =
            at::empty({static_cast<std::int64_t>(select::scratchBytes(m_params))}, part.options().dtype(at::kByte));
        m_params.scratch = scratch.numel() > 0 ? scratch.mutable_data_ptr() : nullptr;
        C10_CUDA_CHECK(select::launch(m_params, c10::cuda::getCurrentCUDAStream()));
    }

    void finish() const
    {
        if (m_params.bits) {
            C10_CUDA_CHECK(select::launchTranspose(m_params, c10::cuda::getCurrentCUDAStream()));
        }
    }

    Tensor bits, bitsT, count, idx, tau, lse;

private:
    select::Params m_params;
};

#endif

} // namespace

#ifdef SPARSESCOPE_HAS_KERNELS

KernelReport scoresKernel(const Tensor &q, const Tensor &k)
{
    const char *why = scoresRefusal(q, k);
    return why ? KernelReport{false, why} : describedKernel(sizesOf(q, k), scores::describe);
}

KernelReport selectKernel(const Tensor &scores)
{
    const char *why = selectRefusal(scores, selectSizes(scores));
    return why ? KernelReport{false, why} : describedKernel(selectSizes(scores), select::describe);
}

KernelReport indexSelectKernel(const Tensor &q, const Tensor &k)
{
    KernelReport first = scoresKernel(q, k);
    if (!first.runs) {
        return first;
    }
    if (const char *why = selectRefusal(q, selectSizes(q, k))) {
        return {false, why};
    }
    const KernelReport second = describedKernel(selectSizes(q, k), select::describe);
    return {true,
            first.why + ", then " + second.why,
            std::max(first.registers, second.registers),
            std::max(first.spilledBytes, second.spilledBytes),
            std::max(first.sharedBytes, second.sharedBytes),
            first.hopper};
}

#else

KernelReport scoresKernel(const Tensor &q, const Tensor &) { return {false, kernelRefusal(q)}; }

KernelReport selectKernel(const Tensor &scores) { return {false, kernelRefusal(scores)}; }

KernelReport indexSelectKernel(const Tensor &q, const Tensor &k) { return scoresKernel(q, k); }

#endif

#ifdef SPARSESCOPE_HAS_KERNELS

namespace dispatch::kernel {

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset)
{
    checks::indexer("index_scores", q, k, w);
    if (scoresRefusal(q, k)) {
        return plain::index_scores(q, k, w, offset);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q.device());
    const Tensor out = at::empty({q.size(0), q.size(1), k.size(1)}, q.options().dtype(at::kFloat));
    ScoreInputs(q, k, w).launch(0, out, offset, true);
    return out;
}

SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx)
{
    checks::scores("topk_select", scores);
    checks::topk("topk_select", k);
    if (selectRefusal(scores, selectSizes(scores))) {
        return plain::topk_select(scores, k, offset, wantBits, wantIdx);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(scores.device());
    checks::reportValues();
    checks::noNan("topk_select", "scores", scores);
    const Tensor wide = scores.to(at::kFloat), source = wide.stride(2) == 1 ? wide : wide.contiguous();
    SelectionLauncher launcher(scores.options(), scores.size(0), scores.size(1), scores.size(2), k, offset, wantBits,
                               wantIdx, false);
    launcher.add(0, source);
    launcher.finish();
    return {launcher.bits, launcher.bitsT, launcher.count, launcher.idx};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k,
                                                                        const Tensor &w, std::int64_t topK,
                                                                        std::int64_t offset, bool wantBits,
                                                                        bool wantIdx)
{
    checks::indexer("index_select", q, k, w);
    checks::topk("index_select", topK);
    if (!selectsByKernels(q, k)) {
        return plain::index_select(q, k, w, topK, offset, wantBits, wantIdx);
    }
    const BelowAutograd guard;
    const c10::cuda::CUDAGuard device(q.device());
    checks::reportValues();
    const std::int64_t batch = q.size(0), rows = q.size(1), keys = k.size(1);
    const ScoreInputs inputs(q, k, w);
    SelectionLauncher launcher(q.options(), batch, rows, keys, topK, offset, wantBits, wantIdx, true);
    const std::int64_t chunk = reference::chunkRows(rows, batch * keys * 4 * kScoreShare, q.device());
    const Tensor scores = at::empty({batch * std::min(chunk, rows) * keys}, q.options().dtype(at::kFloat));
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin);
        const Tensor part = scores.narrow(0, 0, batch * count * keys).view({batch, count, keys});
        inputs.launch(begin, part, offset, false);
        launcher.add(begin, part);
    }
    launcher.finish();
    checks::noNan("index_select", "scores", launcher.tau);
    return {launcher.bits, launcher.bitsT, launcher.count, launcher.idx, launcher.tau, launcher.lse};
}

} // namespace dispatch::kernel

#endif

void dispatch::keepKernels() {}

} // namespace dsa

#ifdef SPARSESCOPE_HAS_KERNELS
TORCH_LIBRARY_IMPL(dsa, CUDA, m)
{
    namespace kernel = dsa::dispatch::kernel;
    m.impl("index_scores", TORCH_FN(kernel::index_scores));
    m.impl("topk_select", TORCH_FN(kernel::topk_select));
    m.impl("index_select", TORCH_FN(kernel::index_select));
}
#endif
