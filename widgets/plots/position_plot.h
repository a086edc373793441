#pragma once

#include "widgets/plots/compare_content.h"
#include "widgets/plots/series_plot.h"
#include "widgets/plots/view.h"

#include <memory>

namespace sparsescope {

/// Validation loss of both sides over the position in the window, by eighths; the rows t < k, which are dense by construction,
/// are shaded.
class PositionPlot : public SeriesPlot, public ExportableView {
    Q_OBJECT

public:
    explicit PositionPlot(QWidget *parent = nullptr);

    void setContent(std::shared_ptr<const CompareContent> content);

    QString figureTitle() const override { return QStringLiteral("Loss by position"); }
    QSizeF figureSize() const override { return {720, 480}; }
    double smallestWidth() const override { return 480; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< series,from,to,loss
    nlohmann::ordered_json exportContext() const override;

private:
    std::shared_ptr<const CompareContent> m_content;
};

} // namespace sparsescope
