#include "widgets/panels/run_table.h"

#include "widgets/panels/role_label.h"
#include "widgets/panels/run_delegate.h"
#include "widgets/state/run_data.h"
#include "widgets/state/run_table_model.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QLineEdit>
#include <QMouseEvent>
#include <QPushButton>
#include <QSortFilterProxyModel>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

using namespace runTable;

namespace {

constexpr int kTrendFrom = 330; ///< px of table width: below, the chips that tell runs apart need the room

} // namespace

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
    , m_hiddenBar(new QWidget(this))
    , m_hidden(makeLabel({}, "hint", m_hiddenBar))
    , m_hint(
          makeLabel(QStringLiteral("Press A or B to put a run on that side, C to draw it beside them"), "hint", this))
{
    m_filter->setObjectName(QStringLiteral("runFilter"));
    m_filter->setAccessibleName(QStringLiteral("Filter"));
    m_filter->setPlaceholderText(QStringLiteral("Filter: family, k, seed, state"));
    m_filter->setClearButtonEnabled(true);
    const auto beQuiet = [this] { ++m_quiet; };
    connect(model, &QAbstractItemModel::rowsAboutToBeRemoved, this, beQuiet); // before the proxy, which lets go at once
    m_proxy->setSourceModel(model);
    m_proxy->setFilterRole(RunTableModel::FilterRole);
    m_proxy->setFilterKeyColumn(RunTableModel::Name);
    m_proxy->setFilterCaseSensitivity(Qt::CaseInsensitive);
    m_proxy->setRecursiveFilteringEnabled(true);
    m_view->setObjectName(QStringLiteral("runTable"));
    m_view->setAccessibleName(QStringLiteral("Runs"));
    connect(m_proxy, &QAbstractItemModel::rowsAboutToBeRemoved, this, beQuiet); // before the view
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
    constexpr std::pair<int, int> kWidths[] = {{RunTableModel::Trend, kTrendWidth},
                                               {RunTableModel::ValidationLoss, kLossWidth},
                                               {RunTableModel::State, kStateWidth}};
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
    layout->addWidget(m_hiddenBar);
    layout->addWidget(m_view, 1);
    m_hint->setContentsMargins(12, 4, 12, 8);
    m_hint->setWordWrap(true);
    m_hint->hide();
    layout->addWidget(m_hint);

    m_hidden->setObjectName(QStringLiteral("runHidden"));
    m_hidden->setWordWrap(true);
    auto *showIt = new QPushButton(QStringLiteral("Show it"), m_hiddenBar);
    showIt->setObjectName(QStringLiteral("runHiddenShow"));
    showIt->setAccessibleName(showIt->text());
    showIt->setToolTip(QStringLiteral("Clear the filter"));
    setRole(showIt, "flat");
    connect(showIt, &QPushButton::clicked, m_filter, &QLineEdit::clear);
    auto *hiddenRow = new QHBoxLayout(m_hiddenBar);
    hiddenRow->setContentsMargins(12, 0, 10, 5);
    hiddenRow->addWidget(m_hidden, 1);
    hiddenRow->addWidget(showIt);
    m_hiddenBar->hide();

    connect(m_filter, &QLineEdit::textChanged, this, [this](const QString &text) {
        m_proxy->setFilterFixedString(text);
        m_view->expandAll();
        keepPicked();
    });
    // The proxy must not be asked while it is still taking rows out: what changes in the model or the filter has come to its end.
    connect(m_proxy, &QAbstractItemModel::rowsRemoved, this, [this] { --m_quiet; });
    connect(model, &QAbstractItemModel::rowsRemoved, this, [this] {
        --m_quiet;
        keepPicked();
    });
    connect(model, &QAbstractItemModel::rowsInserted, this, &RunTable::keepPicked);
    connect(model, &QAbstractItemModel::dataChanged, this, &RunTable::keepPicked); // what the filter reads
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
    connect(model, &QAbstractItemModel::rowsInserted, this, &RunTable::measureChips);
    connect(model, &QAbstractItemModel::dataChanged, this, [this](const QModelIndex &from, const QModelIndex &to) {
        measureChips(from.parent(), from.row(), to.row());
    });
    connect(model, &QAbstractItemModel::rowsRemoved, this, &RunTable::measureAllChips);
    connect(model, &QAbstractItemModel::modelReset, this, &RunTable::measureAllChips);
    connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
        if (m_quiet > 0) {
            return;
        }
        m_picked = m_proxy->mapToSource(m_view->currentIndex());
        keepPicked();
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
    measureAllChips();
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
    fitColumns();
    m_view->viewport()->update();
}

