#include "widgets/plots/margins.h"

#include "widgets/style/fonts.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsescope {

namespace {

/// Thickness of a bar inside its cell: a gap only where it can be seen.
double gapOf(const CellMapping &mapping) { return mapping.cell >= 4 ? 1 : 0; }

/// Where cells are smaller than a pixel, as many as fill one share a bar, which shows the largest.
int cellsPerBar(const CellMapping &mapping) { return std::max(1, static_cast<int>(std::floor(1 / mapping.cell))); }

/// NaN where none of them has a value.
float highestOf(const std::vector<float> &values, int first, int last)
{
    float highest = std::numeric_limits<float>::quiet_NaN();
    for (int i = first; i <= last && i < static_cast<int>(values.size()); ++i) {
        highest = std::fmax(highest, values[static_cast<std::size_t>(i)]);
    }
    return highest;
}

} // namespace

void paintColumnMargin(QPainter &painter, const QRectF &box, const CellMapping &mapping, QSize cells,
                       const std::vector<float> &share, const Tokens &tokens)
{
    const QRect visible =
        visibleCells(mapping, QRectF(box.left(), mapping.origin.y(), box.width(), mapping.cell), cells);
    painter.setRenderHint(QPainter::Antialiasing, false);
    const int together = cellsPerBar(mapping);
    for (int s = visible.left(); s <= visible.right(); s += together) {
        const float value = highestOf(share, s, std::min(s + together - 1, visible.right()));
        if (std::isnan(value)) {
            continue;
        }
        const double height = box.height() * std::clamp(static_cast<double>(value), 0.0, 1.0);
        QRectF bar(mapping.origin.x() + s * mapping.cell, box.bottom() - height,
                   together * mapping.cell - gapOf(mapping), height);
        bar = bar.intersected(box);
        painter.fillRect(bar, tokens.selectedNeeded);
    }
    painter.setPen(tokens.border);
    painter.drawLine(QPointF(box.left(), box.bottom() + 0.5), QPointF(box.right(), box.bottom() + 0.5));
    painter.setFont(uiFont(11));
    painter.setPen(tokens.text2);
    painter.drawText(QRectF(box.left() - 30, box.top() - 7, 23, 14), Qt::AlignRight | Qt::AlignVCenter,
                     QStringLiteral("1"));
    painter.drawText(QRectF(box.left() - 30, box.bottom() - 8, 23, 14), Qt::AlignRight | Qt::AlignVCenter,
                     QStringLiteral("0"));
    painter.drawText(QRectF(box.right() + 12, box.top(), 110, box.height()), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("How often each\nkey is chosen"));
}

void paintRowMargin(QPainter &painter, const QRectF &box, const CellMapping &mapping, QSize cells,
                    const std::vector<float> &massKept, std::int64_t topK, const QColor &colour, const Tokens &tokens)
{
    const QRect visible =
        visibleCells(mapping, QRectF(mapping.origin.x(), box.top(), mapping.cell, box.height()), cells);
    painter.setRenderHint(QPainter::Antialiasing, false);
    QPolygonF chance;
    const int together = cellsPerBar(mapping);
    for (int t = visible.top(); t <= visible.bottom(); t += together) {
        const double y = mapping.origin.y() + t * mapping.cell;
        const float value = highestOf(massKept, t, std::min(t + together - 1, visible.bottom()));
        if (!std::isnan(value)) {
            QRectF bar(box.left(), y, box.width() * std::clamp(static_cast<double>(value), 0.0, 1.0),
                       together * mapping.cell - gapOf(mapping));
            painter.fillRect(bar.intersected(box), t >= topK ? colour : tokens.notSelected);
        }
        const double share = std::min(1.0, static_cast<double>(topK) / (t + 1));
        const double mid = std::clamp(y + mapping.cell / 2, box.top(), box.bottom());
        chance << QPointF(box.left() + box.width() * share, mid);
    }
    painter.setPen(tokens.border);
    painter.drawLine(QPointF(box.left() - 0.5, box.top()), QPointF(box.left() - 0.5, box.bottom()));
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(tokens.text, 1.2, Qt::DashLine));
    painter.drawPolyline(chance);
    painter.setFont(uiFont(11));
    painter.setPen(tokens.text2);
    painter.drawText(QRectF(box.left() - 10, box.bottom() + 5, 20, 15), Qt::AlignCenter, QStringLiteral("0"));
    painter.drawText(QRectF(box.right() - 10, box.bottom() + 5, 20, 15), Qt::AlignCenter, QStringLiteral("1"));
    painter.setFont(uiFont(12));
    painter.drawText(QRectF(box.left() - 20, box.bottom() + 21, box.width() + 40, 17), Qt::AlignCenter,
                     QStringLiteral("Mass kept"));
}

PaintedPart::PaintedPart(const char *objectName, const QString &accessibleName, std::function<void(QPainter &)> paint,
                         QWidget *parent)
    : QWidget(parent)
    , m_paint(std::move(paint))
{
    setObjectName(QLatin1String(objectName));
    setAccessibleName(accessibleName);
    setAttribute(Qt::WA_TransparentForMouseEvents);
}

void PaintedPart::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.translate(-pos());
    m_paint(painter);
}

} // namespace sparsescope
