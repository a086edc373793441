#pragma once

#include "core/base/config.h"
#include "core/base/fairness.h"
#include "core/base/records.h"
#include "core/base/series.h"
#include "core/base/statistics.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// Side against side over the seeds that both have: differences, intervals, and what may be said about them
/// (EXPERIMENTS.md 2, 3). No verdict where a gate of one of the runs does not hold.
namespace sparsescope {

/// A finished run as a comparison sees it.
struct ComparedRun {
    StartedRun started;
    std::vector<CheckResult> checks; ///< what was stored beside it
    std::int64_t steps = -1;         ///< main-model steps done
    std::optional<double> accuracy;  ///< of the last evaluation, as a share
    std::optional<double> chanceLoss, chanceAccuracy;
    Series validation; ///< val.loss over steps
    Series seconds;    ///< time.trained over steps: spent on its own optimiser steps
    std::optional<double> secondsPerStep;
    bool task = false; ///< accuracy means "the answer is right"
};

/// Operations executed up to a main-model step, the indexer's and the indexer-only stages that stand there included
/// (cost_model.h).
double executedFlopsAt(const RunConfig &config, std::int64_t step);

/// What the validation loss of a run is read over.
enum class ReadOver { Steps, Flops, Seconds };
/// Its validation loss over steps, executed operations, or seconds of training; over seconds empty where the run did not count
/// its time.
Series validationOver(const ComparedRun &run, ReadOver over);

/// y at x on the straight line between its neighbours; nothing outside of the series, which ascends in x.
std::optional<double> valueAt(const Series &series, double x);

struct SeedPair {
    std::uint64_t seed = 0;
    double a = 0, b = 0;
    double at = 0; ///< steps, operations or seconds at which both were read
    double difference() const { return b - a; }
};

/// One way to put the sides beside each other.
struct ComparisonView {
    std::vector<SeedPair> pairs; ///< by seed
    PairedDifference statistics;
    std::optional<Interval> bootstrap; ///< cross-check of statistics.ci95
};

/// b against a, at one length and one set of other swept values.
struct PairComparison {
    std::string by;     ///< the axis: "family"
    std::string family; ///< of both sides where another axis is compared; else empty
    std::string a, b;   ///< values of the axis: "classic", "sparse"
    std::string metric; ///< "val_loss" (nats), "val_accuracy" (share)
    std::int64_t sequenceLength = 0;
    std::vector<std::pair<std::string, std::string>> axes; ///< other swept values
    std::string recipeA, recipeB;
    double margin = 0;
    std::optional<double> chance; ///< what guessing gives
    ComparisonView steps;         ///< after equal main-model steps: the final values
    /// The loss where both have executed as many operations, or spent as many seconds, as the cheaper one in all; the dearer one's
    /// validation curve is read there between its evaluations. Its rate has not come down to its end yet: a disadvantage
    /// of the dearer side that belongs to this view. Of a loss only.
    ComparisonView flops, seconds;
    std::optional<double> timeRatio;  ///< seconds a step of b over those of a, medians
    std::vector<CheckResult> against; ///< what withholds the verdict; empty: nothing
    std::vector<CheckResult> care;    ///< warnings
    bool comparable() const { return against.empty(); }
    /// "better", "not clear", "not comparable: Future cannot leak (seq_128/sparse/seed_0)".
    std::string verdict(const ComparisonView &view) const;
};

/// Two sides that somebody put together, each of runs that differ in their seed: b against a over the seeds that both have. The
/// gates between runs are measured for these very pairs, so that whatever else differs withholds the verdict. One comparison
/// on its own: who puts several into one table applies Holm's procedure to it. A side may be empty: then nothing is measured.
PairComparison compareSides(const std::vector<ComparedRun> &a, const std::vector<ComparedRun> &b,
                            bool accuracy = false);

/// Every pair of sides in a table, groups in the order of length and swept values. `by`: "family" compares DSA with Classic,
/// MHLA+DSA with MHLA, and the two kinds of attention; the name of a swept value ("top_k") compares its values with
/// `reference`, or with the first one, in one family. Better and worse stand only where Holm's procedure over the table
/// allows it, each view on its own. Throws Failure where no run has such an axis, or none of its values is the reference.
std::vector<PairComparison> comparePairs(const std::vector<ComparedRun> &runs, const std::string &by = "family",
                                         const std::string &reference = {});

} // namespace sparsescope
