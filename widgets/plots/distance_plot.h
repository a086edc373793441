#pragma once

#include "widgets/plots/figure_plot.h"
#include "widgets/plots/map_worker.h"

#include <memory>

class QCPGraph;
class QCPItemText;

namespace sparsescope {

/// How far back a layer looks: share of the keys selected and attention (its peak = 1) against the distance t - s.
class DistancePlot : public FigurePlot {
    Q_OBJECT

public:
    explicit DistancePlot(QWidget *parent = nullptr);

    /// A picture that is not complete yet leaves the curves as they are.
    void setPicture(std::shared_ptr<const LayerPicture> picture);
    bool hasCurves() const { return m_picture != nullptr; }

    QString figureTitle() const override;
    QSizeF figureSize() const override { return {640, 260}; }
    double smallestWidth() const override { return 420; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< distance, share_selected, attention
    nlohmann::ordered_json exportContext() const override;

    QSize sizeHint() const override { return {480, 130}; }
    QSize minimumSizeHint() const override { return {240, 78}; }

protected:
    void applyTokens(const Tokens &tokens) const override;

private:
    QCPGraph *m_selected, *m_attention;
    QCPItemText *m_selectedWords, *m_attentionWords;
    std::shared_ptr<const LayerPicture> m_picture;
};

} // namespace sparsescope
