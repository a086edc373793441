#include "widgets/plots/comparison.h"

#include "core/base/error.h"
#include "core/base/gates.h"
#include "core/base/run_store.h"
#include "core/base/stored_summary.h"
#include "widgets/state/run_data.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace sparsescope {

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

constexpr Family kFamilies[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};

/// One run, wherever it comes from.
struct OneRun {
    Family family = Family::Classic;
    std::int64_t length = 0, steps = 0;
    std::uint64_t seed = 0;
    const SweptAxes *axes = nullptr;
    std::function<std::optional<double>(const char *metric)> last;
    const Series *validation = nullptr; ///< over steps; null: not there
};

/// Puts runs of equal family, swept values and length together.
class ComparisonMaker {
public:
    explicit ComparisonMaker(const std::filesystem::path &experimentFolder)
        : m_sweep(sweptValues(experimentFolder))
    {}

    void add(const OneRun &run)
    {
        comparison.steps = std::max(comparison.steps, run.steps);
        const auto chance = [&](const char *metric, std::optional<double> &value) {
            if (const auto last = run.last(metric)) {
                value = last;
            }
        };
        chance("val.loss.chance", comparison.chanceLoss);
        chance("val.accuracy.chance", comparison.chanceAccuracy);
        comparison.task = comparison.task || run.last("oracle.recall") || run.last("val.exact");
        if (std::find(m_axes.begin(), m_axes.end(), *run.axes) == m_axes.end()) {
            m_axes.push_back(*run.axes);
        }
        const auto same = std::find_if(m_groups.begin(), m_groups.end(), [&](const Group &group) {
            return group.result.family == run.family && group.result.sequenceLength == run.length &&
                   group.result.axes == *run.axes;
        });
        Group &group = same != m_groups.end() ? *same : m_groups.emplace_back();
        GroupResult &result = group.result;
        result.family = run.family;
        result.sequenceLength = run.length;
        result.axes = *run.axes;
        group.seeds.insert(run.seed);
        for (const auto &[metric, values] : kResultMetrics) {
            const auto value = run.last(metric);
            if (value && std::isfinite(*value)) {
                (result.*values).values.push_back(*value);
            }
        }
        if (run.validation && !run.validation->empty()) {
            group.curves.push_back(*run.validation);
        }
    }

    /// By length, then family, then the order of the sweep.
    void finish()
    {
        std::sort(m_axes.begin(), m_axes.end(),
                  [this](const SweptAxes &one, const SweptAxes &other) { return stands(one, other); });
        std::set<std::int64_t> lengths;
        for (Group &group : m_groups) {
            GroupResult &result = group.result;
            result.variant = static_cast<int>(std::find(m_axes.begin(), m_axes.end(), result.axes) - m_axes.begin());
            const std::string differing = axesText(differingOf(result.axes));
            result.label = QString::fromStdString(displayName(result.family) +
                                                  (differing.empty() ? std::string() : ", " + differing));
            result.validation = meanAndStd(group.curves);
            result.seeds = static_cast<int>(group.seeds.size());
            lengths.insert(result.sequenceLength);
            comparison.seeds = std::max(comparison.seeds, result.seeds);
            comparison.fewestSeeds =
                comparison.fewestSeeds == 0 ? result.seeds : std::min(comparison.fewestSeeds, result.seeds);
        }
        const auto place = [](const GroupResult &result) {
            return std::tuple(result.sequenceLength,
                              std::find(std::begin(kFamilies), std::end(kFamilies), result.family), result.variant);
        };
        std::sort(m_groups.begin(), m_groups.end(),
                  [&](const Group &one, const Group &other) { return place(one.result) < place(other.result); });
        comparison.lengths.assign(lengths.begin(), lengths.end());
        for (Group &group : m_groups) {
            comparison.results.push_back(std::move(group.result));
        }
    }

    Comparison comparison;

private:
    struct Group {
        GroupResult result;
        std::set<std::uint64_t> seeds;
        std::vector<Series> curves;
    };

