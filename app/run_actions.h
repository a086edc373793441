#pragma once

#include "app/run_collection.h"
#include "app/run_queue.h"

#include <QObject>
#include <QPoint>

#include <filesystem>
#include <vector>

class QAction;
class QMenu;
class QToolButton;

namespace sparsescope {

class RunTable;
class RunTableModel;

/// What can be done with the current row of the run table, as actions for menus, keys and the buttons of the Runs dock.
/// On the row of an experiment they mean it as a whole, on that of a run the run: it moves among those of its experiment.
class RunActions : public QObject {
    Q_OBJECT

public:
    RunActions(RunTable *table, RunTableModel *model, RunQueue *queue, const RunCollection *runs, QWidget *window);

    const std::vector<QAction *> &actions() const { return m_all; }
    /// "Up" and "Down" for the title of the dock.
    std::vector<QToolButton *> moveButtons() const;
    void showMenu(QPoint globalPosition);
    /// Enables what the current row allows; brings the model's waiting experiments in line with the queue.
    void refresh();
    /// Asks for the queue to go on with the experiment of a run that ended early.
    void resume(const std::filesystem::path &experimentFolder);

Q_SIGNALS:
    /// The experiment of the current row is wanted in the form, to be changed and queued anew.
    void duplicateRequested(const std::filesystem::path &experimentFolder);
    /// The group of the current run is wanted on a side of the comparison.
    void sideRequested(const sparsescope::RunData *run, bool a);
    void besideRequested(sparsescope::RunData *run); ///< drawn beside the two sides, or no longer
    void resumeFailed(const std::filesystem::path &experimentFolder, const QString &reason);

private:
    void enable();
    QAction *add(const char *name, const QString &text, const QKeySequence &keys, void (RunActions::*slot)());
    std::filesystem::path folder() const;
    /// Of the current row, experiment or run, among those beside it that wait: place and number; place -1: it does not wait.
    struct Waiting {
        int place = -1, count = 0;
    };
    Waiting waiting() const;
    bool resumable(const std::filesystem::path &folder) const;
    void moveUp() { moveBy(-1); }
    void moveDown() { moveBy(1); }
    void moveBy(int places);
    void duplicate();
    void resumeCurrent();
    void remove();
    void openFolder();
    void toggleCurves();
    void useAsA() { useAs(true); }
    void useAsB() { useAs(false); }
    void drawBeside();
    void useAs(bool a);
    void toggleContinueOnError();

    RunTable *m_table;
    RunTableModel *m_model;
    RunQueue *m_queue;
    const RunCollection *m_runs;
    QWidget *m_window;
    std::vector<QAction *> m_all;
    QAction *m_up, *m_down, *m_duplicate, *m_resume, *m_curves, *m_folder, *m_remove, *m_continue, *m_useA, *m_useB,
        *m_beside;
};

} // namespace sparsescope
