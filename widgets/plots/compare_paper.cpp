#include "widgets/plots/compare_paper.h"

#include "widgets/style/check_look.h"
#include "widgets/style/fonts.h"

#include <QPainter>

namespace sparsescope {

QString sidesText(const CompareContent &content)
{
    const QString a = content.input.a ? content.input.a->title : QString();
    const QString b = content.input.b ? content.input.b->title : QString();
    return b.isEmpty() ? a : QStringLiteral("A: %1 · B: %2").arg(a, b);
}

void paintPaper(QPainter &painter, QSizeF size, const QString &title, const CompareContent &content, const Tokens &t)
{
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(QRectF(QPointF(0, 0), size), t.panel);
    const auto line = [&](const QRectF &box, const QString &text) {
        painter.drawText(box, Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(text, Qt::ElideRight, static_cast<int>(box.width())));
    };
    painter.setFont(uiFont(15, QFont::DemiBold));
    painter.setPen(t.text);
    line(QRectF(16, 8, size.width() - 32, 22), title);
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    line(QRectF(16, 30, size.width() - 32, 18), sidesText(content));
    if (!content.fault.title.isEmpty()) {
        const CheckLook look = checkLook(content.fault.outcome, t);
        paintIcon(painter, QRectF(16, size.height() - 20, 13, 13), look.icon, look.colour, t.panel);
        painter.setPen(look.colour);
        line(QRectF(35, size.height() - 22, size.width() - 50, 18),
             content.fault.title + QStringLiteral(": ") + content.fault.text);
    }
}

} // namespace sparsescope
