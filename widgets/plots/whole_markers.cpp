#include "widgets/plots/whole_markers.h"

#include "widgets/plots/column_spans.h"
#include "widgets/plots/cut_shapes.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

struct Drawn {
    double pictureRatio = 0; ///< pixels of the picture that it is drawn into; 0: the screen, or a file without pixels
};

/// A graph or curve of QCustomPlot whose markers are drawn whole at the edges of the plot: lines end there, and a marker
/// is drawn where its middle lies inside. The plot takes ownership, as it does of every plottable.
template <class Plottable>
class WholeMarkers : public Plottable, public Drawn {
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

/// A graph that is drawn in a time that depends on the pixels it covers and not on its points: where several lie in each
/// column of pixels its line fills the column from their lowest to their highest, and the channel to another graph is filled
/// column by column. No extreme is lost. Files that have no pixels get every point.
class DenseGraph : public WholeMarkers<QCPGraph> {
public:
    using WholeMarkers<QCPGraph>::WholeMarkers;

protected:
    void drawLinePlot(QCPPainter *painter, const QVector<QPointF> &lines) const override;
    void drawFill(QCPPainter *painter, QVector<QPointF> *lines) const override;

private:
    QVector<QRectF> channel(double column) const;
    /// The channel as one polygon, inside the axes.
    QPolygonF wholeChannel(const QVector<QPointF> &lines) const;
};

constexpr double kDense = 1.5; ///< points a column from which they are no longer drawn one by one
/// Points of a line that a painter draws at once: its time grows with their square.
constexpr qsizetype kAtOnce = 256;

bool isDense(qsizetype points, double across, double ratio)
{
    return static_cast<double>(points) > kDense * std::max(100.0, across * ratio);
}

void fillSpans(QCPPainter *painter, const QVector<QRectF> &spans, const QRect &seen, double ratio, const QColor &colour)
{
    painter->setAntialiasing(false); // which would move it by half a pixel
    paintSpans(*painter, spans, seen, ratio, colour);
}

/// In a file of vectors a line would go on outside of the axes.
template <class Draw>
bool drawCut(QCPPainter *painter, const QVector<QPointF> &lines, const QRect &seen, Draw draw)
{
    if (!painter->modes().testFlag(QCPPainter::pmVectorized)) {
        return false;
    }
    for (const QVector<QPointF> &piece : piecesInside(lines, seen)) {
        draw(piece);
    }
    return true;
}

/// A long line into a picture, as smooth as a painter's. False: leave it to the painter.
bool drawIntoPicture(QCPPainter *painter, const QVector<QPointF> &lines, const QPen &pen, const QRect &seen,
                     double ratio)
{
    constexpr int kShares = 4; // of a column
    const auto before = [](const QPointF &one, const QPointF &other) { return one.x() < other.x(); };
    if (ratio == 0 || lines.size() <= kAtOnce || pen.style() != Qt::SolidLine ||
        !std::is_sorted(lines.begin(), lines.end(), before)) {
        return false;
    }
    fillSpans(painter, strokeSpans(lines, seen, 1 / (kShares * ratio), pen.widthF()), seen, ratio, pen.color());
    return true;
}

class LongCurve : public WholeMarkers<QCPCurve> {
public:
    using WholeMarkers<QCPCurve>::WholeMarkers;

protected:
    void drawCurveLine(QCPPainter *painter, const QVector<QPointF> &lines) const override
    {
        const auto draw = [&](const QVector<QPointF> &piece) { WholeMarkers<QCPCurve>::drawCurveLine(painter, piece); };
        if (!drawIntoPicture(painter, lines, mPen, clipRect(), pictureRatio) &&
            !drawCut(painter, lines, clipRect(), draw)) {
            draw(lines);
        }
    }
};

} // namespace

