#pragma once

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
#include <vector>

class QStackedWidget;

namespace sparsescope {

class IndexerHeatmap;
class InspectHeader;
class MapCard;
class MaskCard;
class MessageView;
class QueryCard;
class SnapshotStrip;

/// What the indexer scores, what is selected and what attention needed, at any snapshot of a run. Reads and changes
/// ViewState; computes nothing on the GUI thread.
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
    /// What can be exported from here now: the map, and the mask where there is one.
    std::vector<const ExportableView *> exportableViews() const;

Q_SIGNALS:
    void statusChanged();

protected:
    void changeEvent(QEvent *event) override;

private:
    void makeShortcuts();

    void viewChanged();
    void hoverChanged();
    void runChanged();
    void refreshPicture();
    void refreshRow();
    void pictureReady(std::shared_ptr<const LayerPicture> picture);
    void rowReady(std::shared_ptr<const RowAnswer> row);
    void showMessage();
    void followNewest();
    void pickFirstQuery(const Snapshot &snapshot);
    std::int64_t stepShown() const; ///< -1: no snapshot

    ViewState *m_viewState;
    HoverState *m_hoverState;
    std::vector<QPointer<RunData>> m_runs;
    QPointer<RunData> m_run;
    int m_tag = 0;
    std::optional<MapRequest> m_asked;
    std::optional<RowRequest> m_rowAsked;
    std::int64_t m_previousAsked = -1;
    std::shared_ptr<const LayerPicture> m_picture;
    QString m_failure;

    InspectHeader *m_header = nullptr;
    SnapshotStrip *m_strip = nullptr;
    QStackedWidget *m_body = nullptr;
    MessageView *m_message = nullptr;
    MapCard *m_mapCard = nullptr;
    IndexerHeatmap *m_map = nullptr; ///< in its card
    QueryCard *m_queryCard = nullptr;
    MaskCard *m_maskCard = nullptr;

    PictureMaker m_maker; ///< used by the map worker's thread only
    NewestWorker<MapRequest, LayerPicture> m_mapWorker;
    NewestWorker<RowRequest, RowAnswer> m_rowWorker;
};

} // namespace sparsescope
