#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QAbstractTableModel>
#include <QTableView>

#include <memory>
#include <vector>

namespace sparsescope {

/// Keys of a query that are worth a row, in the order of their rank: the first five, the one in question, the two about the
/// k-th place, all missed; or all of them. `marked` -1: none.
std::vector<int> keysWorthARow(const RowAnswer &row, int marked, bool all);

/// Those keys with their place, words, score, terms and attention.
class KeyTableModel : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Column { Rank, Key, State, Context, Score, Terms, Attention, ColumnCount };
    using QAbstractTableModel::QAbstractTableModel;

    void setRow(std::shared_ptr<const RowAnswer> row, std::vector<int> keys);
    const std::shared_ptr<const RowAnswer> &row() const { return m_row; }
    int keyAt(int row) const { return m_keys[static_cast<std::size_t>(row)]; }
    int rankAt(int row) const;                             ///< from 1
    int rowOfKey(int key) const;                           ///< -1: not shown
    std::vector<float> termsAt(int row) const;             ///< [HI]
    double largestTerms() const { return m_largestTerms; } ///< of the shown keys: sum |term|
    KeyState stateAt(int row) const;

    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override { return parent.isValid() ? 0 : ColumnCount; }
    QVariant data(const QModelIndex &index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    std::shared_ptr<const RowAnswer> m_row;
    std::vector<int> m_keys, m_ranks;
    double m_largestTerms = 0;
};

/// Hover links to every other view, click picks the key.
class KeyTable : public QTableView {
    Q_OBJECT

public:
    KeyTable(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    void setRow(std::shared_ptr<const RowAnswer> row);
    void setAllKeys(bool all);
    KeyTableModel *keys() { return &m_model; }

    QSize sizeHint() const override { return {480, 260}; }
    QSize minimumSizeHint() const override { return {240, 128}; }

protected:
    void mouseMoveEvent(QMouseEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void leaveEvent(QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void hoverChanged();
    void showKeys();
    int markedKey() const;

    ViewState *m_viewState;
    HoverState *m_hoverState;
    KeyTableModel m_model;
    std::shared_ptr<const RowAnswer> m_row;
    bool m_all = false;
};

} // namespace sparsescope
