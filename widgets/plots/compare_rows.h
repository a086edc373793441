#pragma once

#include "widgets/plots/compare_data.h"

#include <QString>

#include <optional>
#include <vector>

namespace sparsescope {

/// A row of the table of metrics: numbers, and how they read.
struct MetricRow {
    enum class Form { Nats, Share, Plain, Gigabytes, Flops, Count };
    enum class Tone { Neutral, Better, Worse };
    QString name, explanation;
    QString key; ///< for files: "val_loss"
    Form form = Form::Nats;
    double unit = 1; ///< of FLOPs: 1e12 where they are shown in TFLOP
    std::optional<double> chance, a, b;
    PairedDifference difference; ///< A - B over the seeds that both have
    bool judged = false;         ///< has a verdict of its own
    bool withheld = false;       ///< a check withholds it
    QString verdict;
    Tone tone = Tone::Neutral;
    /// A further run: one value, `a`, that belongs to neither side.
    bool further = false;
};

/// As a cell: "3.923", "50.6", "43.6".
QString valueText(const MetricRow &row, std::optional<double> value);
/// "+0.017", "−2.7".
QString differenceValueText(const MetricRow &row);
/// "[+0.006, +0.028]"; empty without an interval, or where a check withholds it.
QString intervalText(const MetricRow &row);

/// What the two sides have in common is in `comparison` and `accuracy` (core/base/pair_comparison: A against B); the rest is
/// paired the same way. Verdicts of losses and accuracies are corrected for each other (Holm).
std::vector<MetricRow> metricRows(const CompareInput &input, const PairComparison &comparison,
                                  const PairComparison &accuracy);

} // namespace sparsescope
