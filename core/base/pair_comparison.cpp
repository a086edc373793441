#include "core/base/pair_comparison.h"

#include "core/base/bootstrap.h"
#include "core/base/cost_model.h"
#include "core/base/error.h"
#include "core/base/gates.h"
#include "core/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace sparsescope {
namespace {

constexpr const char *kFamily = "family";

/// b against a: does selecting cost anything, and does the latent.
constexpr std::pair<Family, Family> kFamilies[] = {{Family::Classic, Family::Sparse},
                                                   {Family::Mhla, Family::MhlaSparse},
                                                   {Family::Classic, Family::Mhla},
                                                   {Family::Sparse, Family::MhlaSparse}};

using Side = std::map<std::uint64_t, const ComparedRun *>; ///< by seed

/// Runs that differ in the compared axis and the seed alone.
struct Group {
    std::vector<std::pair<std::string, Side>> sides; ///< by the value of the axis
    Side &side(const std::string &value)
    {
        const auto found =
            std::find_if(sides.begin(), sides.end(), [&](const auto &entry) { return entry.first == value; });
        return found != sides.end() ? found->second : sides.emplace_back(value, Side{}).second;
    }
    const Side *find(const std::string &value) const
    {
        const auto found =
            std::find_if(sides.begin(), sides.end(), [&](const auto &entry) { return entry.first == value; });
        return found != sides.end() ? &found->second : nullptr;
    }
};

std::optional<std::string> axisValue(const RunConfig &config, const std::string &by)
{
    if (by == kFamily)
        return toString(config.model.family);
    for (const auto &[axis, value] : config.extraAxes) {
        if (axis == by)
            return value;
    }
    return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> otherAxes(const RunConfig &config, const std::string &by)
{
    std::vector<std::pair<std::string, std::string>> axes;
    for (const auto &axis : config.extraAxes) {
        if (axis.first != by)
            axes.push_back(axis);
    }
    return axes;
}

std::string groupKey(const RunConfig &config, const std::string &by)
{
    std::string key = fmt::format("{:08}", config.training.sequenceLength);
    for (const auto &[axis, value] : otherAxes(config, by))
        key += "/" + axis + "=" + value;
    return by == kFamily ? key : key + "/" + toString(config.model.family);
}

/// Where both curves are read: as far as the cheaper run went.
struct Reading {
    double at = 0, a = 0, b = 0;
};
std::optional<Reading> readBoth(const Series &a, const Series &b)
{
    if (a.empty() || b.empty())
        return std::nullopt;
    const double at = std::min(a.back().x, b.back().x);
    const std::optional<double> first = valueAt(a, at), second = valueAt(b, at);
    return first && second ? std::optional(Reading{at, *first, *second}) : std::nullopt;
}

void judge(ComparisonView &view, double margin, BetterIs betterIs)
{
    std::vector<double> differences;
    for (const SeedPair &pair : view.pairs)
        differences.push_back(pair.difference());
    view.statistics = pairedDifference(differences, margin, betterIs);
    view.bootstrap = bootstrapInterval(differences);
}

std::optional<double> medianSeconds(const Side &side)
{
    std::vector<double> values;
    for (const auto &[seed, run] : side) {
        if (run->secondsPerStep)
            values.push_back(*run->secondsPerStep);
    }
    return medianOf(values);
}

void collect(std::vector<CheckResult> &into, const CheckResult &result)
{
    const bool known = std::any_of(into.begin(), into.end(), [&](const CheckResult &other) {
        return other.gate == result.gate && other.run == result.run;
    });
    if (!known)
        into.push_back(result);
}

/// What the gates of the two runs, and those between them, say against a verdict.
void lookAtGates(PairComparison &comparison, const ComparedRun &a, const ComparedRun &b)
{
    std::vector<CheckResult> all;
    for (const ComparedRun *run : {&a, &b}) {
        for (CheckResult &result : completed(run->started.config, run->checks)) {
            // Those between runs are measured here, for this very pair.
            if (applies(gate(result.gate), run->started.config))
                all.push_back(std::move(result));
        }
    }
    for (CheckResult &result :
         compareStarts(a.started.config.folder() + " and " + b.started.config.folder(), {a.started, b.started}))
        all.push_back(std::move(result));
    for (const CheckResult &result : all) {
        if (withholds(result))
            collect(comparison.against, result);
        else if (result.outcome == CheckOutcome::Warning)
            collect(comparison.care, result);
    }
}

std::string recipesOf(const Side &side)
{
    return side.empty() ? std::string() : toString(side.begin()->second->started.config.training.recipe);
}

PairComparison comparePair(const std::string &a, const Side &first, const std::string &b, const Side &second,
                           const std::string &by, bool accuracy)
{
    const RunConfig &sample = first.begin()->second->started.config;
    PairComparison comparison;
    comparison.by = by;
    if (by != kFamily)
        comparison.family = toString(sample.model.family);
    comparison.a = a;
    comparison.b = b;
    comparison.metric = accuracy ? "val_accuracy" : "val_loss";
    comparison.margin = accuracy ? kAccuracyMargin : kLossMargin;
    comparison.sequenceLength = sample.training.sequenceLength;
    comparison.axes = otherAxes(sample, by);
    const ComparedRun &one = *first.begin()->second;
    comparison.chance = accuracy ? one.chanceAccuracy : one.chanceLoss;
    comparison.recipeA = recipesOf(first);
    comparison.recipeB = recipesOf(second);
    for (const auto &[seed, run] : first) {
        const auto found = second.find(seed);
        if (found == second.end() || run->steps != found->second->steps)
            continue;
        const ComparedRun &other = *found->second;
        const auto put = [seed = seed](ComparisonView &view, const std::optional<Reading> &read) {
            if (read)
                view.pairs.push_back({seed, read->a, read->b, read->at});
        };
        if (accuracy) {
            if (run->accuracy && other.accuracy)
                put(comparison.steps, Reading{static_cast<double>(run->steps), *run->accuracy, *other.accuracy});
        } else {
            put(comparison.steps, readBoth(run->validation, other.validation));
            put(comparison.flops,
                readBoth(validationOver(*run, ReadOver::Flops), validationOver(other, ReadOver::Flops)));
            put(comparison.seconds,
                readBoth(validationOver(*run, ReadOver::Seconds), validationOver(other, ReadOver::Seconds)));
        }
        lookAtGates(comparison, *run, other);
    }
    for (ComparisonView *view : {&comparison.steps, &comparison.flops, &comparison.seconds})
        judge(*view, comparison.margin, accuracy ? BetterIs::More : BetterIs::Less);
    const std::optional<double> timeA = medianSeconds(first), timeB = medianSeconds(second);
    if (timeA && timeB && *timeA > 0)
        comparison.timeRatio = *timeB / *timeA;
    return comparison;
}

/// Holm's procedure over what is comparable: where no verdict is given, none can be claimed by chance.
void holmOver(std::vector<PairComparison> &table, ComparisonView PairComparison::*view)
{
    std::vector<PairedDifference> statistics;
    for (const PairComparison &comparison : table) {
        if (comparison.comparable())
            statistics.push_back((comparison.*view).statistics);
    }
    applyHolm(statistics);
    std::size_t next = 0;
    for (PairComparison &comparison : table) {
        if (comparison.comparable())
            (comparison.*view).statistics = statistics[next++];
        else if ((comparison.*view).statistics.n > 0)
            (comparison.*view).statistics.verdict = Verdict::NotComparable;
    }
}

/// The pairs of one group, in the order of the table.
std::vector<std::pair<std::string, std::string>> pairsOf(const Group &group, const std::string &by,
                                                         const std::string &reference)
{
    std::vector<std::pair<std::string, std::string>> pairs;
    if (by == kFamily) {
        for (const auto &[a, b] : kFamilies) {
            if (group.find(toString(a)) && group.find(toString(b)))
                pairs.emplace_back(toString(a), toString(b));
        }
        return pairs;
    }
    const std::string &first = reference.empty() ? group.sides[0].first : reference;
    if (!group.find(first))
        return pairs;
    for (const auto &[value, side] : group.sides) {
        if (value != first)
            pairs.emplace_back(first, value);
    }
    return pairs;
}

void refuseUnknownReference(const std::vector<ComparedRun> &runs, const std::string &by, const std::string &reference)
{
    if (by == kFamily)
        throw Failure(
            {"families have no reference", "--against", "\"" + reference + "\"", "with a swept value only", ""});
    std::vector<std::string> known;
    for (const ComparedRun &run : runs) {
        const auto value = axisValue(run.started.config, by);
        if (value && std::find(known.begin(), known.end(), *value) == known.end())
            known.push_back(*value);
    }
    if (std::find(known.begin(), known.end(), reference) == known.end())
        throw Failure(
            {"no finished run has this value of " + by, "--against", "\"" + reference + "\"", listed(known), ""});
}

void refuseUnknownAxis(const std::vector<ComparedRun> &runs, const std::string &by)
{
    std::vector<std::string> known{kFamily};
    for (const ComparedRun &run : runs) {
        for (const auto &[axis, value] : run.started.config.extraAxes) {
            if (std::find(known.begin(), known.end(), axis) == known.end())
                known.push_back(axis);
        }
    }
    if (std::find(known.begin(), known.end(), by) != known.end())
        return;
    const std::string nearest = nearestName(by, known);
    throw Failure({"nothing was swept under this name", "--by", "\"" + by + "\"", listed(known),
                   nearest.empty() ? "" : "Did you mean " + nearest + "?"});
}

} // namespace

double executedFlopsAt(const RunConfig &config, std::int64_t step)
{
    const int vocabulary = expectedVocabulary(config);
    double total = 0;
    std::int64_t begin = 0;
    for (const StageConfig &stage : stagesOf(config)) {
        const bool counted = countsOnAxis(stage);
        // The evaluation that stands at the step of an indexer-only stage was made after it.
        const std::int64_t done = counted         ? std::clamp<std::int64_t>(step - begin, 0, stage.steps)
                                  : begin <= step ? stage.steps
                                                  : 0;
        total += static_cast<double>(done) * stepFlops(config, vocabulary, stage, FlopsCounted::Executed).total();
        begin += counted ? stage.steps : 0;
    }
    return total;
}

Series validationOver(const ComparedRun &run, ReadOver over)
{
    if (over == ReadOver::Steps)
        return run.validation;
    Series curve;
    for (const Point &point : run.validation) {
        const std::optional<double> at = over == ReadOver::Flops
                                             ? executedFlopsAt(run.started.config, static_cast<std::int64_t>(point.x))
                                             : valueAt(run.seconds, point.x);
        if (at && (over == ReadOver::Flops || curve.empty() || *at > curve.back().x))
            curve.push_back({*at, point.y});
    }
    return curve;
}

std::optional<double> valueAt(const Series &series, double x)
{
    const auto above = std::lower_bound(series.begin(), series.end(), x,
                                        [](const Point &point, double wanted) { return point.x < wanted; });
    if (above == series.end() || (above == series.begin() && above->x != x))
        return std::nullopt;
    if (above->x == x)
        return above->y;
    const auto below = std::prev(above);
    return below->y + (x - below->x) / (above->x - below->x) * (above->y - below->y);
}

std::string PairComparison::verdict(const ComparisonView &view) const
{
    std::string text = toString(view.statistics.verdict);
    if (view.statistics.verdict == Verdict::NotComparable) {
        text += ": " + reasonText(against.front());
        if (against.size() > 1)
            text += fmt::format(" and {} more", against.size() - 1);
    }
    return text;
}

PairComparison compareSides(const std::vector<ComparedRun> &a, const std::vector<ComparedRun> &b, bool accuracy)
{
    Side first, second;
    for (const ComparedRun &run : a)
        first.emplace(run.started.config.training.seed, &run);
    for (const ComparedRun &run : b)
        second.emplace(run.started.config.training.seed, &run);
    if (first.empty() || second.empty())
        return {};
    const auto nameOf = [](const Side &side) { return toString(side.begin()->second->started.config.model.family); };
    PairComparison comparison = comparePair(nameOf(first), first, nameOf(second), second, kFamily, accuracy);
    if (!comparison.comparable()) {
        for (ComparisonView *view : {&comparison.steps, &comparison.flops, &comparison.seconds}) {
            if (view->statistics.n > 0)
                view->statistics.verdict = Verdict::NotComparable;
        }
    }
    return comparison;
}

std::vector<PairComparison> comparePairs(const std::vector<ComparedRun> &runs, const std::string &by,
                                         const std::string &reference)
{
    refuseUnknownAxis(runs, by);
    if (!reference.empty())
        refuseUnknownReference(runs, by, reference);
    std::map<std::string, Group> groups;
    for (const ComparedRun &run : runs) {
        const RunConfig &config = run.started.config;
        if (const auto value = axisValue(config, by))
            groups[groupKey(config, by)].side(*value).emplace(config.training.seed, &run);
    }
    std::vector<PairComparison> table;
    for (auto &[key, group] : groups) {
        if (by != kFamily)
            std::stable_sort(group.sides.begin(), group.sides.end(), [](const auto &a, const auto &b) {
                return std::pair(a.first.size(), a.first) < std::pair(b.first.size(), b.first);
            });
        for (const auto &[a, b] : pairsOf(group, by, reference)) {
            const Side &first = *group.find(a), &second = *group.find(b);
            table.push_back(comparePair(a, first, b, second, by, false));
            const bool task =
                std::all_of(first.begin(), first.end(), [](const auto &entry) { return entry.second->task; });
            if (task)
                table.push_back(comparePair(a, first, b, second, by, true));
        }
    }
    for (ComparisonView PairComparison::*view :
         {&PairComparison::steps, &PairComparison::flops, &PairComparison::seconds})
        holmOver(table, view);
    return table;
}

} // namespace sparsescope
