#include "core/model/forward_door.h"

#include "core/base/error.h"
#include "core/base/exit_code.h"
#include "core/base/safetensors.h"
#include "core/model/hf_weights.h"
#include "core/model/weight_files.h"
#include "kernels/ops/dsa.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <fmt/format.h>

#include <vector>

namespace sparsescope {

namespace {

at::ScalarType requestedType(const std::string &name)
{
    if (name == "float32") {
        return at::kFloat;
    }
    if (name == "float64") {
        return at::kDouble;
    }
    if (name == "bfloat16") {
        return at::kBFloat16;
    }
    throw Failure({"unknown type", "--dtype", name, "float32, float64 or bfloat16", ""});
}

at::Tensor readIds(const std::filesystem::path &path, std::int64_t vocabulary)
{
    const SafetensorsFile file(path);
    const std::string where = path.string() + ": input_ids";
    const TensorView &view = file.at("input_ids");
    if (view.dtype != "I64") {
        throw Failure({"wrong type of numbers", where, view.dtype, "I64", ""});
    }
    if (view.shape.size() != 2 || view.shape[0] < 1 || view.shape[1] < 1) {
        throw Failure({"wrong shape", where, shapeText(view.shape), "[batch, tokens], both at least 1", ""});
    }
    const at::Tensor ids = toTensor(view, where);
    const std::int64_t low = ids.min().item<std::int64_t>(), high = ids.max().item<std::int64_t>();
    if (low < 0 || high >= vocabulary) {
        throw Failure({"token outside of the vocabulary", where, std::to_string(low < 0 ? low : high),
                       fmt::format("0 to {}", vocabulary - 1), ""});
    }
    return ids;
}

class Output {
public:
    void add(const std::string &name, const at::Tensor &tensor)
    {
        const bool half = tensor.scalar_type() == at::kBFloat16;
        m_kept.push_back((half ? tensor.to(at::kFloat) : tensor).contiguous());
        const at::Tensor &kept = m_kept.back();
        m_tensors.push_back({name, dtypeOf(kept.scalar_type()), kept.sizes().vec(), kept.const_data_ptr()});
    }

    void write(const std::filesystem::path &path, const std::string &modelType) const
    {
        writeSafetensors(path, m_tensors, {{"format", "pt"}, {"model_type", modelType}});
    }

private:
    std::vector<at::Tensor> m_kept;
    std::vector<TensorToWrite> m_tensors;
};

} // namespace

ForwardSummary forwardToFile(const ForwardRequest &request)
{
    const at::ScalarType type = requestedType(request.dtype);
    const std::shared_ptr<Transformer> model = loadCheckpoint(request.checkpoint, type);
    const ModelOptions &options = model->options();
    const at::Tensor ids = asked([&] { return readIds(request.ids, options.vocabulary); });

    const c10::NoGradGuard noGrad;
    std::vector<at::Tensor> hidden;
    std::vector<AttentionTrace> traces;
    ForwardOptions forward;
    forward.sparse = true;
    forward.hidden = &hidden;
    forward.trace = &traces;
    const ForwardOutput result = model->forward(ids, forward);

    Output output;
    output.add("logits", result.logits);
    for (std::size_t i = 0; i < hidden.size(); ++i) {
        output.add(fmt::format("hidden.{}", i), hidden[i]);
    }
    for (std::size_t i = 0; i < traces.size(); ++i) {
        const AttentionTrace &trace = traces[i];
        if (trace.index.defined() && options.ownsIndexer.at(i)) {
            const at::Tensor scores = dsa::index_scores(trace.index.q, trace.index.k, trace.index.w);
            output.add(fmt::format("layer{}.index_scores", i), scores.tril());
        }
        if (trace.selection.count.defined()) {
            output.add(fmt::format("layer{}.selected", i),
                       dsa::unpack_mask(trace.selection, ids.size(1)).to(at::kByte));
        }
    }
    output.write(request.out, options.modelType);
    return {options.modelType,  ids.size(0),     ids.size(1),
            options.vocabulary, options.nLayers, model->parameters().count()};
}

} // namespace sparsescope