QRect RunTable::markRect(const RunData *run) const
{
    const QModelIndex at = m_proxy->mapFromSource(m_model->indexOf(run));
    return at.isValid() ? RunDelegate::markBox(m_view->visualRect(at)).toAlignedRect() : QRect();
}

void RunTable::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    fitColumns();
}

void RunTable::measureChips(const QModelIndex &parent, int first, int last)
{
    for (int row = first; row <= last; ++row) {
        const QVariant chips = m_model->index(row, RunTableModel::Name, parent).data(RunTableModel::ChipsRole);
        m_chips = std::max(m_chips, RunDelegate::widthOf(chips.toStringList()));
    }
    fitColumns();
}

void RunTable::measureAllChips()
{
    m_chips = 0;
    for (int group = 0; group < m_model->rowCount(); ++group) {
        const QModelIndex experiment = m_model->index(group, RunTableModel::Name);
        measureChips(experiment, 0, m_model->rowCount(experiment) - 1);
    }
}

void RunTable::fitColumns()
{
    const double room = width() - kLossWidth - kStateWidth - (m_delegate->marksShown ? kMarkWidth : 0);
    m_view->setColumnHidden(RunTableModel::Trend, width() < kTrendFrom || room - kTrendWidth < m_chips);
    m_view->header()->resizeSection(RunTableModel::State, room < m_chips ? kStateSigns : kStateWidth);
}

RunData *RunTable::currentRun() const { return m_model->runAt(m_proxy->mapToSource(m_view->currentIndex())); }

void RunTable::setCurrentRun(const RunData *run)
{
    const QModelIndex source = m_model->indexOf(run), at = m_proxy->mapFromSource(source);
    if (source.isValid() && !at.isValid()) {
        m_picked = source;
        keepPicked();
    }
    if (at.isValid() && currentRun() != run) {
        m_view->setCurrentIndex(at);
        m_view->scrollTo(at);
    }
}

/// The view's row is the one that was picked; where the filter hides that, none is, and it is said which one it is.
void RunTable::keepPicked()
{
    if (m_quiet > 0) {
        return;
    }
    const QModelIndex current = m_proxy->mapToSource(m_view->currentIndex());
    if (!m_picked.isValid() &&
        current.isValid()) { // the row itself is gone: the one that the view took is as good as any
        m_picked = current;
        if (RunData *run = currentRun()) {
            Q_EMIT currentRunChanged(run);
        }
        Q_EMIT currentRowChanged();
    }
    const bool hidden = m_picked.isValid() && !m_proxy->mapFromSource(m_picked).isValid();
    if (m_picked.isValid() && current != m_picked) {
        ++m_quiet; // for the window nothing has changed
        m_view->setCurrentIndex(m_proxy->mapFromSource(m_picked));
        if (hidden) {
            m_view->clearSelection();
        }
        --m_quiet;
        Q_EMIT currentRowChanged(); // what can be done with the row in sight
    }
    if (hidden) {
        const RunData *run = m_model->runAt(m_picked);
        m_hidden->setText(
            QStringLiteral("The filter hides the current %1, %2")
                .arg(run != nullptr ? QStringLiteral("run") : QStringLiteral("experiment"),
                     run != nullptr ? runTitle(*run, m_model->runsBeside(run)) : m_picked.data().toString()));
    }
    m_hiddenBar->setVisible(hidden);
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
