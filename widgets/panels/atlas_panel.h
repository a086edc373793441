#pragma once

#include "widgets/plots/atlas_maker.h"
#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QWidget>

class QLabel;

namespace sparsescope {

class AtlasView;
class LayerPane;
class ProbeCard;

/// The Atlas with the probe text below it and the selected map beside it.
class AtlasPanel : public QWidget {
    Q_OBJECT

public:
    AtlasPanel(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    AtlasView *atlas() const { return m_atlas; }
    ProbeCard *probe() const { return m_probe; }
    LayerPane *pane() const { return m_pane; }
    void setNotice(const QString &text); ///< why a newer snapshot could not be shown; empty: none
    /// Says that there is nothing to select and that the columns of it are hidden; empty: there is.
    void setWithoutIndexer(const QString &family);

private:
    QLabel *m_notice, *m_info;
    AtlasView *m_atlas;
    ProbeCard *m_probe;
    LayerPane *m_pane;
};

} // namespace sparsescope
