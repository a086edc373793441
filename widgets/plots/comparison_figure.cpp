#include "widgets/plots/comparison_figure.h"

#include "core/base/gates.h"
#include "widgets/plots/figure_parts.h"
#include "widgets/plots/headline.h"
#include "widgets/plots/selection_figure.h"
#include "widgets/state/number_text.h"
#include "widgets/style/check_look.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/group_look.h"
#include "widgets/style/marks.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr double kTop = 104, kFoot = 22, kLegendRow = 18, kTallestPlot = 640;
constexpr std::size_t kMostBands = 6; ///< more of them would lie over each other

} // namespace

ComparisonFigure::ComparisonFigure(Comparison comparison)
    : m_comparison(std::move(comparison))
    , m_sections(resultSections(m_comparison))
    , m_selection(selectionFigureOf(m_comparison))
    , m_curves(std::make_unique<SeriesPlot>())
{
    PlotContent content;
    content.yLabel = QStringLiteral("Validation loss (nats per token)");
    content.empty = QStringLiteral("No evaluation yet");
    const std::vector<const GroupResult *> groups = m_comparison.groups();
    const auto add = [&](const GroupResult &group, std::vector<BandPoint> points) {
        PlotCurve curve{group.label, group.family, {}, 2, 1, false, true};
        curve.variant = group.variant;
        for (const BandPoint &point : points) {
            curve.points.push_back({point.x, point.mean});
        }
        if (curve.points.empty()) {
            return;
        }
        content.curves.push_back(std::move(curve));
        if (groups.size() <= kMostBands) {
            content.bands.push_back({group.family, std::move(points), false, group.variant});
        }
    };
    if (byLength()) {
        content.xLabel = QStringLiteral("Sequence length L");
        content.xLow = 0.85 * static_cast<double>(m_comparison.lengths.front());
        content.xHigh = 1.18 * static_cast<double>(m_comparison.lengths.back());
        content.xTicks.assign(m_comparison.lengths.begin(), m_comparison.lengths.end());
        for (const GroupResult *group : groups) {
            std::vector<BandPoint> points;
            for (const GroupResult &result : m_comparison.results) {
                if (result.family == group->family && result.axes == group->axes && result.loss.mean()) {
                    points.push_back({static_cast<double>(result.sequenceLength), *result.loss.mean(),
                                      result.loss.std().value_or(std::nan("")),
                                      static_cast<int>(result.loss.values.size())});
                }
            }
            add(*group, std::move(points));
        }
        m_curves->setContent(std::move(content));
        m_curves->setLogX(true);
        return;
    }
    content.xLabel = QStringLiteral("Step");
    content.xHigh = static_cast<double>(std::max<std::int64_t>(1, m_comparison.steps));
    for (const GroupResult *group : groups) {
        add(*group, group->validation);
    }
    if (m_comparison.chanceLoss) {
        content.lines.push_back(
            {*m_comparison.chanceLoss, QStringLiteral("Chance: ") + lossText(m_comparison.chanceLoss)});
    }
    m_curves->setContent(std::move(content));
}

ComparisonFigure::~ComparisonFigure() = default;

QString ComparisonFigure::figureTitle() const
{
    return QStringLiteral("Comparison, ") + QString::fromStdString(m_comparison.experiment);
}

QSizeF ComparisonFigure::figureSize() const
{
    const QSizeF usual = m_selection ? QSizeF(1320, 762) : QSizeF(1040, 620);
    const double needed = std::max(heightOf(m_sections), seedBySeed() ? heightOfSeeds(m_comparison) : 0);
    return {usual.width(), std::max(usual.height(), kTop + needed + kFoot + 10)};
}

QString ComparisonFigure::seedsText() const
{
    if (m_comparison.seeds == 1) {
        return QStringLiteral("one seed: no interval");
    }
    const QString most = QString::number(m_comparison.seeds);
    return (m_comparison.fewestSeeds == m_comparison.seeds
                ? most
                : QStringLiteral("%1 to %2").arg(m_comparison.fewestSeeds).arg(most)) +
           QStringLiteral(" seeds, mean ± std");
}

