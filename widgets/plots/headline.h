#pragma once

#include <QFontMetrics>
#include <QSizeF>
#include <QString>

class QPainter;

namespace sparsescope {

struct Tokens;

/// How much of an experiment's question is the headline of its figure: the question itself, up to its mark; what explains it
/// stands below, smaller. Where that is wider than `width` pixels, the first sentence alone.
qsizetype headlineLength(const QString &question, const QFontMetrics &metrics, int width);

/// The ground of a figure and its headline, between margins of `side` pixels.
void paintHeadline(QPainter &painter, QSizeF size, double side, const QString &question, const Tokens &tokens);

} // namespace sparsescope
