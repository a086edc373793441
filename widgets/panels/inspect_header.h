#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/run_data.h"
#include "widgets/state/view_state.h"

#include <QWidget>

#include <vector>

class QComboBox;
class QLabel;
class QPushButton;

namespace sparsescope {

/// The choices above the Inspect page: run, layer, map and colour scale; and which probe is looked at. Layer, map and
/// scale go to ViewState by themselves, the run is its owner's.
class InspectHeader : public QWidget {
    Q_OBJECT

public:
    explicit InspectHeader(ViewState *viewState, QWidget *parent = nullptr);

    /// None is chosen after it; says nothing about it either.
    void setRuns(const std::vector<RunData *> &runs);
    /// A run that came later, chosen at once.
    void addRun(const RunData &run);
    void setRunIndex(int index); ///< -1: none; says nothing
    /// The state of a run stands in its title.
    void retitle(int index, const RunData &run);
    /// Offers the layers and maps of this snapshot, and shows which ones the picture has.
    void setPicture(const LayerPicture &picture);
    void moveLayer(int by);

Q_SIGNALS:
    void runChosen(int index); ///< by hand

private:
    QWidget *makeScaleSwitch();
    void fillLayers(const LayerPicture &picture);
    void fillMaps(const LayerPicture &picture);

    ViewState *m_viewState;
    QComboBox *m_run, *m_layer, *m_map;
    QLabel *m_probe;
    QPushButton *m_log, *m_linear;
};

} // namespace sparsescope
