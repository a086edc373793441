#pragma once

#include "widgets/plots/heatmap_plot.h"

namespace sparsescope {

/// As a CSV says it: "selected_needed", "missed", ...
QString csvWord(KeyState state);

/// Which keys each query keeps, and which of those it needed. One mask for all attention heads of a layer.
class SelectionMaskView : public HeatmapPlot {
    Q_OBJECT

public:
    SelectionMaskView(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    QSize sizeHint() const override { return {380, 360}; }
    QString csv() const override; ///< t, s, state; cells s <= t, and every fault

protected:
    const std::vector<MapLevel> &levelsOf(const LayerPicture &picture) const override { return picture.maskLevels; }
    std::vector<MapLevel> levelsFor(const LayerPicture &picture, const Tokens &tokens) const override;
    QString titleOf(const LayerPicture &picture) const override;
    QMarginsF insets() const override;
    void paintOver(QPainter &painter, const Frame &frame) const override;
    void paintAround(QPainter &painter, const Frame &frame) const override;
    std::vector<std::pair<QString, QString>> tooltip(int query, int key) const override;
};

} // namespace sparsescope
