#pragma once

#include "widgets/plots/heatmap_coordinates.h"
#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"
#include "widgets/style/tokens.h"

#include <QPainter>
#include <QRectF>

#include <vector>

/// How a map is painted, on screen and on paper alike: its cells, the future, the axes and what is picked.
namespace sparsescope {

/// What one painting needs.
struct MapFrame {
    QRectF viewport; ///< where the map may paint
    CellMapping mapping;
    double dpr = 1;
    const Tokens &tokens;
    const LayerPicture &picture;
    const std::vector<MapLevel> &levels;
    bool onScreen = true;
    QSize cells() const { return levels.front().image.size(); }
    /// Level in use, kept to those that exist.
    const MapLevel &level() const;
    QRectF seen() const { return viewport.intersected(mapRect(mapping, cells())); }
};

/// What is picked and what is under the pointer, as far as this map has it. -1: none.
struct MapMarks {
    int pickedQuery = -1;
    int hoveredQuery = -1;
    int tagQuery = -1, tagKey = -1; ///< stand as tags on the axes: the hovered cell's, else the picked one's
};
MapMarks marksFor(const MapFrame &frame, const View &view, const Hover &hover);

/// The cells, and the hatched triangle s > t over them.
void paintCells(QPainter &painter, const MapFrame &frame);
/// The cells alone, for maps too small for a hatch.
void paintImageOnly(QPainter &painter, const MapFrame &frame);
/// Future keys that were selected, above the hatch: a fault that must shout, so every map shows it.
void paintFaults(QPainter &painter, const MapFrame &frame);
/// Outlines of the selected keys with the missed ones on top; where cells are too small for lines, the mask half
/// transparent.
void paintMaskOverlay(QPainter &painter, const MapFrame &frame);
/// Ticks leave room for the tags of paintMarks().
void paintAxes(QPainter &painter, const MapFrame &frame, const MapMarks &marks);
/// Outlines of rows, the line of the key that reaches `above` pixels over the map, the tags.
void paintMarks(QPainter &painter, const MapFrame &frame, const MapMarks &marks, double above);
/// Outline of the row in question and its number inside the future's triangle, for maps without axes.
void paintRowTag(QPainter &painter, const MapFrame &frame, const MapMarks &marks);

} // namespace sparsescope
