#include "widgets/plots/compare_data.h"

#include "core/base/compared_run.h"
#include "core/base/counterfactual_table.h"
#include "widgets/state/compare_sides.h"
#include "widgets/state/run_data.h"

#include <cmath>

namespace sparsescope {

std::optional<double> SideRun::lastOf(const std::string &metric) const
{
    const auto found = last.find(metric);
    return found == last.end() ? std::nullopt : std::optional(found->second);
}

std::vector<ComparedRun> SideData::finished() const
{
    std::vector<ComparedRun> done;
    for (const SideRun &run : runs) {
        if (run.state == RunState::Finished) {
            done.push_back(run.compared);
        }
    }
    return done;
}

std::optional<double> SideData::mean(const std::string &metric) const
{
    std::vector<double> values;
    for (const SideRun &run : runs) {
        if (const auto value = run.lastOf(metric)) {
            values.push_back(*value);
        }
    }
    return meanOf(values);
}

const std::vector<std::string> &comparedMetrics()
{
    static const std::vector<std::string> metrics = [] {
        std::vector<std::string> all{"val.loss",
                                     "val.loss.dense_part",
                                     "val.loss.sparse_part",
                                     "val.accuracy",
                                     "val.exact",
                                     "val.exact.chance",
                                     "selection.mass_kept",
                                     "selection.mass_kept.chance",
                                     "selection.mass_kept.worst",
                                     "selection.mass_kept.worst.chance",
                                     "selection.pairs_kept",
                                     "indexer.captured",
                                     "memory.device",
                                     "memory.host"};
        for (int part = 0; part < 8; ++part) {
            all.push_back("val.loss.position/" + std::to_string(part));
        }
        return all;
    }();
    return metrics;
}

SideData sideData(const CompareSide &side)
{
    SideData data;
    data.title = side.title;
    data.shortTitle = side.shortTitle;
    data.family = side.runs.front()->config().model.family;
    for (const RunData *run : side.runs) {
        SideRun one;
        one.id = run->id();
        one.state = run->state();
        const Series &train = run->series("train.loss");
        const RunNumbers numbers{train.empty() ? -1 : static_cast<std::int64_t>(train.back().x),
                                 [run](const std::string &metric) { return run->series(metric); },
                                 [run](const std::string &key) { return run->value(key); }};
        one.compared = comparedRunOf(run->config(), numbers, run->checks());
        for (const std::string &metric : comparedMetrics()) {
            const auto value = run->last(metric);
            if (value && std::isfinite(*value)) {
                one.last[metric] = *value;
            }
        }
        one.device = run->value("device").value_or("");
        one.counterfactual = run->value(kCounterfactualKey).value_or("");
        data.runs.push_back(std::move(one));
    }
    return data;
}

} // namespace sparsescope
