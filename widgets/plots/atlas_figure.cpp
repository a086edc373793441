#include "widgets/plots/atlas_view.h"
#include "widgets/plots/colour_bar.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/plots/snapshot_context.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"

#include <QPainter>

#include <cmath>

/// The Atlas on paper: all layers whatever is in sight, with its colour bars; and its values as text.
namespace sparsescope {

namespace {

constexpr double kTitle = 34, kBars = 44;

} // namespace

QString AtlasView::figureTitle() const
{
    return m_picture ? QStringLiteral("Atlas, step %1").arg(countText(m_picture->request.snapshot->step)) : QString();
}

QSizeF AtlasView::figureSize() const
{
    const QSize size = m_layout.size();
    return {static_cast<double>(std::max(size.width(), 560)), size.height() + kTitle + kBars};
}

AtlasImages AtlasView::imagesFor(int layer, const Tokens &tokens) const
{
    const auto &one = m_picture->layers[static_cast<std::size_t>(layer)];
    AtlasImages images;
    if (!one) {
        return images;
    }
    if (!one->mask.empty()) {
        images.mask = colourStates(one->mask, m_picture->pixels, tokens);
    }
    for (const Map &map : one->terms) {
        images.terms.push_back(colourMap(map, m_picture->termScale, tokens));
    }
    for (const Map &map : one->attention) {
        images.attention.push_back(colourMap(map, m_picture->attentionScale, tokens));
    }
    return images;
}

void AtlasView::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    if (!m_picture) {
        return;
    }
    painter.save();
    const QSizeF natural = figureSize();
    const double scale = std::min(size.width() / natural.width(), size.height() / natural.height());
    painter.scale(scale, scale);
    painter.setFont(uiFont(13, QFont::DemiBold));
    painter.setPen(tokens.text);
    painter.drawText(QRectF(AtlasLayout::kMargin, 8, natural.width() - 24, 20), Qt::AlignLeft | Qt::AlignVCenter,
                     figureTitle());
    painter.translate(0, kTitle);
    paintHeader(painter, tokens, 0);
    for (int row = 0; row < m_layout.rows; ++row) {
        paintRow(painter, tokens, row, imagesFor(m_order[static_cast<std::size_t>(row)], tokens));
        paintLabel(painter, tokens, row);
    }
    double left = AtlasLayout::kMargin;
    const double top = m_layout.rowTop(m_layout.rows) + 2;
    if (m_layout.indexHeads > 0) {
        paintColourRamp(painter, {left, top, 230, kRampHeight}, m_picture->termScale,
                        QStringLiteral("Indexer term, largest magnitude"), tokens);
        left += 270;
    }
    paintColourRamp(painter, {left, top, 230, kRampHeight}, m_picture->attentionScale,
                    QStringLiteral("Attention weight (log), mass per pixel"), tokens);
    painter.restore();
}

QString AtlasView::csv() const
{
    QString text = QStringLiteral("layer,map,head,t,s,value\n");
    if (!m_picture) {
        return text;
    }
    const Snapshot &snapshot = *m_picture->request.snapshot;
    for (const LayerSnapshot &layer : snapshot.layers) {
        const auto line = [&](const char *map, int head, int t, int s, const QString &value) {
            text +=
                QStringLiteral("%1,%2,%3,%4,%5,%6\n")
                    .arg(QString::number(layer.layer), QLatin1String(map), head < 0 ? QString() : QString::number(head),
                         QString::number(t), QString::number(s), value);
        };
        std::vector<KeyState> states(static_cast<std::size_t>(snapshot.length()));
        visitMaps(layer, snapshot.length(), snapshot.scale, [&](const LayerBlock &block) {
            for (int r = 0; r < block.rows; ++r) {
                const int t = block.from + r;
                const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * block.columns;
                if (layer.hasSelection()) {
                    keyStates(layer, snapshot.length(), t, block.dense + at, snapshot.topK, states.data());
                    for (int s = 0; s < snapshot.length(); ++s) {
                        const KeyState state = states[static_cast<std::size_t>(s)];
                        if (s <= t || state == KeyState::FutureSelected) {
                            line("mask", -1, t, s, csvWord(state));
                        }
                    }
                }
                for (int s = 0; s <= t; ++s) {
                    for (std::size_t head = 0; head < block.terms.size(); ++head) {
                        line("indexer_term", static_cast<int>(head), t, s, csvNumber(block.terms[head][at + s]));
                    }
                    for (std::size_t head = 0; head < block.attention.size(); ++head) {
                        line("attention", static_cast<int>(head), t, s, csvNumber(block.attention[head][at + s]));
                    }
                }
            }
        });
    }
    return text;
}

nlohmann::ordered_json AtlasView::exportContext() const
{
    if (!m_picture) {
        return nlohmann::ordered_json();
    }
    nlohmann::ordered_json context = snapshotContext(figureTitle(), *m_picture->request.snapshot);
    context["term_limit"] = m_picture->termScale.high;
    context["attention_low"] = m_picture->attentionScale.low;
    context["attention_high"] = m_picture->attentionScale.high;
    return context;
}

} // namespace sparsescope
