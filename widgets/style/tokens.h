#pragma once

#include "core/base/config.h"
#include "core/base/maps.h"
#include "core/base/records.h"

#include <QColor>
#include <QString>

#include <array>

/// The one place where a colour of the window has a value. Every text is at least 4.5 : 1 on its ground, every line
/// and mark 3 : 1, in both themes.
namespace sparsescope {

enum class Theme { Light, Dark };

struct Tokens {
    QColor window, panel, alternate, field, border, grid;
    QColor text, text2, hint;
    QColor accent, onAccent, selection, selectionText, hover;
    QColor passed, passedTint, check, checkTint, failed, failedTint, infoTint;
    QColor classic, dsa, mhla, mhlaSparse;
    QColor selectedNeeded, selectedLittle, missed, futureSelected, future, futureLine;
    QColor notSelected; ///< bars of keys that were not chosen
    QColor stage, chance, cursor;
    std::array<QColor, 4> heads; ///< indexer heads 0 to 3; further ones repeat, hatched
    bool dark = false;
};

const Tokens &tokens(Theme theme);

/// No family by colour alone: each also has a marker.
enum class Marker { Circle, Square, Diamond, Triangle };
QColor familyColour(Family family, const Tokens &tokens);
Marker familyMarker(Family family);
/// Of a side of a comparison: the family's, but grey for the second of two sides of one family.
QColor sideColour(Family family, bool second, const Tokens &tokens);

/// Fill of a cell or key box; for Missed the colour of its outline. Neither has no fill (invalid colour).
QColor stateColour(KeyState state, const Tokens &tokens);
/// As the legend says it: "Selected, needed", "Missed", ...
QString stateText(KeyState state);

QColor runStateColour(RunState state, const Tokens &tokens);

struct HeadStyle {
    QColor colour;
    bool hatched = false;
};
HeadStyle indexHeadStyle(int head, const Tokens &tokens);

} // namespace sparsescope
