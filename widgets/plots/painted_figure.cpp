#include "widgets/plots/painted_figure.h"

#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QPainter>

namespace sparsescope {

PaintedFigure::PaintedFigure(QWidget *parent)
    : QWidget(parent)
{}

void PaintedFigure::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    constexpr double kSide = 20, kTitle = 44;
    painter.fillRect(QRectF(QPointF(), size), tokens.panel);
    painter.setFont(uiFont(16, QFont::DemiBold));
    painter.setPen(tokens.text);
    painter.drawText(QRectF(kSide, 12, size.width() - 2 * kSide, 24), Qt::AlignLeft | Qt::AlignVCenter, figureTitle());
    paintBody(painter, QRectF(kSide, kTitle, size.width() - 2 * kSide, size.height() - kTitle - 12), tokens, false);
}

void PaintedFigure::paintEvent(QPaintEvent * /*event*/)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    paintBody(painter, rect(), currentTokens(), true);
}

void PaintedFigure::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        update();
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
