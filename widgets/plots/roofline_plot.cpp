#include "widgets/plots/roofline_plot.h"

#include "widgets/plots/label_room.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

RooflinePlot::RooflinePlot(QWidget *parent)
    : PaintedFigure(parent)
{
    setObjectName(QStringLiteral("rooflinePlot"));
    setAccessibleName(QStringLiteral("Roofline"));
    setMinimumSize(260, 180);
}

void RooflinePlot::setPoint(std::shared_ptr<const SpeedContent> content, int index)
{
    m_content = std::move(content);
    m_point = index;
    QStringList words;
    for (const Mark &mark : marks(currentTokens())) {
        words << QStringLiteral("%1 %2 TFLOP/s").arg(mark.title, significantText(mark.rate / 1e12));
    }
    setAccessibleDescription(words.join(QStringLiteral(", ")));
    update();
}

std::vector<RooflinePlot::Mark> RooflinePlot::marks(const Tokens &t) const
{
    std::vector<Mark> result;
    if (!m_content || m_content->points.empty()) {
        return result;
    }
    const auto add = [&](const QString &title, const QString &candidate, const MeasuredRow &row, double microseconds,
                         const QColor &colour) {
        if (row.flops > 0 && row.bytes > 0 && row.right) {
            result.push_back({title, candidate, row.flops / row.bytes, row.flops / microseconds * 1e6, colour});
        }
    };
    const SpeedPoint &point = m_content->points[static_cast<std::size_t>(m_point)];
    for (const SpeedPiece &piece : point.pieces) {
        add(piece.title, QStringLiteral("ours"), *piece.row, piece.microseconds(), partColour(piece.part, t));
    }
    // The baseline of a whole core does another work than its parts: its own rate is not known from here.
    if (point.baseline && !m_content->atLength()) {
        add(m_content->baselineTitle, QString::fromStdString(point.baseline->name), *point.whole,
            point.baseline->microseconds, baselineColour(t));
    }
    return result;
}

