#include "core/experiment/claims/claim_case.h"
#include "core/experiment/claims/claim_rules.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace sparsescope::rules {
namespace {

constexpr std::int64_t kLengths[] = {64, 128, 256}; // of the study's first experiment
const std::string kSparseVsClassic = "exp1-sparse-vs-classic";
const std::string kMhlaVsSparse = "exp2-mhla-vs-sparse";
const std::string kFourFamilies = "four-families";

Pair sparseOverClassic(std::int64_t length) { return {"classic", "sparse", length}; }
Pair sparseOverMhla(std::int64_t length) { return {"mhla", "mhla_sparse", length}; }

ClaimFinding mhlaAt(const FoundResults &found, std::int64_t length, Expected expected)
{
    ClaimCase claim(found);
    claim.compare(kMhlaVsSparse, sparseOverMhla(length), expected);
    return claim.finish();
}

/// What a model gains that reads the future, and what the gates say to it.
void remarkOnTheLeak(ClaimCase &claim)
{
    for (const ExperimentResults &from : claim.found().experiments) {
        if (from.name != "the-302-percent")
            continue;
        for (const ResultComparison &one : from.comparisons) {
            const auto kind = one.axes.find("kind");
            if (one.by != "family" || one.metric != "val_loss" || kind == one.axes.end() ||
                kind->second != "planted-leak" || one.withheldBy.empty())
                continue;
            const std::vector<double> dense = valuesOf(claim.side(from, one, false), "val_loss_dense_part");
            if (!dense.empty())
                claim.remark(
                    from,
                    fmt::format("with a mask that lets the future in, the loss where fewer than k keys are visible is "
                                "{:.3f} nats; {}",
                                mean(dense), one.withheldBy));
        }
    }
}

/// The same question at a larger size, and where k is a smaller part of the length.
void remarkOnOtherSettings(ClaimCase &claim)
{
    for (const ExperimentResults &from : claim.found().experiments) {
        if (from.name != "exp1-larger" && from.name != "exp1-binding")
            continue;
        for (const ResultComparison &one : from.comparisons) {
            const auto runs = claim.side(from, one, false);
            if (one.by != "family" || one.metric != "val_loss" || !one.withheldBy.empty() || runs.empty())
                continue;
            std::string settings;
            for (const auto &[axis, value] : one.axes)
                settings += fmt::format(", {} {}", axis, value);
            claim.remark(from, fmt::format("{} layers of width {} on {}, {} seeds: {} against {}, L {}{}: {}, {}",
                                           runs.front()->layers, runs.front()->width, runs.front()->data,
                                           one.seeds.size(), familyWord(one.b), familyWord(one.a), one.length, settings,
                                           signedText(one.statistics, kNats), toString(one.statistics.verdict)));
        }
    }
}

} // namespace

ClaimFinding sparseBeatsClassic(const FoundResults &found)
{
    ClaimCase claim(found);
    for (const std::int64_t length : kLengths)
        claim.compare(kSparseVsClassic, sparseOverClassic(length), Expected::Better);
    remarkOnTheLeak(claim);
    remarkOnOtherSettings(claim);
    return claim.finish();
}

ClaimFinding gainGrowsWithLength(const FoundResults &found)
{
    ClaimCase claim(found);
    if (const ExperimentResults *from = claim.experiment(kSparseVsClassic)) {
        const ResultComparison *shortest = claim.comparison(*from, sparseOverClassic(kLengths[0]));
        const ResultComparison *longest = claim.comparison(*from, sparseOverClassic(kLengths[2]));
        if (shortest && longest && shortest->seeds == longest->seeds)
            claim.difference(*from, "DSA against Classic, L 256 less L 64",
                             minus(longest->differences(), shortest->differences()), kNats, kLossMargin, BetterIs::Less,
                             Expected::Better);
        else if (shortest && longest)
            claim.missing("the two lengths have different seeds");
    }
    return claim.finish();
}

