#include "widgets/plots/layer_time_plot.h"

#include "widgets/plots/figure_parts.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>
#include <utility>

namespace sparsescope {
namespace {

constexpr double kLegend = 24, kAxis = 46, kFoot = 40, kHead = 22;
constexpr double kLongestName = 190; ///< of a name that stands
constexpr double kRoomOfAName = 64;  ///< where there is this much, a longer one is cut
constexpr double kNoisy = 0.03;      ///< a spread beyond it is shown as a warning

/// 1, 2 or 5 times a power of ten that makes 3 to 7 steps.
double stepFor(double top)
{
    const double power = std::pow(10, std::floor(std::log10(top / 3)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (top / (factor * power) <= 7) {
            return factor * power;
        }
    }
    return 10 * power;
}

/// A text of at most `length` around `centre`: lying and centred, or standing, read from below, at that end of its room.
void drawAlong(QPainter &painter, const QPointF &centre, double length, bool stands, Qt::Alignment end,
               const QString &text)
{
    painter.save();
    painter.translate(centre);
    painter.rotate(stands ? -90 : 0);
    painter.drawText(QRectF(-length / 2, -8, length, 16), stands ? end | Qt::AlignVCenter : Qt::AlignCenter, text);
    painter.restore();
}

} // namespace

/// Where everything stands in one size.
struct LayerTimePlot::Frame {
    QRectF plot;
    double top = 1; ///< value at the upper edge, baseline = 1
    double slot = 0;
    bool namesStand = false, factorsStand = false; ///< more pairs of bars than their texts have room beside one another
    double names = 16, factors = 16;               ///< room for them, along their line

