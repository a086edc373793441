#include "widgets/plots/plot_layers.h"

#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

/// Shading of stages, under the grid.
class Ground : public QCPLayerable {
public:
    Ground(QCustomPlot *plot, const PlotScene &scene)
        : QCPLayerable(plot, QStringLiteral("background"))
        , m_scene(scene)
    {}

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(false); }
    void draw(QCPPainter *painter) override
    {
        const QRectF area = mParentPlot->axisRect()->rect();
        painter->setClipRect(area);
        for (const PlotStage &stage : m_scene.content.stages) {
            if (stage.shaded && stage.to > stage.from) {
                const double left =
                    mParentPlot->xAxis->coordToPixel(std::max(stage.from, m_scene.logX ? 1e-3 : -1e300));
                const double right = mParentPlot->xAxis->coordToPixel(stage.to);
                painter->fillRect(QRectF(QPointF(std::max(left, area.left()), area.top()),
                                         QPointF(std::min(right, area.right()), area.bottom())),
                                  m_scene.tokens.stage);
            }
        }
    }

private:
    const PlotScene &m_scene;
};

/// Names of stages, chance lines, snapshot ticks, cursor and hover line: everything that may change without the curves.
class Overlay : public QCPLayerable {
public:
    Overlay(QCustomPlot *plot, const PlotScene &scene)
        : QCPLayerable(plot, QStringLiteral("overlay"))
        , m_scene(scene)
    {}

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter *painter) override
    {
        m_area = mParentPlot->axisRect()->rect();
        painter->setFont(uiFont(11));
        drawZero(*painter);
        drawStages(*painter);
        drawLines(*painter);
        drawTicks(*painter);
        drawSteps(*painter);
        drawKeys(*painter);
        if (m_scene.content.curves.empty() && !m_scene.content.empty.isEmpty()) {
            painter->setFont(uiFont(13));
            painter->setPen(m_scene.tokens.hint);
            painter->drawText(m_area, Qt::AlignCenter, m_scene.content.empty);
        }
    }

