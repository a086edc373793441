#include "widgets/panels/run_delegate.h"

#include "widgets/panels/sparkline.h"
#include "widgets/state/run_data.h"
#include "widgets/state/run_table_model.h"
#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QPainter>

#include <algorithm>

namespace sparsescope {

using namespace runTable;

namespace {

constexpr int kRowHeight = 28;
constexpr int kMarkSize = 16;
constexpr int kLeastLetters = 2; ///< of a name that is cut

} // namespace

QRectF RunDelegate::markBox(const QRect &cell)
{
    return {cell.left() + 5.0, cell.center().y() + 0.5 - kMarkSize / 2.0, kMarkSize, kMarkSize};
}

double RunDelegate::widthOf(const QStringList &chips)
{
    double width = kChipGap;
    for (const QString &chip : chips) {
        width += chipSize(chip).width() + kChipGap;
    }
    return width;
}

QStringList RunDelegate::fitted(QStringList chips, double room)
{
    const QFontMetricsF metrics(uiFont(11, QFont::DemiBold));
    for (QString &chip : chips) {
        const double over = widthOf(chips) - room;
        if (over <= 0) {
            break;
        }
        // Of the family the beginning tells most, of "learning_rate 0.001" the value; a word without one stays.
        const bool first = &chip == &chips.front();
        const qsizetype value = first ? chip.size() : chip.indexOf(QLatin1Char(' '));
        if (value <= 0) {
            continue;
        }
        QString name = chip.left(value);
        const double nameRoom = metrics.horizontalAdvance(name) - over - metrics.horizontalAdvance(QChar(0x2026));
        while (name.size() > kLeastLetters && metrics.horizontalAdvance(name) > nameRoom) {
            name.chop(1);
        }
        chip = name + QChar(0x2026) + chip.mid(value);
    }
    return chips;
}

QSize RunDelegate::sizeHint(const QStyleOptionViewItem &, const QModelIndex &) const { return {60, kRowHeight}; }

void RunDelegate::paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const
{
    const Tokens &t = currentTokens();
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const bool selected = option.state & QStyle::State_Selected;
    if (selected || option.state & QStyle::State_MouseOver) {
        painter->fillRect(option.rect, selected ? t.selection : t.hover);
    }
    const auto *run = index.data(RunTableModel::RunRole).value<RunData *>();
    if (run != nullptr) {
        paintRun(*painter, option.rect, index, *run, selected, t);
    } else {
        painter->setFont(index.column() == RunTableModel::Name ? uiFont(13, QFont::DemiBold) : uiFont(12));
        painter->setPen(index.column() == RunTableModel::Name ? t.text : t.text2);
        // Nothing stands left of the progress of an experiment: it takes the room.
        const int left = index.column() == RunTableModel::State ? -50 : 6;
        const QRect box = option.rect.adjusted(left, 0, -8, 0);
        const auto side = index.column() == RunTableModel::Name ? Qt::AlignLeft : Qt::AlignRight;
        QString words = index.data().toString();
        if (index.column() == RunTableModel::State && painter->fontMetrics().horizontalAdvance(words) > box.width()) {
            words = words.left(words.lastIndexOf(QLatin1Char(' '))); // "10 of 12"
        }
        painter->drawText(box, side | Qt::AlignVCenter,
                          painter->fontMetrics().elidedText(words, Qt::ElideRight, box.width()));
    }
    painter->restore();
}

RunMark RunDelegate::markOf(const RunData &run) const
{
    const auto found = marks.find(&run);
    return found == marks.end() ? RunMark::Unticked : found->second;
}

void RunDelegate::paintMark(QPainter &painter, const QRect &rect, const RunData &run, const Tokens &t) const
{
    const RunMark mark = markOf(run);
    const QRectF box = markBox(rect);
    const QColor family = familyColour(run.config().model.family, t);
    if (mark == RunMark::A || mark == RunMark::B || mark == RunMark::SecondB) {
        paintSideBadge(painter, box, mark == RunMark::A ? QStringLiteral("A") : QStringLiteral("B"),
                       sideColour(run.config().model.family, mark == RunMark::SecondB, t), t);
        return;
    }
    painter.setPen(QPen(mark == RunMark::Ticked ? family : t.hint, 1.2));
    painter.setBrush(t.field);
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 3, 3);
    if (mark == RunMark::Ticked) {
        paintIcon(painter, box.adjusted(2, 2, -2, -2), Icon::Tick, family, t.field);
    }
}

