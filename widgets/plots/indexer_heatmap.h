#pragma once

#include "widgets/plots/heatmap_plot.h"
#include "widgets/plots/margins.h"

#include "core/base/config.h"

namespace sparsescope {

/// The values of a layer: index score, term of one indexer head, attention weight; with the share of each key above,
/// the mass kept by each query and the colour bar at the right.
class IndexerHeatmap : public HeatmapPlot {
    Q_OBJECT

public:
    IndexerHeatmap(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// Gives the bars of the mass kept their colour.
    void setFamily(Family family);

    QString csv() const override; ///< t, s, value; visible cells only
    nlohmann::ordered_json exportContext() const override;

protected:
    const std::vector<MapLevel> &levelsOf(const LayerPicture &picture) const override { return picture.valueLevels; }
    std::vector<MapLevel> levelsFor(const LayerPicture &picture, const Tokens &tokens) const override;
    QString titleOf(const LayerPicture &picture) const override;
    QMarginsF insets() const override;
    void paintOver(QPainter &painter, const Frame &frame) const override;
    void paintAround(QPainter &painter, const Frame &frame) const override;
    std::vector<std::pair<QString, QString>> tooltip(int query, int key) const override;
    void layoutChanged() override;

private:
    bool hasMargins() const;
    QRectF columnBox(const Frame &frame) const;
    QRectF rowBox(const Frame &frame) const;
    QRectF barBox(const Frame &frame) const;
    void paintColumns(QPainter &painter, const Frame &frame) const;
    void paintRows(QPainter &painter, const Frame &frame) const;

    Family m_family = Family::Sparse;
    PaintedPart *m_columnMargin, *m_rowMargin, *m_colourBar;
};

} // namespace sparsescope
