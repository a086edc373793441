#pragma once

#include "widgets/style/tokens.h"

#include <QPainter>
#include <QRectF>
#include <QString>

#include <optional>
#include <string>

/// Small marks that several views draw.
namespace sparsescope {

/// A family's marker about `centre`, filled with the ground so that the line under it does not show.
void paintMarker(QPainter &painter, QPointF centre, double size, Marker marker, const QColor &colour,
                 const QColor &ground);

/// Chip of a family (tinted with its colour) or, without one, of a plain word ("k32", "s1").
QSizeF chipSize(const QString &text);
void paintChip(QPainter &painter, const QRectF &box, const QString &text, const Tokens &tokens,
               std::optional<Family> family = std::nullopt);

/// A side of a comparison: its letter on its colour.
void paintSideBadge(QPainter &painter, const QRectF &box, const QString &letter, const QColor &colour,
                    const Tokens &tokens);

/// A position tag on an axis: inverted box with a number. The anchor is the middle of the named side.
void paintTag(QPainter &painter, QPointF anchor, Qt::Alignment side, const QString &text, const Tokens &tokens);

/// Legend swatch of a key state: filled, outlined (missed) or hatched (future).
void paintStateSwatch(QPainter &painter, const QRectF &box, KeyState state, const Tokens &tokens);

/// Diagonal lines of 45 degrees every `step` pixels inside a convex polygon. Drawn as lines, so that they stay lines in
/// a vector export.
void paintHatch(QPainter &painter, const QPolygonF &polygon, double step, const QColor &colour);

/// Contrast of two opaque colours, 1 to 21. Source: WCAG 2.1.
double contrast(const QColor &one, const QColor &other);
/// `colour` for words on a panel, or for a ground that carries words in the panel's colour: nearer to that of text where it
/// would be too faint (below 4.5).
QColor wordsColour(const QColor &colour, const Tokens &tokens);

/// Colour between two colours, for tints.
QColor mix(const QColor &from, const QColor &to, double share);

/// A token as it is shown: line ends as a pilcrow, spaces as middle dots, nothing as an empty box.
QString shownToken(const std::string &word);

} // namespace sparsescope
