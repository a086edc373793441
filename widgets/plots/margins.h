#pragma once

#include "widgets/plots/heatmap_coordinates.h"
#include "widgets/style/tokens.h"

#include <QPainter>
#include <QRectF>
#include <QWidget>

#include <functional>
#include <vector>

/// The bars along a map's edges. They scroll and zoom with the map.
namespace sparsescope {

/// Above the map: how often each key is chosen, 0 to 1. NaN: never up for choice, no bar.
void paintColumnMargin(QPainter &painter, const QRectF &box, const CellMapping &mapping, QSize cells,
                       const std::vector<float> &share, const Tokens &tokens);

/// Right of the map: mass kept by each query, 0 to 1; grey where every visible key is selected anyway (t < k);
/// dashed: what as many random keys would keep.
void paintRowMargin(QPainter &painter, const QRectF &box, const CellMapping &mapping, QSize cells,
                    const std::vector<float> &massKept, std::int64_t topK, const QColor &colour, const Tokens &tokens);

/// A named part of a composed view: it paints what its owner tells it and lets the mouse through.
class PaintedPart : public QWidget {
public:
    PaintedPart(const char *objectName, const QString &accessibleName, std::function<void(QPainter &)> paint,
                QWidget *parent);

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    std::function<void(QPainter &)> m_paint;
};

} // namespace sparsescope
