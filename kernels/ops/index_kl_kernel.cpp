#include "kernels/ops/index_kl_kernel.h"

#include "kernels/ops/dispatch.h"
#include "kernels/ops/index_kl_tiles.h"
#include "kernels/ops/kernel_support.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_kl/index_kl.h"
#include "kernels/ops/below_autograd.h"
#include "kernels/ops/checks.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

launch::index_kl::Params sizesOf(const Tensor &qi, const Tensor &ki, const Tensor &q)
{
    launch::index_kl::Params params;
    params.type = qi.scalar_type() == at::kBFloat16 ? launch::index_kl::Type::BFloat16
                  : qi.scalar_type() == at::kHalf   ? launch::index_kl::Type::Half
                                                    : launch::index_kl::Type::Float;
    params.batch = qi.size(0);
    params.queries = qi.size(1);
    params.keys = ki.size(1);
    params.heads = q.size(1);
    params.indexHeads = qi.size(2);
    return params;
}

/// The products by the library, all between and behind them by one kernel a chunk of rows.
reference::KlResult klByKernel(const IndexKlInputs &in, bool wantGradients)
{
    const c10::cuda::CUDAGuard device(in.q.device());
    const std::int64_t batch = in.qi.size(0), rows = in.qi.size(1), indexHeads = in.qi.size(2), width = in.qi.size(3),
                       keys = in.ki.size(1), heads = in.q.size(1), keyHeads = in.k.size(1);
    const auto floats = in.qi.options().dtype(at::kFloat);
    reference::KlResult result;
    result.rows = at::empty({batch, rows}, floats);
    const Tensor used = at::empty({batch, rows}, floats);
    if (wantGradients) {
        result.gradQ = at::empty(in.qi.sizes(), floats);
        result.gradW = at::empty(in.w.sizes(), floats);
    }
    const Tensor weights = in.w.to(at::kFloat).contiguous(), lse = in.lse.to(at::kFloat).contiguous(),
                 lseSelected = in.lseSelected.defined() ? in.lseSelected.to(at::kFloat).contiguous() : Tensor(),
                 bits = in.bits.defined() ? in.bits.contiguous() : Tensor(),
                 phase = in.phase.defined() ? in.phase.to(at::kInt) : Tensor();
    const reference::Mask mask{in.bits, keys - rows};
    const std::int64_t chunk = reference::chunkRows(rows, batch * (heads + 2 * indexHeads) * keys * 4, in.qi.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin), seen = mask.keys(begin + count, keys);
        const Tensor scores = reference::product(
            in.q.narrow(2, begin, count).reshape({batch * keyHeads, heads / keyHeads * count, in.q.size(3)}),
            in.k.narrow(2, 0, seen).reshape({batch * keyHeads, seen, in.k.size(3)}).transpose(1, 2));
        const Tensor qPart = in.qi.narrow(1, begin, count).reshape({batch, count * indexHeads, width}),
                     kPart = in.ki.narrow(1, 0, seen);
        const Tensor dots = reference::product(qPart, kPart.transpose(1, 2));
        Tensor gradDots, gradW;
        launch::index_kl::Params params = sizesOf(in.qi, in.ki, in.q);
        params.queries = count;
        params.keys = seen;
        params.scores = scores.const_data_ptr<float>();
        params.dots = dots.const_data_ptr<float>();
        params.weights = weights.const_data_ptr<float>() + begin * indexHeads;
        params.weightStrides[0] = rows * indexHeads;
        params.weightStrides[1] = indexHeads;
        params.lse = lse.const_data_ptr<float>() + begin;
        params.lseStrides[0] = heads * rows;
        params.lseStrides[1] = rows;
        params.lseSelected = lseSelected.defined() ? lseSelected.const_data_ptr<float>() + begin : nullptr;
        params.lseSelectedStride = rows;
        if (bits.defined()) {
            params.bits = bits.const_data_ptr<std::int64_t>() + begin * bits.size(2);
            params.bitStrides[0] = bits.stride(0);
            params.bitStrides[1] = bits.stride(1);
        }
        params.phase = phase.defined() ? phase.const_data_ptr<std::int32_t>() : nullptr;
        params.rows = result.rows.mutable_data_ptr<float>() + begin;
        params.used = used.mutable_data_ptr<float>() + begin;
        params.rowsStride = params.usedStride = rows;
        params.offset = begin + keys - rows;
        params.firstRow = begin;
        params.rowStride = in.rowStride;
        params.scale = static_cast<float>(in.scale);
        if (wantGradients) {
            gradDots = at::empty(dots.sizes(), in.qi.options());
            gradW = at::empty({batch, count, indexHeads}, floats);
            params.gradDots = gradDots.mutable_data_ptr();
            params.gradWeights = gradW.mutable_data_ptr<float>();
        }
        C10_CUDA_CHECK(launch::index_kl::launch(params, c10::cuda::getCurrentCUDAStream()));
        if (!wantGradients) {
            continue;
        }
        const bool whole = count == rows;
        const Tensor gradQ = reference::product(gradDots, kPart).view({batch, count, indexHeads, width}),
                     gradK = reference::product(gradDots.transpose(1, 2), qPart);
        if (whole) {
            result.gradQ = gradQ;
            result.gradW = gradW;
        } else {
            result.gradQ.narrow(1, begin, count).copy_(gradQ);
            result.gradW.narrow(1, begin, count).copy_(gradW);
        }
        if (whole && seen == keys) {
            result.gradK = gradK;
        } else {
            if (!result.gradK.defined()) {
                result.gradK = at::zeros(in.ki.sizes(), floats);
            }
            result.gradK.narrow(1, 0, seen).add_(gradK);
        }
    }
    const Tensor divisor = used.sum().clamp_min_(1);
    result.loss = result.rows.sum().div_(divisor);
    if (wantGradients) {
        result.gradQ.div_(divisor);
        result.gradK.div_(divisor);
        result.gradW.div_(divisor);
    }
    return result;
}

