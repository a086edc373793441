#pragma once

#include "widgets/state/run_data.h"

#include <QAbstractItemModel>
#include <QPointer>
#include <QStringList>

#include <map>
#include <vector>

namespace sparsescope {

/// What a chip of its own tells apart: whether it differs among runs that stand beside one another.
struct RunDifferences {
    bool length = false, seed = false;

    bool operator==(const RunDifferences &) const = default;
};
RunDifferences differencesOf(const std::vector<RunData *> &runs);

/// Experiments with their runs below, two levels. Display text is made here; SortRole gives the raw number.
class RunTableModel : public QAbstractItemModel {
    Q_OBJECT

public:
    enum Column { Name, Trend, ValidationLoss, State, ColumnCount };
    enum Role {
        SortRole = Qt::UserRole,
        RunRole,       ///< RunData *, null for an experiment
        ChipsRole,     ///< words of what differs inside the experiment, the family first
        ProgressRole,  ///< 0 to 1 while running or paused, else invalid
        FilterRole,    ///< everything that the filter may match
        ExperimentRole ///< key of the experiment that the row belongs to: its folder
    };

    explicit RunTableModel(QObject *parent = nullptr);

    /// Runs of one experiment stand together, by length, other swept values, seed and family. The runs outlive the model or are removed first.
    void setRuns(const std::vector<RunData *> &runs);
    void addRun(RunData *run);
    /// Takes an experiment out with all its runs.
    void removeExperiment(const QString &key);
    void removeRun(const RunData *run);
    /// Experiments that wait, in the order in which they will train: they stand in that order, and only they can be dragged.
    void setWaiting(const QStringList &keys);
    const QStringList &waiting() const { return m_waiting; }
    /// The same for runs inside their experiments, by the experiment's key: ids in the order in which they will train.
    void setWaitingRuns(std::map<QString, QStringList> runs);
    RunData *runAt(const QModelIndex &index) const;
    QModelIndex indexOf(const RunData *run, int column = Name) const;
    /// The runs of the experiment that `run` belongs to.
    std::vector<RunData *> runsBeside(const RunData *run) const;

    QModelIndex index(int row, int column, const QModelIndex &parent = {}) const override;
    QModelIndex parent(const QModelIndex &child) const override;
    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override;
    QVariant data(const QModelIndex &index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    Qt::ItemFlags flags(const QModelIndex &index) const override;
    Qt::DropActions supportedDropActions() const override { return Qt::MoveAction; }
    QStringList mimeTypes() const override;
    QMimeData *mimeData(const QModelIndexList &indexes) const override;
    /// Moves nothing by itself: whoever owns the queue answers placeRequested() and then calls setWaiting().
    bool dropMimeData(const QMimeData *data, Qt::DropAction action, int row, int column,
                      const QModelIndex &parent) override;

Q_SIGNALS:
    /// A waiting experiment was dropped: it wants this place among those that wait.
    void placeRequested(const QString &key, int place);
    /// The same of a run, among those of its experiment that wait.
    void runPlaceRequested(const QString &key, const QString &run, int place);

private:
    struct Group {
        quintptr id = 0; ///< stays when the group moves; what its rows carry
        QString key, name;
        std::vector<RunData *> runs;
        RunDifferences differences;
        std::vector<QStringList> chips; ///< of each run; brought up to date after rows came, not while they come
    };
    Group makeGroup(const RunData &run);
    std::vector<Group>::iterator groupOf(const QString &key);
    bool waits(const Group &group, const RunData &run) const;
    void orderRuns(Group &group);
    bool dropRun(const QString &key, const QString &id, int row, const QModelIndex &parent);
    const Group *groupAt(const QModelIndex &index) const;
    void findPositions();
    QVariant groupData(const Group &group, int column, int role) const;
    QVariant runData(const Group &group, std::size_t row, int column, int role) const;
    void watch(RunData *run);
    void changed(RunData *run);
    static void describe(Group &group);

    std::vector<Group> m_groups;
    std::vector<int> m_positions{-1}; ///< of a group's id in m_groups; -1: gone
    QStringList m_waiting;
    std::map<QString, QStringList> m_waitingRuns;
};

/// What an experiment goes by in the table: its folder, or its name where it has none.
QString experimentKey(const RunData &run);

/// "DSA", "k 32", "seed 1": what of `run` differs from those beside it; the family always.
QStringList chipsOf(const RunData &run, const RunDifferences &differences);
/// The chips in one line: "DSA, seed 1".
QString runTitle(const RunData &run, const std::vector<RunData *> &beside);

} // namespace sparsescope
