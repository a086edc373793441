#include "widgets/panels/selector_legend.h"

#include "core/base/pair_comparison.h"
#include "widgets/plots/selector_plot.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QPainter>

namespace sparsescope {

namespace {

constexpr int kRow = 20, kWidth = 188, kTitles = 30;

} // namespace

SelectorLegend::SelectorLegend(QWidget *parent)
    : QWidget(parent)
{
    setAccessibleName(QStringLiteral("Selectors"));
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
}

void SelectorLegend::setCurves(const SelectorCurves &curves, std::int64_t topK)
{
    m_curves = curves;
    m_topK = topK;
    QStringList words;
    for (const SelectorCurve &curve : curves.curves) {
        words << curve.title + QLatin1Char(' ') + signedText(valueAt(curve.points, static_cast<double>(topK)));
    }
    setAccessibleDescription(words.join(QStringLiteral(", ")));
    updateGeometry();
    update();
}

QSize SelectorLegend::sizeHint() const { return {kWidth, kRow * (static_cast<int>(m_curves.curves.size()) + 1)}; }

void SelectorLegend::paintEvent(QPaintEvent *)
{
    const Tokens &t = currentTokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRectF(kTitles, 0, width() - kTitles, kRow), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("At k = %1").arg(m_topK));
    painter.drawText(QRectF(0, 0, width(), kRow), Qt::AlignRight | Qt::AlignVCenter, QStringLiteral("nats"));
    double top = kRow;
    for (const SelectorCurve &curve : m_curves.curves) {
        const SelectorLook look = selectorLook(curve.selector, m_curves.family, t);
        const double middle = top + kRow / 2.0;
        painter.setPen(QPen(look.colour, look.bold ? 2.4 : 1.6, look.dashed ? Qt::DashLine : Qt::SolidLine));
        painter.drawLine(QPointF(0, middle), QPointF(22, middle));
        paintMarker(painter, {11, middle}, 7, look.marker, look.colour, t.panel);
        painter.setFont(uiFont(12, look.bold ? QFont::DemiBold : QFont::Normal));
        painter.setPen(t.text);
        painter.drawText(QRectF(kTitles, top, width() - kTitles - 48, kRow), Qt::AlignLeft | Qt::AlignVCenter,
                         curve.title);
        painter.setFont(monoFont(12, look.bold ? QFont::DemiBold : QFont::Normal));
        painter.drawText(QRectF(0, top, width(), kRow), Qt::AlignRight | Qt::AlignVCenter,
                         signedText(valueAt(curve.points, static_cast<double>(m_topK))));
        top += kRow;
    }
}

} // namespace sparsescope