    double y(double value) const { return plot.bottom() - plot.height() * value / top; }
    double centre(int index) const { return plot.left() + slot * (index + 0.5); }
    double bar() const { return std::min(44.0, 0.28 * slot); }
};

LayerTimePlot::LayerTimePlot(QWidget *parent)
    : PaintedFigure(parent)
{
    setObjectName(QStringLiteral("layerTimePlot"));
    setAccessibleName(QStringLiteral("Time by context"));
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(320, 220);
}

void LayerTimePlot::setContent(std::shared_ptr<const SpeedContent> content)
{
    m_content = std::move(content);
    m_point = 0;
    describe();
    update();
}

void LayerTimePlot::setPoint(int index)
{
    m_point = index;
    describe();
    update();
}

LayerTimePlot::Frame LayerTimePlot::frameOf(const QRectF &box) const
{
    Frame frame;
    const QFontMetricsF metrics(uiFont(12, QFont::DemiBold));
    double name = 0, widest = 0;
    for (const SpeedPoint &point : m_content->points) {
        name = std::max(name, metrics.horizontalAdvance(point.label));
        if (const auto factor = point.factor()) {
            frame.top = std::max(frame.top, 1 / *factor);
            widest = std::max(widest, metrics.horizontalAdvance(factorText(*factor)));
        }
    }
    frame.top *= 1.08;
    frame.plot = box.adjusted(kAxis, kLegend + kHead, -8, -kFoot);
    frame.slot = frame.plot.width() / std::max<double>(1, static_cast<double>(m_content->points.size()));
    frame.namesStand = name > frame.slot - 4 && frame.slot < kRoomOfAName;
    frame.factorsStand = widest > frame.slot - 4;
    if (frame.namesStand) {
        frame.names = std::min({name + 2, kLongestName, 0.4 * box.height()});
        frame.plot.adjust(0, 0, 0, kFoot - frame.names - 24);
    }
    if (frame.factorsStand) {
        frame.factors = widest + 2;
        frame.plot.adjust(0, frame.factors - 16, 0, 0);
    }
    return frame;
}

QRectF LayerTimePlot::pointBox(int index) const
{
    if (!m_content) {
        return {};
    }
    const Frame frame = frameOf(rect());
    return {frame.centre(index) - frame.slot / 2, frame.plot.top(), frame.slot, frame.plot.height()};
}

void LayerTimePlot::paintBody(QPainter &painter, const QRectF &box, const Tokens &t, bool onScreen) const
{
    if (!m_content || m_content->points.empty()) {
        return;
    }
    const Frame frame = frameOf(box);
    paintLegend(painter, box, t);
    if (onScreen) {
        const double head = kHead + frame.factors - 16;
        painter.fillRect(QRectF(frame.centre(m_point) - frame.slot / 2, frame.plot.top() - head, frame.slot,
                                frame.plot.height() + head),
                         t.infoTint);
    }
    painter.setFont(monoFont(11));
    const double step = stepFor(frame.top);
    for (double value = 0; value <= frame.top; value += step) {
        painter.setPen(t.grid);
        painter.drawLine(QPointF(frame.plot.left(), frame.y(value)), QPointF(frame.plot.right(), frame.y(value)));
        painter.setPen(t.text2);
        painter.drawText(QRectF(box.left() + 14, frame.y(value) - 8, kAxis - 20, 16), Qt::AlignRight | Qt::AlignVCenter,
                         QString::number(value, 'g', 3));
    }
    painter.save();
    painter.translate(box.left() + 6, frame.plot.center().y());
    painter.rotate(-90);
    painter.setFont(uiFont(11));
    painter.drawText(QRectF(-120, -8, 240, 16), Qt::AlignCenter,
                     QStringLiteral("Time, %1 = 1").arg(m_content->baselineTitle.toLower()));
    painter.restore();
    for (int i = 0; i < static_cast<int>(m_content->points.size()); ++i) {
        paintPoint(painter, frame, i, t);
    }
    painter.setPen(QPen(t.text, 1, Qt::DashLine));
    painter.drawLine(QPointF(frame.plot.left(), frame.y(1)), QPointF(frame.plot.right(), frame.y(1)));
    paintCrossover(painter, frame, t);
    if (onScreen && hasFocus()) {
        painter.setPen(QPen(t.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 4, 4);
    }
}

void LayerTimePlot::paintLegend(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    painter.setFont(uiFont(12));
    double left = paintKey(painter, box.left() + 4, box.top() + 4, m_content->baselineTitle, baselineColour(t),
                           Qt::transparent, t);
    for (const SpeedPiece &piece : m_content->points.front().pieces) {
        const QString title = m_content->points.front().pieces.size() > 1 ? piece.title : m_content->oursTitle;
        left = paintKey(painter, left, box.top() + 4, title, partColour(piece.part, t), Qt::transparent, t);
    }
    painter.setPen(t.hint);
    const QString words = QStringLiteral("Above the bars: how many times faster");
    if (left + painter.fontMetrics().horizontalAdvance(words) < box.right()) {
        painter.drawText(QRectF(left, box.top(), box.right() - left - 8, kLegend), Qt::AlignRight | Qt::AlignVCenter,
                         words);
    }
}

void LayerTimePlot::paintPoint(QPainter &painter, const Frame &frame, int index, const Tokens &t) const
{
    const SpeedPoint &point = m_content->points[static_cast<std::size_t>(index)];
    const double width = frame.bar(), centre = frame.centre(index),
                 unit = point.baseline ? point.baseline->microseconds : point.ours();
    const QRectF dense(centre - width - 3, frame.y(1), width, frame.plot.bottom() - frame.y(1));
    if (point.baseline) {
        painter.fillRect(dense, baselineColour(t));
    }
    const auto below = [&](const QString &text, double x, const QColor &ink) {
        painter.setFont(monoFont(11));
        painter.setPen(ink);
        painter.drawText(QRectF(x - frame.slot / 4, frame.plot.bottom() + 3, frame.slot / 2, 14), Qt::AlignCenter,
                         text);
    };
    const bool room = frame.slot >= 2 * 56;
    double top = frame.plot.bottom();
    if (point.right()) {
        double sum = 0;
        for (const SpeedPiece &piece : point.pieces) {
            sum += piece.microseconds();
            const double above = frame.y(sum / unit);
            painter.fillRect(QRectF(centre + 3, above, width, std::max(top - above - 1, 0.5)),
                             partColour(piece.part, t));
            top = above;
        }
    }
    if (room) {
        if (point.baseline) {
            below(timeText(point.baseline->microseconds), centre - frame.slot / 4 + 4,
                  point.baseline->spread() > kNoisy ? t.check : t.text2);
        }
        below(point.right() ? timeText(point.ours()) : QStringLiteral("wrong"), centre + frame.slot / 4 - 4,
              !point.right()                                   ? t.failed
              : point.whole->timings.front().spread() > kNoisy ? t.check
                                                               : t.text);
    }
    painter.setFont(uiFont(12, QFont::DemiBold));
    painter.setPen(t.text);
    const double name = frame.namesStand ? frame.names : frame.slot - 4;
    // Standing names end below their bars.
    drawAlong(painter, QPointF(centre, frame.plot.bottom() + 18 + (frame.namesStand ? name / 2 : 8)), name,
              frame.namesStand, Qt::AlignRight,
              painter.fontMetrics().elidedText(point.label, Qt::ElideRight, static_cast<int>(name)));
    if (const auto factor = point.factor()) {
        painter.setPen(*factor >= 1 ? t.passed : t.failed);
        drawAlong(painter, QPointF(centre + width / 2, std::min(top, frame.y(1)) - 3 - frame.factors / 2),
                  frame.factorsStand ? frame.factors : frame.slot, frame.factorsStand, Qt::AlignLeft,
                  factorText(*factor));
    } else if (!point.right()) {
        painter.setPen(t.failed);
        drawAlong(painter, QPointF(centre + width / 2, frame.y(1) - 3 - frame.factors / 2),
                  frame.factorsStand ? frame.factors : frame.slot, frame.factorsStand, Qt::AlignLeft,
                  QStringLiteral("wrong"));
    }
}

/// The context from which on ours wins, between two that were measured: straight lines on logarithmic scales.
void LayerTimePlot::paintCrossover(QPainter &painter, const Frame &frame, const Tokens &t) const
{
    if (!m_content->atLength()) {
        return;
    }
    const std::vector<SpeedPoint> &points = m_content->points;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const auto before = points[i - 1].factor(), after = points[i].factor();
        if (!before || !after || *before >= 1 || *after < 1) {
            continue;
        }
        const double share = std::log(1 / *before) / std::log(*after / *before);
        const double low = static_cast<double>(points[i - 1].whole->keys),
                     high = static_cast<double>(points[i].whole->keys);
        const double tokens = low * std::pow(high / low, share),
                     x = frame.centre(static_cast<int>(i) - 1) + share * frame.slot;
        painter.setPen(QPen(t.text, 1.5));
        // It stops around a factor that it would strike out.
        painter.setFont(uiFont(12, QFont::DemiBold));
        double from = frame.plot.top() + 8;
        for (const std::size_t beside : {i - 1, i}) {
            const double factor = *points[beside].factor();
            const double half = painter.fontMetrics().horizontalAdvance(factorText(factor)) / 2.0 + 3;
            const double middle = frame.centre(static_cast<int>(beside)) + frame.bar() / 2;
            const double bottom = std::min(frame.y(1 / factor), frame.y(1)) - 3;
            if (!frame.factorsStand && std::abs(x - middle) < half && bottom - frame.factors > from) {
                painter.drawLine(QPointF(x, from), QPointF(x, bottom - frame.factors));
                from = bottom;
            }
        }
        painter.drawLine(QPointF(x, from), QPointF(x, frame.plot.bottom()));
        painter.drawText(QRectF(x + 6, frame.plot.top() + 4, 320, 18), Qt::AlignLeft | Qt::AlignVCenter,
                         QStringLiteral("Faster from about %1K tokens").arg(significantText(tokens / 1024, 2)));
        return;
    }
}

void LayerTimePlot::mousePressEvent(QMouseEvent *event)
{
    if (!m_content || event->button() != Qt::LeftButton) {
        return;
    }
    const Frame frame = frameOf(rect());
    const int index = static_cast<int>(std::floor((event->position().x() - frame.plot.left()) / frame.slot));
    if (index >= 0 && index < static_cast<int>(m_content->points.size())) {
        Q_EMIT pointChosen(index);
    }
}

void LayerTimePlot::keyPressEvent(QKeyEvent *event)
{
    const int by = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
    if (by == 0 || !m_content) {
        PaintedFigure::keyPressEvent(event);
        return;
    }
    const int index = std::clamp(m_point + by, 0, static_cast<int>(m_content->points.size()) - 1);
    if (index != m_point) {
        Q_EMIT pointChosen(index);
    }
}

void LayerTimePlot::describe()
{
    if (!m_content || m_content->points.empty()) {
        setAccessibleDescription({});
        return;
    }
    const SpeedPoint &point = m_content->points[static_cast<std::size_t>(m_point)];
    const auto factor = point.factor();
    setAccessibleDescription(QStringLiteral("%1 of %2, %3: ours %4, %5")
                                 .arg(m_point + 1)
                                 .arg(m_content->points.size())
                                 .arg(point.label, point.right() ? timeText(point.ours()) : QStringLiteral("wrong"),
                                      factor
                                          ? factorText(*factor) + QStringLiteral(" against ") + m_content->baselineTitle
                                          : QStringLiteral("no baseline")));
}

QString LayerTimePlot::figureTitle() const
{
    return m_content ? measurementTitle(*m_content->document) : QStringLiteral("Time by context");
}

QString LayerTimePlot::csv() const
{
    QString text = QStringLiteral("point,part,us,lower_us,upper_us,baseline,baseline_us,factor,flops,bytes,right\n");
    if (!m_content) {
        return text;
    }
    for (const SpeedPoint &point : m_content->points) {
        const auto line = [&](const QString &part, const MeasuredRow &row, bool whole) {
            const MeasuredTiming &ours = row.timings.front();
            const auto factor = whole ? point.factor() : std::nullopt;
            const bool against = whole && point.baseline;
            text += QStringList{csvText(point.label),
                                csvText(part),
                                row.right ? csvNumber(ours.microseconds) : QString(),
                                row.right ? csvNumber(ours.lower) : QString(),
                                row.right ? csvNumber(ours.upper) : QString(),
                                against ? csvText(QString::fromStdString(point.baseline->name)) : QString(),
                                against ? csvNumber(point.baseline->microseconds) : QString(),
                                factor ? csvNumber(*factor) : QString(),
                                csvNumber(row.flops),
                                csvNumber(row.bytes),
                                row.right ? QStringLiteral("1") : QStringLiteral("0")}
                        .join(QLatin1Char(',')) +
                    QLatin1Char('\n');
        };
        for (const SpeedPiece &piece : point.pieces) {
            if (piece.row != point.whole) {
                line(piece.title, *piece.row, false);
            }
        }
        line(operationTitle(point.whole->op), *point.whole, true);
    }
    return text;
}

nlohmann::ordered_json LayerTimePlot::exportContext() const
{
    return m_content ? measurementContext(*m_content->document) : nlohmann::ordered_json();
}

} // namespace sparsescope
