#include "widgets/plots/figure_parts.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <QPainter>

#include <algorithm>

namespace sparsescope {
namespace {

constexpr double kValue = 92; ///< width of a bar's value

} // namespace

void paintHeading(QPainter &painter, const QRectF &box, const QString &text, const QString &hint, const Tokens &t)
{
    painter.setFont(uiFont(14, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRectF(box.left(), box.top(), box.width(), 20), Qt::AlignLeft | Qt::AlignVCenter, text);
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    painter.drawText(QRectF(box.left(), box.top() + 20, box.width(), 16), Qt::AlignLeft | Qt::AlignVCenter, hint);
}

void paintBar(QPainter &painter, const QRectF &box, const QString &label, double value, double full,
              const QString &words, const QColor &colour, bool hollow, const Tokens &t, double labelRoom)
{
    painter.setFont(uiFont(12));
    painter.setPen(t.text);
    painter.drawText(QRectF(box.left(), box.top(), labelRoom - 8, box.height()), Qt::AlignLeft | Qt::AlignVCenter,
                     painter.fontMetrics().elidedText(label, Qt::ElideRight, static_cast<int>(labelRoom) - 6));
    const double room = box.width() - labelRoom - kValue;
    const double length = std::max(1.5, room * std::clamp(value / full, 0.0, 1.0));
    const QRectF fill(box.left() + labelRoom, box.center().y() - 6.5, length, 13);
    painter.setPen(hollow ? QPen(colour, 1.4) : QPen(Qt::NoPen));
    painter.setBrush(hollow ? QBrush(Qt::NoBrush) : QBrush(colour));
    painter.drawRect(fill);
    if (hollow) {
        paintHatch(painter, QPolygonF(fill), 5, colour);
    }
    painter.setFont(monoFont(12));
    painter.fillRect(
        QRectF(fill.right() + 4, box.top() + 3, painter.fontMetrics().horizontalAdvance(words) + 6, box.height() - 6),
        t.panel);
    painter.setPen(t.text);
    painter.drawText(QRectF(fill.right() + 7, box.top(), kValue + room, box.height()), Qt::AlignLeft | Qt::AlignVCenter,
                     words);
}

void paintChanceMark(QPainter &painter, const QRectF &box, double value, double full, const Tokens &t, double labelRoom)
{
    const double x = box.left() + labelRoom + (box.width() - labelRoom - kValue) * std::clamp(value / full, 0.0, 1.0);
    painter.setPen(QPen(t.chance, 1.3, Qt::DashLine));
    painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()));
}

double paintKey(QPainter &painter, double left, double top, const QString &words, const QColor &fill,
                const QColor &line, const Tokens &t)
{
    painter.setPen(line.isValid() ? QPen(line, 1.8) : QPen(Qt::NoPen));
    painter.setBrush(fill);
    painter.drawRect(QRectF(left + 1, top + 3, 10, 10));
    painter.setFont(uiFont(11));
    painter.setPen(t.text);
    const double width = painter.fontMetrics().horizontalAdvance(words);
    painter.drawText(QRectF(left + 17, top, width + 4, 16), Qt::AlignLeft | Qt::AlignVCenter, words);
    return left + 17 + width + 16;
}

} // namespace sparsescope
