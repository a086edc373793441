#pragma once

#include "widgets/plots/plot_content.h"
#include "widgets/style/tokens.h"

#include <QPointF>
#include <QRectF>
#include <QString>

#include <vector>

class QCustomPlot;
class QPainter;

/// Where curves leave a plot at its top: the fitted range holds nearly all of their values, not all.
namespace sparsescope {

struct BeyondTop {
    double x = 0, y = 0; ///< the highest point of those above, on the axes
    Family family = Family::Classic;
    bool second = false; ///< as the curve
    QPointF tip;         ///< of its caret, px in the plot

    QRectF caret() const;
    QString words() const;
};

/// One of each family, of what the graphs of these curves hold; those that would lie on one another stand side by side.
std::vector<BeyondTop> beyondTop(QCustomPlot &plot, const PlotContent &content);

void paintCarets(QPainter &painter, const std::vector<BeyondTop> &carets, const Tokens &tokens);

} // namespace sparsescope
