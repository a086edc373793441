#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"
#include "widgets/style/icons.h"

#include <QFrame>

#include <memory>

class QLabel;
class QToolButton;

namespace sparsescope {

class StateLegend;
class TokenStrip;
class ValueList;

/// One query: its token in the running text, what it kept and missed in numbers, and the probe's tokens coloured for it.
class QueryCard : public QFrame {
    Q_OBJECT

public:
    QueryCard(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    void setSnapshot(std::shared_ptr<const Snapshot> snapshot);
    /// Null: the row is void, its words stay until the next one comes.
    void setRow(std::shared_ptr<const RowAnswer> row);

protected:
    void changeEvent(QEvent *event) override;

private:
    QToolButton *makeArrow(const char *name, const QString &words, Icon icon, int by);
    void setQueryBy(int rows);
    void showRow();
    void showStatistics();

    ViewState *m_viewState;
    std::shared_ptr<const RowAnswer> m_row;
    QLabel *m_text, *m_context;
    QToolButton *m_up, *m_down;
    ValueList *m_statistics;
    TokenStrip *m_tokens;
    StateLegend *m_legend;
};

} // namespace sparsescope
