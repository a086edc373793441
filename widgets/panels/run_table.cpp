#include "widgets/panels/run_table.h"

#include "widgets/panels/role_label.h"
#include "widgets/panels/sparkline.h"
#include "widgets/state/run_data.h"
#include "widgets/state/run_table_model.h"
#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QLineEdit>
#include <QMouseEvent>
#include <QPainter>
#include <QSortFilterProxyModel>
#include <QStyledItemDelegate>
#include <QTreeView>
#include <QVBoxLayout>

namespace sparsescope {

namespace {

constexpr int kRowHeight = 28;
constexpr int kMarkWidth = 24, kMarkSize = 16;
constexpr int kTrendFrom = 330; ///< px of table width: below, the chips that tell runs apart need the room

QRectF markBox(const QRect &cell)
{
    return {cell.left() + 5.0, cell.center().y() + 0.5 - kMarkSize / 2.0, kMarkSize, kMarkSize};
}

} // namespace

/// Chips, trend, loss and state of a run; name and progress of an experiment.
class RunDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    bool marksShown = false;
    std::map<const RunData *, RunMark> marks;

    QSize sizeHint(const QStyleOptionViewItem &, const QModelIndex &) const override { return {60, kRowHeight}; }

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override
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
            painter->drawText(box, side | Qt::AlignVCenter,
                              painter->fontMetrics().elidedText(index.data().toString(), Qt::ElideRight, box.width()));
        }
        painter->restore();
    }

private:
    RunMark markOf(const RunData &run) const
    {
        const auto found = marks.find(&run);
        return found == marks.end() ? RunMark::Unticked : found->second;
    }

    void paintMark(QPainter &painter, const QRect &rect, const RunData &run, const Tokens &t) const
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

    void paintRun(QPainter &painter, const QRect &rect, const QModelIndex &index, const RunData &run, bool selected,
                  const Tokens &t) const
    {
        switch (index.column()) {
        case RunTableModel::Name: {
            double left = rect.left() + 6;
            if (marksShown) {
                paintMark(painter, rect, run, t);
                left += kMarkWidth;
            }
            const QStringList chips = index.data(RunTableModel::ChipsRole).toStringList();
            for (int chip = 0; chip < chips.size(); ++chip) {
                const QSizeF size = chipSize(chips[chip]);
                if (chip > 0 && left + size.width() > rect.right()) {
                    break;
                }
                const QRectF box(QPointF(left, rect.center().y() + 0.5 - size.height() / 2), size);
                paintChip(painter, box, chips[chip], t,
                          chip == 0 ? std::optional(run.config().model.family) : std::nullopt);
                left += size.width() + 5;
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
            paintIcon(painter, QRectF(rect.left() + 4, rect.center().y() - 5.5, 13, 13), runStateIcon(run.state()),
                      colour, selected ? t.selection : t.panel);
            painter.setFont(uiFont(12));
            painter.setPen(run.state() == RunState::Failed || run.state() == RunState::Paused ||
                                   run.state() == RunState::Interrupted
                               ? colour
                               : t.text);
            painter.drawText(rect.adjusted(21, 0, -2, 0), Qt::AlignLeft | Qt::AlignVCenter, index.data().toString());
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
};

/// Says aloud what the delegate draws before a run.
class MarkedRuns : public QSortFilterProxyModel {
public:
    MarkedRuns(const RunDelegate &delegate, const RunTableModel &runs, QObject *parent)
        : QSortFilterProxyModel(parent)
        , m_delegate(delegate)
        , m_runs(runs)
    {}

    QVariant data(const QModelIndex &index, int role) const override
    {
        const QVariant data = QSortFilterProxyModel::data(index, role);
        if (role != Qt::AccessibleTextRole || index.column() != RunTableModel::Name || !m_delegate.marksShown) {
            return data;
        }
        const auto mark = m_delegate.marks.find(m_runs.runAt(mapToSource(index)));
        return mark == m_delegate.marks.end() ? data
                                              : QVariant(data.toString() + QStringLiteral(", ") + words(mark->second));
    }

private:
    static QString words(RunMark mark)
    {
        switch (mark) {
        case RunMark::Unticked:
            return QStringLiteral("not drawn");
        case RunMark::Ticked:
            return QStringLiteral("drawn beside A and B");
        case RunMark::A:
            return QStringLiteral("side A");
        case RunMark::B:
        case RunMark::SecondB:
            return QStringLiteral("side B");
        }
        return {};
    }

    const RunDelegate &m_delegate;
    const RunTableModel &m_runs;
};

RunTable::RunTable(RunTableModel *model, QWidget *parent)
    : QWidget(parent)
    , m_model(model)
    , m_filter(new QLineEdit(this))
    , m_view(new QTreeView(this))
    , m_delegate(new RunDelegate(m_view))
    , m_proxy(new MarkedRuns(*m_delegate, *model, this))
    , m_hint(
          makeLabel(QStringLiteral("Press A or B to put a run on that side, C to draw it beside them"), "hint", this))
{
    m_filter->setObjectName(QStringLiteral("runFilter"));
    m_filter->setAccessibleName(QStringLiteral("Filter"));
    m_filter->setPlaceholderText(QStringLiteral("Filter: family, k, seed, state"));
    m_filter->setClearButtonEnabled(true);
    m_proxy->setSourceModel(model);
    m_proxy->setFilterRole(RunTableModel::FilterRole);
    m_proxy->setFilterKeyColumn(RunTableModel::Name);
    m_proxy->setFilterCaseSensitivity(Qt::CaseInsensitive);
    m_proxy->setRecursiveFilteringEnabled(true);
    m_view->setObjectName(QStringLiteral("runTable"));
    m_view->setAccessibleName(QStringLiteral("Runs"));
    m_view->setModel(m_proxy);
    m_view->setItemDelegate(m_delegate);
    m_view->setRootIsDecorated(false);
    m_view->setIndentation(0);
    m_view->setUniformRowHeights(true);
    m_view->setMouseTracking(true);
    m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_view->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_view->setExpandsOnDoubleClick(false);
    m_view->setDragDropMode(QAbstractItemView::InternalMove);
    m_view->setDragDropOverwriteMode(false);
    m_view->setDropIndicatorShown(true);
    m_view->setContextMenuPolicy(Qt::CustomContextMenu);
    QHeaderView *header = m_view->header();
    header->setStretchLastSection(false);
    header->setSectionsMovable(false);
    header->setSectionResizeMode(RunTableModel::Name, QHeaderView::Stretch);
    constexpr std::pair<int, int> kWidths[] = {
        {RunTableModel::Trend, 70}, {RunTableModel::ValidationLoss, 58}, {RunTableModel::State, 84}};
    for (const auto &[column, width] : kWidths) {
        header->setSectionResizeMode(column, QHeaderView::Fixed);
        header->resizeSection(column, width);
    }
    m_view->expandAll();

    auto *top = new QWidget(this);
    auto *topLayout = new QVBoxLayout(top);
    topLayout->setContentsMargins(10, 7, 10, 5);
    topLayout->addWidget(m_filter);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(top);
    layout->addWidget(m_view, 1);
    m_hint->setContentsMargins(12, 4, 12, 8);
    m_hint->setWordWrap(true);
    m_hint->hide();
    layout->addWidget(m_hint);

    connect(m_filter, &QLineEdit::textChanged, this, [this](const QString &text) {
        m_proxy->setFilterFixedString(text);
        m_view->expandAll();
    });
    connect(m_proxy, &QAbstractItemModel::rowsInserted, this, [this](const QModelIndex &parent, int first, int last) {
        if (parent.isValid()) {
            m_view->expand(parent);
            return;
        }
        for (int row = first; row <= last; ++row) {
            m_view->expand(m_proxy->index(row, 0));
        }
    });
    connect(m_proxy, &QAbstractItemModel::modelReset, m_view, &QTreeView::expandAll);
    connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
        if (RunData *run = currentRun()) {
            Q_EMIT currentRunChanged(run);
        }
        Q_EMIT currentRowChanged();
    });
    connect(m_view, &QTreeView::activated, this, [this] {
        if (RunData *run = currentRun()) {
            Q_EMIT runActivated(run);
        }
    });
    connect(m_view, &QAbstractItemView::clicked, this, [this](const QModelIndex &index) {
        RunData *run = m_model->runAt(m_proxy->mapToSource(index));
        if (run != nullptr && m_delegate->marksShown && markRect(run).contains(m_pressed)) {
            Q_EMIT markClicked(run);
        }
    });
    m_view->viewport()->installEventFilter(this);
    connect(m_view, &QWidget::customContextMenuRequested, this, [this](QPoint at) {
        if (m_view->indexAt(at).isValid()) { // the press made that row the current one
            Q_EMIT menuRequested(m_view->viewport()->mapToGlobal(at));
        }
    });
}

bool RunTable::eventFilter(QObject *watched, QEvent *event)
{
    if (event->type() == QEvent::MouseButtonPress) {
        m_pressed = static_cast<QMouseEvent *>(event)->pos(); // the view says which row was clicked, not where
    }
    return QWidget::eventFilter(watched, event);
}

void RunTable::setMarks(bool shown, std::map<const RunData *, RunMark> marks)
{
    if (shown == m_delegate->marksShown && marks == m_delegate->marks) {
        return;
    }
    m_delegate->marksShown = shown;
    m_delegate->marks = std::move(marks);
    m_view->setAccessibleDescription(
        shown ? QStringLiteral("A, B or a box before a run: its side, or drawn beside them") : QString());
    m_hint->setVisible(shown);
    m_view->viewport()->update();
}

QRect RunTable::markRect(const RunData *run) const
{
    const QModelIndex at = m_proxy->mapFromSource(m_model->indexOf(run));
    return at.isValid() ? markBox(m_view->visualRect(at)).toAlignedRect() : QRect();
}

void RunTable::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    m_view->setColumnHidden(RunTableModel::Trend, width() < kTrendFrom);
}

