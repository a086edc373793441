#include "widgets/plots/plot_inset.h"

#include "widgets/plots/plot_graphs.h"
#include "widgets/plots/plot_tickers.h"
#include "widgets/plots/whole_markers.h"
#include "widgets/style/fonts.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr QRectF kPlace(0.58, 0.13, 0.405, 0.47); ///< of the plot's area
constexpr double kQuarter = 0.75, kReached = 0.9; ///< of the x axis
constexpr double kColumns = 2;                    ///< a pixel, of which each shows its lowest and its highest
constexpr double kLeastWidth = 480, kLeastHeight = 200;

/// Ground, frame, title and cross.
class Card : public QCPLayerable {
public:
    Card(QCustomPlot *plot, const PlotScene &scene)
        : QCPLayerable(plot, QStringLiteral("inset"))
        , m_scene(scene)
    {}
    QRectF box;
    QRectF cross() const { return {box.right() - 20, box.top() + 3, 16, 16}; }

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter *painter) override
    {
        const Tokens &t = m_scene.tokens;
        painter->setPen(t.border);
        painter->setBrush(t.panel);
        painter->drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
        painter->setFont(uiFont(11, QFont::DemiBold));
        painter->setPen(t.text2);
        painter->drawText(box.adjusted(10, 4, -24, 0), Qt::AlignLeft | Qt::AlignTop,
                          QStringLiteral("Last quarter, enlarged"));
        if (painter->modes().testFlag(QCPPainter::pmNoCaching)) {
            return; // into a file, where nobody can click
        }
        painter->setPen(QPen(t.hint, 1.4));
        const QRectF sign = cross().adjusted(4, 4, -4, -4);
        painter->drawLine(sign.topLeft(), sign.bottomRight());
        painter->drawLine(sign.topRight(), sign.bottomLeft());
    }

private:
    const PlotScene &m_scene;
};

std::pair<double, double> valuesAfter(const PlotContent &content, double from)
{
    double low = INFINITY, high = -INFINITY;
    for (const PlotCurve &curve : content.curves) {
        for (const Point &point : curve.points) {
            if (curve.readAtCursor && point.x >= from && std::isfinite(point.y)) {
                low = std::min(low, point.y);
                high = std::max(high, point.y);
            }
        }
    }
    return {low, high};
}

} // namespace

bool insetFits(const PlotContent &content, std::pair<double, double> yRange)
{
    double reached = 0;
    for (const PlotCurve &curve : content.curves) {
        reached = curve.points.empty() ? reached : std::max(reached, curve.points.back().x);
    }
    if (reached < kReached * content.xHigh || content.xHigh <= 0) {
        return false;
    }
    const auto [low, high] = yRange;
    const double top = high - kPlace.top() * (high - low), bottom = high - kPlace.bottom() * (high - low);
    const double left = kPlace.left() * content.xHigh;
    for (const PlotCurve &curve : content.curves) {
        for (const Point &point : curve.points) {
            if (point.x >= left && point.y > bottom) {
                return false;
            }
        }
    }
    return std::none_of(content.lines.begin(), content.lines.end(),
                        [&](const PlotLine &line) { return line.y > bottom && line.y < top; });
}

struct PlotInset::Parts {
    QCustomPlot *plot;
    const PlotScene &scene;
    Card *card = nullptr;
    QCPAxisRect *area = nullptr;
    std::vector<QCPCurve *> curves;

    Parts(QCustomPlot *owner, const PlotScene &shown)
        : plot(owner)
        , scene(shown)
    {
        plot->addLayer(QStringLiteral("inset"), plot->layer(QStringLiteral("overlay"))); // lines of stages end at it
        card = new Card(plot, scene);
        area = new QCPAxisRect(plot, true);
        plot->axisRect()->insetLayout()->addElement(area, kPlace);
        area->setLayer(QStringLiteral("inset"));
        area->setRangeDrag({});
        area->setRangeZoom({});
        area->setAutoMargins(QCP::msNone);
        area->setMargins({44, 26, 14, 22});
        for (QCPAxis *axis : {x(), y()}) {
            axis->grid()->setLayer(QStringLiteral("inset"));
            axis->setLayer(QStringLiteral("inset"));
            axis->setTickLength(0);
            axis->setSubTicks(false);
            axis->setTickLabelPadding(4);
        }
        for (const QCPAxis::AxisType side : {QCPAxis::atTop, QCPAxis::atRight}) {
            area->axis(side)->setVisible(false);
        }
    }

    QCPAxis *x() const { return area->axis(QCPAxis::atBottom); }
    QCPAxis *y() const { return area->axis(QCPAxis::atLeft); }

    int columns() const { return std::max(1, static_cast<int>(kColumns * card->box.width())); }

