#pragma once

#include "core/base/statistics.h"
#include "core/experiment/claims/claim.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// How a number is shown.
struct Quantity {
    const char *unit;
    double scale; ///< shown = stored * scale
    int decimals;
};
inline constexpr Quantity kNats{"nats", 1, 4}, kPoints{"points", 100, 1}, kTokens{"tokens", 1, 1},
    kPercent{"%", 100, 1};

/// Which verdicts of "b against a" are for a claim; of the others those that exclude it are against it.
enum class Expected {
    Better,
    Worse,
    NoDifference,
    NotBetter, ///< worse, or no difference within the margin
    NotWorse
};
Support supportOf(Verdict verdict, Expected expected);

/// Which comparison of an experiment is meant.
struct Pair {
    std::string a, b;
    std::int64_t length = 0; ///< 0: any
    std::string metric = "val_loss";
    std::string by = "family";
    std::string family = {}; ///< where another axis is compared
    SweptValues axes = {};
};

/// Collects what the results say to one claim. Nothing is for or against a claim that has fewer than three seeds, or that a
/// gate withholds: that is missing, and its text says why.
class ClaimCase {
public:
    explicit ClaimCase(const FoundResults &found)
        : m_found(found)
    {}

    /// The experiment of this name; null where it is not there or is there twice, which is evidence then.
    const ExperimentResults *experiment(const std::string &name);
    /// Null where it has no such comparison, one with fewer than three seeds, or one without a verdict; evidence then.
    const ResultComparison *comparison(const ExperimentResults &experiment, const Pair &pair);

    /// The verdict of a comparison.
    void compare(const std::string &experiment, const Pair &pair, Expected expected);
    /// A difference that is worked out from others, by seed.
    void difference(const ExperimentResults &from, const std::string &label, const std::vector<double> &differences,
                    Quantity quantity, double margin, BetterIs betterIs, Expected expected);
    /// Is the mean within [low, high]? For where its interval lies inside, against where it lies outside.
    void within(const ExperimentResults &from, const std::string &label, const std::vector<double> &values,
                Quantity quantity, double low, double high, const std::string &beside = {});
    void add(Support support, const std::string &text, const std::string &source = {});
    void add(Support support, const std::string &text, std::vector<std::string> sources);
    void remark(const ExperimentResults &from, const std::string &text);
    void missing(const std::string &why) { add(Support::Missing, why); }

    /// Runs of one family, length and set of swept values, by seed; empty where there are fewer than three or a gate withholds
    /// what they say, which is evidence then. They are taken into the circumstances.
    std::vector<const ResultRun *> runs(const ExperimentResults &from, const std::string &family, std::int64_t length,
                                        const SweptValues &axes = {});
    /// Runs behind a side of a comparison, by its seeds.
    std::vector<const ResultRun *> side(const ExperimentResults &from, const ResultComparison &comparison, bool first);
    void made(const ResultRun &run) { m_made.add(run); }
    void made(const BenchDocument &bench, const MeasuredRow &row);

    const FoundResults &found() const { return m_found; }
    bool empty() const { return m_evidence.empty(); }
    /// What the measurements are where seeds do not vary them.
    void kind(const std::string &what) { m_made.kinds.insert(what); }
    ClaimFinding finish();

private:
    const FoundResults &m_found;
    std::vector<Evidence> m_evidence;
    Circumstances m_made;
};

/// Its folder below the root; its name where it is the root.
std::string sourceOf(const ExperimentResults &from);
/// The values of all runs under a key; empty where one does not have it.
std::vector<double> valuesOf(const std::vector<const ResultRun *> &runs, const std::string &key);
/// The mean; 0 of nothing.
double mean(const std::vector<double> &values);
std::vector<double> minus(const std::vector<double> &b, const std::vector<double> &a, double factor = 1);

/// "+0.0131 nats [-0.0020, +0.0282]".
std::string signedText(const PairedDifference &statistics, Quantity quantity);
/// "DSA".
std::string familyWord(const std::string &stored);

} // namespace sparsescope
