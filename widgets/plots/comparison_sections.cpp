#include "widgets/plots/comparison_sections.h"

#include "widgets/plots/figure_parts.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/group_look.h"
#include "widgets/style/marks.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr double kRow = 24, kHead = 42, kGap = 18;
/// With more groups the bars of other selectors would be most of the figure; its data has them.
constexpr std::size_t kMostReferenced = 8;

QString meanText(const SeedValues &values, bool share)
{
    const QString mean = share ? percentText(values.mean()) : lossText(values.mean());
    const auto std = values.std();
    return std ? QStringLiteral("%1 ± %2").arg(mean, share ? QString::number(100 * *std, 'f', 1) : lossText(std))
               : mean;
}

void add(ResultSection &section, const GroupResult &result, const SeedValues &values)
{
    if (values.mean()) {
        section.rows.push_back({result.label, &values, result.family, result.variant, false});
    }
}

void addReference(ResultSection &section, const QString &label, const SeedValues &values)
{
    if (values.mean()) {
        section.rows.push_back({label, &values, Family::Classic, 0, true});
    }
}

/// Of all labels the widest, as far as bars keep half of the box.
double labelRoom(QPainter &painter, const QStringList &labels, double width)
{
    painter.setFont(uiFont(12));
    double widest = kLabelRoom - 8;
    for (const QString &label : labels) {
        widest = std::max(widest, static_cast<double>(painter.fontMetrics().horizontalAdvance(label)));
    }
    return std::min(widest + 8, 0.5 * width);
}

/// Round numbers within the range, at least two apart.
std::vector<double> roundNumbers(double low, double high)
{
    const double rough = (high - low) / 5;
    const double decade = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * decade;
    for (const double digit : {1.0, 2.0, 5.0}) {
        if (digit * decade >= rough) {
            step = digit * decade;
            break;
        }
    }
    std::vector<double> numbers;
    for (double at = std::ceil(low / step) * step; at <= high + 1e-9 * step; at += step) {
        numbers.push_back(at);
    }
    return numbers;
}

std::vector<const GroupResult *> atTheLongest(const Comparison &comparison)
{
    std::vector<const GroupResult *> results;
    for (const GroupResult &result : comparison.results) {
        if (result.sequenceLength == comparison.lengths.back()) {
            results.push_back(&result);
        }
    }
    return results;
}

} // namespace

std::vector<ResultSection> resultSections(const Comparison &comparison)
{
    std::vector<ResultSection> sections;
    if (comparison.lengths.empty()) {
        return sections;
    }
    const std::vector<const GroupResult *> results = atTheLongest(comparison);
    const QString at = comparison.lengths.size() > 1
                           ? QStringLiteral(" at L = %1").arg(countText(comparison.lengths.back()))
                           : QString();
    const auto keep = [&](ResultSection section) {
        if (!section.rows.empty()) {
            sections.push_back(std::move(section));
        }
    };
    const QString answers = comparison.task ? QStringLiteral("Answers right") : QStringLiteral("Token accuracy");
    if (comparison.task) {
        ResultSection right{answers + at, QStringLiteral("Share of the asked tokens."), {}, 1, true, {}};
        if (comparison.chanceAccuracy) {
            right.hint += QStringLiteral(" Dashed: guessing, %1.").arg(percentText(comparison.chanceAccuracy));
            right.chance = comparison.chanceAccuracy;
        }
        for (const GroupResult *result : results) {
            add(right, *result, result->accuracy);
        }
        keep(std::move(right));
    } else {
        ResultSection loss{QStringLiteral("Final validation loss") + at,
                           QStringLiteral("Nats per token; bars start at 0."),
                           {},
                           comparison.chanceLoss.value_or(0),
                           false,
                           {}};
        for (const GroupResult *result : results) {
            loss.full = std::max(loss.full, result->loss.mean().value_or(0));
            add(loss, *result, result->loss);
        }
        keep(std::move(loss));
    }
    const auto selecting = std::count_if(results.begin(), results.end(),
                                         [](const GroupResult *r) { return r->recall.mean().has_value(); });
    const bool referenced = static_cast<std::size_t>(selecting) <= kMostReferenced;
    ResultSection needed{QStringLiteral("Needed keys found") + at,
                         QStringLiteral("Needed: the k keys dense attention weighs most. All layers, validation."),
                         {},
                         1,
                         true,
                         {}};
    ResultSection swapped{answers + QStringLiteral(" when others select") + at,
                          QStringLiteral("The same trained weights; only the selection is swapped."),
                          {},
                          1,
                          true,
                          {}};
    for (const GroupResult *result : results) {
        add(needed, *result, result->recall);
        if (referenced) {
            addReference(needed, QStringLiteral("  newest keys"), result->recallRecency);
            addReference(needed, QStringLiteral("  random keys"), result->recallRandom);
        }
        if (referenced && result->accuracyRandom.mean()) {
            add(swapped, *result, result->accuracy);
            addReference(swapped, QStringLiteral("  newest keys"), result->accuracyRecency);
            addReference(swapped, QStringLiteral("  random keys"), result->accuracyRandom);
        }
    }
    const bool neither = needed.rows.empty() && swapped.rows.empty();
    keep(std::move(needed));
    keep(std::move(swapped));
    if (neither) {
        ResultSection captured{QStringLiteral("How good is the selection?") + at,
                               QStringLiteral("Attention mass captured: 0 is random keys, 1 the best possible."),
                               {},
                               1,
                               false,
                               {}};
        for (const GroupResult *result : results) {
            add(captured, *result, result->captured);
        }
        keep(std::move(captured));
    }
    return sections;
}

