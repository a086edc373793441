#include "widgets/state/run_table_model.h"

#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"

#include <algorithm>
#include <tuple>

namespace sparsescope {

namespace {

template <class Value>
bool differs(const std::vector<RunData *> &runs, const Value &value)
{
    return std::any_of(runs.begin(), runs.end(),
                       [&](const RunData *run) { return value(*run) != value(*runs.front()); });
}

QString keyOf(const RunData &run)
{
    return run.experimentFolder().empty() ? run.experiment() : QString::fromStdString(run.experimentFolder().string());
}

/// The order of a queue: length, other swept values, seed, family.
bool before(const RunData *a, const RunData *b)
{
    const auto key = [](const RunData &run) {
        const RunConfig &config = run.config();
        return std::tuple(config.training.sequenceLength, config.training.seed, config.model.family);
    };
    const auto axes = [](const RunData &run) {
        std::vector<std::pair<QString, double>> values;
        for (const auto &[name, value] : run.config().extraAxes) {
            values.emplace_back(QString::fromStdString(name), QString::fromStdString(value).toDouble());
        }
        return values;
    };
    if (a->config().training.sequenceLength != b->config().training.sequenceLength || axes(*a) == axes(*b)) {
        return key(*a) < key(*b);
    }
    return axes(*a) < axes(*b);
}

} // namespace

QStringList chipsOf(const RunData &run, const std::vector<RunData *> &beside)
{
    QStringList chips{QString::fromStdString(displayName(run.config().model.family))};
    if (beside.empty()) {
        return chips;
    }
    if (differs(beside, [](const RunData &r) { return r.config().training.sequenceLength; })) {
        chips << QStringLiteral("L%1").arg(run.config().training.sequenceLength);
    }
    for (std::size_t axis = 0; axis < run.config().extraAxes.size(); ++axis) {
        const auto &[name, value] = run.config().extraAxes[axis];
        chips << (name == "top_k"
                      ? QStringLiteral("k%1").arg(QString::fromStdString(value))
                      : QStringLiteral("%1 %2").arg(QString::fromStdString(name), QString::fromStdString(value)));
    }
    if (differs(beside, [](const RunData &r) { return r.config().training.seed; })) {
        chips << QStringLiteral("s%1").arg(run.config().training.seed);
    }
    return chips;
}

QString runTitle(const RunData &run, const std::vector<RunData *> &beside)
{
    return chipsOf(run, beside).join(QLatin1Char(' '));
}

RunTableModel::RunTableModel(QObject *parent)
    : QAbstractItemModel(parent)
{}

void RunTableModel::setRuns(const std::vector<RunData *> &runs)
{
    beginResetModel();
    for (const Group &group : m_groups) {
        for (RunData *run : group.runs) {
            disconnect(run, nullptr, this, nullptr);
        }
    }
    m_groups.clear();
    for (RunData *run : runs) {
        const QString key = keyOf(*run);
        auto group = std::find_if(m_groups.begin(), m_groups.end(), [&](const Group &g) { return g.key == key; });
        if (group == m_groups.end()) {
            group = m_groups.insert(m_groups.end(), {key, run->experiment(), {}});
        }
        group->runs.insert(std::upper_bound(group->runs.begin(), group->runs.end(), run, before), run);
        watch(run);
    }
    for (Group &group : m_groups) {
        describe(group);
    }
    endResetModel();
}

void RunTableModel::addRun(RunData *run)
{
    const QString key = keyOf(*run);
    auto group = std::find_if(m_groups.begin(), m_groups.end(), [&](const Group &g) { return g.key == key; });
    if (group == m_groups.end()) {
        const int row = static_cast<int>(m_groups.size());
        beginInsertRows({}, row, row);
        m_groups.push_back({key, run->experiment(), {}});
        endInsertRows();
        group = std::prev(m_groups.end());
    }
    const auto place = std::upper_bound(group->runs.begin(), group->runs.end(), run, before);
    const int row = static_cast<int>(place - group->runs.begin());
    const QModelIndex parent = createIndex(static_cast<int>(group - m_groups.begin()), 0, quintptr{0});
    beginInsertRows(parent, row, row);
    group->runs.insert(place, run);
    group->chips.insert(group->chips.begin() + row, chipsOf(*run, group->runs));
    endInsertRows();
    watch(run);
    describe(*group); // chips of the runs beside it may have more to tell apart now
    Q_EMIT dataChanged(this->index(0, 0, parent),
                       this->index(static_cast<int>(group->runs.size()) - 1, ColumnCount - 1, parent));
    Q_EMIT dataChanged(parent, parent.siblingAtColumn(ColumnCount - 1));
}

void RunTableModel::describe(Group &group)
{
    group.chips.clear();
    for (const RunData *run : group.runs) {
        group.chips.push_back(chipsOf(*run, group.runs));
    }
}

void RunTableModel::watch(RunData *run)
{
    for (const auto signal : {&RunData::seriesChanged, &RunData::stateChanged}) {
        connect(run, signal, this, [this, run] { changed(run); });
    }
}

void RunTableModel::changed(RunData *run)
{
    const QModelIndex at = indexOf(run);
    if (at.isValid()) {
        Q_EMIT dataChanged(at, at.siblingAtColumn(ColumnCount - 1));
        Q_EMIT dataChanged(at.parent(), at.parent().siblingAtColumn(ColumnCount - 1));
    }
}

RunData *RunTableModel::runAt(const QModelIndex &index) const
{
    if (!index.isValid() || index.internalId() == 0) {
        return nullptr;
    }
    return m_groups[index.internalId() - 1].runs[static_cast<std::size_t>(index.row())];
}

QModelIndex RunTableModel::indexOf(const RunData *run, int column) const
{
    for (std::size_t group = 0; group < m_groups.size(); ++group) {
        const auto &runs = m_groups[group].runs;
        const auto found = std::find(runs.begin(), runs.end(), run);
        if (found != runs.end()) {
            return createIndex(static_cast<int>(found - runs.begin()), column, static_cast<quintptr>(group + 1));
        }
    }
    return {};
}

std::vector<RunData *> RunTableModel::runsBeside(const RunData *run) const
{
    const QModelIndex at = indexOf(run);
    return at.isValid() ? m_groups[at.internalId() - 1].runs : std::vector<RunData *>{};
}

QModelIndex RunTableModel::index(int row, int column, const QModelIndex &parent) const
{
    if (!hasIndex(row, column, parent)) {
        return {};
    }
    return createIndex(row, column, parent.isValid() ? static_cast<quintptr>(parent.row() + 1) : quintptr{0});
}

QModelIndex RunTableModel::parent(const QModelIndex &child) const
{
    if (!child.isValid() || child.internalId() == 0) {
        return {};
    }
    return createIndex(static_cast<int>(child.internalId() - 1), 0, quintptr{0});
}

int RunTableModel::rowCount(const QModelIndex &parent) const
{
    if (!parent.isValid()) {
        return static_cast<int>(m_groups.size());
    }
    if (parent.internalId() != 0 || parent.column() != 0) {
        return 0;
    }
    return static_cast<int>(m_groups[static_cast<std::size_t>(parent.row())].runs.size());
}

int RunTableModel::columnCount(const QModelIndex &) const { return ColumnCount; }

QVariant RunTableModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid()) {
        return {};
    }
    if (index.internalId() == 0) {
        return groupData(m_groups[static_cast<std::size_t>(index.row())], index.column(), role);
    }
    const Group &group = m_groups[index.internalId() - 1];
    return runData(group, static_cast<std::size_t>(index.row()), index.column(), role);
}

