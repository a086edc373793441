#include "core/model/forward_results.h"

#include "core/base/safetensors.h"
#include "core/model/index_score.h"
#include "core/model/weight_files.h"
#include "kernels/ops/dsa.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <fmt/format.h>

#include <vector>

namespace sparsescope {

NamedTensors forwardResults(Transformer &model, const at::Tensor &ids, WeightPager *pager)
{
    const c10::NoGradGuard noGrad;
    std::vector<at::Tensor> hidden;
    std::vector<AttentionTrace> traces;
    ForwardOptions forward;
    forward.sparse = true;
    forward.hidden = &hidden;
    forward.trace = &traces;
    forward.pager = pager;
    NamedTensors results;
    results["logits"] = model.forward(ids, forward).logits;
    for (std::size_t i = 0; i < hidden.size(); ++i) {
        results[fmt::format("hidden.{}", i)] = hidden[i];
    }
    for (std::size_t i = 0; i < traces.size(); ++i) {
        const AttentionTrace &trace = traces[i];
        if (trace.index.defined() && model.options().ownsIndexer.at(i)) {
            results[fmt::format("layer{}.index_scores", i)] = indexScores(trace.index).tril();
        }
        if (trace.selection.count.defined()) {
            results[fmt::format("layer{}.selected", i)] = dsa::unpack_mask(trace.selection, ids.size(1)).to(at::kByte);
        }
    }
    return results;
}

void writeTensors(const std::filesystem::path &file, const NamedTensors &tensors,
                  const std::map<std::string, std::string> &metadata)
{
    std::vector<at::Tensor> kept;
    std::vector<TensorToWrite> list;
    for (const auto &[name, tensor] : tensors) {
        const bool half = tensor.scalar_type() == at::kBFloat16 || tensor.scalar_type() == at::kHalf;
        kept.push_back((half ? tensor.to(at::kFloat) : tensor).contiguous());
        list.push_back(
            {name, dtypeOf(kept.back().scalar_type()), kept.back().sizes().vec(), kept.back().const_data_ptr()});
    }
    writeSafetensors(file, std::move(list), metadata);
}

} // namespace sparsescope
