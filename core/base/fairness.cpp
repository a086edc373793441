#include "core/base/fairness.h"

#include "core/base/error.h"
#include "core/base/gates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace sparsescope {
namespace {

using Group = std::vector<const StartedRun *>;

constexpr double kMostApart = 0.03; // EXPERIMENTS.md section 2

/// What tells the run from the others of its group.
std::string nameOf(const StartedRun &run, const Group &group)
{
    const bool oneFamily = std::all_of(group.begin(), group.end(), [&](const StartedRun *other) {
        return other->config.model.family == run.config.model.family;
    });
    return oneFamily ? run.config.folder() : displayName(run.config.model.family);
}

/// The runs that differ from the first, in words: "DSA differs from Classic".
template <typename Value>
CheckResult allEqual(const Group &group, const Value &valueOf, const std::string &what)
{
    std::vector<std::string> others;
    const auto first = valueOf(*group.front());
    for (const StartedRun *run : group) {
        if (!(valueOf(*run) == first)) {
            others.push_back(nameOf(*run, group));
        }
    }
    return judged(static_cast<double>(others.size()), 0,
                  others.empty() ? fmt::format("{} of {} runs are equal", what, group.size())
                                 : fmt::format("{} of {} differ from {}", what, fmt::join(others, ", "),
                                               nameOf(*group.front(), group)));
}

CheckResult dataOrder(const Group &group)
{
    return allEqual(
        group, [](const StartedRun &run) { return run.fingerprint->data; }, "the first 100 batches");
}

CheckResult initialWeights(const Group &group)
{
    std::map<std::string, std::string> seen; // of the first run that has it
    std::set<std::string> shared, differing;
    const auto shapeOf = [](const std::string &print) { return print.substr(0, print.find(':')); };
    for (const StartedRun *run : group) {
        for (const auto &[name, print] : run->fingerprint->weights) {
            const auto [before, added] = seen.emplace(name, print);
            if (added || shapeOf(before->second) != shapeOf(print)) {
                continue;
            }
            shared.insert(name);
            if (before->second != print) {
                differing.insert(name);
            }
        }
    }
    return judged(static_cast<double>(differing.size()), 0,
                  fmt::format("{} of {} shared tensors differ at step 0{}", differing.size(), shared.size(),
                              differing.empty() ? "" : ", first " + *differing.begin()));
}

CheckResult schedule(const Group &group)
{
    // Who sweeps the precision compares it: there it is what shall differ.
    const bool precisionIsAsked = std::any_of(group.begin(), group.end(), [](const StartedRun *run) {
        const auto &axes = run->config.extraAxes;
        return std::any_of(axes.begin(), axes.end(),
                           [](const auto &axis) { return axis.first.ends_with("precision"); });
    });
    const auto fields = [precisionIsAsked](const StartedRun &run) {
        const TrainingConfig &t = run.config.training;
        return std::tuple(t.steps, t.schedule, t.scheduleFloor, t.warmupSteps, t.weightDecay, t.beta1, t.beta2,
                          t.gradClip, t.evalBatches, precisionIsAsked ? Precision::Auto : t.precision);
    };
    return allEqual(group, fields, "steps, schedule, decay, clipping, precision and validation batches");
}

CheckResult parameters(const Group &group)
{
    const auto fewer = [](const StartedRun *a, const StartedRun *b) {
        return a->fingerprint->parameters < b->fingerprint->parameters;
    };
    const auto [smallest, largest] = std::minmax_element(group.begin(), group.end(), fewer);
    // Difference first: 1030 / 1000 - 1 rounds to more than 0.03.
    const double apart =
        static_cast<double>((*largest)->fingerprint->parameters - (*smallest)->fingerprint->parameters) /
        static_cast<double>(std::max<std::int64_t>(1, (*smallest)->fingerprint->parameters));
    return judged(apart, kMostApart,
                  apart == 0
                      ? "all have the same number of parameters"
                      : fmt::format("{} has {:.1f} % more than the smallest", nameOf(**largest, group), 100 * apart),
                  CheckOutcome::Warning);
}

/// Of the runs as a whole: was a rate swept for every family?
CheckResult learningRates(const Group &runs)
{
    std::map<Family, std::set<double>> rates;
    for (const StartedRun *run : runs) {
        rates[run->config.model.family].insert(run->config.training.learningRate);
    }
    const bool swept =
        std::all_of(rates.begin(), rates.end(), [](const auto &entry) { return entry.second.size() >= 3; });
    if (swept) {
        return judged(0, 0,
                      fmt::format("{} rates for each of {} families", rates.begin()->second.size(), rates.size()));
    }
    const bool equal = std::all_of(rates.begin(), rates.end(),
                                   [&](const auto &entry) { return entry.second == rates.begin()->second; });
    if (!equal) {
        CheckResult result;
        result.outcome = CheckOutcome::Warning;
        result.measured = "the families train at different rates, none of them swept";
        return result;
    }
    return notRun(fmt::format("one rate for all, {:g}; not tuned per family", *rates.begin()->second.begin()));
}

CheckResult tokensPerStep(const Group &runs)
{
    std::set<std::int64_t> lengths, tokens;
    for (const StartedRun *run : runs) {
        lengths.insert(run->config.training.sequenceLength);
        tokens.insert(run->config.training.sequenceLength * run->config.training.batchSize);
    }
    return judged(static_cast<double>(tokens.size()), 1,
                  fmt::format("{} tokens a step over {} lengths", fmt::join(tokens, ", "), lengths.size()),
                  CheckOutcome::Warning);
}

void add(std::vector<CheckResult> &results, const char *gate, const std::string &run, CheckResult result)
{
    result.gate = gate;
    result.run = run;
    results.push_back(std::move(result));
}

std::vector<CheckResult> compareGroup(const std::string &name, const Group &group)
{
    std::vector<CheckResult> results;
    if (group.size() < 2) {
        return results;
    }
    const auto unknown =
        std::find_if(group.begin(), group.end(), [](const StartedRun *run) { return !run->fingerprint; });
    const auto known = [&](CheckResult (*compare)(const Group &)) {
        return unknown == group.end()
                   ? compare(group)
                   : notRun(fmt::format("what {} began with was not recorded", nameOf(**unknown, group)));
    };
    add(results, "data-order", name, known(dataOrder));
    add(results, "initial-weights", name, known(initialWeights));
    add(results, "schedule", name, schedule(group));
    add(results, "parameters", name, known(parameters));
    return results;
}

Group pointers(const std::vector<StartedRun> &runs)
{
    Group group;
    for (const StartedRun &run : runs) {
        group.push_back(&run);
    }
    return group;
}

} // namespace