double heightOf(const std::vector<ResultSection> &sections)
{
    double height = 0;
    for (const ResultSection &section : sections) {
        height += kHead + kRow * static_cast<double>(section.rows.size()) + kGap;
    }
    return std::max(0.0, height - kGap);
}

void paintSections(QPainter &painter, const QRectF &box, const std::vector<ResultSection> &sections, const Tokens &t)
{
    QStringList labels;
    for (const ResultSection &section : sections) {
        for (const ResultRow &row : section.rows) {
            labels << row.label;
        }
    }
    const double room = labelRoom(painter, labels, box.width());
    double top = box.top();
    for (const ResultSection &section : sections) {
        paintHeading(painter, QRectF(box.left(), top, box.width(), 36), section.title, section.hint, t);
        top += kHead;
        if (section.chance) { // under the bars, so that their numbers stay readable
            paintChanceMark(painter,
                            QRectF(box.left(), top, box.width(), kRow * static_cast<double>(section.rows.size())),
                            *section.chance, section.full, t, room);
        }
        for (const ResultRow &row : section.rows) {
            const QColor colour = row.reference ? t.hint : groupColour(row.family, row.variant, t);
            paintBar(painter, QRectF(box.left(), top, box.width(), kRow), row.label, *row.values->mean(), section.full,
                     meanText(*row.values, section.share), colour, row.reference, t, room);
            top += kRow;
        }
        top += kGap;
    }
}

double heightOfSeeds(const Comparison &comparison)
{
    constexpr double kAxis = 44;
    return comparison.lengths.empty() ? 0 : kHead + kRow * static_cast<double>(atTheLongest(comparison).size()) + kAxis;
}

void paintSeeds(QPainter &painter, const QRectF &box, const Comparison &comparison, const Tokens &t)
{
    const bool several = comparison.seeds > 1;
    paintHeading(painter, box, QStringLiteral("Final validation loss, seed by seed"),
                 several ? QStringLiteral("Lower is better. A marker a seed; the line is their mean.")
                         : QStringLiteral("Lower is better. One seed each."),
                 t);
    std::vector<const GroupResult *> results;
    QStringList labels;
    double low = INFINITY, high = -INFINITY;
    for (const GroupResult *result : comparison.lengths.empty() ? results : atTheLongest(comparison)) {
        if (result->loss.values.empty()) {
            continue;
        }
        results.push_back(result);
        labels << result->label;
        const auto [least, most] = std::minmax_element(result->loss.values.begin(), result->loss.values.end());
        low = std::min(low, *least);
        high = std::max(high, *most);
    }
    if (results.empty()) {
        return;
    }
    const double margin = std::max(0.06 * (high - low), 1e-3);
    low -= margin;
    high += margin;
    const double room = labelRoom(painter, labels, box.width());
    const QRectF area(box.left() + room, box.top() + kHead, box.width() - room - 12,
                      kRow * static_cast<double>(results.size()));
    const auto x = [&](double value) { return area.left() + area.width() * (value - low) / (high - low); };
    painter.setFont(uiFont(11));
    for (const double number : roundNumbers(low, high)) {
        painter.setPen(QPen(t.grid, 1));
        painter.drawLine(QPointF(x(number), area.top()), QPointF(x(number), area.bottom()));
        painter.setPen(t.text2);
        painter.drawText(QRectF(x(number) - 40, area.bottom() + 3, 80, 16), Qt::AlignHCenter | Qt::AlignVCenter,
                         QString::number(number, 'g', 6));
    }
    painter.setPen(QPen(t.border, 1));
    painter.drawLine(area.bottomLeft(), area.bottomRight());
    painter.setPen(t.text2);
    painter.drawText(QRectF(area.left(), area.bottom() + 20, area.width(), 16), Qt::AlignHCenter | Qt::AlignVCenter,
                     QStringLiteral("Validation loss (nats per token)"));
    double middle = area.top() + kRow / 2;
    for (std::size_t i = 0; i < results.size(); ++i, middle += kRow) {
        const GroupResult &result = *results[i];
        const QColor colour = groupColour(result.family, result.variant, t);
        painter.setFont(uiFont(12));
        painter.setPen(t.text);
        painter.drawText(QRectF(box.left(), middle - kRow / 2, room - 8, kRow), Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(result.label, Qt::ElideRight, static_cast<int>(room) - 6));
        if (several) {
            const double mean = x(*result.loss.mean());
            painter.setPen(QPen(colour, 2));
            painter.drawLine(QPointF(mean, middle - 8), QPointF(mean, middle + 8));
        }
        for (const double value : result.loss.values) {
            paintMarker(painter, QPointF(x(value), middle), 7, familyMarker(result.family), colour, t.panel);
        }
    }
}

} // namespace sparsescope
