#include "widgets/panels/head_share.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QPainter>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kRow = 21, kLabel = 56, kNumber = 48;

} // namespace

HeadShare::HeadShare(QWidget *parent)
    : QWidget(parent)
{
    setObjectName(QStringLiteral("headShare"));
    setAccessibleName(QStringLiteral("Share of indexer score by head"));
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
}

void HeadShare::setShares(std::vector<double> shares)
{
    if (shares == m_shares) {
        return;
    }
    const bool sameCount = shares.size() == m_shares.size();
    m_shares = std::move(shares);
    QStringList spoken;
    for (std::size_t head = 0; head < m_shares.size(); ++head) {
        spoken << QStringLiteral("Head %1 %2 %").arg(head).arg(100 * m_shares[head], 0, 'f', 0);
    }
    setAccessibleDescription(spoken.join(QStringLiteral(", ")));
    if (!sameCount) {
        updateGeometry();
    }
    update();
}

void HeadShare::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    const Tokens &t = currentTokens();
    // The longest bar has some room left, so that bars can be told from the ground.
    const double full = m_shares.empty() ? 1 : std::max(0.5, *std::max_element(m_shares.begin(), m_shares.end()));
    for (std::size_t head = 0; head < m_shares.size(); ++head) {
        const QRectF row(0, static_cast<double>(head) * kRow, width(), kRow);
        painter.setFont(uiFont(11));
        painter.setPen(t.text2);
        painter.drawText(row, Qt::AlignLeft | Qt::AlignVCenter, QStringLiteral("Head %1").arg(head));
        const QRectF ground(kLabel, row.center().y() - 5, width() - kLabel - kNumber, 10);
        painter.fillRect(ground, t.grid);
        QRectF bar = ground;
        bar.setWidth(ground.width() * std::clamp(m_shares[head] / full, 0.0, 1.0));
        const HeadStyle style = indexHeadStyle(static_cast<int>(head), t);
        painter.fillRect(bar, style.colour);
        if (style.hatched) {
            paintHatch(painter, QPolygonF(bar), 5, t.panel);
        }
        painter.setFont(monoFont(12));
        painter.setPen(t.text);
        painter.drawText(row, Qt::AlignRight | Qt::AlignVCenter,
                         QStringLiteral("%1 %").arg(100 * m_shares[head], 0, 'f', 0));
    }
}

void HeadShare::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange) {
        update();
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
