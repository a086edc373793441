#include "widgets/panels/legend_table.h"

#include "widgets/plots/loss_plot.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QMouseEvent>
#include <QPainter>
#include <QStyledItemDelegate>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

enum Column { Name, Train, Validation, Best, Seeds, ColumnCount };
enum Role { FamilyRole = Qt::UserRole, HiddenRole };
constexpr int kRowHeight = 22;
constexpr int kTrainWidth = 90, kValidationWidth = 76, kHeaderPadding = 16, kNameWidth = 140; ///< px, at least

class LegendDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override
    {
        const Tokens &t = currentTokens();
        const bool hidden = index.siblingAtColumn(Name).data(HiddenRole).toBool();
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->fillRect(option.rect, option.state & QStyle::State_MouseOver ? t.hover : t.panel);
        QRect box = option.rect.adjusted(0, 0, -12, 0);
        if (index.column() == Name) {
            const auto family = static_cast<Family>(index.data(FamilyRole).toInt());
            const QColor colour = hidden ? t.hint : familyColour(family, t);
            const double middle = option.rect.center().y() + 0.5;
            painter->setPen(QPen(colour, 2, hidden ? Qt::DotLine : Qt::SolidLine));
            painter->drawLine(QPointF(box.left() + 12, middle), QPointF(box.left() + 38, middle));
            paintMarker(*painter, QPointF(box.left() + 25, middle), 7, familyMarker(family), colour, t.panel);
            painter->setFont(uiFont(13, QFont::Medium));
            box.setLeft(box.left() + 50);
        } else {
            painter->setFont(monoFont(12));
        }
        const QString text = index.data().toString();
        painter->setPen(hidden || text == unknownText() ? t.hint : t.text);
        painter->drawText(box, (index.column() == Name ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter,
                          painter->fontMetrics().elidedText(text, Qt::ElideRight, box.width()));
        painter->restore();
    }
};

const BandPoint *atOrBefore(const std::vector<BandPoint> &points, double step)
{
    const auto after =
        std::upper_bound(points.begin(), points.end(), step, [](double x, const BandPoint &p) { return x < p.x; });
    return after == points.begin() ? nullptr : &*std::prev(after);
}

QString bestText(const std::vector<double> &best)
{
    if (best.empty()) {
        return unknownText();
    }
    double mean = 0;
    for (const double value : best) {
        mean += value / static_cast<double>(best.size());
    }
    if (best.size() < 2) {
        return lossText(mean);
    }
    double squares = 0;
    for (const double value : best) {
        squares += (value - mean) * (value - mean);
    }
    return QStringLiteral("%1 ± %2").arg(lossText(mean),
                                         lossText(std::sqrt(squares / static_cast<double>(best.size() - 1))));
}

} // namespace

LegendTable::LegendTable(QWidget *parent)
    : QTableWidget(0, ColumnCount, parent)
{
    setObjectName(QStringLiteral("lossLegend"));
    setAccessibleName(QStringLiteral("Loss legend"));
    setItemDelegate(new LegendDelegate(this));
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setSelectionBehavior(QAbstractItemView::SelectRows);
    setSelectionMode(QAbstractItemView::NoSelection);
    setShowGrid(false);
    setMouseTracking(true);
    setFrameShape(QFrame::NoFrame);
    setTabKeyNavigation(false);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setToolTip(QStringLiteral("Click: hide or show. Alt+click: only this one."));
    verticalHeader()->hide();
    verticalHeader()->setDefaultSectionSize(kRowHeight);
    verticalHeader()->setMinimumSectionSize(kRowHeight);
    QHeaderView *header = horizontalHeader();
    header->setSectionsClickable(false);
    header->setSectionResizeMode(QHeaderView::Fixed);
    header->setSectionResizeMode(Name, QHeaderView::Stretch);
    header->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
    constexpr std::pair<int, int> kWidths[] = {
        {Train, kTrainWidth}, {Validation, kValidationWidth}, {Best, 112}, {Seeds, 66}};
    for (const auto &[column, width] : kWidths) {
        header->resizeSection(column, width);
    }
    setGroups({}, std::nullopt, {}, 0);
}

