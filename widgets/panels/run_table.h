#pragma once

#include "widgets/state/run_data.h"

#include <QWidget>

#include <vector>

class QLineEdit;
class QSortFilterProxyModel;
class QTreeView;

namespace sparsescope {

class RunTableModel;

/// The runs of every open experiment, with a filter.
class RunTable : public QWidget {
    Q_OBJECT

public:
    explicit RunTable(RunTableModel *model, QWidget *parent = nullptr);

    RunData *currentRun() const;
    void setCurrentRun(const RunData *run);
    QTreeView *view() const { return m_view; }
    void focusFilter();

Q_SIGNALS:
    void currentRunChanged(sparsescope::RunData *run);
    void runActivated(sparsescope::RunData *run); ///< double-click or Enter

private:
    RunTableModel *m_model;
    QSortFilterProxyModel *m_proxy;
    QTreeView *m_view;
    QLineEdit *m_filter;
};

} // namespace sparsescope
