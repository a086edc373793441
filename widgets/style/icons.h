#pragma once

#include "widgets/style/tokens.h"

#include <QIcon>
#include <QRectF>

class QPainter;

namespace sparsescope {

enum class Icon {
    Start,
    Pause,
    Stop,
    Add,
    Export,
    Previous,
    Next,
    Up,
    Down,
    Train,
    Inspect,
    Compare,
    Speed,
    Moon,
    Sun,
    Device,
    Passed,
    Failed,
    Check,
    NotChecked,
    Info,
    Clock,
    Running,
    Tick,
    Fit,
    Lock,
    Folder
};

/// Draws in a 16 x 16 box scaled to `box`. `ground` is what shines through the filled signs (tick, cross).
void paintIcon(QPainter &painter, const QRectF &box, Icon icon, const QColor &colour, const QColor &ground);

/// Drawn anew for every size, scale and theme. Colour role: text, or white-on-accent for the primary button.
enum class IconRole { Normal, OnAccent, Accent, Switch };
QIcon makeIcon(Icon icon, IconRole role = IconRole::Normal);

/// Never colour alone: a sign for each run state (its word: displayName(RunState), its colour: runStateColour).
Icon runStateIcon(RunState state);

} // namespace sparsescope
