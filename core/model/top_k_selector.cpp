#include "core/model/top_k_selector.h"

#include "core/base/error.h"
#include "core/model/index_score.h"

#include <tuple>

namespace sparsescope {

SelectorOutput TopKSelector::select(const SelectorInput &input) const
{
    if (!input.index.defined()) {
        throw Failure({"this selection needs an indexer", "layer " + std::to_string(input.layer), "a layer without one",
                       "a model of family sparse or mhla_sparse", "Choose recency, sink-window, random or oracle"});
    }
    SelectorOutput output;
    std::tie(output.selection, output.tau, output.lseSelected) =
        indexSelect(input.index, input.topK, input.offset, input.wantIdx);
    return output;
}

std::unique_ptr<Selector> makeTopKSelector() { return std::make_unique<TopKSelector>(); }

} // namespace sparsescope
