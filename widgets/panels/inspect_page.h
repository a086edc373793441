#pragma once

#include "widgets/plots/atlas_maker.h"
#include "widgets/plots/map_worker.h"
#include "widgets/plots/newest_worker.h"
#include "widgets/plots/view.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/run_data.h"
#include "widgets/state/view_state.h"

#include <QPointer>
#include <QWidget>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

class QStackedWidget;

namespace sparsescope {

class AtlasPanel;
class FocusPanel;
class InspectHeader;
class MessageView;
class SnapshotStrip;

/// What the indexer scores, what is selected and what attention needed, at any snapshot of a run: all layers small (Atlas)
/// or one map large (Focus). Reads and changes ViewState; computes nothing on the GUI thread.
class InspectPage : public QWidget {
    Q_OBJECT

public:
    InspectPage(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);
    ~InspectPage() override;

    void setRuns(std::vector<RunData *> runs);
    void setRun(RunData *run);
    RunData *run() const { return m_run; }

    /// "Layer 3 · indexer score, all heads · query 123 “t” · key 83 “.”"
    QString cursorText() const;
    /// "Map 128 × 128, 1 cell = 5 px, no reduction"
    QString reducerText() const;
    /// What can be exported from here now, with the names that the command line uses: "atlas", "map", "mask", "row",
    /// "distance". Those without content are left out.
    std::vector<std::pair<QString, const ExportableView *>> exportableViews() const;
    /// Nothing is being read or computed for what the page shows: all of it is here, or it says why not.
    bool settled() const;
    QString failure() const { return m_failure; } ///< why the snapshot at the cursor is not shown; empty: it is
    /// The part that a person means by "this picture": the Atlas or the map.
    QWidget *mainView() const;

public Q_SLOTS:
    void stepSnapshot(int by);
    void firstSnapshot();
    void togglePlay();
    void moveLayer(int by);
    void toggleOverlay();
    /// Locks the limits of the maps that are shown, or lets all of them go.
    void toggleLimits();
    void zoomBy(double factor);
    void resetZoom();

Q_SIGNALS:
    void statusChanged();

protected:
    void changeEvent(QEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void showEvent(QShowEvent *event) override;

private:
    void connectParts();
    void viewChanged();
    void hoverChanged();
    void runChanged();
    void clearAnswers();
    void refreshPicture();
    void refreshAtlas(const std::shared_ptr<const Snapshot> &snapshot);
    void refreshRow();
    void pictureReady(std::shared_ptr<const LayerPicture> picture);
    void atlasReady(std::shared_ptr<const AtlasPicture> picture);
    void rowReady(std::shared_ptr<const RowAnswer> row);
    void setLoading(bool loading);
    void fail(const QString &reason);
    void showMessage();
    void followNewest();
    void pickFirstQuery(const Snapshot &snapshot);
    std::shared_ptr<const Snapshot> snapshotBefore();
    std::int64_t stepShown() const; ///< -1: no snapshot
    bool inAtlas() const { return m_viewState->view().inspect == InspectView::Atlas; }

    ViewState *m_viewState;
    HoverState *m_hoverState;
    std::vector<QPointer<RunData>> m_runs;
    QPointer<RunData> m_run;
    int m_tag = 0;
    std::optional<MapRequest> m_asked;
    std::optional<AtlasRequest> m_atlasAsked;
    std::optional<RowRequest> m_rowAsked;
    std::int64_t m_previousAsked = -1;
    std::int64_t m_failedStep = -1; ///< its file cannot be read: it is not asked for again
    std::shared_ptr<const LayerPicture> m_picture;
    std::shared_ptr<const AtlasPicture> m_atlas;
    std::shared_ptr<const RowAnswer> m_row;
    QString m_failure;

    InspectHeader *m_header = nullptr;
    SnapshotStrip *m_strip = nullptr;
    QStackedWidget *m_body = nullptr;
    AtlasPanel *m_atlasPanel = nullptr;
    FocusPanel *m_focusPanel = nullptr;
    MessageView *m_message = nullptr;

    PictureMaker m_maker; ///< used by the map worker's thread only
    AtlasMaker m_atlasMaker;
    NewestWorker<MapRequest, LayerPicture> m_mapWorker;
    NewestWorker<AtlasRequest, AtlasPicture> m_atlasWorker;
    NewestWorker<RowRequest, RowAnswer> m_rowWorker;
};

} // namespace sparsescope
