#pragma once

#include "widgets/state/run_data.h"

#include <QPersistentModelIndex>
#include <QWidget>

#include <map>
#include <vector>

class QLabel;
class QLineEdit;
class QSortFilterProxyModel;
class QTreeView;

namespace sparsescope {

class RunDelegate;
class RunTableModel;

/// What stands before a run while sides are compared.
enum class RunMark { Unticked, Ticked, A, B, SecondB };

/// The runs of every open experiment, with a filter. What it hides stays current: it says so, and nothing takes its place.
class RunTable : public QWidget {
    Q_OBJECT

public:
    explicit RunTable(RunTableModel *model, QWidget *parent = nullptr);

    /// Null on the row of an experiment.
    RunData *currentRun() const;
    void setCurrentRun(const RunData *run);
    /// The key of the experiment that the current row belongs to; empty without a current row.
    QString currentExperiment() const;
    /// Shows or hides the curves of the current run, on the row of an experiment those of all its runs.
    void toggleCurves();
    QString filterText() const;
    void setFilterText(const QString &text);
    QTreeView *view() const { return m_view; }
    void focusFilter();
    /// Badges of the sides and check boxes before the runs; not `shown`: none.
    void setMarks(bool shown, std::map<const RunData *, RunMark> marks);
    QRect markRect(const RunData *run) const; ///< in the view's viewport

Q_SIGNALS:
    void currentRunChanged(sparsescope::RunData *run);
    void runActivated(sparsescope::RunData *run); ///< double-click or Enter
    void currentRowChanged();                     ///< also to the row of an experiment
    void menuRequested(QPoint globalPosition);
    void markClicked(sparsescope::RunData *run); ///< its check box

protected:
    void resizeEvent(QResizeEvent *event) override;
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    void keepPicked();
    /// Shows the trends where the chips of every run leave them room, and the words of the states.
    void fitColumns();
    void measureChips(const QModelIndex &parent, int first, int last);
    void measureAllChips();

    RunTableModel *m_model;
    QLineEdit *m_filter;
    QTreeView *m_view;
    RunDelegate *m_delegate;
    QSortFilterProxyModel *m_proxy;
    QPersistentModelIndex m_picked; ///< the current row in the model, which the filter may hide
    int m_quiet = 0;                ///< above 0 the view takes rows that nobody chose
    QWidget *m_hiddenBar;
    QLabel *m_hidden;   ///< what is current and not in the list
    QLabel *m_hint;     ///< which keys put a run on a side, while sides are compared
    QPoint m_pressed;   ///< in the view's viewport
    double m_chips = 0; ///< px that those of the run take that has most to say
};

} // namespace sparsescope
