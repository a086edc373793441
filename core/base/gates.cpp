#include "core/base/gates.h"

#include "core/base/error.h"
#include "core/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace sparsescope {

std::string toString(CheckOutcome outcome)
{
    switch (outcome) {
    case CheckOutcome::Passed:
        return "passed";
    case CheckOutcome::Warning:
        return "warning";
    case CheckOutcome::Failed:
        return "failed";
    case CheckOutcome::NotRun:
        break;
    }
    return "not run";
}

const std::vector<GateInfo> &gates()
{
    static const std::vector<GateInfo> table = {
        {"causality", "Future cannot leak",
         "Replaces every token after a position, for 16 positions of 4 validation windows, and compares the logits "
         "before.",
         "no logit moves by more than 1e-4 in fp32 or 2e-2 in bf16, and no selected key lies in the future",
         "Mask the future after the keys are selected, too.", GateScope::EveryRun, GateForm::AtMost, true},
        {"indexer-gradient", "Indexer gets gradient",
         "Takes the gradient of the language model loss alone, then of the indexer's KL alone.",
         "KL reaches every indexer and no main weight, the language model loss no indexer",
         "Detach the indexer's inputs, and give the recipe a stage with KL.", GateScope::Learning, GateForm::Above,
         true},
        {"indexer-moves", "Indexer learns",
         "Puts a fresh indexer under the trained main weights and compares the KL over the visible keys.",
         "the indexer's weights changed and its KL is more than 20 % below that of a fresh one",
         "Raise training.indexer_learning_rate or the steps of the indexer's stage.", GateScope::Learning,
         GateForm::AtMost, true},
        {"dense-limit", "Sparse equals dense at k = L",
         "Runs the same weights with k = L, with k = L + 7 and dense, in fp32; where fp32 cannot tell, compares all "
         "with "
         "dense attention in fp64.",
         "no logit differs by more than 1e-5, or by rounding alone: not in fp64, and no more than dense attention "
         "rounds",
         "The sparse path differs from dense attention: use another kernel, and report it.", GateScope::Selecting,
         GateForm::AtMost, true},
        {"effective-k", "Keys per query", "Counts the selected keys of every query and layer in 4 validation windows.",
         "every query has exactly min(k, t + 1) keys",
         "The selector returns another number of keys than was asked for.", GateScope::Selecting, GateForm::AtMost,
         true},
        {"ties", "Ties at the k-th score", "Counts the rows in which keys share the score of the last selected one.",
         "less than 1 % of the rows", "Train the indexer longer: its scores do not tell keys apart.",
         GateScope::Indexed, GateForm::Share, false},
        {"selection-binds", "Top-k binds",
         "Takes the attention that k random keys keep, over the rows with more than k keys.", "at most 0.5",
         "Choose a smaller k: at this one any selector would do.", GateScope::Selecting, GateForm::AtMost, false},
        {"dense-probe", "Keeps what dense attention weighs",
         "Follows the dense attention that the selected keys keep, and the indexer's KL, through each sparse stage.",
         "while the KL falls, the attention kept never falls 0.1 below its best",
         "KL sees selected keys alone: train the indexer longer on all visible ones (recipe warmup).",
         GateScope::Learning, GateForm::AtMost, false},
        {"split-overlap", "Train/validation overlap", "Looks for stretches of validation in training.",
         "at most 1 % of the 64-byte strings", "Remove duplicate documents from the text.", GateScope::EveryRun,
         GateForm::Share, false},
        {"start", "Starts at chance", "Evaluates the model before its first step.",
         "validation loss within 3 % of ln V", "The initialisation is off: compare widths and standard deviations.",
         GateScope::EveryRun, GateForm::Share, true},
        {"chance", "Better than chance", "Evaluates the trained model.",
         "validation loss below ln V and not below what the generator allows, of noise in every eighth of the "
         "positions",
         "Above: train longer or lower the rate. Below: the model sees what it must not.", GateScope::EveryRun,
         GateForm::Loss, true},
        {"data-order", "Same data in the same order", "Hashes the first 100 batches of every family.",
         "all hashes are equal", "Give the runs the same seed, length and batch size.", GateScope::Group,
         GateForm::AtMost, true},
        {"initial-weights", "Same start", "Compares all weights that families share at step 0.", "no tensor differs",
         "Give the runs the same seed and widths.", GateScope::Group, GateForm::AtMost, true},
        {"schedule", "Same schedule",
         "Compares steps, schedule, warm-up, clipping, decay, precision and the number of validation batches.",
         "all are equal", "Give the families the same training fields.", GateScope::Group, GateForm::AtMost, true},
        {"tokens-per-step", "Same tokens a step", "Compares batch times length over the lengths.", "all are equal",
         "Sweep the batch size with the length.", GateScope::Experiment, GateForm::AtMost, false},
        {"parameters", "Same size", "Compares the number of parameters with the smallest of the group.",
         "at most 3 % apart", "State the difference, or widen the smaller model.", GateScope::Group, GateForm::Share,
         false},
        {"learning-rates", "Matched learning rates", "Compares the learning rates of the group.",
         "one rate that is tuned for every family", "Sweep training.learning_rate for each family.",
         GateScope::Experiment, GateForm::AtMost, false},
    };
    return table;
}

