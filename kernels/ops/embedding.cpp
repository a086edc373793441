#include "kernels/ops/embedding.h"

#include "kernels/ops/kernel_support.h"

#ifdef SPARSESCOPE_HAS_KERNELS
#include "kernels/launch/embedding/embedding.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/sort.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <c10/util/Exception.h>

namespace dsa {

#ifdef SPARSESCOPE_HAS_KERNELS

const char *orderedEmbeddingRefusal(const at::Tensor &table, const at::Tensor &ids)
{
    const char *why = kernelRefusal(table);
    if (!why && table.scalar_type() != at::kFloat) {
        why = "the table must be float32";
    }
    if (!why) {
        launch::embedding::Params params;
        params.tokens = ids.numel();
        params.kindCount = table.size(0);
        params.width = table.size(1);
        launch::embedding::supported(params, &why);
    }
    return why;
}

at::Tensor orderedEmbeddingGradient(const at::Tensor &grad, const at::Tensor &ids, std::int64_t kinds)
{
    const c10::cuda::CUDAGuard device(grad.device());
    const at::Tensor rows = grad.to(at::kFloat).contiguous();
    const auto [sorted, places] = at::sort(ids.reshape({-1}).to(at::kInt), /*stable=*/true, 0, /*descending=*/false);
    at::Tensor result = at::empty({kinds, rows.size(-1)}, rows.options());
    launch::embedding::Params params;
    params.kinds = sorted.const_data_ptr<std::int32_t>();
    params.places = places.const_data_ptr<std::int64_t>();
    params.grad = rows.const_data_ptr<float>();
    params.gradTable = result.mutable_data_ptr<float>();
    params.tokens = sorted.size(0);
    params.kindCount = kinds;
    params.width = rows.size(-1);
    C10_CUDA_CHECK(launch::embedding::launch(params, c10::cuda::getCurrentCUDAStream()));
    return result;
}

#else

const char *orderedEmbeddingRefusal(const at::Tensor &table, const at::Tensor &) { return kernelRefusal(table); }

at::Tensor orderedEmbeddingGradient(const at::Tensor &, const at::Tensor &, std::int64_t)
{
    TORCH_CHECK(false, "embedding: built without CUDA kernels");
}

#endif

} // namespace dsa