private:
    double x(double value) const { return mParentPlot->xAxis->coordToPixel(value); }
    double y(double value) const { return mParentPlot->yAxis->coordToPixel(value); }
    double atStep(double step) const { return x(m_scene.content.axis.at(step)); }
    bool insideX(double pixel) const { return pixel >= m_area.left() - 0.5 && pixel <= m_area.right() + 0.5; }

    void tag(QCPPainter &painter, QPointF centre, const QString &text, const QColor &ink, const QColor &ground,
             QFont::Weight weight)
    {
        painter.setFont(uiFont(11, weight));
        const double width = QFontMetricsF(painter.font()).horizontalAdvance(text) + 10;
        double left = centre.x() - width / 2;
        left = std::clamp(left, 0.0, std::max(0.0, mParentPlot->viewport().width() - width));
        const QRectF box(left, centre.y() - 8, width, 16);
        if (ground.isValid()) {
            coverTickLabels(painter, box);
            painter.setFont(uiFont(11, weight));
            painter.setPen(Qt::NoPen);
            painter.setBrush(ground);
            painter.drawRoundedRect(box, 3, 3);
        }
        painter.setPen(ink);
        painter.drawText(box, Qt::AlignCenter, text);
    }

    /// A number that a tag would cut in two goes as a whole.
    void coverTickLabels(QCPPainter &painter, const QRectF &box) const
    {
        const QCPAxis &axis = *mParentPlot->xAxis;
        const QFontMetricsF metrics(axis.tickLabelFont());
        const QVector<double> ticks = axis.tickVector();
        const QVector<QString> labels = axis.tickVectorLabels();
        for (int i = 0; i < std::min(ticks.size(), labels.size()); ++i) {
            const double half = metrics.horizontalAdvance(labels[i]) / 2 + 4;
            const QRectF label(x(ticks[i]) - half, box.top(), 2 * half, box.height());
            if (label.intersects(box)) {
                painter.fillRect(label, m_scene.tokens.panel);
            }
        }
    }

    void drawStages(QCPPainter &painter)
    {
        const Tokens &t = m_scene.tokens;
        QString waiting; // a stage without width on this axis is named together with the one after it
        painter.setFont(uiFont(11, QFont::Medium));
        const auto &stages = m_scene.content.stages;
        for (std::size_t index = 0; index < stages.size(); ++index) {
            const PlotStage &stage = stages[index];
            if (stage.to <= stage.from && index + 1 < stages.size()) {
                waiting = stage.name;
                continue;
            }
            const double left = std::max(m_area.left(), index == 0 ? m_area.left() : x(stage.from));
            const double right = std::min(m_area.right(), index + 1 == stages.size() ? m_area.right() : x(stage.to));
            if (index > 0 && insideX(x(stage.from))) {
                painter.setPen(QPen(t.hint, 1, Qt::DotLine));
                painter.drawLine(QPointF(x(stage.from), m_area.top() - 18), QPointF(x(stage.from), m_area.bottom()));
            }
            QString name = stage.name;
            if (!waiting.isEmpty()) {
                const QString both =
                    waiting + QStringLiteral(", then ") + stage.name.left(1).toLower() + stage.name.mid(1);
                const bool fits = QFontMetricsF(painter.font()).horizontalAdvance(both) < right - left - 8;
                name = fits ? both : name;
                waiting.clear();
            }
            if (QFontMetricsF(painter.font()).horizontalAdvance(name) < right - left - 6) {
                painter.setPen(t.text2);
                painter.drawText(QRectF(left + 5, m_area.top() - 19, right - left - 6, 16),
                                 Qt::AlignLeft | Qt::AlignVCenter, name);
            }
        }
    }

    void drawLines(QCPPainter &painter)
    {
        const Tokens &t = m_scene.tokens;
        for (const PlotLine &line : m_scene.content.lines) {
            const double at = y(line.y);
            if (at < m_area.top() - 1 || at > m_area.bottom() + 1) {
                continue;
            }
            painter.setPen(QPen(t.chance, 1.3, Qt::DashLine));
            painter.drawLine(QPointF(m_area.left(), at), QPointF(m_area.right(), at));
            painter.setFont(uiFont(11, QFont::Medium));
            painter.setPen(t.text2);
            // At the right: curves start high at the left and have left the chance line by then.
            const double top = at - 18 > m_area.top() ? at - 18 : at + 2;
            painter.drawText(QRectF(m_area.left() + 6, top, m_area.width() - 12, 16), Qt::AlignRight | Qt::AlignVCenter,
                             line.text);
        }
    }

    void drawZero(QCPPainter &painter)
    {
        const Tokens &t = m_scene.tokens;
        if (!m_scene.content.zero || m_scene.content.curves.empty()) {
            return;
        }
        const double at = y(0);
        if (at >= m_area.top() - 1 && at <= m_area.bottom() + 1) {
            painter.setPen(QPen(t.text2, 1.4));
            painter.drawLine(QPointF(m_area.left(), at), QPointF(m_area.right(), at));
        }
        painter.setFont(uiFont(11, QFont::DemiBold));
        painter.setPen(t.text2);
        const QRectF inside = m_area.adjusted(8, 3, -8, -3);
        if (at - m_area.top() > 18) {
            painter.drawText(inside, Qt::AlignLeft | Qt::AlignTop, m_scene.content.zero->above);
        }
        if (m_area.bottom() - at > 18) {
            painter.drawText(inside, Qt::AlignLeft | Qt::AlignBottom, m_scene.content.zero->below);
        }
    }

    /// Under the top edge at the right: losses have fallen by then.
    void drawKeys(QCPPainter &painter)
    {
        const Tokens &t = m_scene.tokens;
        double top = m_area.top() + 6;
        const auto words = [&](const QString &text, const QColor &ink) {
            const double width = std::min(QFontMetricsF(painter.font()).horizontalAdvance(text), m_area.width() - 24);
            const QRectF box(m_area.right() - 8 - width, top, width + 2, 16);
            painter.fillRect(box.adjusted(-3, 0, 3, 0), t.panel);
            painter.setPen(ink);
            painter.drawText(box, Qt::AlignRight | Qt::AlignVCenter,
                             painter.fontMetrics().elidedText(text, Qt::ElideRight, static_cast<int>(width) + 2));
            top += 18;
        };
        painter.setFont(uiFont(12, QFont::DemiBold));
        for (const PlotKey &key : m_scene.content.keys) {
            words(key.text, wordsColour(sideColour(key.family, key.second, t), t));
        }
        if (!m_scene.content.note.isEmpty()) {
            words(m_scene.content.note, t.text);
        }
    }

    void drawTicks(QCPPainter &painter)
    {
        painter.setPen(QPen(m_scene.tokens.accent, 1.4));
        double last = -10;
        for (const double tick : m_scene.content.ticks) {
            const double at = atStep(tick);
            if (insideX(at) && at - last >= 2) { // closer ones would merge into a bar
                painter.drawLine(QPointF(at, m_area.bottom() - 6), QPointF(at, m_area.bottom() - 1));
                last = at;
            }
        }
    }

    void drawSteps(QCPPainter &painter)
    {
        const Tokens &t = m_scene.tokens;
        const PlotContent &content = m_scene.content;
        const bool apart =
            content.now &&
            (!m_scene.cursor || std::abs(atStep(*content.now) - atStep(static_cast<double>(*m_scene.cursor))) > 4);
        if (apart && insideX(atStep(*content.now))) {
            painter.setPen(QPen(t.accent, 1.2, Qt::DotLine));
            const double at = atStep(*content.now);
            const double top = m_area.top() + 0.5 * m_area.height();
            painter.drawLine(QPointF(at, top), QPointF(at, m_area.bottom()));
            tag(painter, {at, top - 9}, QStringLiteral("Now ") + countText(std::llround(*content.now)), t.text2,
                t.panel, QFont::Normal);
        }
        if (m_scene.hover && m_scene.hover != m_scene.cursor && insideX(atStep(static_cast<double>(*m_scene.hover)))) {
            const double at = atStep(static_cast<double>(*m_scene.hover));
            painter.setPen(QPen(t.hint, 1, Qt::DotLine));
            painter.drawLine(QPointF(at, m_area.top()), QPointF(at, m_area.bottom()));
            tag(painter, {at, m_area.bottom() + 12}, countText(*m_scene.hover), t.text2, t.panel, QFont::Normal);
        }
        if (!m_scene.cursor || !insideX(atStep(static_cast<double>(*m_scene.cursor)))) {
            return;
        }
        const double at = atStep(static_cast<double>(*m_scene.cursor));
        painter.setPen(QPen(t.cursor, 1));
        painter.drawLine(QPointF(at, m_area.top()), QPointF(at, m_area.bottom()));
        const QString words = QStringLiteral("Step ") + countText(*m_scene.cursor);
        const double covered = QFontMetricsF(uiFont(11, QFont::DemiBold)).horizontalAdvance(words) + 40;
        painter.fillRect(QRectF(at - covered / 2, m_area.bottom() + 2, covered, 18),
                         t.panel); // tick labels do not show from behind
        tag(painter, {at, m_area.bottom() + 12}, words, t.text, t.selection, QFont::DemiBold);
        painter.setClipRect(m_area);
        for (const PlotCurve &curve : content.curves) {
            const auto value = curve.readAtCursor && !curve.markers
                                   ? valueBefore(curve.points, content.axis.at(static_cast<double>(*m_scene.cursor)))
                                   : std::nullopt;
            if (value) {
                const QColor colour = sideColour(curve.family, curve.second, t);
                painter.setPen(Qt::NoPen);
                painter.setBrush(colour);
                painter.drawEllipse(QPointF(at, y(*value)), 3.2, 3.2);
                if (content.valueAtCursor) {
                    drawValue(painter, QPointF(at, y(*value)), significantText(value));
                }
            }
        }
        painter.setClipping(false);
    }

    /// Right of the dot and above it, or where there is room.
    void drawValue(QCPPainter &painter, QPointF dot, const QString &text) const
    {
        painter.setFont(uiFont(11, QFont::DemiBold));
        const double width = QFontMetricsF(painter.font()).horizontalAdvance(text);
        const double left = dot.x() + 10 + width < m_area.right() ? dot.x() + 8 : dot.x() - 8 - width;
        const double top = dot.y() - 20 > m_area.top() ? dot.y() - 20 : dot.y() + 5;
        const QRectF box(left - 3, top, width + 6, 15);
        painter.fillRect(box, m_scene.tokens.panel);
        painter.setPen(m_scene.tokens.text);
        painter.drawText(box, Qt::AlignCenter, text);
    }

    const PlotScene &m_scene;
    QRectF m_area;
};

} // namespace

void addPlotLayers(QCustomPlot *plot, const PlotScene &scene)
{
    new Ground(plot, scene); // each puts itself into a layer of the plot
    new Overlay(plot, scene);
}

} // namespace sparsescope
