#include "core/base/config_words.h"
#include "core/base/nearest_name.h"
#include "core/experiment/claims/claim_case.h"
#include "core/experiment/claims/claim_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope::rules {
namespace {

/// A task at a length that is far from the claimed one may refute the claim, but not support it.
void task(ClaimCase &claim, const std::string &preset, double margin, std::int64_t longEnough)
{
    constexpr double kLearned = 0.5;
    const ExperimentResults *from = claim.experiment(preset);
    const ResultComparison *pair = from ? claim.comparison(*from, {"classic", "sparse", 0, "val_accuracy"}) : nullptr;
    if (!pair)
        return;
    const double dense = mean(pair->valuesA), sparse = mean(pair->valuesB);
    if (dense < kLearned)
        return claim.add(
            Support::Unclear,
            fmt::format("Classic answers {:.1f} % and DSA {:.1f} % at L {}: the task is not learned by the dense model "
                        "either",
                        100 * dense, 100 * sparse, pair->length),
            sourceOf(*from));
    if (pair->length < longEnough)
        claim.add(Support::Unclear,
                  fmt::format("measured at L {} only; {} or more are needed", pair->length, longEnough));
    claim.within(*from, fmt::format("accuracy of DSA less that of Classic, L {}", pair->length), pair->differences(),
                 kPoints, -margin, 1, fmt::format("{:.1f} % and {:.1f} %", 100 * sparse, 100 * dense));
}

/// A remark: what the indexers of each value of a sweep capture, numbers in their order.
void capturedBy(ClaimCase &claim, const std::string &preset, const std::string &axis, const std::string &unit)
{
    const ExperimentResults *from = claim.experiment(preset);
    if (!from)
        return;
    std::map<std::pair<int, std::string>, std::vector<double>> captured;
    for (const ResultRun &run : from->runs) {
        const auto swept = run.axes.find(axis);
        const auto value = run.values.find("captured");
        if (swept != run.axes.end() && value != run.values.end())
            captured[{std::atoi(swept->second.c_str()), swept->second}].push_back(value->second);
    }
    std::string text;
    for (const auto &[swept, values] : captured)
        text += fmt::format("{}{}{} {:.3f}", text.empty() ? "" : ", ", swept.second, unit, mean(values));
    if (!text.empty())
        claim.remark(*from, "share of the mass captured between chance and oracle: " + text);
}

/// Every value of a sweep against its first: one piece of evidence.
void sweep(ClaimCase &claim, const std::string &preset, const std::string &axis)
{
    const ExperimentResults *from = claim.experiment(preset);
    if (!from)
        return;
    std::vector<Evidence> all;
    std::string reference, text;
    for (const ResultComparison &one : from->comparisons) {
        if (one.by != axis || one.family != "sparse" || one.metric != "val_loss")
            continue;
        const ResultComparison *pair =
            claim.comparison(*from, {one.a, one.b, one.length, one.metric, one.by, one.family, one.axes});
        if (!pair)
            continue;
        reference = pair->a;
        all.push_back({supportOf(pair->statistics.verdict, Expected::NoDifference), {}, {}});
        text += fmt::format("{}{} {}, {}", text.empty() ? "" : "; ", pair->b, signedText(pair->statistics, kNats),
                            toString(pair->statistics.verdict));
    }
    if (all.empty())
        return claim.missing(fmt::format("preset {} has no two values of {} that are done", preset, axis));
    const ClaimVerdict verdict = verdictOf(all);
    claim.add(verdict == ClaimVerdict::Holds         ? Support::For
              : verdict == ClaimVerdict::DoesNotHold ? Support::Against
                                                     : Support::Unclear,
              fmt::format("DSA, {} against {}: {}", axis, reference, text), sourceOf(*from));
}

/// "exact answers of DSA, k 32, YaRN, trained at L 512, L 131072: 61.3 % [59.0, 63.6], 1200 answers of 3 seeds".
std::string needleRowText(const NeedlePanel &panel, const NeedlePanelRow &row)
{
    std::vector<std::string> seeds;
    for (const double share : row.exactBySeed)
        seeds.push_back(fmt::format("{:.1f}", 100 * share));
    const Interval ci95 = row.interval();
    return fmt::format("exact answers of {}, trained at L {}, asked at L {}: {:.1f} % [{:.1f}, {:.1f}], {} answers, by "
                       "seed {}",
                       panel.title, panel.trainedLength, row.length, 100 * row.share(), 100 * ci95.low, 100 * ci95.high,
                       row.answers(), fmt::join(seeds, ", "));
}

/// The longest haystack of the setting that finds most there; what the others find stands beside it.
void needles(ClaimCase &claim, const ExperimentResults &from)
{
    constexpr std::int64_t kClaimedLength = 131072;
    constexpr double kClaimed = 0.997;
    std::vector<NeedlePanel> panels = needlePanels(from.needles);
    std::erase_if(panels, [](const NeedlePanel &panel) { return panel.rows.empty(); });
    std::int64_t longest = 0;
    const NeedlePanel *best = nullptr;
    for (const NeedlePanel &panel : panels) {
        const NeedlePanelRow &row = panel.rows.back();
        if (panel.family == "sparse" &&
            (!best || row.length > longest || (row.length == longest && row.share() > best->rows.back().share()))) {
            longest = row.length;
            best = &panel;
        }
    }
    if (!best)
        return claim.missing(fmt::format("{}: no run of DSA was asked for a needle", sourceOf(from)));
    for (const NeedlePanel &panel : panels) {
        if (&panel != best)
            claim.remark(from, needleRowText(panel, panel.rows.back()));
    }
    const auto ofPanel = [&](const ResultRun &run) { return run.name.starts_with(best->group + "/"); };
    const auto one = std::find_if(from.runs.begin(), from.runs.end(), ofPanel);
    const NeedlePanelRow &row = best->rows.back();
    if (one == from.runs.end() || claim.runs(from, one->family, one->length, one->axes).size() > row.seeds.size())
        return claim.missing(
            fmt::format("{}: not every finished run of {} was asked at L {}", sourceOf(from), best->title, row.length));
    if (claim.runs(from, one->family, one->length, one->axes).empty())
        return; // too few seeds, or withheld: said there
    if (row.length < kClaimedLength) {
        claim.missing(fmt::format("the longest haystack among the results has {} tokens", row.length));
        return claim.remark(from, needleRowText(*best, row));
    }
    const Interval ci95 = row.interval();
    claim.add(ci95.low >= kClaimed   ? Support::For
              : ci95.high < kClaimed ? Support::Against
                                     : Support::Unclear,
              needleRowText(*best, row), sourceOf(from));
}

} // namespace

