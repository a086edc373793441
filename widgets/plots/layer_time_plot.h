#pragma once

#include "widgets/plots/painted_figure.h"
#include "widgets/plots/speed_content.h"

#include <memory>
#include <vector>

namespace sparsescope {

/// Time by context, or by shape, with the baseline = 1: two bars each, ours in its parts, times below, the factor above, and
/// where ours begins to win. Click, or the arrow keys, choose a point.
class LayerTimePlot : public PaintedFigure {
    Q_OBJECT

public:
    explicit LayerTimePlot(QWidget *parent = nullptr);

    void setContent(std::shared_ptr<const SpeedContent> content);
    void setPoint(int index);
    int point() const { return m_point; }
    /// Where a point's bars stand, for tests.
    QRectF pointBox(int index) const;

    QString figureTitle() const override;
    QString csv() const override; ///< point,part,us,lower_us,upper_us,baseline_us,factor,flops,bytes,right
    nlohmann::ordered_json exportContext() const override;

Q_SIGNALS:
    void pointChosen(int index);

protected:
    void paintBody(QPainter &painter, const QRectF &box, const Tokens &tokens, bool onScreen) const override;
    void mousePressEvent(QMouseEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;

private:
    struct Frame;
    Frame frameOf(const QRectF &box) const;
    void paintLegend(QPainter &painter, const QRectF &box, const Tokens &tokens) const;
    void paintPoint(QPainter &painter, const Frame &frame, int index, const Tokens &tokens) const;
    void paintCrossover(QPainter &painter, const Frame &frame, const Tokens &tokens) const;
    void describe();

    std::shared_ptr<const SpeedContent> m_content;
    int m_point = 0;
};

} // namespace sparsescope