/// Checked and by the kernel, or undefined where it does not take the inputs.
std::optional<reference::KlResult> checkedKl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                             const Tensor &k, const Tensor &lse, const dispatch::Maybe &bits,
                                             const dispatch::Maybe &lseSelected, std::optional<double> scale,
                                             std::int64_t target, std::int64_t rowStride, const dispatch::Maybe &phase,
                                             bool wantGradients)
{
    checks::indexer("index_kl", qi, ki, w);
    checks::kl("index_kl", qi, ki, q, k, lse, target, rowStride);
    const bool selected = target == static_cast<std::int64_t>(KlTarget::Selected);
    const bool byTiles = !indexKlTilesRefusal(qi, ki, q);
    if ((!byTiles && indexKlRefusal(qi, ki, q)) || qi.numel() == 0 || ki.numel() == 0 || q.numel() == 0 ||
        (selected && !bits.has_value())) {
        return std::nullopt;
    }
    if (selected) {
        checks::bits("index_kl", *bits, q.size(0), q.size(2), k.size(2));
    }
    const BelowAutograd guard;
    // The normaliser over the selected keys is none of the dense target.
    const IndexKlInputs inputs{qi,
                               ki,
                               w,
                               q,
                               k,
                               lse,
                               selected ? *bits : Tensor(),
                               selected ? lseSelected.value_or(Tensor()) : Tensor(),
                               phase.value_or(Tensor()),
                               dispatch::plain::scaleOr(scale, q.size(3)),
                               rowStride};
    return byTiles ? indexKlByTiles(inputs, wantGradients) : klByKernel(inputs, wantGradients);
}

} // namespace

const char *indexKlRefusal(const Tensor &qi, const Tensor &ki, const Tensor &q)
{
    const char *why = kernelRefusal(qi);
    if (!why && q.scalar_type() == at::kDouble) {
        why = "no kernel for float64";
    }
    if (!why) {
        launch::index_kl::supported(sizesOf(qi, ki, q), &why);
    }
    return why;
}

namespace dispatch::kernel {

std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Maybe &bits, const Maybe &bitsT,
                                    const Maybe &lseSelected, std::optional<double> scale, std::int64_t target,
                                    std::int64_t rowStride, const Maybe &phase)
{
    const auto result = checkedKl(qi, ki, w, q, k, lse, bits, lseSelected, scale, target, rowStride, phase, false);
    return result ? std::tuple(result->loss, result->rows)
                  : plain::index_kl(qi, ki, w, q, k, lse, bits, bitsT, lseSelected, scale, target, rowStride, phase);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
index_kl_with_gradients(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                        const Tensor &lse, const Maybe &bits, const Maybe &bitsT, const Maybe &lseSelected,
                        std::optional<double> scale, std::int64_t target, std::int64_t rowStride, const Maybe &phase)
{
    const auto result = checkedKl(qi, ki, w, q, k, lse, bits, lseSelected, scale, target, rowStride, phase, true);
    return result ? std::tuple(result->loss, result->rows, result->gradQ, result->gradK, result->gradW)
                  : plain::index_kl_with_gradients(qi, ki, w, q, k, lse, bits, bitsT, lseSelected, scale, target,
                                                   rowStride, phase);
}

} // namespace dispatch::kernel

#else

const char *indexKlRefusal(const Tensor &qi, const Tensor &, const Tensor &) { return kernelRefusal(qi); }

#endif

void dispatch::keepLossKernels() {}

} // namespace dsa

#ifdef SPARSESCOPE_HAS_KERNELS
TORCH_LIBRARY_IMPL(dsa, CUDA, m)
{
    namespace kernel = dsa::dispatch::kernel;
    m.impl("index_kl", TORCH_FN(kernel::index_kl));
    m.impl("index_kl_with_gradients", TORCH_FN(kernel::index_kl_with_gradients));
}
#endif
