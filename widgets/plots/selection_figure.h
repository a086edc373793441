#pragma once

#include "core/base/maps.h"
#include "widgets/plots/comparison.h"
#include "widgets/style/theme.h"

#include <QRectF>
#include <QString>

#include <memory>
#include <optional>

class QPainter;

namespace sparsescope {

/// Three selection masks of one layer on one text: what the trained indexer takes, what the newest and what random keys would
/// be. Needed keys (the dense top-k, which is the same in all three) are dark where they were taken and orange where missed.
class SelectionFigure {
public:
    SelectionFigure(const Snapshot &snapshot, const LayerSnapshot &layer, Family family);

    void paint(QPainter &painter, const QRectF &box, const Tokens &tokens) const;

private:
    struct Mask {
        QString title;
        MaskMap map;
        std::optional<double> recall; ///< share of the needed keys that is taken, over the rows that choose
    };
    void paintMask(QPainter &painter, const Mask &mask, QPointF corner, double cell, const Tokens &tokens) const;

    QString m_title, m_hint;
    Mask m_trained, m_newest, m_random;
};

/// Of the layer that finds most of the needed keys; null without a snapshot that has a selection.
std::unique_ptr<SelectionFigure> selectionFigureOf(const Comparison &comparison);

} // namespace sparsescope
