#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"
#include "widgets/style/icons.h"

#include <QFrame>

#include <memory>

class QCheckBox;
class QLabel;
class QToolButton;

namespace sparsescope {

class ComboBox;
class HeadLegend;
class KeyTable;
class RowPlot;
class StateLegend;
class ValueList;

/// One query: its token in the running text, what it kept and missed in numbers, its keys as bars by rank and as a table.
class RowCard : public QFrame {
    Q_OBJECT

public:
    RowCard(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// Null: the row is void, its words stay until the next one comes.
    void setRow(std::shared_ptr<const RowAnswer> row);
    int attentionHead() const; ///< whose attention the table shows; -1: mean
    const RowPlot *plot() const { return m_plot; }

Q_SIGNALS:
    void attentionHeadChanged();

protected:
    void changeEvent(QEvent *event) override;

private:
    QToolButton *makeArrow(const char *name, const QString &words, Icon icon, int by);
    void setQueryBy(int rows);
    void showRow();
    void showStatistics();
    void fillHeads();

    ViewState *m_viewState;
    std::shared_ptr<const RowAnswer> m_row;
    QLabel *m_text, *m_context;
    QToolButton *m_up, *m_down;
    ValueList *m_statistics;
    StateLegend *m_legend;
    RowPlot *m_plot;
    KeyTable *m_table;
    HeadLegend *m_headLegend;
    ComboBox *m_head;
    QCheckBox *m_all;
};

} // namespace sparsescope