void RooflinePlot::paintBody(QPainter &painter, const QRectF &box, const Tokens &t, bool) const
{
    if (!m_content) {
        return;
    }
    const BenchDocument &document = *m_content->document;
    const QRectF plot = box.adjusted(48, 10, -14, -40);
    const std::vector<Mark> all = marks(t);
    if (!document.bytesPerSecond || !document.flopsPerSecond || all.empty()) {
        painter.setPen(t.hint);
        painter.setFont(uiFont(12));
        painter.drawText(box, Qt::AlignCenter | Qt::TextWordWrap,
                         all.empty() ? QStringLiteral("Nothing is multiplied here: the bytes alone decide")
                                     : QStringLiteral("The measurement holds no ceilings of its machine"));
        return;
    }
    const double memory = *document.bytesPerSecond, arithmetic = *document.flopsPerSecond;
    double lowX = 1, highX = 4000, lowY = 1e12, highY = 2 * arithmetic;
    for (const Mark &mark : all) {
        lowX = std::min(lowX, mark.intensity / 2);
        highX = std::max(highX, mark.intensity * 2);
        lowY = std::min(lowY, mark.rate / 2);
    }
    const auto x = [&](double value) {
        return plot.left() + plot.width() * std::log(value / lowX) / std::log(highX / lowX);
    };
    const auto y = [&](double value) {
        return plot.bottom() - plot.height() * std::log(value / lowY) / std::log(highY / lowY);
    };
    painter.setFont(monoFont(11));
    for (double value = std::pow(10, std::ceil(std::log10(lowX))); value <= highX; value *= 10) {
        painter.setPen(t.grid);
        painter.drawLine(QPointF(x(value), plot.top()), QPointF(x(value), plot.bottom()));
        painter.setPen(t.text2);
        painter.drawText(QRectF(x(value) - 40, plot.bottom() + 4, 80, 14), Qt::AlignCenter,
                         countText(static_cast<std::int64_t>(value)));
    }
    for (double value = std::pow(10, std::ceil(std::log10(lowY))); value <= highY; value *= 10) {
        painter.setPen(t.grid);
        painter.drawLine(QPointF(plot.left(), y(value)), QPointF(plot.right(), y(value)));
        painter.setPen(t.text2);
        painter.drawText(QRectF(plot.left() - 48, y(value) - 8, 42, 16), Qt::AlignRight | Qt::AlignVCenter,
                         value >= 1e12 ? countText(std::llround(value / 1e12)) : QString::number(value / 1e12));
    }
    const double ridge = arithmetic / memory;
    painter.setPen(QPen(t.text, 1.5));
    painter.drawPolyline(QPolygonF{QPointF(x(std::max(lowX, lowY / memory)), y(std::max(lowX * memory, lowY))),
                                   QPointF(x(ridge), y(arithmetic)), QPointF(plot.right(), y(arithmetic))});
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    painter.drawText(QRectF(plot.left() + 6, y(arithmetic) - 18, 240, 16), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("bf16 product %1").arg(significantText(arithmetic / 1e12)));
    painter.drawText(QRectF(plot.left() + 6, plot.bottom() - 20, 240, 16), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("memory %1 TB/s").arg(significantText(memory / 1e12)));
    painter.drawText(QRectF(plot.left(), plot.bottom() + 20, plot.width(), 16), Qt::AlignCenter,
                     QStringLiteral("Arithmetic intensity (FLOP per byte)"));
    painter.save();
    painter.translate(box.left() + 7, plot.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-80, -8, 160, 16), Qt::AlignCenter, QStringLiteral("TFLOP/s"));
    painter.restore();
    LabelRoom room(plot);
    room.addBox(QRectF(plot.left() + 6, y(arithmetic) - 18, 120, 16)); // the words of the ceilings
    room.addBox(QRectF(plot.left() + 6, plot.bottom() - 20, 120, 16));
    const QPointF bend(x(ridge), y(arithmetic));
    room.addStroke(QPointF(x(std::max(lowX, lowY / memory)), y(std::max(lowX * memory, lowY))), bend);
    room.addStroke(bend, QPointF(plot.right(), bend.y()));
    const auto placeOf = [&](const Mark &mark) { return QPointF(x(mark.intensity), y(mark.rate)); };
    for (const Mark &mark : all) {
        const QPointF at = placeOf(mark);
        painter.setPen(Qt::NoPen);
        painter.setBrush(mark.colour);
        painter.drawEllipse(at, 5, 5);
        room.addBox(QRectF(at.x() - 6, at.y() - 6, 12, 12));
    }
    painter.setPen(t.text);
    painter.setFont(uiFont(11, QFont::DemiBold));
    for (const Mark &mark : all) {
        const QPointF at = placeOf(mark);
        const QSizeF size(painter.fontMetrics().horizontalAdvance(mark.title) + 4, 15);
        std::vector<QPointF> places;
        for (const double down : {3.0, -18.0, -8.0, 18.0, -33.0, 33.0, -48.0}) {
            places.emplace_back(at.x() + 9, at.y() + down);
            places.emplace_back(at.x() - 9 - size.width(), at.y() + down);
        }
        painter.drawText(room.place(size, places), Qt::AlignLeft | Qt::AlignVCenter, mark.title);
    }
}

QString RooflinePlot::figureTitle() const { return QStringLiteral("Roofline"); }

QString RooflinePlot::csv() const
{
    QString text = QStringLiteral("operation,candidate,flop_per_byte,flops_per_s\n");
    for (const Mark &mark : marks(currentTokens())) {
        text +=
            QStringList{csvText(mark.title), csvText(mark.candidate), csvNumber(mark.intensity), csvNumber(mark.rate)}
                .join(QLatin1Char(',')) +
            QLatin1Char('\n');
    }
    return text;
}

nlohmann::ordered_json RooflinePlot::exportContext() const
{
    nlohmann::ordered_json context;
    if (m_content) {
        context = measurementContext(*m_content->document);
        context["copy_bytes_per_s"] = m_content->document->bytesPerSecond.value_or(0);
        context["bf16_flops_per_s"] = m_content->document->flopsPerSecond.value_or(0);
    }
    return context;
}

} // namespace sparsescope
