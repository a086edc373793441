#include "widgets/plots/atlas_view.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QPainter>

#include <algorithm>

/// How the Atlas is painted, on screen and on paper alike.
namespace sparsescope {

void AtlasView::paintEvent(QPaintEvent *)
{
    QPainter painter(viewport());
    const Tokens &t = currentTokens();
    if (!m_picture) {
        return;
    }
    painter.setOpacity(m_dimmed ? 0.45 : 1);
    painter.save();
    painter.setClipRect(QRect(AtlasLayout::kMargin + AtlasLayout::kLabelWidth - 4, AtlasLayout::kHeaderHeight - 4,
                              viewport()->width(), viewport()->height()));
    painter.translate(-offset());
    const int top = AtlasLayout::kHeaderHeight + offset().y();
    const std::vector<int> rows = m_layout.rowsBetween(top, offset().y() + viewport()->height());
    for (const int row : rows) {
        paintRow(painter, t, row, m_picture->images[static_cast<std::size_t>(m_order[static_cast<std::size_t>(row)])]);
    }
    const QRect chosen = m_layout.cellRect(selectedCell());
    if (chosen.isValid()) {
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(t.accent, 3));
        painter.drawRoundedRect(QRectF(chosen).adjusted(-2.5, -2.5, 2.5, 2.5), 2, 2);
    }
    painter.restore();
    painter.save();
    painter.setClipRect(QRect(0, AtlasLayout::kHeaderHeight - 4, viewport()->width(), viewport()->height()));
    painter.translate(0, -offset().y());
    for (const int row : rows) {
        paintLabel(painter, t, row);
    }
    painter.restore();
    paintHeader(painter, t, offset().x());
    if (hasFocus()) {
        painter.setOpacity(1);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(QPen(t.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(QRectF(viewport()->rect()).adjusted(1, 1, -1, -1), 5, 5);
    }
}

void AtlasView::paintHeader(QPainter &painter, const Tokens &t, int scrolledX) const
{
    const auto x = [&](int column) { return m_layout.columnLeft(column) - scrolledX; };
    const int edge = AtlasLayout::kMargin + AtlasLayout::kLabelWidth - 4;
    const auto heading = [&](int column, int columns, const QString &text) {
        const int right = m_layout.columnLeft(column + columns - 1) + m_layout.side - scrolledX;
        painter.setFont(uiFont(12, QFont::DemiBold));
        painter.setPen(t.text);
        const int left = std::min(std::max(x(column), edge), std::max(x(column), right - 140));
        // With few heads there is room for the first words only.
        const int room = std::max(right - left + AtlasLayout::kGap, m_layout.side);
        const bool fits = painter.fontMetrics().horizontalAdvance(text) <= room;
        painter.drawText(QRect(left, 2, std::max(room, 92), 18), Qt::AlignLeft | Qt::AlignVCenter,
                         fits ? text : text.section(QLatin1Char(':'), 0, 0));
    };
    painter.save();
    painter.setClipRect(QRect(edge, 0, 1 << 15, AtlasLayout::kHeaderHeight));
    const int first = m_layout.mask ? 1 : 0;
    if (m_layout.mask) {
        heading(0, 1, QStringLiteral("Mask"));
    }
    if (m_layout.indexHeads > 0) {
        heading(first, m_layout.indexHeads, QStringLiteral("Indexer heads: w·ReLU(q·k)"));
    }
    if (m_layout.heads > 0) {
        heading(first + m_layout.indexHeads, m_layout.heads, QStringLiteral("Attention heads: weight"));
    }
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    for (int column = 0; column < m_layout.columns(); ++column) {
        const AtlasCell cell = m_layout.cellOf(0, column);
        painter.drawText(QRect(x(column), 21, std::max(m_layout.side, 52), 15), Qt::AlignLeft | Qt::AlignVCenter,
                         cell.kind == MapKind::Mask ? QStringLiteral("all heads") : QString::number(cell.head));
    }
    painter.restore();
}

void AtlasView::paintRow(QPainter &painter, const Tokens &t, int row, const AtlasImages &images) const
{
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter.setRenderHint(QPainter::Antialiasing, false);
    for (int column = 0; column < m_layout.columns(); ++column) {
        const AtlasCell cell = m_layout.cellOf(row, column);
        const QRect box = m_layout.cellRect(cell);
        const auto head = static_cast<std::size_t>(std::max(0, cell.head));
        const QImage *image = nullptr;
        if (cell.kind == MapKind::Mask) {
            image = &images.mask;
        } else {
            const std::vector<QImage> &of = cell.kind == MapKind::IndexTerm ? images.terms : images.attention;
            image = head < of.size() ? &of[head] : nullptr;
        }
        if (image != nullptr && !image->isNull()) {
            painter.drawImage(box, *image);
        } else {
            painter.fillRect(box, t.alternate); // not computed yet, or a layer without it
        }
        painter.setPen(t.border);
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(QRectF(box).adjusted(-0.5, -0.5, 0.5, 0.5));
    }
}

void AtlasView::paintLabel(QPainter &painter, const Tokens &t, int row) const
{
    const int layer = m_order[static_cast<std::size_t>(row)];
    const auto at = static_cast<std::size_t>(layer);
    const int left = AtlasLayout::kMargin, top = m_layout.rowTop(row), width = AtlasLayout::kLabelWidth - 26;
    painter.setFont(uiFont(12, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRect(left, top, width + 20, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("Layer %1").arg(m_picture->request.snapshot->layers[at].layer));
    const auto &one = m_picture->layers[at];
    if (!one || !one->massKept) {
        return;
    }
    QString value = shareText(one->massKept), words = QStringLiteral("mass kept");
    if (m_orderBy == AtlasOrder::Churn) {
        value = shareText(m_picture->churn[at]);
        words = QStringLiteral("churn");
    } else if (m_orderBy == AtlasOrder::Divergence) {
        value = one->kl ? QString::number(*one->kl, 'f', 3) : unknownText();
        words = QStringLiteral("KL, nats");
    }
    painter.setFont(monoFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRect(left, top + 18, width + 20, 16), Qt::AlignLeft | Qt::AlignVCenter, value);
    painter.setFont(uiFont(11));
    painter.drawText(QRect(left, top + 34, width + 20, 15), Qt::AlignLeft | Qt::AlignVCenter, words);
    // The bar is the mass kept whatever the order, with what random keys would keep as a mark.
    const QRectF bar(left, top + 53, width, 5);
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.fillRect(bar, t.grid);
    painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * std::clamp(*one->massKept, 0.0, 1.0), bar.height()),
                     familyColour(m_family, t));
    if (one->massKeptChance) {
        const double x = bar.left() + bar.width() * *one->massKeptChance;
        painter.fillRect(QRectF(x - 1, bar.top() - 3, 2, bar.height() + 6), t.text);
    }
}

} // namespace sparsescope
