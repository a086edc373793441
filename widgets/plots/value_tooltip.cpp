#include "widgets/plots/value_tooltip.h"

#include "widgets/style/fonts.h"

#include <algorithm>

namespace sparsescope {

namespace {

constexpr double kLine = 21, kPad = 10, kGap = 16, kAway = 14;

} // namespace

QRectF tooltipBox(const ValueLines &lines, const QRectF &cell, double viewWidth)
{
    const QFontMetricsF labelMetrics(uiFont(12)), valueMetrics(monoFont(12, QFont::DemiBold));
    double labels = 0, values = 0;
    for (const auto &[label, value] : lines) {
        labels = std::max(labels, labelMetrics.horizontalAdvance(label));
        values = std::max(values, valueMetrics.horizontalAdvance(value));
    }
    QRectF box(0, 0, 2 * kPad + labels + kGap + values, 12 + kLine * static_cast<double>(lines.size()));
    // Above the row by preference, else below it: the hovered row stays in sight.
    box.moveBottom(cell.top() - kAway);
    if (box.top() < 2) {
        box.moveTop(cell.bottom() + kAway);
    }
    box.moveRight(cell.left() - kAway);
    if (box.left() < 2) {
        box.moveLeft(std::max(2.0, std::min(cell.right() + kAway, viewWidth - box.width() - 2)));
    }
    return box;
}

void paintTooltip(QPainter &painter, const ValueLines &lines, const QRectF &box, const Tokens &tokens)
{
    double labels = 0;
    for (const auto &[label, value] : lines) {
        labels = std::max(labels, QFontMetricsF(uiFont(12)).horizontalAdvance(label));
    }
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(QColor(0, 0, 0, 40));
    painter.drawRoundedRect(box.translated(0, 2), 6, 6);
    painter.setBrush(tokens.panel);
    painter.setPen(tokens.border);
    painter.drawRoundedRect(box, 6, 6);
    double y = box.top() + 6;
    const double valueX = box.left() + kPad + labels + kGap;
    for (const auto &[label, value] : lines) {
        painter.setFont(uiFont(12));
        painter.setPen(tokens.text2);
        painter.drawText(QRectF(box.left() + kPad, y, labels + 2, kLine), Qt::AlignVCenter, label);
        painter.setFont(monoFont(12, QFont::DemiBold));
        painter.setPen(tokens.text);
        painter.drawText(QRectF(valueX, y, box.right() - valueX, kLine), Qt::AlignVCenter, value);
        y += kLine;
    }
}

} // namespace sparsescope
