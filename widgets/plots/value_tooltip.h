#pragma once

#include "widgets/style/tokens.h"

#include <QPainter>
#include <QRectF>
#include <QString>

#include <utility>
#include <vector>

/// A box with a line for every value of the cell under the pointer: label left, number right.
namespace sparsescope {

using ValueLines = std::vector<std::pair<QString, QString>>;

/// Where it stands: beside `cell` and above it, or below where there is no room, inside a view of this width.
QRectF tooltipBox(const ValueLines &lines, const QRectF &cell, double viewWidth);
void paintTooltip(QPainter &painter, const ValueLines &lines, const QRectF &box, const Tokens &tokens);

} // namespace sparsescope
