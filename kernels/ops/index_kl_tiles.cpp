#include "kernels/ops/index_kl_tiles.h"

#include "kernels/ops/kernel_support.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/index_kl_tiles/index_kl_tiles.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#endif

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

namespace {

namespace launcher = launch::index_kl_tiles;

constexpr std::int64_t kMostScratchBytes = std::int64_t{1} << 30; ///< the gradient in the scores, of all rows at once
constexpr std::int64_t kTile = 64;

launcher::Params sizesOf(const Tensor &qi, const Tensor &ki, const Tensor &q)
{
    launcher::Params params;
    params.batch = qi.size(0);
    params.queries = qi.size(1);
    params.keys = ki.size(1);
    params.heads = q.size(1);
    params.indexHeads = qi.size(2);
    params.width = q.size(3);
    params.indexWidth = qi.size(3);
    params.portable = onlyPortableKernels();
    return params;
}

std::int64_t paddedKeys(const launcher::Params &params) { return (params.keys + kTile - 1) / kTile * kTile; }

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
    const launcher::Params params = sizesOf(qi, ki, q);
    if (!launcher::supported(params, &why)) {
        return why;
    }
    if (params.batch * params.queries > kMostScratchBytes / 2 / std::max<std::int64_t>(paddedKeys(params), 1)) {
        return "more than 2^29 pairs of a query and a key";
    }
    int most = 0;
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, qi.device().index()));
    return launcher::sharedBytes(params) > static_cast<std::size_t>(most) ? "more shared memory than the card has"
                                                                          : nullptr;
}

KernelReport indexKlTilesKernel(const Tensor &qi, const Tensor &ki, const Tensor &q)
{
    const char *why = indexKlTilesRefusal(qi, ki, q);
    return why ? KernelReport{false, why} : describedKernel(sizesOf(qi, ki, q), launcher::describe);
}

reference::KlResult indexKlByTiles(const IndexKlInputs &in, bool wantGradients)
{
    const c10::cuda::CUDAGuard device(in.q.device());
    const Tensor qi = readable(in.qi), ki = readable(in.ki), q = readable(in.q), k = readable(in.k);
    const Tensor weights = wideRows(in.w), lse = wideRows(in.lse),
                 lseSelected = in.lseSelected.defined() ? wideRows(in.lseSelected) : Tensor(),
                 bits = in.bits.defined() ? in.bits.contiguous() : Tensor(),
                 phase = in.phase.defined() ? in.phase.to(at::kInt) : Tensor();
    const auto floats = qi.options().dtype(at::kFloat);
    launcher::Params params = sizesOf(qi, ki, q);
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
    const Tensor used = at::empty({params.batch, params.queries}, floats), mean = at::empty({2}, floats);
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
    C10_CUDA_CHECK(launcher::launch(params, c10::cuda::getCurrentCUDAStream()));
    result.loss = mean.select(0, 0);
    return result;
}

#else

const char *indexKlTilesRefusal(const Tensor &qi, const Tensor &, const Tensor &) { return kernelRefusal(qi); }

KernelReport indexKlTilesKernel(const Tensor &qi, const Tensor &, const Tensor &) { return {false, kernelRefusal(qi)}; }

#endif

} // namespace dsa