RunData *RunTable::currentRun() const { return m_model->runAt(m_proxy->mapToSource(m_view->currentIndex())); }

void RunTable::setCurrentRun(const RunData *run)
{
    const QModelIndex at = m_proxy->mapFromSource(m_model->indexOf(run));
    if (at.isValid() && currentRun() != run) {
        m_view->setCurrentIndex(at);
        m_view->scrollTo(at);
    }
}

QString RunTable::currentExperiment() const
{
    return m_view->currentIndex().data(RunTableModel::ExperimentRole).toString();
}

QString RunTable::filterText() const { return m_filter->text(); }

void RunTable::setFilterText(const QString &text) { m_filter->setText(text); }

void RunTable::toggleCurves()
{
    if (RunData *run = currentRun()) {
        run->showCurves(!run->curvesShown());
        return;
    }
    const QModelIndex group = m_proxy->mapToSource(m_view->currentIndex()).siblingAtColumn(RunTableModel::Name);
    bool anyShown = false;
    for (const bool change : {false, true}) {
        for (int row = 0; group.isValid() && row < m_model->rowCount(group); ++row) {
            RunData *run = m_model->runAt(m_model->index(row, 0, group));
            anyShown = anyShown || (!change && run->curvesShown());
            if (change) {
                run->showCurves(!anyShown);
            }
        }
    }
}

void RunTable::focusFilter()
{
    m_filter->setFocus(Qt::ShortcutFocusReason);
    m_filter->selectAll();
}

} // namespace sparsescope
