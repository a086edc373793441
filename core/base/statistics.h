#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Paired differences over seeds and what may be said about them (EXPERIMENTS.md 3).
namespace sparsescope {

enum class Verdict {
    NotMeasured, ///< no seed has both runs
    OneSeed,     ///< n = 1: there is no interval
    NotClear,
    NoDifference, ///< the interval lies inside +-margin
    Better,       ///< of b against a, for a quantity of which less is better
    Worse
};
std::string toString(Verdict); ///< "one seed: no interval", "no difference within the margin", ...

struct Interval {
    double low = 0, high = 0;
};

struct PairedDifference {
    int n = 0;
    std::optional<double> mean;   ///< of b - a; absent for n = 0
    std::optional<double> sd;     ///< sample standard deviation; absent for n < 2
    std::optional<Interval> ci95; ///< t-interval with n - 1 degrees of freedom; absent for n < 2
    std::optional<double> p;      ///< two-sided, of the hypothesis that the mean difference is 0; absent for n < 2
    Verdict verdict = Verdict::NotMeasured;
};

/// The two-sided t quantile: P(|T| < t) = confidence.
double tQuantile(double confidence, int degreesOfFreedom);

/// Mean, interval and verdict of one comparison on its own. `differences` are b - a, one a seed, all finite.
PairedDifference pairedDifference(const std::vector<double> &differences, double margin);

/// Several comparisons in one table: better and worse stand only where Holm's procedure at 5 % rejects "no difference"
/// over all of them; else they become "not clear". Intervals stay as they are.
void applyHolm(std::vector<PairedDifference> &table);

std::optional<double> meanOf(const std::vector<double> &values); ///< absent when empty
std::optional<double> sdOf(const std::vector<double> &values);   ///< sample standard deviation; absent for n < 2
std::optional<double> medianOf(std::vector<double> values);      ///< absent when empty

} // namespace sparsescope
