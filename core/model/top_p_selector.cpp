#include "core/model/top_p_selector.h"

#include "core/base/error.h"
#include "core/model/index_score.h"
#include "core/model/layer_parts.h"
#include "core/model/oracle_selector.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <tuple>

namespace sparsescope {

SelectorOutput TopPSelector::select(const SelectorInput &input) const
{
    const c10::NoGradGuard noGrad;
    const NoAutocast noAutocast;
    at::Tensor weight;
    if (m_of == Of::DenseAttention) {
        weight = denseHeadMean(input);
    } else if (input.index.defined()) {
        weight = at::softmax(indexScores(input.index, input.offset), -1);
    } else {
        throw Failure({"this selection needs an indexer", "layer " + std::to_string(input.layer), "a layer without one",
                       "a model of family sparse or mhla_sparse", "Choose top-p-oracle"});
    }
    const auto [sorted, keys] = at::sort(weight, /*stable=*/true, /*dim=*/-1, /*descending=*/true);
    // A key is taken while those before it hold less than p; the first always is.
    at::Tensor taken = (at::cumsum(sorted, -1) - sorted).lt(input.topP);
    taken.select(-1, 0).fill_(true);
    const at::Tensor mask = at::zeros_like(taken).scatter(-1, keys, taken);
    return {dsa::pack_mask(mask, input.offset, input.wantIdx), {}, {}};
}

std::unique_ptr<Selector> makeTopPSelector() { return std::make_unique<TopPSelector>(TopPSelector::Of::IndexScores); }

std::unique_ptr<Selector> makeTopPOracleSelector()
{
    return std::make_unique<TopPSelector>(TopPSelector::Of::DenseAttention);
}

} // namespace sparsescope
