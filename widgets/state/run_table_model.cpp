#include "widgets/state/run_table_model.h"

#include "widgets/state/run_data.h"

#include <algorithm>
#include <tuple>

namespace sparsescope {

namespace {

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
        auto group = groupOf(experimentKey(*run));
        if (group == m_groups.end()) {
            group = m_groups.insert(m_groups.end(), makeGroup(*run));
        }
        group->runs.insert(std::upper_bound(group->runs.begin(), group->runs.end(), run, before), run);
        watch(run);
    }
    for (Group &group : m_groups) {
        describe(group);
    }
    findPositions();
    endResetModel();
}

RunTableModel::Group RunTableModel::makeGroup(const RunData &run)
{
    m_positions.push_back(-1);
    Group group;
    group.id = m_positions.size() - 1;
    group.key = experimentKey(run);
    group.name = run.experiment();
    return group;
}

std::vector<RunTableModel::Group>::iterator RunTableModel::groupOf(const QString &key)
{
    return std::find_if(m_groups.begin(), m_groups.end(), [&](const Group &g) { return g.key == key; });
}

void RunTableModel::findPositions()
{
    std::fill(m_positions.begin(), m_positions.end(), -1);
    for (std::size_t position = 0; position < m_groups.size(); ++position) {
        m_positions[m_groups[position].id] = static_cast<int>(position);
    }
}

void RunTableModel::addRun(RunData *run)
{
    auto group = groupOf(experimentKey(*run));
    if (group == m_groups.end()) {
        const int row = static_cast<int>(m_groups.size());
        beginInsertRows({}, row, row);
        m_groups.push_back(makeGroup(*run));
        findPositions();
        endInsertRows();
        group = std::prev(m_groups.end());
    }
    const auto place = std::upper_bound(group->runs.begin(), group->runs.end(), run, before);
    const int row = static_cast<int>(place - group->runs.begin());
    const QModelIndex parent = createIndex(static_cast<int>(group - m_groups.begin()), 0, quintptr{0});
    beginInsertRows(parent, row, row);
    group->runs.insert(place, run);
    group->chips.insert(group->chips.begin() + row, chipsOf(*run, group->differences));
    endInsertRows();
    watch(run);
    const RunConfig &config = run->config(), &first = group->runs[row == 0 && group->runs.size() > 1 ? 1 : 0]->config();
    const RunDifferences before = group->differences;
    group->differences.length |= config.training.sequenceLength != first.training.sequenceLength;
    group->differences.seed |= config.training.seed != first.training.seed;
    if (group->differences != before) { // the runs beside it have more to tell apart now
        describe(*group);
        Q_EMIT dataChanged(this->index(0, 0, parent),
                           this->index(static_cast<int>(group->runs.size()) - 1, ColumnCount - 1, parent));
    }
    Q_EMIT dataChanged(parent, parent.siblingAtColumn(ColumnCount - 1));
}

void RunTableModel::removeExperiment(const QString &key)
{
    const auto group = groupOf(key);
    if (group == m_groups.end()) {
        return;
    }
    const int row = static_cast<int>(group - m_groups.begin());
    beginRemoveRows({}, row, row);
    for (RunData *run : group->runs) {
        disconnect(run, nullptr, this, nullptr);
    }
    m_groups.erase(group);
    findPositions();
    m_waiting.removeAll(key);
    endRemoveRows();
}

void RunTableModel::removeRun(const RunData *run)
{
    const QModelIndex at = indexOf(run);
    if (!at.isValid()) {
        return;
    }
    Group &group = m_groups[static_cast<std::size_t>(m_positions[at.internalId()])];
    beginRemoveRows(at.parent(), at.row(), at.row());
    disconnect(run, nullptr, this, nullptr);
    group.runs.erase(group.runs.begin() + at.row());
    describe(group);
    endRemoveRows();
    Q_EMIT dataChanged(at.parent(), at.parent().siblingAtColumn(ColumnCount - 1));
}

void RunTableModel::describe(Group &group)
{
    group.differences = differencesOf(group.runs);
    group.chips.clear();
    for (const RunData *run : group.runs) {
        group.chips.push_back(chipsOf(*run, group.differences));
    }
}

void RunTableModel::watch(RunData *run)
{
    for (const auto signal :
         {&RunData::seriesChanged, &RunData::stateChanged, &RunData::curvesShownChanged, &RunData::checksChanged}) {
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

const RunTableModel::Group *RunTableModel::groupAt(const QModelIndex &index) const
{
    if (!index.isValid()) {
        return nullptr;
    }
    const int position = index.internalId() == 0 ? index.row() : m_positions[index.internalId()];
    return position < 0 || position >= static_cast<int>(m_groups.size())
               ? nullptr
               : &m_groups[static_cast<std::size_t>(position)];
}

RunData *RunTableModel::runAt(const QModelIndex &index) const
{
    if (!index.isValid() || index.internalId() == 0 || groupAt(index) == nullptr) {
        return nullptr;
    }
    return groupAt(index)->runs[static_cast<std::size_t>(index.row())];
}

QModelIndex RunTableModel::indexOf(const RunData *run, int column) const
{
    for (const Group &group : m_groups) {
        const auto found = std::find(group.runs.begin(), group.runs.end(), run);
        if (found != group.runs.end()) {
            return createIndex(static_cast<int>(found - group.runs.begin()), column, group.id);
        }
    }
    return {};
}

std::vector<RunData *> RunTableModel::runsBeside(const RunData *run) const
{
    const QModelIndex at = indexOf(run);
    return at.isValid() ? groupAt(at)->runs : std::vector<RunData *>{};
}

QModelIndex RunTableModel::index(int row, int column, const QModelIndex &parent) const
{
    if (!hasIndex(row, column, parent)) {
        return {};
    }
    return createIndex(row, column, parent.isValid() ? groupAt(parent)->id : quintptr{0});
}

QModelIndex RunTableModel::parent(const QModelIndex &child) const
{
    if (!child.isValid() || child.internalId() == 0) {
        return {};
    }
    return createIndex(m_positions[child.internalId()], 0, quintptr{0});
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
    if (role == ExperimentRole) {
        return groupAt(index)->key;
    }
    if (index.internalId() == 0) {
        return groupData(m_groups[static_cast<std::size_t>(index.row())], index.column(), role);
    }
    const Group &group = *groupAt(index);
    return runData(group, static_cast<std::size_t>(index.row()), index.column(), role);
}

} // namespace sparsescope
