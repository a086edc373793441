#pragma once

#include "widgets/plots/compare_content.h"
#include "widgets/plots/newest_worker.h"
#include "widgets/plots/view.h"
#include "widgets/plots/visible_refresh.h"
#include "widgets/state/compare_sides.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QPointer>
#include <QWidget>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

class QGridLayout;
class QLabel;
class QScrollArea;
class QStackedWidget;

namespace sparsescope {

class CompareHeader;
class DifferenceCard;
class FaultBar;
class LossDifference;
class MessageView;
class MetricsTable;
class PositionPlot;
class SelectorCard;

/// Two sides put beside each other: loss with its paired difference, metrics with verdicts, loss by position, selectors of a
/// frozen model, attention difference. Reads and changes ViewState; what it computes, it computes off the GUI thread.
class ComparePage : public QWidget {
    Q_OBJECT

public:
    ComparePage(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);
    ~ComparePage() override;

    /// Every open run, and the one whose experiment sides are proposed from where none are chosen.
    void setRuns(const std::vector<RunData *> &runs, const RunData *current);
    const std::vector<CompareSide> &sides() const { return m_sides; }
    const std::shared_ptr<const CompareContent> &content() const { return m_content; }
    CompareHeader *header() const { return m_header; }
    SelectorCard *selectors() const { return m_selectors; }
    LossDifference *curves() const { return m_curves; }
    /// Runs of the side whose selectors are shown or would be measured: A, or B where A selects nothing and B does.
    std::vector<RunData *> selectorRuns() const;
    /// What can be exported from here now, with the names of the command line: "paired", "metrics", "position",
    /// "counterfactual", "difference". Those without content are left out.
    std::vector<std::pair<QString, const ExportableView *>> exportableViews() const;
    /// Nothing is being computed for what the page shows.
    bool settled() const;
    /// "A: DSA k32, seeds 0–2 · B: Classic, seeds 0–2", and how they are paired.
    QString statusText() const;
    QString pairingText() const;

public Q_SLOTS:
    void toggleLimits();

Q_SIGNALS:
    void statusChanged();
    void menuRequested(QPoint globalPosition);

protected:
    void resizeEvent(QResizeEvent *event) override;
    void showEvent(QShowEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;

private:
    void build();
    void arrange(bool wide);
    void viewChanged();
    void compute();
    void showContent(std::shared_ptr<const CompareContent> content);
    void showMessage();
    void propose();
    void moveLayer(int by);

    ViewState *m_viewState;
    HoverState *m_hoverState;
    std::vector<QPointer<RunData>> m_runs;
    QString m_currentExperiment;
    std::vector<CompareSide> m_sides;
    View m_shown; ///< what was computed or asked for
    int m_tag = 0, m_answered = 0; ///< of what was asked last, and of what came back
    std::shared_ptr<const CompareContent> m_content;

    CompareHeader *m_header = nullptr;
    FaultBar *m_fault = nullptr;
    QStackedWidget *m_body = nullptr;
    MessageView *m_message = nullptr;
    QScrollArea *m_scroll = nullptr;
    QGridLayout *m_grid = nullptr;
    std::optional<bool> m_wide;
    QWidget *m_curvesCard = nullptr, *m_tableCard = nullptr, *m_positionCard = nullptr;
    QLabel *m_tableWords = nullptr;
    LossDifference *m_curves = nullptr;
    MetricsTable *m_table = nullptr;
    PositionPlot *m_position = nullptr;
    SelectorCard *m_selectors = nullptr;
    DifferenceCard *m_difference = nullptr;
    VisibleRefresh m_refresh;
    NewestWorker<CompareInput, CompareContent> m_worker; // last: it ends before what it feeds
};

} // namespace sparsescope
