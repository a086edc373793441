#include "core/base/cost_model.h"
#include "core/data/data_source.h"
#include "core/model/transformer.h"
#include "core/train/gates/gate.h"
#include "core/train/soundness.h"

#include <ATen/core/Tensor.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace sparsescope {
namespace {

using Group = std::vector<const RunConfig *>;

constexpr double kMostApart = 0.03; // EXPERIMENTS.md section 2

std::string nameOf(const RunConfig &run) { return displayName(run.model.family); }

/// The families that differ from the first, in words: "DSA differs from Classic".
template <typename Value>
CheckResult allEqual(const Group &group, const Value &valueOf, const std::string &what)
{
    std::vector<std::string> others;
    const auto first = valueOf(*group.front());
    for (const RunConfig *run : group) {
        if (!(valueOf(*run) == first)) {
            others.push_back(nameOf(*run));
        }
    }
    const double count = static_cast<double>(others.size());
    return judged(count, 0,
                  others.empty()
                      ? fmt::format("{} of {} runs are equal", what, group.size())
                      : fmt::format("{} of {} differ from {}", what, fmt::join(others, ", "), nameOf(*group.front())));
}

CheckResult dataOrder(const Group &group)
{
    return allEqual(
        group, [](const RunConfig &run) { return dataOrderHash(*makeDataSource(run)); }, "the first 100 batches");
}

CheckResult initialWeights(const Group &group)
{
    std::map<std::string, at::Tensor> seen; // of the first family that has it
    std::set<std::string> shared, differing;
    for (const RunConfig *run : group) {
        Transformer model(modelOptions(*run, makeDataSource(*run)->vocabulary()));
        model.parameters().initialise(run->training.seed);
        for (const Parameters::Entry &entry : model.parameters().entries()) {
            const auto [before, added] = seen.emplace(entry.name, entry.tensor);
            if (added || before->second.sizes() != entry.tensor.sizes()) {
                continue;
            }
            shared.insert(entry.name);
            if (!before->second.equal(entry.tensor)) {
                differing.insert(entry.name);
            }
        }
    }
    return judged(static_cast<double>(differing.size()), 0,
                  fmt::format("{} of {} shared tensors differ at step 0{}", differing.size(), shared.size(),
                              differing.empty() ? "" : ", first " + *differing.begin()));
}

CheckResult schedule(const Group &group)
{
    const auto fields = [](const RunConfig &run) {
        const TrainingConfig &t = run.training;
        return std::tuple(t.steps, t.schedule, t.scheduleFloor, t.warmupSteps, t.weightDecay, t.beta1, t.beta2,
                          t.gradClip);
    };
    return allEqual(group, fields, "steps, schedule, decay and clipping");
}

CheckResult parameters(const Group &group)
{
    double smallest = 0, largest = 0;
    std::string largestName;
    for (const RunConfig *run : group) {
        const auto count = static_cast<double>(parameterCount(*run, makeDataSource(*run)->vocabulary()).total());
        smallest = smallest == 0 ? count : std::min(smallest, count);
        if (count > largest) {
            largest = count;
            largestName = nameOf(*run);
        }
    }
    const double apart = largest / smallest - 1;
    return judged(apart, kMostApart, fmt::format("{} has {:.1f} % more than the smallest", largestName, 100 * apart),
                  CheckOutcome::Warning);
}

/// Of the runs as a whole: was a rate swept for every family?
CheckResult learningRates(const Group &runs)
{
    std::map<Family, std::set<double>> rates;
    for (const RunConfig *run : runs) {
        rates[run->model.family].insert(run->training.learningRate);
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
    for (const RunConfig *run : runs) {
        lengths.insert(run->training.sequenceLength);
        tokens.insert(run->training.sequenceLength * run->training.batchSize);
    }
    return judged(static_cast<double>(tokens.size()), 1,
                  fmt::format("{} tokens a step over {} lengths", fmt::join(tokens, ", "), lengths.size()),
                  CheckOutcome::Warning);
}

} // namespace

std::vector<CheckResult> checkFairness(const std::vector<RunConfig> &runs)
{
    std::vector<CheckResult> results;
    const auto add = [&](const char *gate, const std::string &run, CheckResult result) {
        result.gate = gate;
        result.run = run;
        results.push_back(std::move(result));
    };
    std::map<std::string, Group> groups;
    std::set<std::int64_t> lengths;
    std::set<Family> families;
    Group all;
    for (const RunConfig &run : runs) {
        groups[run.lockstepGroup()].push_back(&run);
        lengths.insert(run.training.sequenceLength);
        families.insert(run.model.family);
        all.push_back(&run);
    }
    for (const auto &[name, group] : groups) {
        if (group.size() > 1) {
            add("data-order", name, dataOrder(group));
            add("initial-weights", name, initialWeights(group));
            add("schedule", name, schedule(group));
            add("parameters", name, parameters(group));
        }
    }
    if (lengths.size() > 1) {
        add("tokens-per-step", runs.front().experiment, tokensPerStep(all));
    }
    if (families.size() > 1) {
        add("learning-rates", runs.front().experiment, learningRates(all));
    }
    return results;
}

} // namespace sparsescope
