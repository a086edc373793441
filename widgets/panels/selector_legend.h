#pragma once

#include "widgets/plots/selector_curves.h"

#include <QWidget>

namespace sparsescope {

/// The selectors with their value at one k.
class SelectorLegend : public QWidget {
public:
    explicit SelectorLegend(QWidget *parent = nullptr);

    void setCurves(const SelectorCurves &curves, std::int64_t topK);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    SelectorCurves m_curves;
    std::int64_t m_topK = 0;
};

} // namespace sparsescope
