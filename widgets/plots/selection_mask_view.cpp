#include "widgets/plots/selection_mask_view.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <QFontMetricsF>
#include <QPainter>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr double kOutlineFrom = 6; // pixels per cell from which a missed key is an outline

} // namespace

QString csvWord(KeyState state)
{
    switch (state) {
    case KeyState::Neither:
        return QStringLiteral("neither");
    case KeyState::SelectedNeeded:
        return QStringLiteral("selected_needed");
    case KeyState::SelectedLittle:
        return QStringLiteral("selected_little");
    case KeyState::Missed:
        return QStringLiteral("missed");
    case KeyState::Future:
        return QStringLiteral("future");
    case KeyState::FutureSelected:
        return QStringLiteral("future_selected");
    }
    return {};
}

SelectionMaskView::SelectionMaskView(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : HeatmapPlot(viewState, hoverState, parent)
{
    setObjectName(QStringLiteral("maskView"));
    setAccessibleName(QStringLiteral("Selection mask"));
}

std::vector<MapLevel> SelectionMaskView::levelsFor(const LayerPicture &picture, const Tokens &tokens) const
{
    return picture.mask ? maskLevels(*picture.mask, tokens) : std::vector<MapLevel>{};
}

QString SelectionMaskView::titleOf(const LayerPicture &) const { return QStringLiteral("Selection mask"); }

QMarginsF SelectionMaskView::insets() const { return {60, 8, 10, 42}; }

void SelectionMaskView::paintOver(QPainter &painter, const Frame &frame) const
{
    if (!frame.picture.mask) {
        return;
    }
    const QRect cells = visibleCells(frame.mapping, frame.viewport, frame.cells());
    painter.setRenderHint(QPainter::Antialiasing, false);
    paintFaults(painter, frame);
    if (frame.mapping.cell < kOutlineFrom) {
        return;
    }
    painter.setBrush(frame.tokens.panel);
    painter.setPen(QPen(frame.tokens.missed, 2, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
    for (int t = cells.top(); t <= cells.bottom(); ++t) {
        for (int s = cells.left(); s <= cells.right(); ++s) {
            if (frame.picture.mask->at(t, s) == KeyState::Missed) {
                painter.drawRect(cellRect(t, s, frame.mapping).adjusted(1, 1, -1, -1));
            }
        }
    }
}

void SelectionMaskView::paintAround(QPainter &painter, const Frame &frame) const
{
    if (!frame.viewport.adjusted(-1, -1, 1, 1).contains(mapRect(frame.mapping, frame.cells()))) {
        return; // zoomed in: the future's triangle has no room for the legend
    }
    const QRectF seen = frame.seen();
    painter.setFont(uiFont(11));
    const QFontMetricsF metrics(painter.font());
    const double width = 32 + metrics.horizontalAdvance(stateText(KeyState::SelectedLittle));
    QRectF box(seen.right() - width - 12, seen.top() + 12, width, 4 * 18 + 10);
    painter.setPen(frame.tokens.border);
    painter.setBrush(frame.tokens.panel);
    painter.drawRect(box);
    double y = box.top() + 5;
    for (const KeyState state :
         {KeyState::SelectedNeeded, KeyState::SelectedLittle, KeyState::Missed, KeyState::Future}) {
        paintStateSwatch(painter, {box.left() + 8, y + 3, 12, 12}, state, frame.tokens);
        painter.setPen(frame.tokens.text2);
        painter.drawText(QRectF(box.left() + 26, y, width - 26, 18), Qt::AlignVCenter, stateText(state));
        y += 18;
    }
}

std::vector<std::pair<QString, QString>> SelectionMaskView::tooltip(int query, int key) const
{
    std::vector<std::pair<QString, QString>> lines;
    lines.emplace_back(QStringLiteral("Query"), QStringLiteral("%1  %2").arg(query).arg(tokenText(query)));
    lines.emplace_back(QStringLiteral("Key"),
                       key > query ? QString::number(key)
                                   : QStringLiteral("%1  %2  %3 back").arg(key).arg(tokenText(key)).arg(query - key));
    lines.emplace_back(QStringLiteral("State"), stateText(picture()->mask->at(query, key)));
    const RowAnswer *row = rowOf(query);
    if (row != nullptr && key < static_cast<int>(row->row.attention.size())) {
        lines.emplace_back(QStringLiteral("Dense attention"),
                           QString::number(row->row.attention[static_cast<std::size_t>(key)], 'f', 4));
    }
    return lines;
}

QString SelectionMaskView::csv() const
{
    QString text = QStringLiteral("t,s,state\n");
    if (!picture() || !picture()->mask) {
        return text;
    }
    const MaskMap &mask = *picture()->mask;
    for (int t = 0; t < mask.rows; ++t) {
        for (int s = 0; s < mask.columns; ++s) {
            const KeyState state = mask.at(t, s);
            if (s <= t || state == KeyState::FutureSelected) {
                text += QStringLiteral("%1,%2,%3\n").arg(t).arg(s).arg(csvWord(state));
            }
        }
    }
    return text;
}

} // namespace sparsescope