    QCPCurve *curve(std::size_t index)
    {
        if (index == curves.size()) {
            curves.push_back(makeCurve(x(), y()));
            curves.back()->setLayer(QStringLiteral("inset"));
        }
        QCPCurve *curve = curves[index];
        curve->setVisible(true);
        curve->setBrush(Qt::NoBrush);
        curve->setPen(Qt::NoPen);
        curve->setScatterStyle(QCPScatterStyle::ssNone);
        curve->setLineStyle(QCPCurve::lsLine);
        return curve;
    }

    /// Down one edge and back along the other.
    void fillBand(QCPCurve *curve, const PlotBand &band, double from) const
    {
        BandEdges edges = bandEdges(band.points, from, columns());
        std::reverse(edges.low.begin(), edges.low.end());
        const QVector<double> back(edges.x.rbegin(), edges.x.rend());
        QColor fill = familyColour(band.family, scene.tokens);
        fill.setAlphaF(0.2F);
        curve->setBrush(fill);
        curve->setData(edges.x + back, edges.high + edges.low);
    }

    void drawCurve(QCPCurve *curve, const PlotCurve &from, double left) const
    {
        QVector<double> keys, values;
        for (const Point &point : decimate(
                 from.points, left, std::max(left, from.points.empty() ? left : from.points.back().x), columns())) {
            keys << point.x;
            values << point.y;
        }
        const QColor colour = familyColour(from.family, scene.tokens);
        if (from.markers) {
            curve->setLineStyle(QCPCurve::lsNone);
        }
        curve->setPen(QPen(colour, from.width));
        if (from.markers || from.markersOnLine) {
            curve->setScatterStyle(markerOf(from.family, scene.tokens, 5));
        }
        curve->setData(keys, values);
    }

    void fill()
    {
        const PlotContent &content = scene.content;
        const Tokens &t = scene.tokens;
        const double left = kQuarter * content.xHigh;
        std::size_t used = 0;
        for (const PlotBand &band : content.bands) {
            fillBand(curve(used++), band, left);
        }
        for (const PlotCurve &line : content.curves) {
            if (line.readAtCursor) { // the raw trace would hide the means
                drawCurve(curve(used++), line, left);
            }
        }
        for (; used < curves.size(); ++used) {
            curves[used]->setVisible(false);
        }
        for (QCPAxis *axis : {x(), y()}) {
            axis->setBasePen(QPen(t.border, 1));
            axis->setTickPen(QPen(t.border, 1));
            axis->setTickLabelFont(uiFont(11));
            axis->setTickLabelColor(t.text2);
            axis->grid()->setPen(QPen(t.grid, 1));
            axis->grid()->setZeroLinePen(QPen(t.grid, 1));
        }
        if (content.axis.isStep()) {
            setStepTicks(x(), false);
        } else {
            setValueTicks(x(), false);
        }
        setValueTicks(y(), false);
        x()->ticker()->setTickCount(4);
        y()->ticker()->setTickCount(3);
        auto [low, high] = valuesAfter(content, left);
        const double margin = std::max(0.1 * (high - low), 1e-4);
        x()->setRange(left, content.xHigh);
        y()->setRange(low - margin, high + margin);
        area->update(QCPLayoutElement::upPreparation); // the layout has run: ticks are made anew by hand
    }

    void show(bool on)
    {
        area->setVisible(on);
        card->setVisible(on);
        for (QCPAxis *axis : {x(), y()}) {
            axis->setVisible(on);
            axis->grid()->setVisible(on);
        }
        for (QCPCurve *curve : curves) {
            curve->setVisible(curve->visible() && on);
        }
    }
};

PlotInset::PlotInset(QCustomPlot *plot, const PlotScene &scene)
    : m_parts(std::make_unique<Parts>(plot, scene))
{
    m_parts->show(false);
}

PlotInset::~PlotInset() = default;

void PlotInset::update(bool wanted, bool zoomed)
{
    Parts &parts = *m_parts;
    const QRectF whole = parts.plot->axisRect()->rect();
    const QCPRange y = parts.plot->yAxis->range();
    const bool on = wanted && !zoomed && !parts.scene.logX && !parts.scene.logY && whole.width() >= kLeastWidth &&
                    whole.height() >= kLeastHeight && insetFits(parts.scene.content, {y.lower, y.upper});
    if (on) {
        parts.card->box = {whole.left() + kPlace.left() * whole.width(), whole.top() + kPlace.top() * whole.height(),
                           kPlace.width() * whole.width(), kPlace.height() * whole.height()};
        parts.fill();
    }
    parts.show(on);
}

bool PlotInset::shown() const { return m_parts->card->visible(); }

QRectF PlotInset::box() const { return shown() ? m_parts->card->box : QRectF(); }

QRectF PlotInset::closeBox() const { return shown() ? m_parts->card->cross() : QRectF(); }

} // namespace sparsescope
