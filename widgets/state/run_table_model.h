#pragma once

#include "widgets/state/run_data.h"

#include <QAbstractItemModel>
#include <QPointer>
#include <QStringList>

#include <vector>

namespace sparsescope {

/// Experiments with their runs below, two levels. Display text is made here; SortRole gives the raw number.
class RunTableModel : public QAbstractItemModel {
    Q_OBJECT

public:
    enum Column { Name, Trend, ValidationLoss, State, ColumnCount };
    enum Role {
        SortRole = Qt::UserRole,
        RunRole,      ///< RunData *, null for an experiment
        ChipsRole,    ///< words of what differs inside the experiment, the family first
        ProgressRole, ///< 0 to 1 while running or paused, else invalid
        FilterRole    ///< everything that the filter may match
    };

    explicit RunTableModel(QObject *parent = nullptr);

    /// Runs of one experiment stand together, by length, other swept values, seed and family. The runs outlive the model or are removed first.
    void setRuns(const std::vector<RunData *> &runs);
    void addRun(RunData *run);
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

private:
    struct Group {
        QString key, name;
        std::vector<RunData *> runs;
        std::vector<QStringList> chips; ///< of each run; brought up to date after rows came, not while they come
    };
    QVariant groupData(const Group &group, int column, int role) const;
    QVariant runData(const Group &group, std::size_t row, int column, int role) const;
    void watch(RunData *run);
    void changed(RunData *run);
    static void describe(Group &group);

    std::vector<Group> m_groups;
};

/// "DSA", "k 32", "seed 1": what of `run` differs among `beside`; the family always.
QStringList chipsOf(const RunData &run, const std::vector<RunData *> &beside);
/// The chips in one line: "DSA, seed 1".
QString runTitle(const RunData &run, const std::vector<RunData *> &beside);

} // namespace sparsescope
