#pragma once

#include <QFont>

namespace sparsescope {

/// Makes Inter and JetBrains Mono known: the bundled copies, else those of the system, else DejaVu stands in.
/// Called by applyTheme(); calling it again does nothing.
void loadFonts();

/// Words. Sizes in use: 13 (body), 12 (secondary), 11 (ticks and chips), 16 and 22 (headings).
QFont uiFont(int pixels = 13, QFont::Weight weight = QFont::Normal);
/// Numbers that change, tables, tokens, log: equal digit widths.
QFont monoFont(int pixels = 12, QFont::Weight weight = QFont::Normal);

QString uiFontFamily();
QString monoFontFamily();

} // namespace sparsescope
