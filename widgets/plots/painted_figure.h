#pragma once

#include "widgets/plots/view.h"

#include <QWidget>

namespace sparsescope {

/// A figure that paints itself: the same strokes on screen and on paper, where a title stands above.
class PaintedFigure : public QWidget, public ExportableView {
    Q_OBJECT

public:
    explicit PaintedFigure(QWidget *parent = nullptr);

    QSizeF figureSize() const override { return {720, 420}; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;

protected:
    virtual void paintBody(QPainter &painter, const QRectF &box, const Tokens &tokens, bool onScreen) const = 0;
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;
};

} // namespace sparsescope
