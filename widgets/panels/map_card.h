#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QFrame>

#include <memory>

class QLabel;

namespace sparsescope {

class IndexerHeatmap;

/// The map of a layer under its title, and a notice where a newer one could not be shown.
class MapCard : public QFrame {
    Q_OBJECT

public:
    MapCard(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// Null: the picture is void, its title stays until the next one comes.
    void setPicture(std::shared_ptr<const LayerPicture> picture);
    void setNotice(const QString &text); ///< empty: none
    IndexerHeatmap *map() const { return m_map; }

private:
    QLabel *m_title, *m_notice;
    IndexerHeatmap *m_map;
};

} // namespace sparsescope
