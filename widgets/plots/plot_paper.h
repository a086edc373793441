#pragma once

#include "widgets/style/tokens.h"

#include <QSize>

class QCustomPlot;
class QPainter;

/// What the row and distance plots share: axes in the theme's colours, and a way onto paper.
namespace sparsescope {

void styleAxes(QCustomPlot &plot, const Tokens &tokens);
/// With vector text where the device has it.
void paintPlot(QCustomPlot &plot, QPainter &painter, QSize size);

} // namespace sparsescope
