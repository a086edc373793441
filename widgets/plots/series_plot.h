#pragma once

#include "core/base/config.h"
#include "core/base/series.h"
#include "widgets/style/tokens.h"

#include <QString>
#include <QStringList>
#include <QWidget>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

class QCustomPlot;
class QCPGraph;
class QCPRange;

namespace sparsescope {

/// One line, or one row of markers, of a plot. Its colour and marker are its family's.
struct PlotCurve {
    QString name;
    Family family = Family::Classic;
    Series points;                     ///< ascending in x; NaN makes a gap
    double width = 2;                  ///< px
    double opacity = 1;
    bool markers = false;              ///< markers (7 px, filled with the panel's colour) instead of a line
    bool markersOnLine = false;        ///< both: for few points
    bool readAtCursor = true;          ///< a dot where the step cursor meets it
};
/// Mean and sample standard deviation as a translucent band.
struct PlotBand {
    Family family = Family::Classic;
    std::vector<BandPoint> points;
};
struct PlotStage { double from = 0, to = 0; QString name; bool shaded = false; };
/// A dashed horizontal line with its words.
struct PlotLine { double y = 0; QString text; };

/// Everything a plot over steps shows; values only, so a test and the export read the same as the eye.
struct PlotContent {
    std::vector<PlotCurve> curves;
    std::vector<PlotBand> bands;
    std::vector<PlotStage> stages;
    std::vector<PlotLine> lines;
    std::vector<double> ticks;         ///< snapshots, on the x axis
    std::optional<double> now;         ///< newest step while it trains
    QString xLabel, yLabel;
    double xLow = 0, xHigh = 1;        ///< unzoomed range
    std::optional<double> yLow, yHigh; ///< unzoomed range; absent: 1st to 99th percentile of the curves, and the lines
    QString empty;                     ///< words in place of curves while there are none
};

/// Curves over steps: wheel zooms about the pointer (Shift or over the axis: x only, Ctrl: y only), drag pans, right-drag or
/// Shift+drag zooms into a box, double-click resets, click sets the step cursor, hover shows a dotted line.
class SeriesPlot : public QWidget {
    Q_OBJECT

public:
    explicit SeriesPlot(QWidget *parent = nullptr);
    ~SeriesPlot() override;

    void setContent(PlotContent content);
    const PlotContent &content() const { return m_content; }
    void setLogX(bool on);
    void setLogY(bool on);
    bool logX() const { return m_logX; }
    bool logY() const { return m_logY; }
    void setCursor(std::optional<std::int64_t> step);
    void setHover(std::optional<std::int64_t> step);
    std::optional<std::int64_t> cursorStep() const { return m_cursor; }
    bool zoomed() const { return m_zoomedX || m_zoomedY; }
    /// What the axes show now.
    std::pair<double, double> xRange() const;
    std::pair<double, double> yRange() const;
    /// Where a value lies, in this widget's pixels.
    QPointF pixelAt(double x, double y) const;
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
    void viewChanged();                ///< the visible range
    void menuRequested(QPoint globalPosition);

protected:
    void changeEvent(QEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    bool eventFilter(QObject *watched, QEvent *event) override;

private:
    class Ground;
    class Overlay;
    void buildAxes();
    void applyTokens(const Tokens &tokens);
    void rebuildGraphs();
    void fit();
    std::pair<double, double> fittedY() const;
    void replotOverlay();
    std::optional<std::int64_t> stepAt(double pixelX) const;

    QCustomPlot *m_plot = nullptr;
    Ground *m_ground = nullptr;        // owned by m_plot
    Overlay *m_overlay = nullptr;
    PlotContent m_content;
    Tokens m_tokens;
    std::optional<std::int64_t> m_cursor, m_hover;
    QPoint m_pressed;
    bool m_logX = false, m_logY = false, m_zoomedX = false, m_zoomedY = false, m_fitting = false;
};

} // namespace sparsescope