ClaimFinding warmupIsCritical(const FoundResults &found)
{
    ClaimCase claim(found);
    const std::string recipe = "recipe";
    claim.compare("recall-recipes", {"scratch", "warmup", 0, "val_accuracy", recipe, "sparse"}, Expected::Better);
    claim.compare("frozen-warmup", {"scratch", "warmup", 0, "val_loss", recipe, "sparse"}, Expected::Better);
    // The study warms its indexer on a model that has learned nothing yet.
    claim.compare("frozen-warmup", {"scratch", "frozen-warmup", 0, "val_loss", recipe, "sparse"}, Expected::Better);
    // Joint training has no warm-up stage: were one critical, it would be worse without.
    if (const ExperimentResults *from = claim.experiment("recall-recipes")) {
        const ResultComparison *warmup =
            claim.comparison(*from, {"scratch", "warmup", 0, "val_accuracy", recipe, "sparse"});
        const ResultComparison *joint =
            claim.comparison(*from, {"scratch", "joint", 0, "val_accuracy", recipe, "sparse"});
        if (warmup && joint && warmup->seeds == joint->seeds)
            claim.difference(*from, "DSA, recipe joint, which has no stage of its own for the indexer, against warmup",
                             minus(joint->valuesB, warmup->valuesB), kPoints, kAccuracyMargin, BetterIs::More,
                             Expected::Worse);
    }
    return claim.finish();
}

ClaimFinding otherWarmupObjectives(const FoundResults &found)
{
    ClaimCase claim(found);
    const std::string objective = "warmup_objective";
    for (const char *untaught : {"entropy", "diversity"})
        claim.compare("warmup-objective", {"none", untaught, 0, "val_accuracy", objective, "sparse"}, Expected::Better);
    return claim.finish();
}

ClaimFinding fourHeadsSuffice(const FoundResults &found)
{
    ClaimCase claim(found);
    for (const char *more : {"8", "16"})
        claim.compare("indexer-heads", {"4", more, 0, "val_loss", "n_heads", "sparse"}, Expected::NotBetter);
    capturedBy(claim, "indexer-heads", "n_heads", " heads");
    return claim.finish();
}

ClaimFinding robustToHyperparameters(const FoundResults &found)
{
    ClaimCase claim(found);
    sweep(claim, "rate-search", "learning_rate");
    sweep(claim, "expert-search", "n_experts");
    sweep(claim, "indexer-heads", "n_heads");
    sweep(claim, "indexer-width", "head_dim");
    return claim.finish();
}

