#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QWidget>

#include <memory>

namespace sparsescope {

class DistancePlot;
class MapCard;
class RowCard;

/// One map of one layer, large, with one of its queries beside it and how far back the layer looks.
class FocusPanel : public QWidget {
    Q_OBJECT

public:
    FocusPanel(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    MapCard *card() const { return m_card; }
    RowCard *row() const { return m_row; }
    DistancePlot *distance() const { return m_distance; }

private:
    MapCard *m_card;
    RowCard *m_row;
    DistancePlot *m_distance;
};

} // namespace sparsescope
