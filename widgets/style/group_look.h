#pragma once

#include "widgets/style/tokens.h"

namespace sparsescope {

/// How one of several groups of a family is drawn: in the family's colour, made lighter or darker, with a line of its own. The
/// first is the family itself: 0. Looks repeat after 25.
QColor groupColour(Family family, int variant, const Tokens &tokens);
Qt::PenStyle groupLine(int variant);

} // namespace sparsescope