void LegendTable::setGroups(const std::vector<LossGroup> &groups, std::optional<std::int64_t> cursor,
                            const std::set<Family> &hidden, double smoothing)
{
    m_hidden = hidden;
    m_cursor = cursor;
    m_smoothing = smoothing;
    m_families.clear();
    m_evaluation.reset();
    setRowCount(static_cast<int>(groups.size()));
    for (std::size_t row = 0; row < groups.size(); ++row) {
        const LossGroup &group = groups[row];
        m_families.push_back(group.family);
        const double step = cursor ? static_cast<double>(*cursor) : 1e18;
        const BandPoint *train = atOrBefore(group.train, step);
        const BandPoint *validation = atOrBefore(group.validation, step);
        if (validation != nullptr) {
            m_evaluation = std::max(m_evaluation.value_or(0), static_cast<std::int64_t>(validation->x));
        }
        const QString texts[] = {QString::fromStdString(displayName(group.family)),
                                 train ? lossText(train->mean) : unknownText(),
                                 validation ? lossText(validation->mean) : unknownText(), bestText(group.best),
                                 QStringLiteral("%1 of %2").arg(group.reached).arg(group.runs.size())};
        for (int column = 0; column < ColumnCount; ++column) {
            QTableWidgetItem *cell = item(static_cast<int>(row), column);
            if (cell == nullptr) {
                cell = new QTableWidgetItem;
                setItem(static_cast<int>(row), column, cell);
            }
            cell->setText(texts[column]);
        }
        item(static_cast<int>(row), Name)->setData(FamilyRole, static_cast<int>(group.family));
        item(static_cast<int>(row), Name)->setData(HiddenRole, hidden.count(group.family) > 0);
    }
    showHeader();
    setFixedHeight(horizontalHeader()->sizeHint().height() + kRowHeight * std::max(1, rowCount()) + 6);
}

void LegendTable::showHeader()
{
    const QString whole =
        m_cursor ? QStringLiteral("Train at %1").arg(countText(*m_cursor)) : QStringLiteral("Train, newest");
    const QFontMetrics metrics(horizontalHeader()->font());
    const auto widthOf = [&](const QString &words, int least) {
        return std::max(least, metrics.horizontalAdvance(words) + kHeaderPadding);
    };
    const QString validation =
        m_evaluation ? QStringLiteral("Val at %1").arg(countText(*m_evaluation)) : QStringLiteral("Val");
    horizontalHeader()->resizeSection(Validation, widthOf(validation, kValidationWidth));
    QString train = m_smoothing > 0 ? whole + QStringLiteral(", smoothed") : whole;
    int others = 0;
    for (const int column : {Validation, Best, Seeds}) {
        others += horizontalHeader()->sectionSize(column);
    }
    if (m_smoothing > 0 && viewport()->width() - others - widthOf(train, kTrainWidth) < kNameWidth) {
        train = QStringLiteral("Train, smoothed"); // the cursor says where
    }
    setHorizontalHeaderLabels({QString(), train, validation, QStringLiteral("Best val"), QStringLiteral("Seeds")});
    horizontalHeader()->resizeSection(Train, widthOf(train, kTrainWidth));
    horizontalHeaderItem(Train)->setToolTip(
        m_smoothing > 0
            ? QStringLiteral("Training loss, smoothed as its curve is: a moving average in which an earlier "
                             "value weighs %1 of the next. With smoothing 0 it is the loss as it came.")
                  .arg(m_smoothing, 0, 'f', 3)
            : QStringLiteral("Training loss as it came"));
}

void LegendTable::toggle(int row, bool only)
{
    if (row < 0 || row >= static_cast<int>(m_families.size())) {
        return;
    }
    const Family family = m_families[static_cast<std::size_t>(row)];
    std::set<Family> hidden = m_hidden;
    if (only) {
        hidden = std::set<Family>(m_families.begin(), m_families.end());
        hidden.erase(family);
        if (hidden == m_hidden) { // a second time: everything again
            hidden.clear();
        }
    } else if (hidden.erase(family) == 0) {
        hidden.insert(family);
    }
    Q_EMIT hiddenChanged(hidden);
}

void LegendTable::resizeEvent(QResizeEvent *event)
{
    QTableWidget::resizeEvent(event);
    showHeader();
}

void LegendTable::mouseReleaseEvent(QMouseEvent *event)
{
    QTableWidget::mouseReleaseEvent(event);
    if (event->button() == Qt::LeftButton) {
        toggle(rowAt(event->pos().y()), event->modifiers() & Qt::AltModifier);
    }
}

void LegendTable::keyPressEvent(QKeyEvent *event)
{
    if (event->key() == Qt::Key_Space) {
        toggle(currentRow(), event->modifiers() & Qt::AltModifier);
    } else {
        QTableWidget::keyPressEvent(event);
    }
}

} // namespace sparsescope
