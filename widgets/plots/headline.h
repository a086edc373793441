#pragma once

#include <QFontMetrics>
#include <QString>

namespace sparsescope {

/// How much of an experiment's question is the headline of its figure: the question itself, up to its mark; what explains it
/// stands below, smaller. Where that is wider than `width` pixels, the first sentence alone.
qsizetype headlineLength(const QString &question, const QFontMetrics &metrics, int width);

} // namespace sparsescope
