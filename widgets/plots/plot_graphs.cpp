#include "widgets/plots/plot_graphs.h"

#include "widgets/plots/whole_markers.h"
#include "widgets/style/group_look.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>

namespace sparsescope {

namespace {

constexpr int kBandColumns = 4096; ///< some zooms of a screen's width

QCPScatterStyle::ScatterShape scatterShape(Marker marker)
{
    switch (marker) {
    case Marker::Circle:
        return QCPScatterStyle::ssCircle;
    case Marker::Square:
        return QCPScatterStyle::ssSquare;
    case Marker::Diamond:
        return QCPScatterStyle::ssDiamond;
    case Marker::Triangle:
        return QCPScatterStyle::ssTriangle;
    }
    return QCPScatterStyle::ssCircle;
}

void setBand(QCPGraph *lower, QCPGraph *upper, const PlotBand &band, const Tokens &tokens)
{
    const BandEdges edges = bandEdges(band.points, -INFINITY, kBandColumns);
    QColor fill = curveColour(band.family, band.second, band.variant, tokens);
    fill.setAlphaF(0.2F);
    for (QCPGraph *graph : {lower, upper}) {
        graph->setPen(Qt::NoPen);
        graph->setScatterStyle(QCPScatterStyle::ssNone);
        graph->setChannelFillGraph(nullptr);
        graph->setBrush(Qt::NoBrush);
    }
    lower->setData(edges.x, edges.low, true);
    upper->setData(edges.x, edges.high, true);
    upper->setBrush(fill);
    upper->setChannelFillGraph(lower);
}

void setCurve(QCPGraph *graph, const PlotCurve &curve, const Tokens &tokens)
{
    const QColor colour = curveColour(curve.family, curve.second, curve.variant, tokens);
    QColor line = colour;
    line.setAlphaF(static_cast<float>(curve.opacity));
    graph->setChannelFillGraph(nullptr);
    graph->setBrush(Qt::NoBrush);
    graph->setPen(
        QPen(line, curve.width, curve.second ? Qt::DashLine : groupLine(curve.variant), Qt::FlatCap, Qt::RoundJoin));
    graph->setLineStyle(curve.markers ? QCPGraph::lsNone : QCPGraph::lsLine);
    graph->setScatterStyle(curve.markers || curve.markersOnLine
                               ? markerOf(familyMarker(curve.family), colour, tokens, 7)
                               : QCPScatterStyle(QCPScatterStyle::ssNone));
}

} // namespace

QColor curveColour(Family family, bool second, int variant, const Tokens &tokens)
{
    return second ? sideColour(family, true, tokens) : groupColour(family, variant, tokens);
}

BandEdges bandEdges(const std::vector<BandPoint> &points, double from, int columns)
{
    const auto counts = [from](const BandPoint &point) {
        return point.n >= 2 && point.x >= from && std::isfinite(point.std);
    };
    const auto begin = std::find_if(points.begin(), points.end(), counts);
    const auto count = std::count_if(begin, points.end(), counts);
    const bool thinned = count > 2 * columns;
    const double column = thinned ? (points.back().x - begin->x) / columns : 0;
    BandEdges edges;
    for (QVector<double> *values : {&edges.x, &edges.low, &edges.high}) {
        values->reserve(thinned ? columns + 2 : count);
    }
    double x = 0, low = 0, high = 0; // of the column that is being filled
    bool open = false;
    const auto finish = [&] {
        if (open) {
            edges.x.push_back(x);
            edges.low.push_back(low);
            edges.high.push_back(high);
        }
    };
    for (auto point = begin; point != points.end(); ++point) {
        if (!counts(*point)) {
            continue;
        }
        const double below = point->mean - point->std, above = point->mean + point->std;
        if (open && point->x - x < column && point + 1 != points.end()) {
            low = std::min(low, below);
            high = std::max(high, above);
        } else {
            finish();
            x = point->x;
            low = below;
            high = above;
            open = true;
        }
    }
    finish();
    return edges;
}

QCPScatterStyle markerOf(Family family, const Tokens &tokens, double size, bool second)
{
    return markerOf(familyMarker(family), sideColour(family, second, tokens), tokens, size);
}

QCPScatterStyle markerOf(Marker marker, const QColor &line, const Tokens &tokens, double size)
{
    return {scatterShape(marker), QPen(line, 1.6), tokens.panel, size};
}

void setGraphs(QCustomPlot &plot, const PlotContent &content, const Tokens &tokens)
{
    const std::size_t needed = content.curves.size() + 2 * content.bands.size();
    while (static_cast<std::size_t>(plot.graphCount()) > needed) {
        plot.removeGraph(plot.graphCount() - 1);
    }
    while (static_cast<std::size_t>(plot.graphCount()) < needed) {
        makeGraph(plot.xAxis, plot.yAxis);
    }
    int index = 0;
    for (const PlotBand &band : content.bands) {
        setBand(plot.graph(index), plot.graph(index + 1), band, tokens);
        index += 2;
    }
    for (const PlotCurve &curve : content.curves) {
        setCurve(plot.graph(index++), curve, tokens);
    }
}

void setPoints(QCustomPlot &plot, const PlotContent &content, const std::vector<CurveLevels> &levels,
               const AxisWindow &window)
{
    int index = static_cast<int>(2 * content.bands.size());
    for (std::size_t curve = 0; curve < content.curves.size(); ++curve) {
        const Series &all = content.curves[curve].points;
        const Series shown = levels[curve].within(all, window);
        QVector<QCPGraphData> values;
        values.reserve(static_cast<qsizetype>(shown.size()));
        for (const Point &point : shown) {
            values.push_back({point.x, point.y});
        }
        QSharedPointer<QCPGraphDataContainer> data(new QCPGraphDataContainer);
        data->set(values, true);
        plot.graph(index++)->setData(data);
    }
}

void spaceMarkers(QCustomPlot &plot)
{
    constexpr double kAlone = 12, kOnLine = 48; // px from marker to marker; one has 7
    for (int index = 0; index < plot.graphCount(); ++index) {
        QCPGraph *graph = plot.graph(index);
        if (graph->scatterStyle().isNone()) {
            continue;
        }
        const QCPRange seen = graph->keyAxis()->range();
        const auto first = graph->data()->findBegin(seen.lower, false),
                   last = graph->data()->findEnd(seen.upper, false);
        const auto gaps = last - first - 1;
        if (gaps < 2) {
            graph->setScatterSkip(0);
            continue;
        }
        const double taken =
            graph->keyAxis()->coordToPixel((last - 1)->key) - graph->keyAxis()->coordToPixel(first->key);
        const double apart = graph->lineStyle() == QCPGraph::lsNone ? kAlone : kOnLine;
        graph->setScatterSkip(std::max(0, static_cast<int>(apart * static_cast<double>(gaps) / std::max(1.0, taken))));
    }
}

LabelRoom roomBesideCurves(QCustomPlot &plot)
{
    LabelRoom room(plot.axisRect()->rect());
    for (int index = 0; index < plot.graphCount(); ++index) {
        const QCPGraph *graph = plot.graph(index);
        const bool markers = !graph->scatterStyle().isNone(), line = graph->lineStyle() != QCPGraph::lsNone;
        if (!graph->visible() || (graph->pen().style() == Qt::NoPen && !markers)) {
            continue; // a band is pale enough to be written on
        }
        const QCPRange seen = graph->keyAxis()->range();
        const auto begin = graph->data()->findBegin(seen.lower), end = graph->data()->findEnd(seen.upper);
        std::optional<QPointF> before;
        const int every = graph->scatterSkip() + 1;
        int count = 0;
        for (auto point = begin; point != end; ++point, ++count) {
            if (std::isnan(point->value)) {
                before.reset();
                continue;
            }
            const QPointF at(graph->keyAxis()->coordToPixel(point->key),
                             graph->valueAxis()->coordToPixel(point->value));
            if (line && before) {
                room.addStroke(*before, at);
            }
            if (markers && count % every == 0) {
                room.addBox({at.x() - 4, at.y() - 4, 8, 8});
            }
            before = at;
        }
    }
    return room;
}

} // namespace sparsescope
