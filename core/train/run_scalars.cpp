#include "core/train/run_scalars.h"

#include "core/base/selection_metrics.h"

#include <fmt/format.h>

namespace sparsescope {

std::vector<Scalar> churnScalars(const Snapshot &now, const Snapshot &before)
{
    std::vector<Scalar> scalars;
    double total = 0;
    for (std::size_t layer = 0; layer < now.layers.size(); ++layer) {
        if (const auto value = churn(now, before, layer)) {
            scalars.push_back({fmt::format("selection.churn/{}", layer), *value});
            total += *value;
        }
    }
    if (!scalars.empty()) {
        scalars.push_back({"selection.churn", total / static_cast<double>(scalars.size())});
        if (const auto chance = churnChance(now.length(), now.topK)) {
            scalars.push_back({"selection.churn.chance", *chance});
        }
    }
    return scalars;
}

std::vector<Scalar> otherSelectorScalars(Transformer &model, const DataSource &data, const EvaluationOptions &options,
                                         const at::Device &device)
{
    std::vector<Scalar> scalars;
    if (model.options().selector == "none") {
        return scalars;
    }
    for (const char *selector : {"random", "recency"}) {
        for (Scalar &scalar : evaluateCounterfactual(model, data, options, selector, device)) {
            scalars.push_back(std::move(scalar));
        }
    }
    return scalars;
}

std::optional<double> findScalar(const std::vector<Scalar> &scalars, const std::string &metric)
{
    for (const Scalar &scalar : scalars) {
        if (scalar.metric == metric) {
            return scalar.value;
        }
    }
    return std::nullopt;
}

} // namespace sparsescope