void ComparisonFigure::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(QRectF(QPointF(0, 0), size), t.panel);
    painter.setFont(uiFont(20, QFont::DemiBold));
    painter.setPen(t.text);
    const QString question = m_comparison.question.empty() ? QString::fromStdString(m_comparison.experiment)
                                                           : QString::fromStdString(m_comparison.question);
    const QRectF headline(28, 18, size.width() - 56, 28);
    const qsizetype cut = headlineLength(question, painter.fontMetrics(), static_cast<int>(headline.width()));
    painter.drawText(
        headline, Qt::AlignLeft | Qt::AlignVCenter,
        painter.fontMetrics().elidedText(question.left(cut), Qt::ElideRight, static_cast<int>(headline.width())));
    QStringList facts{QString::fromStdString(m_comparison.experiment)};
    QStringList lengths;
    for (const std::int64_t length : m_comparison.lengths) {
        lengths << countText(length);
    }
    facts << QStringLiteral("L = ") + lengths.join(QStringLiteral(", "))
          << QStringLiteral("%1 steps").arg(countText(m_comparison.steps)) << seedsText();
    if (m_comparison.fromSummary) {
        facts << QStringLiteral("final values, from the summary");
    }
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRectF(28, 48, size.width() - 56, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     facts.join(QStringLiteral("  ·  ")));
    painter.drawText(QRectF(28, 67, size.width() - 56, 34), Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap,
                     question.mid(cut).trimmed());

    const double top = kTop, bottom = size.height() - kFoot, gap = 32;
    const double width = size.width() - 56;
    const double maskWidth = m_selection ? 0.31 * width : 0;
    const double rest = width - (m_selection ? maskWidth + gap : 0) - gap;
    const QRectF curves(28, top, 0.52 * rest, bottom - top);
    const QRectF results(curves.right() + gap, top, 0.48 * rest, bottom - top);
    if (seedBySeed()) {
        paintSeeds(painter, curves, m_comparison, t);
    } else {
        paintCurves(painter, curves, t);
    }
    paintSections(painter, results, m_sections, t);
    if (m_selection) {
        m_selection->paint(painter, QRectF(results.right() + gap, top, maskWidth, bottom - top), t);
    }
    paintSoundness(painter, QRectF(28, size.height() - 20, width, 16), t);
}