    const std::vector<std::string> &valuesOf(const std::string &axis) const
    {
        static const std::vector<std::string> unknown;
        const auto found = m_sweep.find(axis);
        return found == m_sweep.end() ? unknown : found->second;
    }

    bool stands(const SweptAxes &one, const SweptAxes &other) const
    {
        for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
            if (one[i] != other[i]) {
                return standsBefore(one[i].second, other[i].second, valuesOf(one[i].first));
            }
        }
        return one.size() < other.size();
    }

    /// What all runs have in common does not tell them apart.
    SweptAxes differingOf(SweptAxes axes) const
    {
        std::erase_if(axes, [this](const auto &axis) {
            return std::all_of(m_axes.begin(), m_axes.end(), [&](const SweptAxes &others) {
                return std::find(others.begin(), others.end(), axis) != others.end();
            });
        });
        return axes;
    }

    std::map<std::string, std::vector<std::string>> m_sweep;
    std::vector<SweptAxes> m_axes; ///< every combination of swept values
    std::vector<Group> m_groups;
};

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

std::vector<const GroupResult *> Comparison::groups() const
{
    std::vector<const GroupResult *> groups;
    for (const GroupResult &result : results) {
        if (std::none_of(groups.begin(), groups.end(), [&](const GroupResult *known) {
                return known->family == result.family && known->axes == result.axes;
            })) {
            groups.push_back(&result);
        }
    }
    // Lengths may lack some: the order is that of one length with all of them.
    std::stable_sort(groups.begin(), groups.end(), [](const GroupResult *one, const GroupResult *other) {
        return std::pair(static_cast<int>(one->family), one->variant) <
               std::pair(static_cast<int>(other->family), other->variant);
    });
    return groups;
}

Comparison comparisonOf(const std::vector<RunData *> &runs, bool readSnapshot)
{
    ComparisonMaker maker(runs.empty() ? std::filesystem::path() : runs.front()->experimentFolder());
    Comparison &comparison = maker.comparison;
    const RunData *shown = nullptr;
    for (const RunData *run : runs) {
        const RunConfig &config = run->config();
        comparison.experiment = config.experiment;
        comparison.question = config.question;
        maker.add({config.model.family, config.training.sequenceLength, run->steps(), config.training.seed,
                   &config.extraAxes, [run](const char *metric) { return run->last(metric); },
                   &run->series("val.loss")});
        for (CheckResult &check : run->checks()) {
            // A check between the runs stands with each of them.
            if (std::none_of(comparison.checks.begin(), comparison.checks.end(),
                             [&](const CheckResult &known) { return equal(known, check); })) {
                comparison.checks.push_back(std::move(check));
            }
        }
        const bool better = shown == nullptr ||
                            (config.model.family == Family::Sparse && shown->config().model.family != Family::Sparse);
        if (better && isSparse(config.model.family) && !run->snapshotSteps().empty()) {
            shown = run;
        }
    }
    maker.finish();
    if (shown != nullptr) {
        comparison.snapshotFamily = shown->config().model.family;
        comparison.snapshotRun = shown->id();
        comparison.snapshot = shown->cachedSnapshot(shown->snapshotSteps().back());
        if (readSnapshot) {
            readNewestSnapshot(*shown, comparison);
        }
    }
    return std::move(comparison);
}

Comparison comparisonOf(const StoredSummary &summary)
{
    ComparisonMaker maker(summary.folder);
    Comparison &comparison = maker.comparison;
    comparison.experiment = summary.experiment;
    comparison.question = summary.question;
    comparison.checks = summary.checks;
    comparison.fromSummary = true;
    for (const SummaryRun &run : summary.runs) {
        const auto last = [&run](const char *metric) {
            const auto found = run.last.find(metric);
            return found == run.last.end() ? std::nullopt : std::optional(found->second);
        };
        maker.add({run.family, run.sequenceLength, run.steps, run.seed, &run.axes, last, nullptr});
    }
    maker.finish();
    return std::move(comparison);
}

} // namespace sparsescope
