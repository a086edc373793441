#pragma once

#include "core/base/series.h"
#include "core/base/snapshot.h"
#include "widgets/plots/series_plot.h"
#include "widgets/plots/view.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class RunData;

/// Values of several seeds. Absent where no run has the metric.
struct SeedValues {
    std::vector<double> values;
    std::optional<double> mean() const;
    std::optional<double> std() const; ///< sample; absent for one seed
};

/// What one family did at one sequence length, at the end of its runs.
struct FamilyResult {
    Family family = Family::Classic;
    std::int64_t sequenceLength = 0;
    SeedValues loss, accuracy;
    SeedValues recall, recallRecency, recallRandom;      ///< share of the needed keys that is selected, by who selects, mean of layers
    SeedValues recallBest;                               ///< of the layer that finds most: one is enough to answer
    SeedValues accuracyRecency, accuracyRandom;          ///< of the same weights with another selector
    SeedValues captured;
    std::vector<BandPoint> validation;                   ///< over steps
};

/// Everything the comparison shows, as values.
struct Comparison {
    std::string experiment, question;
    std::vector<std::int64_t> lengths;
    std::vector<FamilyResult> results;                   ///< by length, then family
    std::int64_t steps = 0;
    int seeds = 0;
    std::optional<double> chanceLoss, chanceAccuracy;
    bool task = false;                                   ///< the answers are known: accuracy and needed keys mean something
    std::shared_ptr<const Snapshot> snapshot;            ///< of a sparse run, its newest
    Family snapshotFamily = Family::Sparse;
    QString snapshotRun;
};

/// Of finished and unfinished runs alike. `readSnapshot`: may read the newest snapshot from disk now (never on a GUI thread
/// that a person waits for); else only one that is in memory is shown.
Comparison comparisonOf(const std::vector<RunData *> &runs, bool readSnapshot = false);

/// One picture that answers the experiment's question for somebody who sees it for the first time.
class ComparisonFigure : public ExportableView {
public:
    explicit ComparisonFigure(Comparison comparison);
    ~ComparisonFigure() override;

    const Comparison &comparison() const { return m_comparison; }
    QString figureTitle() const override;
    QSizeF figureSize() const override;
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override;
    nlohmann::ordered_json exportContext() const override;

private:
    void paintCurves(QPainter &painter, const QRectF &box, const Tokens &tokens) const;
    void paintResults(QPainter &painter, const QRectF &box, const Tokens &tokens) const;
    void paintMask(QPainter &painter, const QRectF &box, const Tokens &tokens) const;
    bool byLength() const { return m_comparison.lengths.size() > 1; }

    Comparison m_comparison;
    std::unique_ptr<SeriesPlot> m_curves;
};

} // namespace sparsescope
