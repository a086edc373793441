#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QFrame>

#include <memory>

class QLabel;
class QPushButton;
class QStackedWidget;

namespace sparsescope {

class IndexerHeatmap;
class SelectionMaskView;

/// The map of a layer, its values or its mask, and notices above it: a newer one that could not be shown, future keys that
/// were selected.
class MapCard : public QFrame {
    Q_OBJECT

public:
    MapCard(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// Null: the picture is void, its notices stay until the next one comes.
    void setPicture(std::shared_ptr<const LayerPicture> picture);
    void setNotice(const QString &text); ///< empty: none
    void setRow(std::shared_ptr<const RowAnswer> row);
    void setLoading(bool loading);
    IndexerHeatmap *map() const { return m_map; }
    SelectionMaskView *mask() const { return m_mask; }

private:
    void showFault();

    ViewState *m_viewState;
    std::shared_ptr<const LayerPicture> m_picture;
    QLabel *m_notice, *m_fault;
    QPushButton *m_showFault;
    QStackedWidget *m_stack;
    IndexerHeatmap *m_map;
    SelectionMaskView *m_mask;
};

} // namespace sparsescope
