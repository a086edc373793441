#pragma once

#include "widgets/plots/painted_figure.h"
#include "widgets/plots/speed_content.h"

#include <memory>

namespace sparsescope {

/// Rate against arithmetic intensity, both logarithmic, below the ceilings that were measured in the same process: what of the
/// chosen point is near to what the card can do, and whether memory or arithmetic bounds it.
class RooflinePlot : public PaintedFigure {
    Q_OBJECT

public:
    explicit RooflinePlot(QWidget *parent = nullptr);

    void setPoint(std::shared_ptr<const SpeedContent> content, int index);

    QString figureTitle() const override;
    QString csv() const override; ///< operation,candidate,flop_per_byte,flops_per_s
    nlohmann::ordered_json exportContext() const override;

protected:
    void paintBody(QPainter &painter, const QRectF &box, const Tokens &tokens, bool onScreen) const override;

private:
    struct Mark {
        QString title, candidate;
        double intensity = 0, rate = 0; ///< FLOP per byte, FLOP/s
        QColor colour;
        SpeedPart part = SpeedPart::Whole; ///< its shape: colour alone says nothing to some
    };
    std::vector<Mark> marks(const Tokens &tokens) const;

    std::shared_ptr<const SpeedContent> m_content;
    int m_point = 0;
};

} // namespace sparsescope
