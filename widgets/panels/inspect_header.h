#pragma once

#include "widgets/plots/atlas_view.h"
#include "widgets/plots/map_worker.h"
#include "widgets/state/run_data.h"
#include "widgets/state/view_state.h"

#include <QWidget>

#include <vector>

class QButtonGroup;
class QComboBox;
class QLabel;
class QPushButton;

namespace sparsescope {

/// The choices above the Inspect page: Atlas or Focus, the run, and what that view offers: order and size of thumbnails;
/// layer, map, scale and colours. What belongs to ViewState goes there by itself, the rest is its owner's.
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
    void setSize(int side); ///< of a thumbnail; says nothing

protected:
    void resizeEvent(QResizeEvent *event) override;

Q_SIGNALS:
    void runChosen(int index); ///< by hand
    void orderChosen(sparsescope::AtlasOrder order);
    void sizeChosen(int side); ///< of a thumbnail, pixels
    void limitsToggled();
    void fitRequested();

private:
    QButtonGroup *makeSwitch(const char *name, const QString &words, const std::vector<QPushButton *> &buttons,
                             QWidget *&box);
    QWidget *makeAtlasChoices();
    QWidget *makeFocusChoices();
    void showView();
    void fillLayers(const LayerPicture &picture);
    void fillMaps(const LayerPicture &picture);

    ViewState *m_viewState;
    QComboBox *m_run, *m_layer, *m_map;
    QComboBox *m_colours;
    QLabel *m_probe;
    QPushButton *m_atlas, *m_focus, *m_log, *m_linear, *m_lock;
    std::vector<std::pair<int, QPushButton *>> m_sizes;
    QWidget *m_atlasChoices, *m_focusMaps, *m_focusChoices;
};

} // namespace sparsescope