void RunDelegate::paintRun(QPainter &painter, const QRect &rect, const QModelIndex &index, const RunData &run,
                           bool selected, const Tokens &t) const
{
    switch (index.column()) {
    case RunTableModel::Name: {
        double left = rect.left() + 6;
        if (marksShown) {
            paintMark(painter, rect, run, t);
            left += kMarkWidth;
        }
        const QStringList chips =
            fitted(index.data(RunTableModel::ChipsRole).toStringList(), rect.right() - left + kChipGap);
        for (int chip = 0; chip < chips.size(); ++chip) {
            const QSizeF size = chipSize(chips[chip]);
            if (chip > 0 && left + size.width() > rect.right()) {
                break;
            }
            const QRectF box(QPointF(left, rect.center().y() + 0.5 - size.height() / 2), size);
            paintChip(painter, box, chips[chip], t,
                      chip == 0 ? std::optional(run.config().model.family) : std::nullopt);
            left += size.width() + kChipGap;
        }
        break;
    }
    case RunTableModel::Trend:
        if (!run.curvesShown()) {
            painter.setFont(uiFont(11));
            painter.setPen(t.hint);
            painter.drawText(rect.adjusted(6, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter, index.data().toString());
            break;
        }
        paintSparkline(painter, QRectF(rect).adjusted(6, 8, -6, -7), run.series("train.loss"),
                       familyColour(run.config().model.family, t));
        break;
    case RunTableModel::ValidationLoss:
        painter.setFont(monoFont(12));
        painter.setPen(t.text);
        painter.drawText(rect.adjusted(0, 0, -8, 0), Qt::AlignRight | Qt::AlignVCenter, index.data().toString());
        break;
    case RunTableModel::State: {
        // Words of a state on the selected row need the selection's own text colour where the state has none of its own.
        const QColor colour = runStateColour(run.state(), t);
        paintIcon(painter, QRectF(rect.left() + 4, rect.center().y() - 5.5, 13, 13), runStateIcon(run.state()), colour,
                  selected ? t.selection : t.panel);
        painter.setFont(uiFont(12));
        painter.setPen(run.state() == RunState::Failed || run.state() == RunState::Paused ||
                               run.state() == RunState::Interrupted
                           ? colour
                           : t.text);
        if (rect.width() > kStateSigns) { // else the sign alone; the tooltip and the list read aloud have the word
            painter.drawText(rect.adjusted(21, 0, -2, 0), Qt::AlignLeft | Qt::AlignVCenter, index.data().toString());
        }
        if (run.unsound()) {
            paintIcon(painter, QRectF(rect.right() - 17, rect.center().y() - 5.5, 13, 13), Icon::Failed, t.failed,
                      selected ? t.selection : t.panel);
        }
        const QVariant progress = index.data(RunTableModel::ProgressRole);
        if (progress.isValid()) {
            const QRectF bar(rect.left() + 4, rect.bottom() - 4, rect.width() - 12, 3);
            painter.setPen(Qt::NoPen);
            painter.setBrush(t.grid);
            painter.drawRoundedRect(bar, 1.5, 1.5);
            painter.setBrush(colour);
            painter.drawRoundedRect(QRectF(bar.topLeft(), QSizeF(bar.width() * progress.toDouble(), 3)), 1.5, 1.5);
        }
        break;
    }
    default:
        break;
    }
}

} // namespace sparsescope
