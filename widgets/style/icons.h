#pragma once

#include "widgets/style/tokens.h"

#include <QIcon>
#include <QRectF>

class QPainter;

namespace sparsescope {

enum class Icon {
    Play, Pause, Stop, Plus, Open, Export, Tick, Passed, Failed, Warning, Info, Clock, Dot, Moon, Sun, Chip,
    Previous, Next, Train, Inspect, Fit, Disk, More, Less, Eye
};

/// Which token an icon is drawn in.
enum class Ink { Text, Text2, Hint, Accent, OnAccent, Passed, Check, Failed };

/// Drawn when it is shown: follows the theme and the scale by itself. Disabled widgets get it in the hint colour.
QIcon icon(Icon shape, Ink ink = Ink::Text);
QColor inkColour(Ink ink, const Tokens &tokens);
/// Fills `rect` (drawn on a 16 x 16 grid). `ground` is what lies behind, for the marks cut out of filled shapes.
void paintIcon(QPainter &painter, Icon shape, const QRectF &rect, const QColor &colour, const QColor &ground);
/// The sign of a run state; its word stands beside it.
Icon runStateIcon(RunState state);
/// A family's marker, `size` px across, filled with `fill`.
void paintMarker(QPainter &painter, Marker marker, QPointF centre, double size, const QColor &colour, const QColor &fill);

} // namespace sparsescope