/// Whether what the figure shows may be believed goes wherever the figure goes.
void ComparisonFigure::paintSoundness(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    const CheckSummary summary = checkSummary(m_comparison.checks);
    const CheckLook look = checkLook(summary.worst, t);
    QStringList failed;
    for (const CheckResult &check : m_comparison.checks) {
        const QString title = QString::fromStdString(gate(check.gate).title);
        if (check.outcome == CheckOutcome::Failed && !failed.contains(title)) {
            failed << title;
        }
    }
    const QString words = failed.isEmpty()
                              ? summary.words
                              : summary.words + QStringLiteral(" (%1)").arg(failed.join(QStringLiteral(", ")));
    paintIcon(painter, QRectF(box.left(), box.top() + 1, 13, 13), look.icon, look.colour, t.panel);
    painter.setFont(uiFont(12, failed.isEmpty() ? QFont::Normal : QFont::DemiBold));
    painter.setPen(look.colour);
    painter.drawText(box.adjusted(20, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter,
                     painter.fontMetrics().elidedText(words, Qt::ElideRight, static_cast<int>(box.width()) - 20));
}

double ComparisonFigure::paintLegend(QPainter &painter, const QRectF &box, double top, const Tokens &t) const
{
    painter.setFont(uiFont(12, QFont::Medium));
    double left = box.left();
    for (const GroupResult *group : m_comparison.groups()) {
        const double width = painter.fontMetrics().horizontalAdvance(group->label) + 34;
        if (left > box.left() && left + width > box.right()) {
            left = box.left();
            top += kLegendRow;
        }
        const QColor colour = groupColour(group->family, group->variant, t);
        const QPointF middle(left + 12, top + kLegendRow / 2);
        painter.setPen(QPen(colour, 2, groupLine(group->variant), Qt::FlatCap));
        painter.drawLine(middle - QPointF(12, 0), middle + QPointF(12, 0));
        paintMarker(painter, middle, 7, familyMarker(group->family), colour, t.panel);
        painter.setPen(t.text);
        painter.drawText(QRectF(left + 30, top, width - 30, kLegendRow), Qt::AlignLeft | Qt::AlignVCenter,
                         group->label);
        left += width + 14;
    }
    return top + kLegendRow;
}

void ComparisonFigure::paintCurves(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    const auto groups = m_comparison.groups();
    const bool variants =
        std::any_of(groups.begin(), groups.end(), [](const GroupResult *g) { return g->variant > 0; });
    QString hint = variants ? QStringLiteral("Lower is better. Marker: family. Line and shade: the swept values.")
                            : QStringLiteral("Lower is better. Line and marker: family.");
    if (groups.size() > kMostBands && m_comparison.seeds > 1) {
        hint += QStringLiteral(" Means alone.");
    }
    paintHeading(painter, box,
                 byLength() ? QStringLiteral("Final validation loss by length")
                            : QStringLiteral("Validation loss while training"),
                 hint, t);
    const double top = paintLegend(painter, box, box.top() + 43, t) + 1;
    painter.save();
    painter.translate(box.left() - 6, top);
    m_curves->paint(
        painter,
        QSize(static_cast<int>(box.width()) + 10, static_cast<int>(std::min(box.bottom() - top, kTallestPlot))), t);
    painter.restore();
}

QString ComparisonFigure::csv() const
{
    QString text = QStringLiteral("family,sequence_length,metric,mean,std,n,axes\n");
    for (const GroupResult &result : m_comparison.results) {
        QStringList axes;
        for (const auto &[axis, value] : result.axes) {
            axes << QString::fromStdString(axis + "=" + value);
        }
        for (const auto &[metric, member] : kResultMetrics) {
            const SeedValues &seeds = result.*member;
            if (!seeds.values.empty()) {
                text += QStringLiteral("%1,%2,%3,%4,%5,%6,%7\n")
                            .arg(QString::fromStdString(toString(result.family)))
                            .arg(result.sequenceLength)
                            .arg(QLatin1String(metric), csvNumber(*seeds.mean()),
                                 csvNumber(seeds.std().value_or(std::nan(""))))
                            .arg(seeds.values.size())
                            .arg(csvText(axes.join(QLatin1Char(' '))));
            }
        }
    }
    return text;
}

nlohmann::ordered_json ComparisonFigure::exportContext() const
{
    nlohmann::ordered_json context;
    context["figure"] = "comparison";
    context["experiment"] = m_comparison.experiment;
    context["question"] = m_comparison.question;
    context["steps"] = m_comparison.steps;
    context["seeds"] = m_comparison.seeds;
    context["from_summary"] = m_comparison.fromSummary;
    context["groups"] = nlohmann::ordered_json::array();
    for (const GroupResult *group : m_comparison.groups()) {
        context["groups"].push_back(group->label.toStdString());
    }
    context["soundness"] = soundnessHeadline(m_comparison.checks);
    context["checks"] = nlohmann::ordered_json::array();
    for (const CheckResult &check : m_comparison.checks) {
        context["checks"].push_back(toJson(check));
    }
    if (m_comparison.snapshot) {
        context["snapshot"] = {{"run", m_comparison.snapshotRun.toStdString()}, {"step", m_comparison.snapshot->step}};
    }
    return context;
}

} // namespace sparsescope
