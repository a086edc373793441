#pragma once

#include "widgets/plots/attention_difference.h"
#include "widgets/plots/newest_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/run_data.h"
#include "widgets/state/view_state.h"

#include <QFrame>
#include <QPointer>

#include <memory>
#include <optional>

class QComboBox;
class QLabel;
class QStackedWidget;
class QToolButton;

namespace sparsescope {

class DifferenceHeatmap;
class MessageView;

/// Attention of A less that of B, for one layer and one snapshot that both have; limits can be locked.
class DifferenceCard : public QFrame {
    Q_OBJECT

public:
    DifferenceCard(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// One run of each side, or null.
    void setRuns(RunData *a, const QString &titleA, RunData *b, const QString &titleB);
    DifferenceHeatmap *map() const { return m_map; }
    bool settled() const { return !m_waiting; }
    bool hasPicture() const;
    void toggleLimits();
    /// Its views take what room there is; the words in it ask for none.
    bool hasHeightForWidth() const override { return false; }

Q_SIGNALS:
    void changed(); ///< another picture, or the reason why there is none

protected:
    void changeEvent(QEvent *event) override;
    void showEvent(QShowEvent *event) override;

private:
    void refresh();
    void showPicture(std::shared_ptr<const DifferencePicture> picture);
    void say(const QString &title, const QString &text);
    void fillLayers();
    void showLimits();
    /// Newest snapshot of both at or before the cursor; else the newest of both; nothing: they have none in common.
    std::optional<std::int64_t> commonStep() const;
    void watch(RunData *run);

    ViewState *m_viewState;
    QComboBox *m_layer, *m_kind;
    QToolButton *m_lock;
    QLabel *m_words;
    QStackedWidget *m_stack;
    DifferenceHeatmap *m_map;
    MessageView *m_message;
    QPointer<RunData> m_a, m_b;
    std::optional<DifferenceRequest> m_asked;
    bool m_waiting = false;
    NewestWorker<DifferenceRequest, DifferencePicture> m_worker; // last: it ends before what it feeds
};

} // namespace sparsescope
