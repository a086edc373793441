#include "widgets/panels/sparkline.h"

#include <QPainter>
#include <QPolygonF>

#include <algorithm>
#include <cmath>
#include <vector>

namespace sparsescope {

void paintSparkline(QPainter &painter, const QRectF &box, const Series &series, const QColor &colour, double width)
{
    constexpr std::size_t kPoints = 40;
    std::vector<double> values;
    const std::size_t count = std::min(kPoints, series.size());
    for (std::size_t bin = 0; bin < count; ++bin) {
        const std::size_t begin = bin * series.size() / count, end = (bin + 1) * series.size() / count;
        double sum = 0;
        int n = 0;
        for (std::size_t at = begin; at < end; ++at) {
            if (std::isfinite(series[at].y)) {
                sum += series[at].y;
                ++n;
            }
        }
        if (n > 0) {
            values.push_back(sum / n);
        }
    }
    if (values.size() < 2) {
        return;
    }
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double range = std::max(*high - *low, 1e-12 + 1e-6 * std::abs(*high));
    QPolygonF line;
    for (std::size_t at = 0; at < values.size(); ++at) {
        line << QPointF(box.left() + box.width() * static_cast<double>(at) / static_cast<double>(values.size() - 1),
                        box.bottom() - box.height() * (values[at] - *low) / range);
    }
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, width, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPolyline(line);
    painter.restore();
}

} // namespace sparsescope