const GateInfo &gate(const std::string &name)
{
    std::vector<std::string> names;
    for (const GateInfo &info : gates()) {
        if (info.name == name) {
            return info;
        }
        names.push_back(info.name);
    }
    const std::string nearest = nearestName(name, names);
    throw Failure({"unknown gate", "", name, listed(names), nearest.empty() ? "" : "Did you mean " + nearest + "?"});
}

bool applies(const GateInfo &gate, const RunConfig &run)
{
    const bool selects = isSparse(run.model.family), learns = run.model.selection.kind == "lightning";
    switch (gate.scope) {
    case GateScope::EveryRun:
        return true;
    case GateScope::Selecting:
        return selects;
    case GateScope::Indexed:
        return selects && (learns || run.model.selection.kind == "untrained");
    case GateScope::Learning:
        return selects && learns;
    case GateScope::Group:
    case GateScope::Experiment:
        break;
    }
    return false;
}

std::vector<CheckResult> completed(const RunConfig &run, const std::vector<CheckResult> &results)
{
    std::vector<CheckResult> all;
    for (const GateInfo &info : gates()) {
        const auto found = std::find_if(results.begin(), results.end(),
                                        [&](const CheckResult &result) { return result.gate == info.name; });
        if (found != results.end()) {
            all.push_back(*found);
        } else if (applies(info, run)) {
            all.push_back({info.name, run.folder(), CheckOutcome::NotRun, {}, {}, "not made yet"});
        }
    }
    return all;
}

bool withholds(const CheckResult &result)
{
    if (result.outcome != CheckOutcome::NotRun) {
        return result.outcome == CheckOutcome::Failed;
    }
    return std::any_of(gates().begin(), gates().end(),
                       [&](const GateInfo &info) { return info.name == result.gate && info.needed; });
}

std::string reasonText(const CheckResult &result)
{
    return fmt::format("{}{} ({})", gate(result.gate).title, result.outcome == CheckOutcome::NotRun ? " not made" : "",
                       result.run);
}

CheckResult judged(double value, double limit, std::string measured, CheckOutcome otherwise)
{
    CheckResult result;
    result.outcome = value <= limit ? CheckOutcome::Passed : otherwise;
    result.value = value;
    result.limit = limit;
    result.measured = std::move(measured);
    return result;
}

CheckResult notRun(std::string why)
{
    CheckResult result;
    result.measured = std::move(why);
    return result;
}

bool equal(const CheckResult &a, const CheckResult &b)
{
    return std::tie(a.gate, a.run, a.outcome, a.value, a.limit, a.measured) ==
           std::tie(b.gate, b.run, b.outcome, b.value, b.limit, b.measured);
}

bool anyFailed(const std::vector<CheckResult> &results)
{
    return std::any_of(results.begin(), results.end(),
                       [](const CheckResult &result) { return result.outcome == CheckOutcome::Failed; });
}

