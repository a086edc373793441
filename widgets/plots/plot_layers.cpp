#include "widgets/plots/plot_layers.h"

#include "widgets/plots/beyond_top.h"
#include "widgets/plots/label_room.h"
#include "widgets/plots/plot_graphs.h"
#include "widgets/plots/plot_ground.h"
#include "widgets/plots/stage_names.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

/// Names of stages, chance lines, snapshot ticks, cursor and hover line: everything that may change without the curves.
class Overlay : public QCPLayerable {
public:
    Overlay(QCustomPlot *plot, const PlotScene &scene)
        : QCPLayerable(plot, QStringLiteral("overlay"))
        , m_scene(scene)
    {
        QObject::connect(plot, &QCustomPlot::beforeReplot, plot, [this] { m_moved = true; });
    }

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter *painter) override
    {
        m_area = mParentPlot->axisRect()->rect();
        if (m_moved || m_data.area() != m_area || painter->modes().testFlag(QCPPainter::pmNoCaching)) {
            m_data = roomBesideCurves(*mParentPlot);
            m_beyond = m_scene.fitted ? beyondTop(*mParentPlot, m_scene.content) : std::vector<BeyondTop>();
            for (const BeyondTop &beyond : m_beyond) {
                m_data.addBox(beyond.caret());
            }
            m_moved = false;
        }
        m_room = m_data;
        m_room.addBox(m_scene.inset);
        drawZero(*painter);
        drawStages(*painter);
        drawLines(*painter);
        paintCarets(*painter, m_beyond, m_scene.tokens);
        drawTicks(*painter);
        drawSteps(*painter);
        nameZero(*painter);
        nameLines(*painter);
        drawKeys(*painter);
        drawValues(*painter);
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
        const auto &stages = m_scene.content.stages;
        painter.setPen(QPen(t.hint, 1, Qt::DotLine));
        for (std::size_t index = 1; index < stages.size(); ++index) {
            const PlotStage &stage = stages[index];
            const bool passed = stage.to <= stage.from && index + 1 < stages.size();
            if (!passed && insideX(x(stage.from))) {
                painter.drawLine(QPointF(x(stage.from), m_area.top() - 18), QPointF(x(stage.from), m_area.bottom()));
            }
        }
        const QFont font = uiFont(11, QFont::Medium);
        const double right = mParentPlot->viewport().right() - 2;
        painter.setFont(font);
        painter.setPen(t.text2);
        for (const StageName &name : stageNames(
                 stages, [this](double at) { return x(at); }, m_area.left(), right, font)) {
            const QRectF box(name.left, m_area.top() - 19, name.width, 16);
            painter.fillRect(box, t.panel); // it may lie over the line where its stage begins
            painter.drawText(box, Qt::AlignLeft | Qt::AlignVCenter, name.text);
        }
    }

    bool visibleY(double at) const { return at >= m_area.top() - 1 && at <= m_area.bottom() + 1; }

    void drawLines(QCPPainter &painter)
    {
        painter.setPen(QPen(m_scene.tokens.chance, 1.3, Qt::DashLine));
        for (const PlotLine &line : m_scene.content.lines) {
            if (visibleY(y(line.y))) {
                painter.drawLine(QPointF(m_area.left(), y(line.y)), QPointF(m_area.right(), y(line.y)));
            }
        }
    }

    /// At the right where that is free: curves start high at the left and have left the chance line by then.
    void nameLines(QCPPainter &painter)
    {
        painter.setFont(uiFont(11, QFont::Medium));
        const QRectF inside = m_area.adjusted(6, 0, -6, 0);
        for (const PlotLine &line : m_scene.content.lines) {
            const double at = y(line.y);
            if (!visibleY(at)) {
                continue;
            }
            const QSizeF size = sizeOf(painter, line.text, inside.width());
            std::vector<QPointF> places;
            for (const double top : {at - 18, at + 2}) {
                if (top >= m_area.top() && top + size.height() <= m_area.bottom()) {
                    const auto along =
                        placesAlong({inside.left(), top, inside.width(), size.height()}, size, true, true);
                    places.insert(places.end(), along.begin(), along.end());
                }
            }
            if (places.empty()) {
                places.emplace_back(inside.right() - size.width(), at - 18);
            }
            words(painter, place(size, places), line.text, m_scene.tokens.text2);
        }
    }

    void drawZero(QCPPainter &painter)
    {
        if (m_scene.content.zero && !m_scene.content.curves.empty() && visibleY(y(0))) {
            painter.setPen(QPen(m_scene.tokens.text2, 1.4));
            painter.drawLine(QPointF(m_area.left(), y(0)), QPointF(m_area.right(), y(0)));
        }
    }

    void nameZero(QCPPainter &painter)
    {
        if (!m_scene.content.zero || m_scene.content.curves.empty()) {
            return;
        }
        painter.setFont(uiFont(11, QFont::DemiBold));
        const double at = y(0);
        const QRectF inside = m_area.adjusted(8, 3, -8, -3);
        const auto name = [&](const QString &text, bool above) {
            const QSizeF size = sizeOf(painter, text, inside.width());
            const QRectF half(inside.left(), above ? inside.top() : std::max(inside.top(), at), inside.width(),
                              above ? std::min(inside.height(), at - inside.top())
                                    : inside.bottom() - std::max(inside.top(), at));
            if (half.height() >= size.height()) {
                words(painter, place(size, placesAlong(half, size, above, false)), text, m_scene.tokens.text2);
            }
        };
        name(m_scene.content.zero->above, true);
        name(m_scene.content.zero->below, false);
    }

    /// Under the top edge at the right where that is free, for losses have fallen by then; else along the edges.
    void drawKeys(QCPPainter &painter)
    {
        const Tokens &t = m_scene.tokens;
        painter.setFont(uiFont(12, QFont::DemiBold));
        std::vector<std::pair<QString, QColor>> rows;
        for (const PlotKey &key : m_scene.content.keys) {
            rows.emplace_back(key.text, wordsColour(sideColour(key.family, key.second, t), t));
        }
        if (!m_scene.content.note.isEmpty()) {
            rows.emplace_back(m_scene.content.note, t.text);
        }
        if (rows.empty()) {
            return;
        }
        const QRectF inside = m_area.adjusted(8, 6, -8, -6);
        QSizeF size(0, kKeyHeight * static_cast<double>(rows.size()) - 2);
        for (const auto &[text, ink] : rows) {
            size.setWidth(std::max(size.width(), sizeOf(painter, text, inside.width()).width()));
        }
        std::vector<QPointF> places = placesAlong(inside, size, true, true);
        for (double top = inside.top() + 12; top + size.height() < inside.bottom(); top += 12) {
            const auto along = placesAlong({inside.left(), top, inside.width(), size.height()}, size, true, true);
            places.insert(places.end(), along.begin(), along.end());
        }
        const QRectF block = place(size, places);
        const bool right = block.center().x() > m_area.center().x();
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const double width = sizeOf(painter, rows[row].first, block.width()).width();
            words(painter,
                  {right ? block.right() - width : block.left(), block.top() + kKeyHeight * static_cast<double>(row),
                   width, 16},
                  rows[row].first, rows[row].second);
        }
    }

    static QSizeF sizeOf(const QCPPainter &painter, const QString &text, double most)
    {
        return {std::min(QFontMetricsF(painter.font()).horizontalAdvance(text) + 2, most), 16};
    }

    /// Free ground among the places, and what lies there already.
    QRectF place(QSizeF size, const std::vector<QPointF> &places)
    {
        const LabelRoom before = m_room;
        const QRectF box = m_room.place(size, places);
        m_covers = before.taken(box) > 0;
        return box;
    }

    /// On the panel's colour where something lies under them, a line of a step too.
    void words(QCPPainter &painter, const QRectF &box, const QString &text, const QColor &ink)
    {
        bool crossed = m_covers;
        const auto cross = [&](double at) { crossed = crossed || (at > box.left() - 2 && at < box.right() + 2); };
        for (const auto &step : {m_scene.cursor, m_scene.hover}) {
            cross(step ? atStep(static_cast<double>(*step)) : -1e9);
        }
        for (std::size_t stage = 1; stage < m_scene.content.stages.size(); ++stage) {
            cross(x(m_scene.content.stages[stage].from));
        }
        if (crossed) {
            painter.fillRect(box.adjusted(-2, 0, 2, 0), m_scene.tokens.panel);
        }
        painter.setPen(ink);
        painter.drawText(
            box, Qt::AlignLeft | Qt::AlignVCenter,
            painter.fontMetrics().elidedText(text, Qt::ElideRight, static_cast<int>(std::ceil(box.width()))));
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
            const QString text = QStringLiteral("Now ") + countText(std::llround(*content.now));
            const QSizeF size(QFontMetricsF(uiFont(11)).horizontalAdvance(text) + 10, 16);
            std::vector<QPointF> places;
            for (const double share : {0.5, 0.35, 0.2, 0.05, 0.65, 0.8}) {
                places.emplace_back(at - size.width() / 2, m_area.top() + share * m_area.height() - 17);
            }
            const QRectF box = m_room.place(size, places);
            painter.drawLine(QPointF(at, box.bottom()), QPointF(at, m_area.bottom()));
            tag(painter, box.center(), text, t.text2, t.panel, QFont::Normal);
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
                const QColor colour = curveColour(curve.family, curve.second, curve.variant, t);
                painter.setPen(Qt::NoPen);
                painter.setBrush(colour);
                painter.drawEllipse(QPointF(at, y(*value)), 3.2, 3.2);
            }
        }
        painter.setClipping(false);
    }

    /// The values at the cursor's dots: right of a dot and above it, or where there is room.
    void drawValues(QCPPainter &painter)
    {
        const PlotContent &content = m_scene.content;
        if (!content.valueAtCursor || !m_scene.cursor || !insideX(atStep(static_cast<double>(*m_scene.cursor)))) {
            return;
        }
        const double at = atStep(static_cast<double>(*m_scene.cursor));
        painter.setFont(uiFont(11, QFont::DemiBold));
        for (const PlotCurve &curve : content.curves) {
            const auto value = curve.readAtCursor && !curve.markers
                                   ? valueBefore(curve.points, content.axis.at(static_cast<double>(*m_scene.cursor)))
                                   : std::nullopt;
            if (!value || !visibleY(y(*value))) {
                continue;
            }
            const QString text = significantText(value) + (curve.smoothed ? QStringLiteral(" smoothed") : QString());
            const QSizeF size = sizeOf(painter, text, m_area.width());
            std::vector<QPointF> places;
            for (const double aside : {8.0, 30.0, 60.0, 90.0, 120.0}) {
                for (const double away : {5.0, 15.0, 30.0}) {
                    for (const double top : {y(*value) - 15 - away, y(*value) + away}) {
                        for (const double left : {at + aside, at - aside - size.width()}) {
                            if (left > m_area.left() && left + size.width() < m_area.right()) {
                                places.emplace_back(left, top);
                            }
                        }
                    }
                }
            }
            if (places.empty()) {
                continue;
            }
            const QRectF box = place(size, places);
            const double gap = std::max(box.left() - at, at - box.right());
            if (gap > 20) { // too far to be seen as the dot's own
                painter.setPen(QPen(m_scene.tokens.hint, 1));
                painter.drawLine(QPointF(box.left() > at ? box.left() - 2 : box.right() + 2, box.center().y()),
                                 QPointF(at, y(*value)));
            }
            words(painter, box, text, m_scene.tokens.text);
        }
    }

    static constexpr double kKeyHeight = 18;
    const PlotScene &m_scene;
    QRectF m_area;
    LabelRoom m_data, m_room;        ///< free of curves, until the plot is drawn anew; free of words too
    std::vector<BeyondTop> m_beyond; ///< likewise
    bool m_moved = true, m_covers = false;
};

} // namespace

void addPlotLayers(QCustomPlot *plot, const PlotScene &scene)
{
    addPlotGround(plot, scene);
    new Overlay(plot, scene); // puts itself into a layer of the plot
}

} // namespace sparsescope