QVariant RunTableModel::groupData(const Group &group, int column, int role) const
{
    const auto done = std::count_if(group.runs.begin(), group.runs.end(),
                                    [](const RunData *run) { return run->state() == RunState::Finished; });
    const QString progress = QStringLiteral("%1 of %2 done").arg(done).arg(group.runs.size());
    switch (role) {
    case Qt::DisplayRole:
        return column == Name ? group.name : column == State ? progress : QString();
    case Qt::AccessibleTextRole:
        return column == Name ? group.name + QStringLiteral(", ") + progress : QString();
    case Qt::ToolTipRole:
        return group.runs.empty() ? QString() : QString::fromStdString(group.runs.front()->config().question);
    case SortRole:
    case FilterRole:
        return column == Name ? group.name : QString();
    default:
        return {};
    }
}

QVariant RunTableModel::runData(const Group &group, std::size_t row, int column, int role) const
{
    const RunData &run = *group.runs[row];
    const QString state = QString::fromStdString(displayName(run.state()));
    const std::optional<double> loss = run.state() == RunState::Finished ? run.best("val.loss") : run.last("val.loss");
    const double progress =
        run.steps() > 0 ? std::clamp(static_cast<double>(run.step()) / static_cast<double>(run.steps()), 0.0, 1.0)
                        : 0.0;
    switch (role) {
    case Qt::DisplayRole:
        switch (column) {
        case Name:
            return group.chips[row].join(QLatin1Char(' '));
        case ValidationLoss:
            return lossText(loss);
        case State:
            return run.state() == RunState::Running ? QStringLiteral("%1 %").arg(static_cast<int>(100 * progress))
                                                    : state;
        default:
            return {};
        }
    case Qt::AccessibleTextRole:
        return column == State   ? state
               : column == Trend ? QStringLiteral("Trend of the training loss")
                                 : runData(group, row, column, Qt::DisplayRole);
    case Qt::ToolTipRole:
        if (!run.reason().isEmpty()) {
            return state + QStringLiteral(": ") + run.reason();
        }
        return QStringLiteral("%1, step %2 of %3").arg(run.id(), countText(run.step()), countText(run.steps()));
    case Qt::TextAlignmentRole:
        return column == ValidationLoss ? QVariant(Qt::AlignRight | Qt::AlignVCenter) : QVariant();
    case SortRole:
        switch (column) {
        case Name:
            return run.id();
        case ValidationLoss:
            return loss ? QVariant(*loss) : QVariant();
        case State:
            return static_cast<int>(run.state());
        default:
            return {};
        }
    case RunRole:
        return QVariant::fromValue(const_cast<RunData *>(&run));
    case ChipsRole:
        return group.chips[row];
    case ProgressRole:
        return run.state() == RunState::Running || run.state() == RunState::Paused ? QVariant(progress) : QVariant();
    case FilterRole:
        return column == Name ? group.name + QLatin1Char(' ') + group.chips[row].join(QLatin1Char(' ')) +
                                    QLatin1Char(' ') + run.id() + QLatin1Char(' ') + state
                              : QString();
    default:
        return {};
    }
}

QVariant RunTableModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation == Qt::Horizontal && role == Qt::TextAlignmentRole && section == ValidationLoss) {
        return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    }
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
        return {};
    }
    switch (section) {
    case Name:
        return QStringLiteral("Run");
    case Trend:
        return QStringLiteral("Trend");
    case ValidationLoss:
        return QStringLiteral("Val loss");
    case State:
        return QStringLiteral("State");
    default:
        return {};
    }
}

} // namespace sparsescope
