#include "kernels/ops/index_kl_tiles.h"

#include "kernels/ops/kernel_support.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_kl_tiles/index_kl_tiles.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

constexpr std::int64_t kTile = 64;

launch::index_kl_tiles::Params tileSizes(const Tensor &qi, const Tensor &ki, const Tensor &q)
{
    launch::index_kl_tiles::Params params;
    params.batch = qi.size(0);
    params.queries = qi.size(1);
    params.keys = ki.size(1);
    params.heads = q.size(1);
    params.indexHeads = qi.size(2);
    params.width = q.size(3);
    params.indexWidth = qi.size(3);
    params.portable = hopperRefusal() != nullptr;
    return params;
}

std::int64_t paddedKeys(const launch::index_kl_tiles::Params &params)
{
    return (params.keys + kTile - 1) / kTile * kTile;
}

/// Queries whose gradients in the scores are there at once: all, or whole groups of the blocks that `rowStride` counts.
std::int64_t chunkRows(const launch::index_kl_tiles::Params &params, std::int64_t rowStride, const at::Device &device)
{
    const std::int64_t fit = reference::chunkRows(params.queries, params.batch * paddedKeys(params) * 2, device),
                       group = kTile * rowStride;
    return fit >= params.queries ? params.queries : std::max<std::int64_t>(fit / group * group, group);
}

Tensor wideRows(const Tensor &x) { return x.to(at::kFloat).contiguous(); }

} // namespace

const char *indexKlTilesRefusal(const Tensor &qi, const Tensor &ki, const Tensor &q)
{
    const char *why = kernelRefusal(qi);
    if (why) {
        return why;
    }
    if (qi.scalar_type() != at::kBFloat16 || q.scalar_type() != at::kBFloat16) {
        return "the tiles are bfloat16's";
    }
    const launch::index_kl_tiles::Params params = tileSizes(qi, ki, q);
    if (!launch::index_kl_tiles::supported(params, &why)) {
        return why;
    }
    if (params.keys < params.queries && chunkRows(params, 1, qi.device()) < params.queries) {
        return "more pairs than fit at once, and queries without a key";
    }
    int most = 0;
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, qi.device().index()));
    return launch::index_kl_tiles::sharedBytes(params) > static_cast<std::size_t>(most)
               ? "more shared memory than the card has"
               : nullptr;
}

KernelReport indexKlTilesKernel(const Tensor &qi, const Tensor &ki, const Tensor &q)
{
    const char *why = indexKlTilesRefusal(qi, ki, q);
    return why ? KernelReport{false, why} : describedKernel(tileSizes(qi, ki, q), launch::index_kl_tiles::describe);
}

