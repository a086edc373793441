#include "widgets/plots/comparison.h"

#include "core/base/error.h"
#include "core/base/gates.h"
#include "core/base/run_store.h"
#include "widgets/state/run_data.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace sparsescope {
namespace {

constexpr Family kFamilies[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};

void add(SeedValues &values, const RunData &run, const char *metric)
{
    const auto value = run.last(metric);
    if (value && std::isfinite(*value)) {
        values.values.push_back(*value);
    }
}

} // namespace

std::optional<double> SeedValues::mean() const
{
    if (values.empty()) {
        return std::nullopt;
    }
    double sum = 0;
    for (const double value : values) {
        sum += value;
    }
    return sum / static_cast<double>(values.size());
}

std::optional<double> SeedValues::std() const
{
    if (values.size() < 2) {
        return std::nullopt;
    }
    double squares = 0;
    for (const double value : values) {
        squares += (value - *mean()) * (value - *mean());
    }
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

namespace {

/// The newest that is whole; none leaves the comparison without one.
void readNewestSnapshot(const RunData &run, Comparison &comparison)
{
    const auto &steps = run.snapshotSteps();
    for (auto step = steps.rbegin(); step != steps.rend() && !comparison.snapshot; ++step) {
        try {
            const std::filesystem::path file = snapshotFile(run.folder(), *step);
            auto snapshot = std::make_shared<const Snapshot>(sparsescope::readSnapshot(file));
            if (snapshot->run != run.config().folder() || snapshot->step != *step) {
                throw Failure({"is the snapshot of another run or step", file.string(),
                               snapshot->run + ", step " + std::to_string(snapshot->step),
                               run.config().folder() + ", step " + std::to_string(*step), ""});
            }
            comparison.snapshot = std::move(snapshot);
        } catch (const std::exception &failure) {
            comparison.problems.emplace_back(failure.what());
        }
    }
}

} // namespace

Comparison comparisonOf(const std::vector<RunData *> &runs, bool readSnapshot)
{
    Comparison comparison;
    std::set<std::int64_t> lengths;
    std::set<std::uint64_t> seeds;
    std::map<std::pair<std::int64_t, Family>, std::pair<FamilyResult, std::vector<Series>>> results;
    const RunData *shown = nullptr;
    for (const RunData *run : runs) {
        const RunConfig &config = run->config();
        comparison.experiment = config.experiment;
        comparison.question = config.question;
        comparison.steps = std::max(comparison.steps, run->steps());
        lengths.insert(config.training.sequenceLength);
        seeds.insert(config.training.seed);
        if (const auto chance = run->last("val.loss.chance")) {
            comparison.chanceLoss = chance;
        }
        if (const auto chance = run->last("val.accuracy.chance")) {
            comparison.chanceAccuracy = chance;
        }
        auto &[result, curves] = results[{config.training.sequenceLength, config.model.family}];
        result.family = config.model.family;
        result.sequenceLength = config.training.sequenceLength;
        add(result.loss, *run, "val.loss");
        add(result.accuracy, *run, "val.accuracy");
        add(result.recall, *run, "selection.recall");
        add(result.recallRecency, *run, "selection.recall.recency");
        add(result.recallRandom, *run, "selection.recall.random");
        add(result.placeRecall, *run, "oracle.recall.best_layer");
        add(result.accuracyRecency, *run, "counterfactual.accuracy.recency");
        add(result.accuracyRandom, *run, "counterfactual.accuracy.random");
        add(result.captured, *run, "indexer.captured");
        comparison.task = comparison.task || !run->series("oracle.recall").empty();
        for (CheckResult &check : run->checks()) {
            // A check between the runs stands with each of them.
            if (std::none_of(comparison.checks.begin(), comparison.checks.end(),
                             [&](const CheckResult &known) { return equal(known, check); })) {
                comparison.checks.push_back(std::move(check));
            }
        }
        if (!run->series("val.loss").empty()) {
            curves.push_back(run->series("val.loss"));
        }
        const bool better = shown == nullptr ||
                            (config.model.family == Family::Sparse && shown->config().model.family != Family::Sparse);
        if (better && isSparse(config.model.family) && !run->snapshotSteps().empty()) {
            shown = run;
        }
    }
    comparison.lengths.assign(lengths.begin(), lengths.end());
    comparison.seeds = static_cast<int>(seeds.size());
    for (const std::int64_t length : comparison.lengths) {
        for (const Family family : kFamilies) {
            const auto found = results.find({length, family});
            if (found != results.end()) {
                found->second.first.validation = meanAndStd(found->second.second);
                comparison.results.push_back(std::move(found->second.first));
            }
        }
    }
    if (shown != nullptr) {
        comparison.snapshotFamily = shown->config().model.family;
        comparison.snapshotRun = shown->id();
        comparison.snapshot = shown->cachedSnapshot(shown->snapshotSteps().back());
        if (readSnapshot) {
            readNewestSnapshot(*shown, comparison);
        }
    }
    return comparison;
}

} // namespace sparsescope
