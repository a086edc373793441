#pragma once

#include "widgets/plots/attention_difference.h"
#include "widgets/plots/heatmap_painting.h"
#include "widgets/plots/value_tooltip.h"
#include "widgets/plots/view.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QWidget>

#include <memory>

namespace sparsescope {

/// A - B of an attention map, blue where B has more, red where A has; a click picks query and key for every map.
class DifferenceHeatmap : public QWidget, public ExportableView {
    Q_OBJECT

public:
    DifferenceHeatmap(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// Null: nothing to show.
    void setPicture(std::shared_ptr<const DifferencePicture> picture);
    const std::shared_ptr<const DifferencePicture> &picture() const { return m_picture; }
    const CellMapping &mapping() const { return m_mapping; }
    /// Names of the two runs, for titles.
    void setRuns(const QString &a, const QString &b);

    QString figureTitle() const override;
    QSizeF figureSize() const override { return {620, 560}; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< t,s,value
    nlohmann::ordered_json exportContext() const override;

    QSize sizeHint() const override { return {330, 280}; }
    QSize minimumSizeHint() const override { return {220, 180}; }

protected:
    void paintEvent(QPaintEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void leaveEvent(QEvent *event) override;

private:
    void layoutMap();
    void paintMap(QPainter &painter, const MapFrame &frame) const;
    ValueLines linesFor(int query, int key) const;

    ViewState *m_viewState;
    HoverState *m_hoverState;
    std::shared_ptr<const DifferencePicture> m_picture;
    QString m_a, m_b;
    QRectF m_viewport;
    CellMapping m_mapping;
};

} // namespace sparsescope
