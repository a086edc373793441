#include "widgets/plots/breakdown_view.h"

#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QPainter>

#include <algorithm>
#include <cmath>
#include <functional>

namespace sparsescope {
namespace {

constexpr double kValue = 104, kGap = 6;

/// How the lines stand: below titles of their own, or in a low window close together with the title in front of the bar.
struct Lines {
    double row, label;
    bool titles;
};
constexpr Lines kWide{22, 72, true}, kClose{18, 96, false};
constexpr double kFactor = 56;

QString flopsText(double flops) { return significantText(flops / 1e12) + QStringLiteral(" TFLOP"); }

} // namespace

BreakdownView::BreakdownView(QWidget *parent)
    : PaintedFigure(parent)
{
    setObjectName(QStringLiteral("breakdownView"));
    setAccessibleName(QStringLiteral("Breakdown"));
    setMinimumWidth(260);
}

void BreakdownView::setPoint(std::shared_ptr<const SpeedContent> content, int index)
{
    m_content = std::move(content);
    m_point = index;
    QStringList words;
    if (const SpeedPoint *shown = point()) {
        for (const SpeedPiece &piece : shown->pieces) {
            words << piece.title + QLatin1Char(' ') + timeText(piece.microseconds());
        }
    }
    setAccessibleDescription(words.join(QStringLiteral(", ")));
    setMinimumHeight(static_cast<int>(std::ceil(heightOf(false)))); // nothing is left out, however low the window
    update();
}

bool BreakdownView::hasDense() const { return point()->baseline && point()->baseline->name == "torch.sdpa"; }

Work BreakdownView::denseWork() const { return hasDense() ? m_content->baselineWork(*point()) : Work{}; }

double BreakdownView::heightOf(bool wide) const
{
    if (!point()) {
        return 0;
    }
    constexpr int kGroups = 3;
    const Lines &lines = wide ? kWide : kClose;
    const double bars = kGroups * (lines.titles ? 2 : 1) + (hasDense() ? 1 : 0) + (denseWork().flops > 0 ? 1 : 0) +
                        (denseWork().bytes > 0 ? 1 : 0),
                 words = static_cast<double>(gains().size());
    return bars * lines.row + kGroups * kGap + (words > 0 ? kGap + (words + 1) * lines.row : 0);
}

const SpeedPoint *BreakdownView::point() const
{
    return m_content && m_point < static_cast<int>(m_content->points.size())
               ? &m_content->points[static_cast<std::size_t>(m_point)]
               : nullptr;
}

std::vector<std::pair<QString, double>> BreakdownView::gains() const
{
    const SpeedPoint *shown = point();
    std::vector<std::pair<QString, double>> result;
    if (shown == nullptr || !shown->baseline || !shown->right()) {
        return result;
    }
    const double against = shown->baseline->microseconds, now = shown->ours();
    result.emplace_back(QStringLiteral("Now"), against / now);
    double all = now;
    for (const SpeedPiece &piece : shown->pieces) {
        if (const auto floor = piece.row->floorMicroseconds) {
            const double saved = std::max(piece.microseconds() - *floor, 0.0);
            all -= saved;
            result.emplace_back(piece.title + QStringLiteral(" at its floor"), against / (now - saved));
        }
    }
    if (shown->pieces.size() > 1) {
        result.emplace_back(QStringLiteral("All parts at their floors"), against / all);
    }
    return result;
}

double BreakdownView::paintBars(QPainter &painter, const QRectF &box, bool wide, const Tokens &t) const
{
    const auto [kRow, kLabel, titles] = wide ? kWide : kClose;
    double top = box.top();
    const SpeedPoint &shown = *point();
    using Measure = std::function<double(const MeasuredRow &)>;
    const auto group = [&](const QString &title, const Measure &ours, double baseline,
                           const std::function<QString(double)> &words) {
        if (titles) {
            painter.setFont(uiFont(12, QFont::DemiBold));
            painter.setPen(t.text);
            painter.drawText(QRectF(box.left(), top, box.width(), kRow), Qt::AlignLeft | Qt::AlignVCenter, title);
            top += kRow;
        }
        double sum = 0;
        for (const SpeedPiece &piece : shown.pieces) {
            sum += ours(*piece.row);
        }
        const double full = std::max({sum, baseline, 1e-12}), width = box.width() - kLabel - kValue;
        const auto row = [&](const QString &label, double value) {
            painter.setFont(uiFont(12));
            painter.setPen(t.text2);
            painter.drawText(QRectF(box.left(), top, kLabel, kRow), Qt::AlignLeft | Qt::AlignVCenter, label);
            painter.setFont(monoFont(12));
            painter.setPen(t.text);
            painter.drawText(QRectF(box.right() - kValue, top, kValue, kRow), Qt::AlignRight | Qt::AlignVCenter,
                             words(value));
        };
        if (baseline > 0) {
            row(titles ? QStringLiteral("Dense") : title + QStringLiteral(", dense"), baseline);
            painter.fillRect(QRectF(box.left() + kLabel, top + 4, width * baseline / full, kRow - 8),
                             baselineColour(t));
            top += kRow;
        }
        const QString ourName = m_content->atLength() ? QStringLiteral("Sparse") : QStringLiteral("Ours");
        row(titles ? ourName : baseline > 0 ? title + QStringLiteral(", ") + ourName.toLower() : title, sum);
        double left = box.left() + kLabel;
        for (const SpeedPiece &piece : shown.pieces) {
            const double length = width * ours(*piece.row) / full;
            painter.fillRect(QRectF(left, top + 4, std::max(length - 1, 0.0), kRow - 8), partColour(piece.part, t));
            left += length;
        }
        top += kRow + kGap;
    };
    const Work dense = denseWork();
    group(
        QStringLiteral("Arithmetic"), [](const MeasuredRow &row) { return row.flops; }, dense.flops, flopsText);
    group(
        QStringLiteral("Memory traffic"), [](const MeasuredRow &row) { return row.bytes; }, dense.bytes,
        [](double bytes) { return bytesText(bytes); });
    group(
        QStringLiteral("Time"), [](const MeasuredRow &row) { return row.timings.front().microseconds; },
        hasDense() ? shown.baseline->microseconds : 0, timeText);
    return top;
}

void BreakdownView::paintBody(QPainter &painter, const QRectF &whole, const Tokens &t, bool) const
{
    if (!point()) {
        return;
    }
    const QRectF box = whole.adjusted(2, 0, -2, 0);
    if (!point()->right()) {
        painter.setPen(t.failed);
        painter.setFont(uiFont(12));
        painter.drawText(box, Qt::AlignCenter | Qt::TextWordWrap,
                         QStringLiteral("A part did not equal its reference: no time of it is shown"));
        return;
    }
    const bool wide = heightOf(true) <= box.height() + 2;
    // What is left over goes between the lines.
    const double row =
        wide ? kWide.row
             : kClose.row + std::clamp((box.height() - heightOf(false)) / static_cast<double>(gains().size() + 1), 0.0,
                                       kWide.row - kClose.row);
    double top = paintBars(painter, box, wide, t);
    const auto all = gains();
    if (all.empty()) {
        return;
    }
    painter.setPen(t.border);
    painter.drawLine(QPointF(box.left(), top), QPointF(box.right(), top));
    top += kGap;
    painter.setFont(uiFont(12, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRectF(box.left(), top, box.width(), row), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("What would make it faster"));
    for (const auto &[words, factor] : all) {
        top += row;
        painter.setFont(uiFont(12));
        painter.setPen(t.text2);
        painter.drawText(QRectF(box.left(), top, box.width() - kFactor, row), Qt::AlignLeft | Qt::AlignVCenter, words);
        painter.setFont(monoFont(12));
        painter.setPen(t.text);
        painter.drawText(QRectF(box.right() - kFactor, top, kFactor, row), Qt::AlignRight | Qt::AlignVCenter,
                         factorText(factor));
    }
}

QString BreakdownView::figureTitle() const
{
    return point() ? QStringLiteral("Breakdown at %1").arg(point()->label) : QStringLiteral("Breakdown");
}

QString BreakdownView::csv() const
{
    QString text = QStringLiteral("part,flops,bytes,us,floor_us\n");
    if (point()) {
        if (const Work dense = denseWork(); hasDense()) {
            const auto known = [](double value) { return value > 0 ? csvNumber(value) : QString(); };
            text += QStringList{csvText(m_content->baselineTitle), known(dense.flops), known(dense.bytes),
                                csvNumber(point()->baseline->microseconds),
                                known(dense.floor(*m_content->document).value_or(0))}
                        .join(QLatin1Char(',')) +
                    QLatin1Char('\n');
        }
        for (const SpeedPiece &piece : point()->pieces) {
            const MeasuredRow &row = *piece.row;
            text += QStringList{csvText(piece.title), csvNumber(row.flops), csvNumber(row.bytes),
                                row.right ? csvNumber(piece.microseconds()) : QString(),
                                row.floorMicroseconds ? csvNumber(*row.floorMicroseconds) : QString()}
                        .join(QLatin1Char(',')) +
                    QLatin1Char('\n');
        }
    }
    return text;
}

nlohmann::ordered_json BreakdownView::exportContext() const
{
    nlohmann::ordered_json context;
    if (m_content) {
        context = measurementContext(*m_content->document);
        context["gains"] = nlohmann::ordered_json::object();
        for (const auto &[words, factor] : gains()) {
            context["gains"][words.toStdString()] = factor;
        }
    }
    return context;
}

} // namespace sparsescope
