#pragma once

#include "widgets/plots/snapshot_slider.h"
#include "widgets/plots/visible_refresh.h"
#include "widgets/state/run_data.h"
#include "widgets/state/view_state.h"

#include <QFrame>
#include <QPointer>
#include <QTimer>

#include <optional>

class QCheckBox;
class QLabel;
class QToolButton;

namespace sparsescope {

/// Where in training the page looks: slider, previous, play, next, follow live, churn against the snapshot before.
class SnapshotStrip : public QFrame {
    Q_OBJECT

public:
    explicit SnapshotStrip(ViewState *viewState, QWidget *parent = nullptr);

    void setRun(RunData *run);
    /// Null: unknown, said as a dash.
    void setChurn(std::optional<double> churn);
    /// Moves by snapshots; by hand, so follow live goes off.
    void stepBy(int snapshots);
    /// Ten snapshots a second up to the newest, from the first one when it stands there; again: stops. Where the desktop
    /// wants no animation it goes to the newest at once.
    void togglePlay();
    bool playing() const { return m_play.isActive(); }

private:
    void playOne();
    void stopPlaying();
    void refresh();
    void viewChanged();
    int indexOf(std::int64_t step) const; ///< newest snapshot at or before the step; -1: none

    ViewState *m_viewState;
    QPointer<RunData> m_run;
    SnapshotSlider *m_slider;
    QToolButton *m_previous, *m_playButton, *m_next;
    QTimer m_play;
    QCheckBox *m_follow;
    QLabel *m_count, *m_churn;
    std::optional<double> m_churnValue;
    VisibleRefresh m_refresh;
};

} // namespace sparsescope