namespace {

/// Queries begin .. begin + count with the keys that they can see: of the last T of S positions those that lie there.
IndexKlInputs partOf(const IndexKlInputs &in, std::int64_t begin, std::int64_t count)
{
    const std::int64_t seen = in.ki.size(1) - in.qi.size(1) + begin + count;
    IndexKlInputs part = in;
    part.qi = in.qi.narrow(1, begin, count);
    part.ki = in.ki.narrow(1, 0, seen);
    part.w = in.w.narrow(1, begin, count);
    part.q = in.q.narrow(2, begin, count);
    part.k = in.k.narrow(2, 0, seen);
    part.lse = in.lse.narrow(2, begin, count);
    if (in.bits.defined()) {
        part.bits = in.bits.narrow(1, begin, count).narrow(2, 0, (seen + kTile - 1) / kTile);
    }
    if (in.lseSelected.defined()) {
        part.lseSelected = in.lseSelected.narrow(1, begin, count);
    }
    return part;
}

/// `used` [B,T] becomes 1 where a row counts. Gradients are those of the mean over these rows.
reference::KlResult klAtOnce(const IndexKlInputs &in, bool wantGradients, Tensor &used)
{
    const Tensor qi = readable(in.qi), ki = readable(in.ki), q = readable(in.q), k = readable(in.k);
    const Tensor weights = wideRows(in.w), lse = wideRows(in.lse),
                 lseSelected = in.lseSelected.defined() ? wideRows(in.lseSelected) : Tensor(),
                 bits = in.bits.defined() ? in.bits.contiguous() : Tensor(),
                 phase = in.phase.defined() ? in.phase.to(at::kInt) : Tensor();
    const auto floats = qi.options().dtype(at::kFloat);
    launch::index_kl_tiles::Params params = tileSizes(qi, ki, q);
    params.keyHeads = k.size(1);
    params.offset = params.keys - params.queries;
    params.rowStride = in.rowStride;
    params.scale = static_cast<float>(in.scale);
    params.qi = qi.const_data_ptr();
    params.ki = ki.const_data_ptr();
    params.q = q.const_data_ptr();
    params.k = k.const_data_ptr();
    params.weights = weights.const_data_ptr<float>();
    params.lse = lse.const_data_ptr<float>();
    params.lseSelected = lseSelected.defined() ? lseSelected.const_data_ptr<float>() : nullptr;
    params.bits = bits.defined() ? bits.const_data_ptr<std::int64_t>() : nullptr;
    params.phase = phase.defined() ? phase.const_data_ptr<std::int32_t>() : nullptr;
    std::copy_n(qi.strides().begin(), 3, params.qiStrides);
    std::copy_n(ki.strides().begin(), 2, params.kiStrides);
    std::copy_n(q.strides().begin(), 3, params.qStrides);
    std::copy_n(k.strides().begin(), 3, params.kStrides);

    reference::KlResult result;
    const Tensor mean = at::empty({2}, floats);
    used = at::empty({params.batch, params.queries}, floats);
    result.rows = at::empty({params.batch, params.queries}, floats);
    params.rows = result.rows.mutable_data_ptr<float>();
    params.used = used.mutable_data_ptr<float>();
    params.mean = mean.mutable_data_ptr<float>();
    Tensor gradScores;
    if (wantGradients) {
        gradScores = at::empty({params.batch, params.queries, paddedKeys(params)}, qi.options());
        result.gradQ = at::empty(qi.sizes(), floats);
        result.gradK = at::empty(ki.sizes(), floats);
        result.gradW = at::empty(weights.sizes(), floats);
        params.gradScores = gradScores.mutable_data_ptr();
        params.gradQ = result.gradQ.mutable_data_ptr<float>();
        params.gradK = result.gradK.mutable_data_ptr<float>();
        params.gradW = result.gradW.mutable_data_ptr<float>();
    }
    C10_CUDA_CHECK(launch::index_kl_tiles::launch(params, c10::cuda::getCurrentCUDAStream()));
    result.loss = mean.select(0, 0);
    return result;
}

} // namespace

reference::KlResult indexKlByTiles(const IndexKlInputs &in, bool wantGradients)
{
    const c10::cuda::CUDAGuard device(in.q.device());
    const std::int64_t rows = in.qi.size(1),
                       chunk =
                           wantGradients ? chunkRows(tileSizes(in.qi, in.ki, in.q), in.rowStride, in.q.device()) : rows;
    Tensor used;
    if (chunk >= rows) {
        return klAtOnce(in, wantGradients, used);
    }
    const auto floats = in.qi.options().dtype(at::kFloat);
    reference::KlResult result;
    result.loss = at::zeros({}, floats);
    result.rows = at::empty({in.qi.size(0), rows}, floats);
    result.gradQ = at::empty(in.qi.sizes(), floats);
    result.gradK = at::zeros(in.ki.sizes(), floats);
    result.gradW = at::empty(in.w.sizes(), floats);
    Tensor all = at::zeros({}, floats); // rows that count
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin);
        const IndexKlInputs part = partOf(in, begin, count);
        const reference::KlResult found = klAtOnce(part, true, used);
        const Tensor share = used.sum();
        all.add_(share);
        result.loss.add_(found.loss.mul(share));
        result.rows.narrow(1, begin, count).copy_(found.rows);
        // A chunk's gradients are of the mean over its own rows.
        result.gradQ.narrow(1, begin, count).copy_(found.gradQ.mul(share));
        result.gradK.narrow(1, 0, part.ki.size(1)).add_(found.gradK.mul(share));
        result.gradW.narrow(1, begin, count).copy_(found.gradW.mul(share));
    }
    all.clamp_min_(1);
    for (const Tensor &sum : {result.loss, result.gradQ, result.gradK, result.gradW}) {
        sum.div_(all);
    }
    return result;
}

#else

const char *indexKlTilesRefusal(const Tensor &qi, const Tensor &, const Tensor &) { return kernelRefusal(qi); }

KernelReport indexKlTilesKernel(const Tensor &qi, const Tensor &, const Tensor &) { return {false, kernelRefusal(qi)}; }

#endif

} // namespace dsa
