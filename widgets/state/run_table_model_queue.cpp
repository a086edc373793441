#include "widgets/state/run_table_model.h"

#include <QMimeData>

#include <algorithm>

/// What waits, in the order in which it will train, and how it is dragged to another place.
namespace sparsescope {

namespace {

/// Key of the experiment; of a run its id, behind a line end.
constexpr const char *kMimeType = "application/x-sparsescope-queued";

} // namespace

bool RunTableModel::waits(const Group &group, const RunData &run) const
{
    const auto found = m_waitingRuns.find(group.key);
    return found != m_waitingRuns.end() && found->second.contains(run.id());
}

void RunTableModel::setWaitingRuns(std::map<QString, QStringList> runs)
{
    if (m_waitingRuns == runs) {
        return;
    }
    m_waitingRuns = std::move(runs);
    for (Group &group : m_groups) {
        orderRuns(group);
    }
}

/// Those that wait share out the rows that they have, as experiments do.
void RunTableModel::orderRuns(Group &group)
{
    const auto found = m_waitingRuns.find(group.key);
    const QStringList order = found == m_waitingRuns.end() ? QStringList() : found->second;
    const auto rank = [&](const RunData *run) { return order.indexOf(run->id()); };
    const QModelIndex parent = createIndex(m_positions[group.id], 0, quintptr{0});
    const auto begin = group.runs.begin();
    for (auto place = begin; place != group.runs.end(); ++place) {
        if (rank(*place) < 0) {
            continue;
        }
        auto first = place;
        for (auto other = place; other != group.runs.end(); ++other) {
            first = rank(*other) >= 0 && rank(*other) < rank(*first) ? other : first;
        }
        if (first == place) {
            continue;
        }
        // Past the rows between that do not wait, two of which would trade places.
        const int from = static_cast<int>(first - begin), to = static_cast<int>(place - begin);
        beginMoveRows(parent, from, from, parent, to);
        std::rotate(place, first, first + 1);
        endMoveRows();
    }
    describe(group);
    if (!group.runs.empty()) {
        Q_EMIT dataChanged(index(0, 0, parent),
                           index(static_cast<int>(group.runs.size()) - 1, ColumnCount - 1, parent));
    }
}

void RunTableModel::setWaiting(const QStringList &keys)
{
    if (m_waiting == keys) {
        return;
    }
    m_waiting = keys;
    // Those that wait share out the places that they have; everything else stays where it is.
    QStringList order;
    int next = 0;
    QStringList present;
    for (const QString &key : keys) {
        if (groupOf(key) != m_groups.end()) {
            present << key;
        }
    }
    for (const Group &group : m_groups) {
        order << (present.contains(group.key) ? present[next++] : group.key);
    }
    for (int place = 0; place < order.size(); ++place) {
        const int from = static_cast<int>(groupOf(order[place]) - m_groups.begin());
        if (from != place) { // always below: the places before are settled
            beginMoveRows({}, from, from, {}, place);
            std::rotate(m_groups.begin() + place, m_groups.begin() + from, m_groups.begin() + from + 1);
            findPositions();
            endMoveRows();
        }
    }
    if (!m_groups.empty()) {
        Q_EMIT dataChanged(index(0, 0), index(static_cast<int>(m_groups.size()) - 1, ColumnCount - 1));
    }
}

Qt::ItemFlags RunTableModel::flags(const QModelIndex &index) const
{
    Qt::ItemFlags flags = QAbstractItemModel::flags(index);
    if (!index.isValid()) {
        return flags | Qt::ItemIsDropEnabled;
    }
    const Group *group = groupAt(index);
    const RunData *run = runAt(index);
    if (group != nullptr && (m_waiting.contains(group->key) || m_waitingRuns.count(group->key) > 0)) {
        flags |= Qt::ItemIsDropEnabled;
        if (run != nullptr ? waits(*group, *run) : m_waiting.contains(group->key)) {
            flags |= Qt::ItemIsDragEnabled;
        }
    }
    return flags;
}

QStringList RunTableModel::mimeTypes() const { return {QLatin1String(kMimeType)}; }

QMimeData *RunTableModel::mimeData(const QModelIndexList &indexes) const
{
    if (indexes.empty()) {
        return nullptr;
    }
    auto *data = new QMimeData;
    const RunData *run = runAt(indexes.front());
    QString text = indexes.front().data(ExperimentRole).toString();
    if (run != nullptr) {
        text += QLatin1Char('\n') + run->id();
    }
    data->setData(QLatin1String(kMimeType), text.toUtf8());
    return data;
}

bool RunTableModel::dropMimeData(const QMimeData *data, Qt::DropAction action, int row, int, const QModelIndex &parent)
{
    const QStringList dragged = QString::fromUtf8(data->data(QLatin1String(kMimeType))).split(QLatin1Char('\n'));
    const QString &key = dragged.front();
    if (action == Qt::MoveAction && dragged.size() > 1) {
        return dropRun(key, dragged[1], row, parent);
    }
    if (action != Qt::MoveAction || !m_waiting.contains(key)) {
        return false;
    }
    const auto from = static_cast<int>(groupOf(key) - m_groups.begin());
    int to = row < 0 ? static_cast<int>(m_groups.size()) : row; // the group that it shall stand before
    if (const Group *onto = groupAt(parent)) {
        to = m_positions[onto->id];
        to += to > from ? 1 : 0;
    }
    int place = 0;
    for (int position = 0; position < to; ++position) {
        const QString &before = m_groups[static_cast<std::size_t>(position)].key;
        place += before != key && m_waiting.contains(before) ? 1 : 0;
    }
    Q_EMIT placeRequested(key, place);
    return false; // true would ask the view to take the rows out
}

/// A run stays with its experiment.
bool RunTableModel::dropRun(const QString &key, const QString &id, int row, const QModelIndex &parent)
{
    const Group *group = groupAt(parent);
    const auto found = m_waitingRuns.find(key);
    const QStringList waiting = found == m_waitingRuns.end() ? QStringList() : found->second;
    if (group == nullptr || group->key != key || !waiting.contains(id)) {
        return false;
    }
    const RunData *onto = runAt(parent);
    int to = row < 0 ? static_cast<int>(group->runs.size()) : row; // the run that it shall stand before
    if (onto != nullptr) {
        to = parent.row();
        const auto from =
            std::find_if(group->runs.begin(), group->runs.end(), [&](const RunData *run) { return run->id() == id; });
        to += to > from - group->runs.begin() ? 1 : 0;
    }
    int place = 0;
    for (int position = 0; position < to; ++position) {
        const RunData &before = *group->runs[static_cast<std::size_t>(position)];
        place += before.id() != id && waits(*group, before) ? 1 : 0;
    }
    Q_EMIT runPlaceRequested(key, id, place);
    return false;
}

} // namespace sparsescope