nlohmann::ordered_json toJson(const CheckResult &result)
{
    const auto number = [](const std::optional<double> &value) {
        return value && std::isfinite(*value) ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
    };
    return {{"gate", result.gate},
            {"run", result.run},
            {"outcome", toString(result.outcome)},
            {"passed", result.outcome == CheckOutcome::Passed},
            {"value", number(result.value)},
            {"limit", number(result.limit)},
            {"measured", result.measured}};
}

CheckResult checkResultFromJson(const nlohmann::json &document)
{
    try {
        const auto number = [&](const char *key) {
            const nlohmann::json &value = document.at(key);
            return value.is_null() ? std::nullopt : std::optional(value.get<double>());
        };
        CheckResult result{document.at("gate"), document.at("run"), CheckOutcome::NotRun,
                           number("value"),     number("limit"),    document.at("measured")};
        const std::string word = document.at("outcome");
        for (const CheckOutcome outcome :
             {CheckOutcome::Passed, CheckOutcome::Warning, CheckOutcome::Failed, CheckOutcome::NotRun}) {
            if (word == toString(outcome)) {
                result.outcome = outcome;
                return result;
            }
        }
        throw Failure({"unknown outcome of a check", "outcome", word, "passed, warning, failed or not run", ""});
    } catch (const nlohmann::json::exception &error) {
        throw Failure({"the result of a check cannot be read", "", error.what(), "", "Run the checks again."});
    }
}

namespace {

/// Two digits, whole where it has more, and no zeros in an exponent: "0.27", "1472", "1.2e-6".
std::string shortNumber(double value)
{
    std::string text =
        std::abs(value) >= 10 && std::abs(value) < 1e6 ? fmt::format("{:.0f}", value) : fmt::format("{:.2g}", value);
    if (const std::size_t exponent = text.find('e'); exponent != std::string::npos) {
        const std::size_t digits = exponent + 2;
        text.erase(digits, std::min(text.find_first_not_of('0', digits), text.size() - 1) - digits);
    }
    return text;
}

std::string inForm(GateForm form, double value)
{
    switch (form) {
    case GateForm::Share:
        return shortNumber(100 * value) + " %";
    case GateForm::Loss:
        return fmt::format("{:.3f}", value);
    case GateForm::AtMost:
    case GateForm::Above:
        break;
    }
    return shortNumber(value);
}

} // namespace

std::string valueText(const CheckResult &result)
{
    return result.value ? inForm(gate(result.gate).form, *result.value) : std::string();
}

std::string limitText(const CheckResult &result)
{
    if (!result.limit) {
        return {};
    }
    const GateForm form = gate(result.gate).form;
    const bool tooLow = form == GateForm::Loss && result.value && *result.value < *result.limit;
    const char *relation = form == GateForm::Above                            ? ">"
                           : form != GateForm::Loss                           ? "≤"
                           : tooLow && result.outcome == CheckOutcome::Failed ? "≥"
                                                                              : "<";
    return fmt::format("{} {}", relation, inForm(form, *result.limit));
}

std::string storedKey(const GateInfo &gate) { return "check/" + gate.name; }

std::string soundnessHeadline(const std::vector<CheckResult> &results)
{
    const auto count = [&](CheckOutcome outcome) {
        return std::count_if(results.begin(), results.end(),
                             [&](const CheckResult &result) { return result.outcome == outcome; });
    };
    const auto plural = [](std::ptrdiff_t n, const char *word) {
        return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
    };
    if (const auto failed = count(CheckOutcome::Failed); failed > 0) {
        return fmt::format("Do not compare yet: {} failed", plural(failed, "check"));
    }
    if (const auto warnings = count(CheckOutcome::Warning); warnings > 0) {
        return fmt::format("Compare with care: {}", plural(warnings, "warning"));
    }
    const auto passed = count(CheckOutcome::Passed);
    const auto missing = std::count_if(results.begin(), results.end(), withholds);
    if (passed > 0 && missing > 0) {
        return fmt::format("{} passed, {} not made yet", plural(passed, "check"), missing);
    }
    return passed > 0 ? fmt::format("All {} passed", plural(passed, "check")) : "Checks not run";
}

} // namespace sparsescope
