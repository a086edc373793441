#pragma once

#include "widgets/plots/comparison.h"
#include "widgets/plots/comparison_sections.h"
#include "widgets/plots/series_plot.h"
#include "widgets/plots/view.h"

#include <memory>
#include <vector>

namespace sparsescope {

class SelectionFigure;

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
    void paintSoundness(QPainter &painter, const QRectF &box, const Tokens &tokens) const;
    void paintCurves(QPainter &painter, const QRectF &box, const Tokens &tokens) const;
    /// The lines' names in rows from `top` on; where the next row would begin.
    double paintLegend(QPainter &painter, const QRectF &box, double top, const Tokens &tokens) const;
    QString seedsText() const;
    bool byLength() const { return m_comparison.lengths.size() > 1; }
    bool seedBySeed() const { return m_comparison.fromSummary && !byLength(); }

    Comparison m_comparison;
    std::vector<ResultSection> m_sections;
    std::unique_ptr<SelectionFigure> m_selection; ///< null: no snapshot with a selection
    std::unique_ptr<SeriesPlot> m_curves;
};

} // namespace sparsescope
