#pragma once

#include "widgets/style/tokens.h"

#include <QString>

class QApplication;
class QWidget;

/// Hooks of the style sheet are the dynamic property `role`, since object names belong to tests:
///   QFrame   card (a panel with a border and rounded corners), bar (flat strip under the toolbar)
///   QLabel   heading (13 semibold), title (16), display (22), sub (12, text 2), hint (12, hint), mono (12, equal digits),
///            value (14 mono), passed / check / failed (state words)
///   QPushButton, QToolButton   primary, flat, icon (square, no text), seg (one of a row; property `edge` = l, m, r)
///   QLineEdit, QSpinBox, QComboBox   property `bad` = true: 2 px red border
/// A property set after the widget was shown needs repolish().
namespace sparsescope {

/// Fusion, palette, fonts and style sheet. Widgets that paint themselves get QEvent::StyleChange and read currentTokens().
void applyTheme(QApplication &application, Theme theme);
Theme currentTheme();

/// Nothing plays, it jumps: asked for here, or by the desktop.
void setReducedMotion(bool reduced);
bool reducedMotion();
/// Tokens of the theme that was applied last (light before that).
const Tokens &currentTokens();

/// The whole style sheet of a theme.
QString styleSheet(const Tokens &tokens);
/// Sets the `role` property and styles the widget again.
void setRole(QWidget *widget, const char *role);
void repolish(QWidget *widget);

} // namespace sparsescope
