#include "widgets/plots/whole_markers.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

/// A graph or curve of QCustomPlot whose markers are drawn whole at the edges of the plot: lines end there, and a marker
/// is drawn where its middle lies inside. The plot takes ownership, as it does of every plottable.
template <class Plottable>
class WholeMarkers : public Plottable {
public:
    using Plottable::Plottable;

protected:
    void drawScatterPlot(QCPPainter *painter, const QVector<QPointF> &points,
                         const QCPScatterStyle &style) const override
    {
        const QRectF inside = QRectF(this->clipRect()).adjusted(-0.5, -0.5, 0.5, 0.5);
        const double reach = style.size() / 2 + 2; // with its line
        QVector<QPointF> seen;
        seen.reserve(points.size());
        for (const QPointF &point : points) {
            if (inside.contains(point)) {
                seen.push_back(point);
            }
        }
        painter->save();
        painter->setClipRect(inside.adjusted(-reach, -reach, reach, reach));
        Plottable::drawScatterPlot(painter, seen, style);
        painter->restore();
    }
};

/// A graph whose line is drawn in a time that depends on the pixels it covers and not on its points: where several lie in
/// each column of pixels the column is filled from their lowest to their highest. No extreme is lost. Files get every point.
class DenseGraph : public WholeMarkers<QCPGraph> {
public:
    using WholeMarkers<QCPGraph>::WholeMarkers;

protected:
    void drawLinePlot(QCPPainter *painter, const QVector<QPointF> &lines) const override;
};

constexpr double kDense = 1.5; ///< points a column from which the line of points is no longer drawn one by one

/// Into the pixels of `image`, whose first is at `origin`: whole ones, and of the first and the last what is covered.
void fillSpan(QImage &image, QPoint origin, const QRectF &span, const QColor &colour)
{
    const double ratio = image.devicePixelRatio();
    const int column = qRound(span.left() * ratio) - origin.x();
    // What is zoomed far out of sight lies beyond any whole number.
    const double top = std::max(span.top() * ratio - origin.y(), 0.0);
    const double bottom = std::min(span.bottom() * ratio - origin.y(), static_cast<double>(image.height()));
    if (column < 0 || column >= image.width()) {
        return;
    }
    const QRgb whole = qPremultiply(colour.rgba());
    const int first = static_cast<int>(std::min(std::floor(top), static_cast<double>(image.height())));
    const int last = static_cast<int>(std::ceil(std::max(bottom, 0.0))) - 1;
    const auto stride = image.bytesPerLine();
    uchar *pixel = image.bits() + first * stride + column * static_cast<qsizetype>(sizeof(QRgb));
    for (int row = first; row <= last; ++row, pixel += stride) {
        const double covered = std::min(bottom, row + 1.0) - std::max(top, static_cast<double>(row));
        QRgb value = whole;
        if (covered < 1) {
            QColor part = colour;
            part.setAlphaF(static_cast<float>(colour.alphaF() * covered));
            value = qPremultiply(part.rgba());
        }
        *reinterpret_cast<QRgb *>(pixel) = value;
    }
}

} // namespace

QVector<QRectF> columnSpans(const QVector<QPointF> &points, double column, double width)
{
    QVector<QRectF> spans;
    double index = 0, top = 0, bottom = 0, last = 0;
    bool open = false;
    const auto finish = [&] {
        if (open) {
            spans.push_back({index * column, top - width / 2, column, bottom - top + width});
        }
        open = false;
    };
    for (const QPointF &point : points) {
        if (std::isnan(point.y()) || std::isnan(point.x())) {
            finish();
            continue;
        }
        const double at = std::floor(point.x() / column);
        if (!open || at != index) {
            double from = point.y();
            if (open) { // both reach the middle between them
                from = (last + point.y()) / 2;
                top = std::min(top, from);
                bottom = std::max(bottom, from);
            }
            finish();
            open = true;
            index = at;
            top = bottom = from;
        }
        top = std::min(top, point.y());
        bottom = std::max(bottom, point.y());
        last = point.y();
    }
    finish();
    return spans;
}

void DenseGraph::drawLinePlot(QCPPainter *painter, const QVector<QPointF> &lines) const
{
    const double ratio = mParentPlot->bufferDevicePixelRatio(), column = 1 / ratio;
    const double across = lines.isEmpty() ? 0 : std::abs(lines.back().x() - lines.front().x());
    const bool dense = static_cast<double>(lines.size()) > kDense * std::max(100.0, across * ratio);
    if (!dense || painter->modes().testFlag(QCPPainter::pmVectorized) || mPen.style() != Qt::SolidLine ||
        lineStyle() != lsLine) {
        WholeMarkers<QCPGraph>::drawLinePlot(painter, lines);
        return;
    }
    // One image for all columns: a painter would go through every row of every column by itself.
    const QRect seen = clipRect();
    QImage image(seen.size() * ratio, QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(ratio);
    image.fill(Qt::transparent);
    for (const QRectF &span : columnSpans(lines, column, mPen.widthF())) {
        fillSpan(image, (QPointF(seen.topLeft()) * ratio).toPoint(), span, mPen.color());
    }
    painter->setAntialiasing(false); // which would move it by half a pixel
    painter->drawImage(seen.topLeft(), image);
}

QCPGraph *makeGraph(QCPAxis *x, QCPAxis *y) { return new DenseGraph(x, y); }

QCPCurve *makeCurve(QCPAxis *x, QCPAxis *y) { return new WholeMarkers<QCPCurve>(x, y); }

} // namespace sparsescope