ClaimFinding patternsOfSelection(const FoundResults &found)
{
    constexpr double kHalf = 0.5;
    ClaimCase claim(found);
    const ExperimentResults *from = claim.experiment("indexer-heads");
    const auto runs = from ? claim.runs(*from, "sparse", 256, {{"n_heads", "4"}}) : std::vector<const ResultRun *>();
    if (runs.empty())
        return claim.finish();
    const auto values = [&](const char *key) { return valuesOf(runs, key); };
    const std::string place = ", L 256, k L/8, 4 indexer heads";
    if (const std::vector<double> overlap = values("head_overlap"); !overlap.empty())
        claim.within(*from, "heads differ: keys that two heads of an indexer have in common" + place, overlap, kPercent,
                     0, kHalf, fmt::format("two random sets {:.1f} %", 100 * mean(values("head_overlap_chance"))));
    else
        claim.missing("its runs did not look at the heads of their indexers one by one");
    claim.difference(*from,
                     fmt::format("local: look-back against that of random keys ({:.1f} and {:.1f} tokens){}",
                                 mean(values("look_back")), mean(values("look_back_chance")), place),
                     minus(values("look_back"), values("look_back_chance")), kTokens, 0, BetterIs::Less,
                     Expected::Better);
    claim.within(*from, "adapts per layer: overlap of the selections of neighbouring layers" + place,
                 values("agreement"), kPercent, 0, kHalf);
    claim.difference(
        *from,
        fmt::format("stable: churn between two snapshots against that of random keys ({:.2f} and {:.2f}){}",
                    mean(values("churn")), mean(values("churn_chance")), place),
        minus(values("churn"), values("churn_chance")), kPoints, 0, BetterIs::Less, Expected::Better);
    return claim.finish();
}

ClaimFinding lookBackAndCoverage(const FoundResults &found)
{
    ClaimCase claim(found);
    const ExperimentResults *from = claim.experiment("exp1-sparse-vs-classic");
    for (const std::int64_t length : {64, 128, 256}) {
        const auto runs = from ? claim.runs(*from, "sparse", length) : std::vector<const ResultRun *>();
        if (runs.empty())
            continue;
        const auto chance = [&](const char *key, Quantity quantity) {
            return fmt::format("random keys {:.{}f}", quantity.scale * mean(valuesOf(runs, key)), quantity.decimals);
        };
        claim.within(*from, fmt::format("look-back, L {}, k L/2", length), valuesOf(runs, "look_back"), kTokens, 15 - 8,
                     15 + 8, chance("look_back_chance", kTokens));
        claim.within(*from, fmt::format("coverage, L {}, k L/2", length), valuesOf(runs, "coverage"), kPercent, 0.80,
                     0.90, chance("coverage_chance", kPercent));
    }
    return claim.finish();
}

ClaimFinding headsSelectForThemselves(const FoundResults &found)
{
    ClaimCase claim(found);
    std::size_t passed = 0;
    for (const ExperimentResults &from : found.experiments) {
        for (const ResultGate &gate : from.gates) {
            if (gate.gate != "effective-k" || gate.outcome != "passed")
                continue;
            ++passed;
            for (const ResultRun &run : from.runs) {
                if (run.name == gate.run)
                    claim.made(run);
            }
        }
    }
    if (passed == 0) {
        claim.missing("there is no run whose keys per query were counted");
    } else {
        claim.kind("all runs");
        claim.add(Support::Against,
                  fmt::format("a layer has one selection for all its heads; in {} runs every query has exactly "
                              "min(k, t + 1) keys in it",
                              passed));
    }
    return claim.finish();
}

ClaimFinding needleAt128K(const FoundResults &found)
{
    ClaimCase claim(found);
    bool asked = false;
    for (const ExperimentResults &from : found.experiments) {
        if (!from.needles.empty()) {
            asked = true;
            needles(claim, from);
        }
    }
    if (asked)
        return claim.finish();
    const ExperimentResults *from = claim.experiment("recall-length");
    if (!from)
        return claim.finish();
    std::int64_t longest = 0;
    for (const ResultRun &run : from->runs)
        longest = std::max(longest, run.length);
    const std::vector<double> exact = valuesOf(claim.runs(*from, "sparse", longest), "val_exact");
    claim.missing(fmt::format("the longest haystack among the results has {} tokens", longest));
    if (!exact.empty())
        claim.remark(*from, fmt::format("exact answers of DSA, L {}, k 32: {:.1f} %", longest, 100 * mean(exact)));
    return claim.finish();
}

ClaimFinding documentQuestions(const FoundResults &found)
{
    ClaimCase claim(found);
    task(claim, "recall-documents", 0.02, 8192);
    return claim.finish();
}

ClaimFinding longRangeRecall(const FoundResults &found)
{
    ClaimCase claim(found);
    task(claim, "recall-brackets", kAccuracyMargin, 1024);
    return claim.finish();
}

ClaimFinding reluSuffices(const FoundResults &found)
{
    ClaimCase claim(found);
    for (const char *other : {"prelu", "gelu", "silu"})
        claim.compare("indexer-activation", {"relu", other, 0, "val_loss", "activation", "sparse"},
                      Expected::NotBetter);
    if (const ExperimentResults *from = claim.experiment("indexer-activation")) {
        const ResultComparison *without =
            claim.comparison(*from, {"relu", "identity", 0, "val_loss", "activation", "sparse"});
        if (without)
            claim.remark(*from,
                         fmt::format("DSA, activation left out (identity) against relu: {}, {}",
                                     signedText(without->statistics, kNats), toString(without->statistics.verdict)));
    }
    capturedBy(claim, "indexer-activation", "activation", "");
    return claim.finish();
}

} // namespace sparsescope::rules
