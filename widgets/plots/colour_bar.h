#pragma once

#include "widgets/style/colour_maps.h"

#include <QPainter>
#include <QRectF>

#include <vector>

namespace sparsescope {

/// Round values inside the limits: 1-2-5 steps on a logarithmic scale, evenly spaced ones on a linear scale.
std::vector<double> colourBarTicks(const ColourScale &scale);

/// A vertical bar, low at the bottom, ticks and numbers at its right; below it a swatch for the future.
/// `box` is the bar itself, kColourBarLabelWidth more are needed at its right and kColourBarFootHeight below it.
inline constexpr double kColourBarWidth = 12;
inline constexpr double kColourBarLabelWidth = 40;
inline constexpr double kColourBarFootHeight = 46;
void paintColourBar(QPainter &painter, const QRectF &box, const ColourScale &scale, const Tokens &tokens);

/// A title, a horizontal bar below it (low at the left), and its numbers.
inline constexpr double kRampHeight = 44;
void paintColourRamp(QPainter &painter, const QRectF &box, const ColourScale &scale, const QString &title,
                     const Tokens &tokens);

} // namespace sparsescope
