#pragma once

#include "widgets/plots/curve_levels.h"
#include "widgets/plots/plot_inset.h"
#include "widgets/plots/plot_layers.h"

#include <QWidget>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

class QCustomPlot;

namespace sparsescope {

/// Curves over steps: wheel zooms about the pointer (Shift or over the axis: x only, Ctrl: y only), drag pans, right-drag or
/// Shift+drag zooms into a box, double-click resets, click sets the step cursor, hover shows a dotted line.
class SeriesPlot : public QWidget {
    Q_OBJECT

public:
    explicit SeriesPlot(QWidget *parent = nullptr);
    ~SeriesPlot() override;

    void setContent(PlotContent content);
    const PlotContent &content() const { return m_scene.content; }
    /// Without the room for names of stages above it, and with few ticks on the y axis.
    void setCompact(bool compact);
    /// At least as much room left of the plot, so that several begin at one line.
    void setLeftMargin(int pixels);
    /// How many ticks the y axis may have where it is compact; 2 at first.
    void setMostTicks(int ticks) { m_mostTicks = ticks; }
    /// Without it where another plot over the same axis stands below.
    void setXLabelShown(bool shown) { m_xLabelShown = shown; }
    /// The last quarter in a corner, while that is free and nothing is zoomed.
    void setInset(bool wanted);
    bool insetShown() const { return m_inset && m_inset->shown(); }
    QRectF insetCross() const { return m_inset ? m_inset->closeBox() : QRectF(); }
    void setLogX(bool on);
    void setLogY(bool on);
    bool logX() const { return m_scene.logX; }
    bool logY() const { return m_scene.logY; }
    void setCursor(std::optional<std::int64_t> step);
    void setHover(std::optional<std::int64_t> step);
    std::optional<std::int64_t> cursorStep() const { return m_scene.cursor; }
    bool zoomed() const { return m_zoomedX || m_zoomedY; }
    /// What the axes show now.
    std::pair<double, double> xRange() const;
    /// The steps between its ends.
    std::pair<double, double> stepRange() const;
    /// Shows what another plot over the same axis shows; `zoomed` false: as much as there is.
    void followX(std::pair<double, double> range, bool zoomed);
    /// About the middle of the x axis; above 1: closer.
    void zoomBy(double factor);
    bool zoomedX() const { return m_zoomedX; }
    std::pair<double, double> yRange() const;
    /// Where a value lies, in this widget's pixels.
    QPointF pixelAt(double x, double y) const;
    /// What stands at a caret on the top edge, where a curve goes on above; empty elsewhere. `at`: px in the canvas.
    QString tooltipAt(QPoint at) const;
    /// Draws the plot in the given theme, `size` px large, with vector text where the device has it.
    void paint(QPainter &painter, const QSize &size, const Tokens &tokens);
    QSize sizeHint() const override { return {720, 360}; }
    QSize minimumSizeHint() const override { return {220, 110}; }

public Q_SLOTS:
    void resetView();
    void copyImage();

Q_SIGNALS:
    void cursorMoved(std::int64_t step);
    void hovered(std::optional<std::int64_t> step);
    void insetClosed(); ///< by its cross
    void viewChanged(); ///< the visible range
    void menuRequested(QPoint globalPosition);

protected:
    void changeEvent(QEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    void buildAxes();
    void countTicks(); ///< as many as have room
    void applyTokens(const Tokens &tokens);
    void fit();
    /// Hands the graphs what the visible range needs, on `pixels` across; anew, or where they hold too little or too much.
    void showPoints(int pixels, bool anew);
    void replotOverlay();
    void updateInset();
    std::optional<std::int64_t> stepAt(double pixelX) const;

    QCustomPlot *m_plot = nullptr;
    PlotScene m_scene;
    std::vector<CurveLevels> m_levels; ///< of the curves
    double m_heldFrom = 0, m_heldTo = 0,
           m_heldFor = 0;               ///< what the graphs hold, and for which visible range; as on the axis
    std::unique_ptr<PlotInset> m_inset; ///< once it was wanted
    bool m_insetWanted = false;
    QPoint m_pressed;
    int m_leftMargin = 0, m_mostTicks = 2;
    bool m_xLabelShown = true;
    bool m_zoomedX = false, m_zoomedY = false, m_fitting = false, m_compact = false;
};

} // namespace sparsescope
