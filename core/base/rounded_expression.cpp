#include "core/base/rounded_expression.h"

#include "core/base/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {
namespace {

constexpr double kSameNumber = 1e-9;

/// The expressions that the experiment gives this field; top_k is kept by each run instead.
std::vector<LengthExpression> given(const ExperimentConfig &experiment, const std::string &path)
{
    std::vector<LengthExpression> expressions;
    const auto add = [&](const auto &value) {
        if (value.is_string())
            expressions.emplace_back(value.template get<std::string>());
    };
    const auto axis = std::find_if(experiment.sweep.begin(), experiment.sweep.end(),
                                   [&](const SweepAxis &swept) { return swept.path == path; });
    if (axis != experiment.sweep.end())
        std::for_each(axis->values.begin(), axis->values.end(), add);
    else if (const nlohmann::ordered_json *value = valueAt(experiment.document, path))
        add(*value);
    return expressions;
}

} // namespace

std::string roundingNotice(const std::string &field, const LengthExpression &expression, std::int64_t sequenceLength)
{
    const double asked = exactValue(expression, sequenceLength);
    const std::int64_t taken = expression.evaluate(sequenceLength);
    if (std::abs(asked - static_cast<double>(taken)) <= kSameNumber * asked)
        return {};
    return fmt::format("{}: {} is {:.3g} at sequence length {}; {} is taken{}.", field, expression.text(), asked,
                       sequenceLength, taken, asked < 1 ? ", the least there is" : "");
}

std::vector<std::string> roundingNotices(const ExperimentConfig &experiment, const std::vector<RunConfig> &runs)
{
    std::vector<std::string> notices;
    const auto add = [&](const std::string &field, const LengthExpression &expression, const RunConfig &run) {
        const std::string notice = roundingNotice(field, expression, run.training.sequenceLength);
        if (!notice.empty() && std::find(notices.begin(), notices.end(), notice) == notices.end())
            notices.push_back(notice);
    };
    for (const RunConfig &run : runs) {
        if (isSparse(run.model.family))
            add("model.selection.top_k", run.model.selection.topK, run);
        for (const char *field : {"training.batch_size", "probe.every"}) {
            for (const LengthExpression &expression : given(experiment, field))
                add(field, expression, run);
        }
    }
    return notices;
}

} // namespace sparsescope
