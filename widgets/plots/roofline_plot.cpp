#include "widgets/plots/roofline_plot.h"

#include "widgets/plots/label_room.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QPainter>
#include <QtMath>

#include <algorithm>
#include <cmath>

namespace sparsescope {
namespace {

constexpr double kTied = 16; ///< px from a mark to its words

/// A circle; attention a square, the indexer a diamond, the selection a triangle.
void drawMark(QPainter &painter, const QPointF &at, SpeedPart part)
{
    if (part == SpeedPart::Attention || part == SpeedPart::Backward) {
        painter.drawRect(QRectF(at.x() - 4.5, at.y() - 4.5, 9, 9));
    } else if (part == SpeedPart::Indexer) {
        painter.drawPolygon(
            QPolygonF{at + QPointF(0, -6), at + QPointF(6, 0), at + QPointF(0, 6), at + QPointF(-6, 0)});
    } else if (part == SpeedPart::Selection) {
        painter.drawPolygon(QPolygonF{at + QPointF(0, -5.5), at + QPointF(6, 5), at + QPointF(-6, 5)});
    } else {
        painter.drawEllipse(at, 5, 5);
    }
}

} // namespace

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
    const auto add = [&](const QString &title, const QString &candidate, const Work &work, double microseconds,
                         const QColor &colour, SpeedPart part) {
        if (work.flops > 0 && work.bytes > 0) {
            result.push_back(
                {title, candidate, work.flops / work.bytes, work.flops / microseconds * 1e6, colour, part});
        }
    };
    const SpeedPoint &point = m_content->points[static_cast<std::size_t>(m_point)];
    for (const SpeedPiece &piece : point.pieces) {
        if (!piece.row->right) {
            continue;
        }
        Work work{piece.row->flops, piece.row->bytes};
        // A selection multiplies nothing. Beside parts that do, a comparison stands for each score of four bytes.
        const bool compares = m_content->atLength() && piece.part == SpeedPart::Selection && work.flops == 0;
        if (compares) {
            work.flops = work.bytes / 4;
        }
        add(compares ? piece.title + QStringLiteral(", comparisons") : piece.title, QStringLiteral("ours"), work,
            piece.microseconds(), partColour(piece.part, t), piece.part);
    }
    if (point.baseline && point.whole->right) {
        add(m_content->baselineTitle, QString::fromStdString(point.baseline->name), m_content->baselineWork(point),
            point.baseline->microseconds, baselineColour(t), SpeedPart::Whole);
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
    const double eight = document.e4m3PerSecond.value_or(0);
    double lowX = 1, highX = 4000, lowY = 1e12, highY = 2 * std::max(arithmetic, eight);
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
    if (eight > arithmetic) {
        painter.setPen(QPen(t.text2, 1));
        painter.drawPolyline(QPolygonF{QPointF(x(ridge), y(arithmetic)), QPointF(x(eight / memory), y(eight)),
                                       QPointF(plot.right(), y(eight))});
        painter.setFont(uiFont(11));
        painter.drawText(QRectF(plot.left() + 6, y(eight) - 18, 240, 16), Qt::AlignLeft | Qt::AlignVCenter,
                         QStringLiteral("e4m3 product %1").arg(significantText(eight / 1e12)));
    }
    painter.setPen(QPen(t.text, 1.5));
    painter.drawPolyline(QPolygonF{QPointF(x(std::max(lowX, lowY / memory)), y(std::max(lowX * memory, lowY))),
                                   QPointF(x(ridge), y(arithmetic)), QPointF(plot.right(), y(arithmetic))});
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    painter.drawText(QRectF(plot.left() + 6, y(arithmetic) - 18, 240, 16), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("bf16 product %1").arg(significantText(arithmetic / 1e12)));
    painter.save(); // along the slope, in its middle, above it
    const QPointF foot(x(std::max(lowX, lowY / memory)), y(std::max(lowX * memory, lowY))),
        knee(x(ridge), y(arithmetic));
    painter.translate((foot + knee) / 2);
    painter.rotate(qRadiansToDegrees(std::atan2(knee.y() - foot.y(), knee.x() - foot.x())));
    painter.drawText(QRectF(-80, -19, 160, 16), Qt::AlignCenter,
                     QStringLiteral("memory %1 TB/s").arg(significantText(memory / 1e12)));
    painter.restore();
    painter.drawText(QRectF(plot.left(), plot.bottom() + 20, plot.width(), 16), Qt::AlignCenter,
                     QStringLiteral("Arithmetic intensity (FLOP per byte)"));
    painter.save();
    painter.translate(box.left() + 7, plot.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-80, -8, 160, 16), Qt::AlignCenter, QStringLiteral("TFLOP/s"));
    painter.restore();
    LabelRoom room(plot);
    room.addBox(QRectF(plot.left() + 6, y(arithmetic) - 18, 120, 16)); // the words of the ceilings
    if (eight > arithmetic) {
        room.addBox(QRectF(plot.left() + 6, y(eight) - 18, 120, 16));
        room.addStroke(QPointF(x(eight / memory), y(eight)), QPointF(plot.right(), y(eight)));
    }
    const QPointF bend(x(ridge), y(arithmetic));
    room.addStroke(QPointF(x(std::max(lowX, lowY / memory)), y(std::max(lowX * memory, lowY))), bend);
    room.addStroke(bend, QPointF(plot.right(), bend.y()));
    const auto placeOf = [&](const Mark &mark) { return QPointF(x(mark.intensity), y(mark.rate)); };
    for (const Mark &mark : all) {
        const QPointF at = placeOf(mark);
        painter.setPen(Qt::NoPen);
        painter.setBrush(mark.colour);
        drawMark(painter, at, mark.part);
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
        const QRectF words = room.place(size, places);
        painter.drawText(words, Qt::AlignLeft | Qt::AlignVCenter, mark.title);
        // Words that found no room beside their mark are tied to it.
        const QPointF near(std::clamp(at.x(), words.left(), words.right()),
                           std::clamp(at.y(), words.top(), words.bottom()));
        const QPointF away = near - at;
        if (const double distance = std::hypot(away.x(), away.y()); distance > kTied) {
            painter.save();
            painter.setPen(QPen(t.text2, 1));
            painter.drawLine(at + away * (7 / distance), near);
            painter.restore();
        }
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
        context["e4m3_flops_per_s"] = m_content->document->e4m3PerSecond.value_or(0);
    }
    return context;
}

} // namespace sparsescope
