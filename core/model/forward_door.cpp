#include "core/model/forward_door.h"

#include "core/base/error.h"
#include "core/base/exit_code.h"
#include "core/base/safetensors.h"
#include "core/model/checkpoint_notices.h"
#include "core/model/forward_results.h"
#include "core/model/paged_model.h"
#include "core/model/weight_files.h"

#include <ATen/core/Tensor.h>

#include <fmt/format.h>

namespace sparsescope {

namespace {

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

} // namespace

ForwardSummary forwardToFile(const ForwardRequest &request)
{
    PagedModel paged(request.checkpoint, typeOfName(request.dtype, "--dtype"));
    const ModelOptions &options = paged.options();
    const at::Tensor ids = asked([&] { return readIds(request.ids, options.vocabulary); });
    writeTensors(request.out, forwardResults(paged.model(), ids, &paged),
                 {{"format", "pt"}, {"model_type", options.modelType}});
    ForwardSummary summary{options.modelType,
                           ids.size(0),
                           ids.size(1),
                           options.vocabulary,
                           options.nLayers,
                           paged.model().parameters().count(),
                           unreadParts(request.checkpoint)};
    for (const std::string &notice : positionNotices(request.checkpoint, options, ids.size(1))) {
        summary.notices.push_back(notice);
    }
    return summary;
}

} // namespace sparsescope