nlohmann::ordered_json toJson(const RunFingerprint &fingerprint)
{
    return {{"data", fingerprint.data}, {"weights", fingerprint.weights}, {"parameters", fingerprint.parameters}};
}

RunFingerprint fingerprintFromJson(const nlohmann::json &document)
{
    try {
        return {document.at("data").get<std::string>(),
                document.at("weights").get<std::map<std::string, std::string>>(),
                document.at("parameters").get<std::int64_t>()};
    } catch (const nlohmann::json::exception &error) {
        throw Failure({"what a run began with cannot be read", "fingerprint", error.what(), "", ""});
    }
}

std::vector<CheckResult> compareStarts(const std::string &name, const std::vector<StartedRun> &runs)
{
    return compareGroup(name, pointers(runs));
}

std::vector<CheckResult> compareFairness(const std::vector<StartedRun> &runs)
{
    std::map<std::string, Group> groups;
    std::set<std::int64_t> lengths;
    std::set<Family> families;
    for (const StartedRun &run : runs) {
        groups[run.config.lockstepGroup()].push_back(&run);
        lengths.insert(run.config.training.sequenceLength);
        families.insert(run.config.model.family);
    }
    std::vector<CheckResult> results;
    for (const auto &[name, group] : groups) {
        for (CheckResult &result : compareGroup(name, group)) {
            results.push_back(std::move(result));
        }
    }
    if (lengths.size() > 1) {
        add(results, "tokens-per-step", runs.front().config.experiment, tokensPerStep(pointers(runs)));
    }
    if (families.size() > 1) {
        add(results, "learning-rates", runs.front().config.experiment, learningRates(pointers(runs)));
    }
    return results;
}

} // namespace sparsescope
