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

class QComboBox;
class QLabel;
class QPushButton;
class QStackedWidget;
class QToolButton;

namespace sparsescope {

class IndexerHeatmap;
class MessageView;
class SelectionMaskView;
class SnapshotStrip;
class StateLegend;
class TokenStrip;
class ValueList;

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
    /// Title of a run in the combo: "DSA k32 s3 (live)".
    static QString runTitle(const RunData &run);

Q_SIGNALS:
    void statusChanged();

protected:
    void changeEvent(QEvent *event) override;

private:
    QWidget *makeHeader();
    QWidget *makeMapCard();
    QWidget *makeRowCard();
    QWidget *makeMaskCard();
    void makeShortcuts();

    void viewChanged();
    void hoverChanged();
    void runChanged();
    void refreshPicture();
    void refreshRow();
    void pictureReady(std::shared_ptr<const LayerPicture> picture);
    void rowReady(std::shared_ptr<const RowAnswer> row);
    void showLayer();
    void showRow();
    void showMessage();
    void fillCombos(const Snapshot &snapshot);
    void followNewest();
    void pickFirstQuery(const Snapshot &snapshot);
    void setQueryBy(int rows);
    std::int64_t stepShown() const;                      ///< -1: no snapshot
    std::int64_t stepBefore(std::int64_t step) const;    ///< -1: none
    std::pair<MapKind, int> mapShown(const LayerSnapshot &layer) const;

    ViewState *m_viewState;
    HoverState *m_hoverState;
    std::vector<QPointer<RunData>> m_runs;
    QPointer<RunData> m_run;
    int m_tag = 0;
    std::optional<MapRequest> m_asked;
    std::optional<RowRequest> m_rowAsked;
    std::int64_t m_previousAsked = -1;
    std::shared_ptr<const LayerPicture> m_picture;
    std::shared_ptr<const RowAnswer> m_row;
    QString m_failure;

    QComboBox *m_runCombo = nullptr, *m_layerCombo = nullptr, *m_mapCombo = nullptr;
    QLabel *m_probe = nullptr;
    QPushButton *m_log = nullptr, *m_linear = nullptr;
    SnapshotStrip *m_strip = nullptr;
    QStackedWidget *m_body = nullptr, *m_maskStack = nullptr;
    MessageView *m_message = nullptr, *m_maskMessage = nullptr;
    QLabel *m_mapTitle = nullptr, *m_mapNotice = nullptr, *m_maskTitle = nullptr, *m_maskNotice = nullptr;
    IndexerHeatmap *m_map = nullptr;
    SelectionMaskView *m_mask = nullptr;
    QLabel *m_queryText = nullptr, *m_queryContext = nullptr;
    QToolButton *m_queryUp = nullptr, *m_queryDown = nullptr;
    ValueList *m_rowStats = nullptr, *m_mapStats = nullptr;
    TokenStrip *m_tokens = nullptr;
    StateLegend *m_legend = nullptr;

    PictureMaker m_maker;              ///< used by the map worker's thread only
    NewestWorker<MapRequest, LayerPicture> m_mapWorker;
    NewestWorker<RowRequest, RowAnswer> m_rowWorker;
};

} // namespace sparsescope
