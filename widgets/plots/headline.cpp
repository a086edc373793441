#include "widgets/plots/headline.h"

#include "widgets/style/fonts.h"
#include "widgets/style/tokens.h"

#include <QPainter>

namespace sparsescope {

qsizetype headlineLength(const QString &question, const QFontMetrics &metrics, int width)
{
    const qsizetype mark = question.indexOf(QLatin1Char('?'));
    const qsizetype asked = mark > 0 ? mark + 1 : question.size();
    const qsizetype sentence = question.indexOf(QStringLiteral(". ")) + 1;
    return metrics.horizontalAdvance(question.left(asked)) > width && sentence > 0 && sentence < asked ? sentence
                                                                                                       : asked;
}

void paintHeadline(QPainter &painter, QSizeF size, double side, const QString &question, const Tokens &tokens)
{
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(QRectF(QPointF(0, 0), size), tokens.panel);
    const int room = static_cast<int>(size.width() - 2 * side);
    painter.setFont(uiFont(20, QFont::DemiBold));
    painter.setPen(tokens.text);
    const QFontMetrics metrics = painter.fontMetrics();
    painter.drawText(QRectF(side, 18, room, 28), Qt::AlignLeft | Qt::AlignVCenter,
                     metrics.elidedText(question.left(headlineLength(question, metrics, room)), Qt::ElideRight, room));
}

} // namespace sparsescope
