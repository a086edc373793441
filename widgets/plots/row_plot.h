#pragma once

#include "widgets/plots/figure_plot.h"
#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <memory>

class QCPBars;

namespace sparsescope {

/// The keys of one query as bars, by falling score (by attention where there is no indexer), with the line after the k-th,
/// the threshold, and a mark at the hovered key. Hover links, click picks the key.
class RowPlot : public FigurePlot {
    Q_OBJECT

public:
    RowPlot(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    void setRow(std::shared_ptr<const RowAnswer> row);
    const std::shared_ptr<const RowAnswer> &row() const { return m_row; }
    /// For tests: middle of the bar of that rank (from 1), in this widget's pixels.
    QPoint barCentre(int rank) const;

    QString figureTitle() const override;
    QSizeF figureSize() const override { return {640, 300}; }
    double smallestWidth() const override { return 480; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< rank, key, token, state, score, attention, and a column for each indexer head
    nlohmann::ordered_json exportContext() const override;

    QSize sizeHint() const override { return {480, 180}; }
    QSize minimumSizeHint() const override { return {240, 88}; }

protected:
    void applyTokens(const Tokens &tokens) const override;
    bool eventFilter(QObject *watched, QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    class Marks;
    void showBars();
    void labelValues();
    int keyAt(QPoint position) const; ///< -1: none

    ViewState *m_viewState;
    HoverState *m_hoverState;
    QCPBars *m_needed, *m_little, *m_missed, *m_other;
    Marks *m_marks;
    std::shared_ptr<const RowAnswer> m_row;
};

/// Height of a key's bar: its score, or its attention where there is no indexer.
double barValue(const RowAnswer &row, int key);

} // namespace sparsescope
