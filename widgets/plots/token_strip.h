#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QWidget>

#include <memory>
#include <vector>

namespace sparsescope {

/// The probe text as boxes, coloured for one query: dark = the query, filled = selected, outlined = missed, grey = future,
/// plain = neither; an underline dot = a key the task is known to need. Click makes a token the query, hover the key.
class TokenStrip : public QWidget {
    Q_OBJECT

public:
    TokenStrip(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    void setSnapshot(std::shared_ptr<const Snapshot> snapshot);
    void setRow(std::shared_ptr<const RowAnswer> row);

    /// Where a token's box is, for tests; empty when there is none.
    QRect tokenRect(int position) const;
    KeyState stateOf(int position) const;

    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override { return {520, heightForWidth(520)}; }
    QSize minimumSizeHint() const override { return {200, 28}; }

protected:
    void paintEvent(QPaintEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void leaveEvent(QEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;

private:
    std::vector<QRect> boxesFor(int width) const;
    /// Where the text is scrolled: a query that was chosen elsewhere comes into sight.
    void showQuery();
    int tokenAt(QPoint position) const; ///< -1: none

    ViewState *m_viewState;
    HoverState *m_hoverState;
    int m_shownQuery = -1;
    std::shared_ptr<const Snapshot> m_snapshot;
    std::shared_ptr<const RowAnswer> m_row;
    std::vector<QString> m_words;
    std::vector<QRect> m_boxes;
};

} // namespace sparsescope
