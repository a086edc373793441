#pragma once

#include "widgets/plots/loss_content.h"
#include "widgets/plots/series_plot.h"
#include "widgets/plots/view.h"
#include "widgets/plots/visible_refresh.h"

#include <QPointer>
#include <QWidget>

#include <optional>
#include <set>
#include <vector>

class QComboBox;
class QLabel;
class QSlider;
class QToolButton;

namespace sparsescope {

/// The loss of every family over steps, with its controls.
class LossPlot : public QWidget, public ExportableView {
    Q_OBJECT

public:
    explicit LossPlot(QWidget *parent = nullptr);

    void setRuns(const std::vector<RunData *> &runs);
    void setCurrent(RunData *run);
    void setHidden(const std::set<Family> &hidden);
    const std::set<Family> &hidden() const { return m_options.hidden; }
    const std::vector<LossGroup> &groups() const { return m_groups; }
    SeriesPlot *plot() const { return m_plot; }
    QString setting() const { return m_setting; }
    double smoothing() const { return m_options.smoothing; }
    void toggleLogX();
    void toggleLogY();
    void toggleRaw();
    bool insetWanted() const { return m_insetWanted; }
    void setInsetWanted(bool wanted);
    XAxis xAxis() const { return m_options.xAxis; }
    /// Toggles and choices, for the next time the window opens.
    nlohmann::ordered_json state() const;
    void restoreState(const nlohmann::ordered_json &state);
    /// Brings curves up to date now instead of within 30 ms.
    void refresh();
    /// What came in while it was off the screen.
    void catchUp() { m_refresh.flush(); }

    QString figureTitle() const override;
    QSizeF figureSize() const override { return {900, 520}; }
    double smallestWidth() const override { return 560; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override;
    nlohmann::ordered_json exportContext() const override;

Q_SIGNALS:
    void groupsChanged();
    void cursorMoved(std::int64_t step);
    void hovered(std::optional<std::int64_t> step);
    void menuRequested(QPoint globalPosition);
    void optionsChanged(); ///< smoothing or x axis
    void insetWantedChanged(bool wanted);

protected:
    void resizeEvent(QResizeEvent *event) override;

private:
    void chooseSetting();
    void watch(RunData *run);
    void foldHeader(); ///< what has no room goes behind "…"
    void showMore();

    // As they are read: Tab goes through them in the order in which they are made.
    QComboBox *m_kind, *m_seeds, *m_axis, *m_settings;
    QSlider *m_slider;
    QLabel *m_smoothingText;
    QToolButton *m_logX, *m_logY, *m_raw, *m_more, *m_fit;
    SeriesPlot *m_plot;
    bool m_insetWanted = true;
    VisibleRefresh m_refresh;
    std::vector<QPointer<RunData>> m_runs;
    QPointer<RunData> m_current;
    QString m_setting;
    LossPlotOptions m_options;
    std::vector<LossGroup> m_groups;
};

} // namespace sparsescope
