#include "widgets/plots/column_spans.h"

#include <QImage>
#include <QPainter>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace sparsescope {

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

QVector<QRectF> strokeSpans(const QVector<QPointF> &points, const QRectF &seen, double column, double width)
{
    struct Span {
        double top = INFINITY, bottom = -INFINITY;
    };
    const int reach = static_cast<int>(width / 2 / column);
    const double first = std::floor(seen.left() / column) - reach;
    const int count = static_cast<int>(std::ceil(seen.right() / column) - first) + reach + 1;
    const auto columnOf = [&](double x) { // of all that lies outside: one beside the others
        return static_cast<int>(std::clamp(std::floor(x / column) - first, -1.0, static_cast<double>(count)));
    };
    std::vector<Span> bare(static_cast<std::size_t>(std::max(0, count)));
    const auto cover = [&](int at, double y) {
        if (at >= 0 && at < count) {
            Span &span = bare[static_cast<std::size_t>(at)];
            span.top = std::min(span.top, y);
            span.bottom = std::max(span.bottom, y);
        }
    };
    QPointF last(NAN, NAN);
    for (const QPointF &point : points) {
        if (!std::isnan(point.y()) && !std::isnan(last.y())) {
            for (int at = columnOf(last.x()), to = columnOf(point.x()); at < to; ++at) {
                const double edge = (first + at + 1) * column;
                const double y = last.y() + (point.y() - last.y()) * (edge - last.x()) / (point.x() - last.x());
                cover(at, y);
                cover(at + 1, y);
            }
        }
        if (!std::isnan(point.y())) {
            cover(columnOf(point.x()), point.y());
        }
        last = point;
    }
    std::vector<double> high; // of the pen above its middle
    for (int aside = 0; aside <= reach; ++aside) {
        high.push_back(std::sqrt(std::max(0.0, width * width / 4 - aside * column * aside * column)));
    }
    QVector<QRectF> spans;
    for (int at = 0; at < count; ++at) {
        Span span;
        for (int from = std::max(0, at - reach); from <= std::min(count - 1, at + reach); ++from) {
            const Span &middle = bare[static_cast<std::size_t>(from)];
            const double above = high[static_cast<std::size_t>(std::abs(from - at))];
            span.top = std::min(span.top, middle.top - above);
            span.bottom = std::max(span.bottom, middle.bottom + above);
        }
        if (span.top <= span.bottom) {
            spans.push_back({(first + at) * column, span.top, column, span.bottom - span.top});
        }
    }
    return spans;
}

void paintSpans(QPainter &painter, const QVector<QRectF> &spans, const QRect &seen, double ratio, const QColor &colour)
{
    constexpr double kNearly = 1e-6; // a span begins where a column does
    constexpr int kBlock = 16;       // columns: a line of the processor's cache
    const QSize size = seen.size() * ratio;
    const QPoint origin = (QPointF(seen.topLeft()) * ratio).toPoint();
    const auto place = [&](double y) { // what is zoomed far out of sight lies beyond any whole number
        return std::clamp(y * ratio - origin.y(), 0.0, static_cast<double>(size.height()));
    };
    const auto columnOf = [&](const QRectF &span) {
        return static_cast<int>(std::floor(span.left() * ratio + kNearly)) - origin.x();
    };
    double top = size.height(), bottom = 0;
    for (const QRectF &span : spans) {
        top = std::min(top, place(span.top()));
        bottom = std::max(bottom, place(span.bottom()));
    }
    const int first = static_cast<int>(top), rows = static_cast<int>(std::ceil(bottom)) - first;
    if (rows <= 0) {
        return;
    }
    QImage image(size.width(), rows, QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(ratio);
    image.fill(Qt::transparent);
    std::array<QRgb, 256> inks{};
    for (std::size_t share = 0; share < inks.size(); ++share) {
        QColor part = colour;
        part.setAlphaF(static_cast<float>(colour.alphaF() * static_cast<double>(share) / 255));
        inks[share] = qPremultiply(part.rgba());
    }
    std::vector<float> changes; // of the share that is covered, from row to row
    auto *bits = reinterpret_cast<QRgb *>(image.bits());
    const auto stride = image.bytesPerLine() / static_cast<qsizetype>(sizeof(QRgb));
    qsizetype next = 0;
    while (next < spans.size() && columnOf(spans[next]) < 0) {
        ++next;
    }
    for (int left = 0; left < size.width() && next < spans.size(); left += kBlock) {
        changes.resize(static_cast<std::size_t>(rows + 2) * kBlock);
        std::size_t from = static_cast<std::size_t>(rows), to = 0; // rows that hold something
        while (next < spans.size() && columnOf(spans[next]) < left + kBlock) {
            const int column = columnOf(spans[next]);
            qsizetype end = next + 1;
            while (end < spans.size() && columnOf(spans[end]) == column) {
                ++end;
            }
            const auto weight = 1.0F / static_cast<float>(end - next);
            for (; next < end; ++next) {
                const auto edge = [&](double y, float sign) {
                    const double at = place(y) - first;
                    const auto row = static_cast<std::size_t>(at);
                    const auto below = static_cast<float>(at - static_cast<double>(row));
                    from = std::min(from, row);
                    to = std::max(to, std::min(row + 1, static_cast<std::size_t>(rows)));
                    changes[row * kBlock + static_cast<std::size_t>(column - left)] += sign * (1 - below);
                    changes[(row + 1) * kBlock + static_cast<std::size_t>(column - left)] += sign * below;
                };
                edge(spans[next].top(), weight);
                edge(spans[next].bottom(), -weight);
            }
        }
        std::array<float, kBlock> covered{};
        const auto columns = static_cast<std::size_t>(std::min(kBlock, size.width() - left));
        for (std::size_t row = from; row < to; ++row) {
            QRgb *pixels = bits + static_cast<qsizetype>(row) * stride + left;
            const float *change = changes.data() + row * kBlock;
            for (std::size_t i = 0; i < columns; ++i) {
                covered[i] += change[i];
                pixels[i] = inks[static_cast<std::size_t>(std::clamp(covered[i], 0.0F, 1.0F) * 255 + 0.5F)];
            }
        }
        if (from <= to) {
            const auto begin = changes.begin() + static_cast<std::ptrdiff_t>(from * kBlock);
            std::fill(begin, begin + static_cast<std::ptrdiff_t>((to - from + 2) * kBlock), 0.0F);
        }
    }
    painter.drawImage(QPointF(seen.left(), seen.top() + first / ratio), image);
}

} // namespace sparsescope
