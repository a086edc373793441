#include "widgets/panels/head_legend.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QPainter>

namespace sparsescope {

HeadLegend::HeadLegend(QWidget *parent)
    : QWidget(parent)
{
    setAccessibleName(QStringLiteral("Legend of indexer heads"));
}

void HeadLegend::setHeads(int heads)
{
    m_heads = heads;
    update();
}

void HeadLegend::paintEvent(QPaintEvent *)
{
    if (m_heads == 0) {
        return;
    }
    QPainter painter(this);
    const Tokens &t = currentTokens();
    painter.setFont(uiFont(11));
    const QFontMetricsF metrics(painter.font());
    const QString note = QStringLiteral("Left of zero: negative weight w");
    double x = 0;
    for (int head = 0; head < m_heads; ++head) {
        const QString words = QStringLiteral("Head %1").arg(head);
        const double width = 14 + metrics.horizontalAdvance(words) + 12;
        if (x + width > this->width()) {
            return;
        }
        const HeadStyle style = indexHeadStyle(head, t);
        const QRectF box(x, height() / 2.0 - 5, 10, 10);
        painter.fillRect(box, style.colour);
        if (style.hatched) {
            paintHatch(painter, QPolygonF(box), 4, t.panel);
        }
        painter.setPen(t.text2);
        painter.drawText(QRectF(x + 14, 0, width, height()), Qt::AlignVCenter, words);
        x += width;
    }
    if (x + metrics.horizontalAdvance(note) <= width()) {
        painter.drawText(QRectF(x, 0, width() - x, height()), Qt::AlignVCenter, note);
    }
}

void HeadLegend::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange) {
        update();
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
