#include "widgets/plots/beyond_top.h"

#include "widgets/state/number_text.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr double kApart = 11, kFromEdge = 6, kCaret = 6; ///< px

} // namespace

QRectF BeyondTop::caret() const { return {tip.x() - kCaret, tip.y(), 2 * kCaret, kCaret}; }

QString BeyondTop::words() const
{
    return QStringLiteral("%1%2 reaches %3, above what is shown")
        .arg(QString::fromStdString(displayName(family)), second ? QStringLiteral(" (B)") : QString(),
             significantText(y));
}

std::vector<BeyondTop> beyondTop(QCustomPlot &plot, const PlotContent &content)
{
    std::vector<BeyondTop> found;
    const double top = plot.yAxis->range().upper;
    const QCPRange seen = plot.xAxis->range();
    int index = 2 * static_cast<int>(content.bands.size());
    for (const PlotCurve &curve : content.curves) {
        if (index >= plot.graphCount()) {
            break; // not handed over yet
        }
        const auto data = plot.graph(index++)->data();
        const auto begin = data->findBegin(seen.lower, false), end = data->findEnd(seen.upper, false);
        const auto highest = std::max_element(begin, end, [](const QCPGraphData &a, const QCPGraphData &b) {
            return !(a.value >= b.value) && !std::isnan(b.value); // what is no number is lower than any
        });
        if (highest == end || !(highest->value > top) || !std::isfinite(highest->value)) {
            continue;
        }
        const auto known = std::find_if(found.begin(), found.end(), [&](const BeyondTop &other) {
            return other.family == curve.family && other.second == curve.second;
        });
        BeyondTop &beyond = known == found.end() ? found.emplace_back() : *known;
        if (known == found.end() || highest->value > beyond.y) {
            beyond = {highest->key, highest->value, curve.family, curve.second, {}};
        }
    }
    std::sort(found.begin(), found.end(), [](const BeyondTop &a, const BeyondTop &b) { return a.x < b.x; });
    const QRect area = plot.axisRect()->rect();
    double left = area.left() + kFromEdge;
    for (BeyondTop &beyond : found) {
        beyond.tip = {std::max(left, std::min(plot.xAxis->coordToPixel(beyond.x), area.right() - kFromEdge)),
                      area.top() + 1.0};
        left = beyond.tip.x() + kApart;
    }
    return found;
}

void paintCarets(QPainter &painter, const std::vector<BeyondTop> &carets, const Tokens &tokens)
{
    painter.save();
    painter.setPen(QPen(tokens.panel, 1)); // apart from the line that it ends
    for (const BeyondTop &beyond : carets) {
        const QRectF box = beyond.caret();
        painter.setBrush(sideColour(beyond.family, beyond.second, tokens));
        painter.drawPolygon(QPolygonF{beyond.tip, box.bottomRight(), box.bottomLeft()});
    }
    painter.restore();
}

} // namespace sparsescope