ClaimFinding accuracyAt256(const FoundResults &found)
{
    constexpr double kClaimed = 0.684 - 0.076;
    ClaimCase claim(found);
    const ExperimentResults *from = claim.experiment(kSparseVsClassic);
    const ResultComparison *pair = from ? claim.comparison(*from, sparseOverClassic(256)) : nullptr;
    if (pair) {
        const std::vector<double> classic = valuesOf(claim.side(*from, *pair, true), "val_accuracy"),
                                  sparse = valuesOf(claim.side(*from, *pair, false), "val_accuracy");
        claim.within(*from, "accuracy of DSA less that of Classic, L 256", minus(sparse, classic), kPoints, kClaimed, 1,
                     fmt::format("{:.1f} % and {:.1f} %", 100 * mean(sparse), 100 * mean(classic)));
    }
    return claim.finish();
}

ClaimFinding gainIsRegularisation(const FoundResults &found)
{
    ClaimCase claim(found);
    const ExperimentResults *from = claim.experiment(kSparseVsClassic);
    const ResultComparison *pair = from ? claim.comparison(*from, sparseOverClassic(256)) : nullptr;
    if (pair) {
        claim.compare(kSparseVsClassic, sparseOverClassic(256), Expected::Better);
        const auto gaps = [&](bool first) {
            const auto runs = claim.side(*from, *pair, first);
            return minus(valuesOf(runs, "val_loss"), valuesOf(runs, "train_loss"));
        };
        const std::vector<double> classic = gaps(true), sparse = gaps(false);
        claim.difference(*from,
                         fmt::format("validation less training loss, DSA ({:.3f}) against Classic ({:.3f}), L 256",
                                     mean(sparse), mean(classic)),
                         minus(sparse, classic), kNats, kLossMargin, BetterIs::Less, Expected::Better);
    }
    return claim.finish();
}

ClaimFinding mhlaGainsAt64(const FoundResults &found) { return mhlaAt(found, 64, Expected::Better); }
ClaimFinding mhlaLosesAt1024(const FoundResults &found) { return mhlaAt(found, 1024, Expected::Worse); }
ClaimFinding mhlaEqualAt2048(const FoundResults &found) { return mhlaAt(found, 2048, Expected::NoDifference); }

ClaimFinding mhlaEqualAt128To256(const FoundResults &found)
{
    ClaimCase claim(found);
    claim.compare(kFourFamilies, sparseOverMhla(128), Expected::NoDifference);
    claim.compare(kMhlaVsSparse, sparseOverMhla(256), Expected::NoDifference);
    return claim.finish();
}

ClaimFinding mhlaAloneIsOptimal(const FoundResults &found)
{
    ClaimCase claim(found);
    for (const std::int64_t length : {128, 256})
        claim.compare(kFourFamilies, {"classic", "mhla", length}, Expected::Better);
    for (const std::int64_t length : {64, 256, 1024, 2048})
        claim.compare(kMhlaVsSparse, sparseOverMhla(length), Expected::Worse);
    return claim.finish();
}

ClaimFinding withinOnePercentOfDense(const FoundResults &found)
{
    ClaimCase claim(found);
    const ExperimentResults *from = claim.experiment(kSparseVsClassic);
    for (const std::int64_t length : kLengths) {
        const ResultComparison *pair = from ? claim.comparison(*from, sparseOverClassic(length)) : nullptr;
        if (!pair)
            continue;
        const auto dense = claim.side(*from, *pair, true), sparse = claim.side(*from, *pair, false);
        const double bound = 0.01 * mean(pair->valuesA);
        const std::string chance =
            fmt::format("k random keys would keep {:.2f} of the attention", mean(valuesOf(sparse, "mass_kept_chance")));
        claim.within(*from, fmt::format("DSA less Classic, L {}, 1 % is {:.4f} nats", length, bound),
                     pair->differences(), kNats, -bound, bound, chance);
        const std::vector<double> a = valuesOf(dense, "val_accuracy"), b = valuesOf(sparse, "val_accuracy");
        claim.within(*from, fmt::format("accuracy of DSA less 0.98 of Classic's, L {}", length), minus(b, a, 0.98),
                     kPoints, 0, 1);
    }
    return claim.finish();
}

} // namespace sparsescope::rules
