#pragma once

#include "widgets/plots/atlas_maker.h"
#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QFrame>

#include <memory>
#include <optional>

class QCheckBox;
class QLabel;

namespace sparsescope {

class ColourRamps;
class HeadShare;
class MapPreview;
class ValueList;

/// Beside the Atlas: the selected map larger, what its layer keeps in numbers beside chance, whose score it is, and what
/// the colours of all thumbnails mean.
class LayerPane : public QFrame {
    Q_OBJECT

public:
    LayerPane(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// Null: void. `stepBefore`: of the churn; -1: none.
    void setPicture(std::shared_ptr<const LayerPicture> picture, std::int64_t stepBefore);
    void setAtlas(std::shared_ptr<const AtlasPicture> atlas);

Q_SIGNALS:
    void focusRequested();
    void limitsToggled();

private:
    void showStatistics();
    void showShares();
    void showLock();

    ViewState *m_viewState;
    std::shared_ptr<const LayerPicture> m_picture;
    std::shared_ptr<const AtlasPicture> m_atlas;
    std::int64_t m_stepBefore = -1;
    QLabel *m_title, *m_sub, *m_shareTitle;
    MapPreview *m_preview;
    ValueList *m_statistics;
    HeadShare *m_shares;
    ColourRamps *m_ramps;
    QCheckBox *m_lock;
};

} // namespace sparsescope
