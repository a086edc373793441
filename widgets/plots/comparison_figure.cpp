#include "widgets/plots/comparison_figure.h"

#include "core/base/gates.h"
#include "widgets/plots/figure_parts.h"
#include "widgets/plots/headline.h"
#include "widgets/plots/selection_figure.h"
#include "widgets/state/number_text.h"
#include "widgets/style/check_look.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr Family kFamilies[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};

QString familyText(Family family) { return QString::fromStdString(displayName(family)); }

QString meanText(const SeedValues &values, bool share)
{
    const QString mean = share ? percentText(values.mean()) : lossText(values.mean());
    const auto std = values.std();
    return std ? QStringLiteral("%1 ± %2").arg(mean, share ? QString::number(100 * *std, 'f', 1) : lossText(std))
               : mean;
}

} // namespace

ComparisonFigure::ComparisonFigure(Comparison comparison)
    : m_comparison(std::move(comparison))
    , m_selection(selectionFigureOf(m_comparison))
    , m_curves(std::make_unique<SeriesPlot>())
{
    PlotContent content;
    content.yLabel = QStringLiteral("Validation loss (nats per token)");
    content.empty = QStringLiteral("No evaluation yet");
    if (byLength()) {
        content.xLabel = QStringLiteral("Sequence length L");
        content.xLow = 0.85 * static_cast<double>(m_comparison.lengths.front());
        content.xHigh = 1.18 * static_cast<double>(m_comparison.lengths.back());
        for (const Family family : kFamilies) {
            PlotCurve curve{familyText(family), family, {}, 2, 1, false, true};
            PlotBand band{family, {}};
            for (const FamilyResult &result : m_comparison.results) {
                if (result.family == family && result.loss.mean()) {
                    const double x = static_cast<double>(result.sequenceLength);
                    curve.points.push_back({x, *result.loss.mean()});
                    band.points.push_back({x, *result.loss.mean(), result.loss.std().value_or(std::nan("")),
                                           static_cast<int>(result.loss.values.size())});
                }
            }
            if (!curve.points.empty()) {
                content.curves.push_back(std::move(curve));
                content.bands.push_back(std::move(band));
            }
        }
        m_curves->setContent(std::move(content));
        m_curves->setLogX(true);
        return;
    }
    content.xLabel = QStringLiteral("Step");
    content.xHigh = static_cast<double>(std::max<std::int64_t>(1, m_comparison.steps));
    for (const FamilyResult &result : m_comparison.results) {
        if (result.validation.empty()) {
            continue;
        }
        Series points;
        for (const BandPoint &point : result.validation) {
            points.push_back({point.x, point.mean});
        }
        content.curves.push_back({familyText(result.family), result.family, std::move(points), 2, 1, false, true});
        content.bands.push_back({result.family, result.validation});
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

QSizeF ComparisonFigure::figureSize() const { return m_selection ? QSizeF(1320, 762) : QSizeF(1040, 620); }

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
          << QStringLiteral("%1 steps").arg(countText(m_comparison.steps))
          << (m_comparison.seeds == 1 ? QStringLiteral("one seed: no interval")
                                      : QStringLiteral("%1 seeds, mean ± std").arg(m_comparison.seeds));
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRectF(28, 48, size.width() - 56, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     facts.join(QStringLiteral("  ·  ")));
    painter.drawText(QRectF(28, 67, size.width() - 56, 34), Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap,
                     question.mid(cut).trimmed());

    const double top = 104, bottom = size.height() - 22, gap = 32;
    const double width = size.width() - 56;
    const double maskWidth = m_selection ? 0.31 * width : 0;
    const double rest = width - (m_selection ? maskWidth + gap : 0) - gap;
    const QRectF curves(28, top, 0.52 * rest, bottom - top);
    const QRectF results(curves.right() + gap, top, 0.48 * rest, bottom - top);
    paintCurves(painter, curves, t);
    paintResults(painter, results, t);
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

void ComparisonFigure::paintCurves(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    paintHeading(painter, box,
                 byLength() ? QStringLiteral("Final validation loss by length")
                            : QStringLiteral("Validation loss while training"),
                 QStringLiteral("Lower is better. Line and marker: family."), t);
    double left = box.left();
    painter.setFont(uiFont(12, QFont::Medium));
    for (const Family family : kFamilies) {
        const bool present = std::any_of(m_comparison.results.begin(), m_comparison.results.end(),
                                         [&](const FamilyResult &r) { return r.family == family; });
        if (!present) {
            continue;
        }
        const QColor colour = familyColour(family, t);
        painter.setPen(QPen(colour, 2));
        painter.drawLine(QPointF(left, box.top() + 52), QPointF(left + 24, box.top() + 52));
        paintMarker(painter, QPointF(left + 12, box.top() + 52), 7, familyMarker(family), colour, t.panel);
        painter.setPen(t.text);
        const double width = painter.fontMetrics().horizontalAdvance(familyText(family));
        painter.drawText(QRectF(left + 30, box.top() + 43, width + 4, 18), Qt::AlignLeft | Qt::AlignVCenter,
                         familyText(family));
        left += width + 48;
    }
    painter.save();
    painter.translate(box.left() - 6, box.top() + 62);
    m_curves->paint(painter, QSize(static_cast<int>(box.width()) + 10, static_cast<int>(box.height()) - 62), t);
    painter.restore();
}

void ComparisonFigure::paintResults(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    constexpr double kRow = 24;
    double top = box.top();
    // The longest length stands for a sweep: there, choosing keys matters most.
    const std::int64_t length = m_comparison.lengths.empty() ? 0 : m_comparison.lengths.back();
    const QString at = byLength() ? QStringLiteral(" at L = %1").arg(countText(length)) : QString();
    std::vector<const FamilyResult *> results;
    double worst = 0;
    for (const FamilyResult &result : m_comparison.results) {
        if (result.sequenceLength == length) {
            results.push_back(&result);
            worst = std::max(worst, result.loss.mean().value_or(0));
        }
    }
    const auto row = [&](const QString &label, const SeedValues &values, double full, bool share, const QColor &colour,
                         bool hollow = false) {
        if (values.mean()) {
            paintBar(painter, QRectF(box.left(), top, box.width(), kRow), label, *values.mean(), full,
                     meanText(values, share), colour, hollow, t);
            top += kRow;
        }
    };
    if (m_comparison.task) {
        paintHeading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("Answers right") + at,
                     m_comparison.chanceAccuracy ? QStringLiteral("Share of the asked tokens. Dashed: guessing, %1.")
                                                       .arg(percentText(m_comparison.chanceAccuracy))
                                                 : QStringLiteral("Share of the asked tokens."),
                     t);
        top += 42;
        const auto rows = std::count_if(results.begin(), results.end(),
                                        [](const FamilyResult *r) { return r->accuracy.mean().has_value(); });
        if (m_comparison.chanceAccuracy) { // under the bars, so that their numbers stay readable
            paintChanceMark(painter, QRectF(box.left(), top, box.width(), kRow * static_cast<double>(rows)),
                            *m_comparison.chanceAccuracy, 1, t);
        }
        for (const FamilyResult *result : results) {
            row(familyText(result->family), result->accuracy, 1, true, familyColour(result->family, t));
        }
        top += 18;
    } else {
        paintHeading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("Final validation loss") + at,
                     QStringLiteral("Nats per token; bars start at 0."), t);
        top += 42;
        for (const FamilyResult *result : results) {
            row(familyText(result->family), result->loss, std::max(worst, m_comparison.chanceLoss.value_or(0)), false,
                familyColour(result->family, t));
        }
        top += 18;
    }
    const bool needed =
        std::any_of(results.begin(), results.end(), [](const FamilyResult *r) { return r->recall.mean().has_value(); });
    if (needed) {
        paintHeading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("Needed keys found") + at,
                     QStringLiteral("Needed: the k keys dense attention weighs most. All layers, validation."), t);
        top += 42;
        for (const FamilyResult *result : results) {
            const QColor colour = familyColour(result->family, t);
            row(familyText(result->family), result->recall, 1, true, colour);
            row(QStringLiteral("  newest keys"), result->recallRecency, 1, true, t.hint, true);
            row(QStringLiteral("  random keys"), result->recallRandom, 1, true, t.hint, true);
        }
        top += 18;
    }
    const bool swapped = std::any_of(results.begin(), results.end(),
                                     [](const FamilyResult *r) { return r->accuracyRandom.mean().has_value(); });
    if (swapped && top + 42 + kRow < box.bottom()) {
        paintHeading(painter, QRectF(box.left(), top, box.width(), 36),
                     QStringLiteral("Answers right when others select") + at,
                     QStringLiteral("The same trained weights; only the selection is swapped."), t);
        top += 42;
        for (const FamilyResult *result : results) {
            if (result->accuracyRandom.mean() && top + 3 * kRow <= box.bottom() + 1) {
                row(familyText(result->family), result->accuracy, 1, true, familyColour(result->family, t));
                row(QStringLiteral("  newest keys"), result->accuracyRecency, 1, true, t.hint, true);
                row(QStringLiteral("  random keys"), result->accuracyRandom, 1, true, t.hint, true);
            }
        }
    } else if (!needed) {
        const bool captured = std::any_of(results.begin(), results.end(),
                                          [](const FamilyResult *r) { return r->captured.mean().has_value(); });
        if (captured) {
            paintHeading(painter, QRectF(box.left(), top, box.width(), 36),
                         QStringLiteral("How good is the selection?") + at,
                         QStringLiteral("Attention mass captured: 0 is random keys, 1 the best possible."), t);
            top += 42;
            for (const FamilyResult *result : results) {
                if (result->captured.mean()) {
                    paintBar(painter, QRectF(box.left(), top, box.width(), kRow), familyText(result->family),
                             *result->captured.mean(), 1, lossText(result->captured.mean()),
                             familyColour(result->family, t), false, t);
                    top += kRow;
                }
            }
        }
    }
}

QString ComparisonFigure::csv() const
{
    QString text = QStringLiteral("family,sequence_length,metric,mean,std,n\n");
    for (const FamilyResult &result : m_comparison.results) {
        const std::pair<const char *, const SeedValues *> metrics[] = {
            {"val.loss", &result.loss},
            {"val.accuracy", &result.accuracy},
            {"selection.recall", &result.recall},
            {"selection.recall.recency", &result.recallRecency},
            {"selection.recall.random", &result.recallRandom},
            {"oracle.recall.best_layer", &result.placeRecall},
            {"counterfactual.accuracy.recency", &result.accuracyRecency},
            {"counterfactual.accuracy.random", &result.accuracyRandom},
            {"indexer.captured", &result.captured}};
        for (const auto &[metric, values] : metrics) {
            if (!values->values.empty()) {
                text += QStringLiteral("%1,%2,%3,%4,%5,%6\n")
                            .arg(QString::fromStdString(toString(result.family)))
                            .arg(result.sequenceLength)
                            .arg(QLatin1String(metric), csvNumber(*values->mean()),
                                 csvNumber(values->std().value_or(std::nan(""))))
                            .arg(values->values.size());
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
