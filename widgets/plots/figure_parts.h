#pragma once

#include "widgets/style/theme.h"

#include <QColor>
#include <QRectF>
#include <QString>

class QPainter;

/// What the panels of a figure share: headings, bars, marks. All sizes in units of the figure.
namespace sparsescope {

/// A panel's title with a quieter line below it; 36 high.
void paintHeading(QPainter &painter, const QRectF &box, const QString &text, const QString &hint, const Tokens &tokens);
/// Room for the labels left of bars, where none needs more.
constexpr double kLabelRoom = 118;
/// One labelled horizontal bar on a scale from 0 to `full`, its value in words behind it. Hollow: hatched, for what is compared with.
void paintBar(QPainter &painter, const QRectF &box, const QString &label, double value, double full,
              const QString &words, const QColor &colour, bool hollow, const Tokens &tokens,
              double labelRoom = kLabelRoom);
/// A dashed line through the bars of `box` that marks what chance gives.
void paintChanceMark(QPainter &painter, const QRectF &box, double value, double full, const Tokens &tokens,
                     double labelRoom = kLabelRoom);
/// A coloured square with its meaning, from `left` on; returns where the next may begin.
double paintKey(QPainter &painter, double left, double top, const QString &words, const QColor &fill,
                const QColor &line, const Tokens &tokens);

} // namespace sparsescope
