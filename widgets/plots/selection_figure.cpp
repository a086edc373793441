#include "widgets/plots/selection_figure.h"

#include "core/base/reference_selections.h"
#include "core/base/selection_metrics.h"
#include "widgets/plots/figure_parts.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {
namespace {

constexpr double kHeading = 44, kLegend = 20, kGap = 16, kCaption = 30;

/// Over the rows that have more visible keys than k; the others take everything.
std::optional<double> recallOf(const MaskMap &mask, std::int64_t topK)
{
    double found = 0, all = 0;
    for (int t = static_cast<int>(std::min<std::int64_t>(topK, mask.rows)); t < mask.rows; ++t) {
        for (int s = 0; s <= t; ++s) {
            found += mask.at(t, s) == KeyState::SelectedNeeded ? 1 : 0;
            all += mask.at(t, s) == KeyState::SelectedNeeded || mask.at(t, s) == KeyState::Missed ? 1 : 0;
        }
    }
    return all > 0 ? std::optional(found / all) : std::nullopt;
}

double layerRecall(const Snapshot &snapshot, std::size_t layer)
{
    return selectionMetrics(snapshot, layer).recall.value_or(0);
}

} // namespace

SelectionFigure::SelectionFigure(const Snapshot &snapshot, const LayerSnapshot &layer, Family family)
    : m_title(QStringLiteral("What %1 selects").arg(QString::fromStdString(displayName(family))))
    , m_hint(QStringLiteral("One text, layer %1, step %2, k = %3. Rows: queries; columns: keys.")
                 .arg(layer.layer)
                 .arg(countText(snapshot.step))
                 .arg(snapshot.topK))
{
    const int length = snapshot.length();
    const auto maskOf = [&](const QString &title, const LayerSnapshot &selected) {
        Mask mask{title, maskMap(selected, length, snapshot.scale, snapshot.topK), {}};
        mask.recall = recallOf(mask.map, snapshot.topK);
        return mask;
    };
    m_trained = maskOf(QStringLiteral("Trained indexer"), layer);
    m_newest = maskOf(QStringLiteral("Newest keys"), withNewestKeys(layer, length, snapshot.topK));
    m_random = maskOf(QStringLiteral("Random keys"), withRandomKeys(layer, length, snapshot.topK));
}

void SelectionFigure::paint(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    paintHeading(painter, box, m_title, m_hint, t);
    // One large mask above two that share the width, cells on whole half units so that edges stay sharp.
    const int length = std::max(1, m_trained.map.rows);
    const auto whole = [length](double side) { return std::max(0.5, std::floor(side / length * 2) / 2); };
    double small = whole((box.width() - kGap) / 2);
    const double cell = whole(std::min(box.width(), box.height() - kHeading - kLegend - 2 * kCaption - small * length));
    small = std::min(small, whole((cell * length - kGap) / 2)); // both edges meet those of the large one
    double top = box.top() + kHeading;
    const auto caption = [&](const Mask &mask, double left, double width, double under, const QString &rest) {
        painter.setFont(uiFont(12, QFont::Medium));
        painter.setPen(t.text);
        painter.drawText(QRectF(left, under + 3, width, 18), Qt::AlignLeft | Qt::AlignVCenter,
                         mask.title +
                             (mask.recall ? QStringLiteral(": ") + percentText(mask.recall) + rest : QString()));
    };
    paintMask(painter, m_trained, QPointF(box.left(), top), cell, t);
    caption(m_trained, box.left(), box.width(), top + cell * length, QStringLiteral(" of the needed keys found"));
    top += cell * length + kCaption;
    const double second = box.left() + (cell - small) * length;
    paintMask(painter, m_newest, QPointF(box.left(), top), small, t);
    paintMask(painter, m_random, QPointF(second, top), small, t);
    caption(m_newest, box.left(), second - box.left(), top + small * length, {});
    caption(m_random, second, box.right() - second, top + small * length, {});
    top += small * length + kCaption;
    double left = paintKey(painter, box.left(), top, QStringLiteral("Needed, found"), t.selectedNeeded, {}, t);
    left = paintKey(painter, left, top, QStringLiteral("Needed, missed"), t.missed, {}, t);
    left = paintKey(painter, left, top, QStringLiteral("Little weight"), t.selectedLittle, {}, t);
    paintKey(painter, left, top, QStringLiteral("Future"), t.future, {}, t);
}

void SelectionFigure::paintMask(QPainter &painter, const Mask &mask, QPointF corner, double cell, const Tokens &t) const
{
    const int length = mask.map.rows;
    const QRectF frame(corner, QSizeF(cell * length, cell * length));
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.fillRect(frame, t.alternate);
    for (int row = 0; row < length; ++row) {
        painter.fillRect(
            QRectF(corner.x() + cell * (row + 1), corner.y() + cell * row, cell * (length - row - 1), cell), t.future);
        for (int key = 0; key <= row; ++key) {
            const KeyState state = mask.map.at(row, key);
            if (state != KeyState::Neither) {
                const QColor colour = state == KeyState::SelectedNeeded ? t.selectedNeeded
                                      : state == KeyState::Missed       ? t.missed
                                                                        : t.selectedLittle;
                painter.fillRect(QRectF(corner.x() + cell * key, corner.y() + cell * row, cell, cell), colour);
            }
        }
    }
    painter.restore();
    painter.setPen(QPen(t.border, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(frame);
}

std::unique_ptr<SelectionFigure> selectionFigureOf(const Comparison &comparison)
{
    if (!comparison.snapshot) {
        return nullptr;
    }
    const Snapshot &snapshot = *comparison.snapshot;
    std::optional<std::size_t> best;
    for (std::size_t layer = 0; layer < snapshot.layers.size(); ++layer) {
        if (snapshot.layers[layer].hasSelection() &&
            (!best || layerRecall(snapshot, layer) > layerRecall(snapshot, *best))) {
            best = layer;
        }
    }
    return best ? std::make_unique<SelectionFigure>(snapshot, snapshot.layers[*best], comparison.snapshotFamily)
                : nullptr;
}

} // namespace sparsescope