void DenseGraph::drawLinePlot(QCPPainter *painter, const QVector<QPointF> &lines) const
{
    if (lineStyle() == lsLine && drawIntoPicture(painter, lines, mPen, clipRect(), pictureRatio)) {
        return;
    }
    const auto draw = [&](const QVector<QPointF> &piece) { WholeMarkers<QCPGraph>::drawLinePlot(painter, piece); };
    if (lineStyle() == lsLine && drawCut(painter, lines, clipRect(), draw)) {
        return;
    }
    const double ratio = mParentPlot->bufferDevicePixelRatio();
    const double across = lines.isEmpty() ? 0 : std::abs(lines.back().x() - lines.front().x());
    if (!isDense(lines.size(), across, ratio) || mPen.style() != Qt::SolidLine || lineStyle() != lsLine) {
        draw(lines);
        return;
    }
    fillSpans(painter, columnSpans(lines, 1 / ratio, mPen.widthF()), clipRect(), ratio, mPen.color());
}

/// Of each column the channel at its points; between them it runs straight.
QVector<QRectF> DenseGraph::channel(double column) const
{
    QVector<QRectF> spans;
    const QCPRange seen = keyAxis()->range();
    const QCPGraphDataContainer &others = *mChannelFillGraph->data();
    const auto end = mDataContainer->findEnd(seen.upper);
    auto other = others.constBegin() + (mDataContainer->findBegin(seen.lower) - mDataContainer->constBegin());
    const double first = std::floor(clipRect().left() / column), last = std::ceil((clipRect().right() + 1) / column);
    double lastX = 0, lastTop = 0, lastBottom = 0;
    for (auto point = mDataContainer->findBegin(seen.lower); point != end; ++point, ++other) {
        const double x = keyAxis()->coordToPixel(point->key), one = valueAxis()->coordToPixel(point->value),
                     two = valueAxis()->coordToPixel(other->value);
        const double top = std::min(one, two), bottom = std::max(one, two);
        const double at = std::floor(x / column);
        if (!spans.isEmpty()) {
            for (double between = std::max(std::floor(lastX / column) + 1, first); between < std::min(at, last);
                 ++between) {
                const double share = ((between + 0.5) * column - lastX) / (x - lastX);
                const double from = lastTop + share * (top - lastTop), to = lastBottom + share * (bottom - lastBottom);
                spans.push_back({between * column, from, column, to - from});
            }
        }
        spans.push_back({at * column, top, column, bottom - top});
        lastX = x;
        lastTop = top;
        lastBottom = bottom;
    }
    return spans;
}

QPolygonF DenseGraph::wholeChannel(const QVector<QPointF> &lines) const
{
    QVector<QPointF> others;
    static_cast<const DenseGraph *>(mChannelFillGraph.data())
        ->getLines(&others, QCPDataRange(0, mChannelFillGraph->dataCount()));
    QPolygonF polygon(lines);
    for (auto point = others.crbegin(); point != others.crend(); ++point) {
        polygon.push_back(*point);
    }
    return partInside(std::move(polygon), clipRect());
}

void DenseGraph::drawFill(QCPPainter *painter, QVector<QPointF> *lines) const
{
    const bool screen = !painter->modes().testFlag(QCPPainter::pmVectorized);
    const double ratio = screen ? mParentPlot->bufferDevicePixelRatio() : pictureRatio;
    const QCPRange seen = keyAxis()->range();
    const auto points = mDataContainer->findEnd(seen.upper) - mDataContainer->findBegin(seen.lower);
    if (ratio == 0 || mBrush.style() != Qt::SolidPattern || mChannelFillGraph.isNull() ||
        mChannelFillGraph->data()->size() != mDataContainer->size() || !isDense(points, clipRect().width(), ratio)) {
        if (!screen && !mChannelFillGraph.isNull()) {
            applyFillAntialiasingHint(painter);
            painter->drawPolygon(wholeChannel(*lines));
        } else {
            WholeMarkers<QCPGraph>::drawFill(painter, lines);
        }
        return;
    }
    fillSpans(painter, channel(1 / ratio), clipRect(), ratio, mBrush.color());
}

void setPictureRatio(QCustomPlot &plot, double ratio)
{
    for (int index = 0; index < plot.plottableCount(); ++index) {
        if (auto *drawn = dynamic_cast<Drawn *>(plot.plottable(index))) {
            drawn->pictureRatio = ratio;
        }
    }
}

QCPGraph *makeGraph(QCPAxis *x, QCPAxis *y) { return new DenseGraph(x, y); }

QCPCurve *makeCurve(QCPAxis *x, QCPAxis *y) { return new LongCurve(x, y); }

} // namespace sparsescope
