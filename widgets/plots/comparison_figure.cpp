// Longer than 400 lines: one figure with its panels, drawn in one coordinate system.
#include "widgets/plots/comparison_figure.h"

#include "core/base/run_store.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <QPainter>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace sparsescope {

namespace {

constexpr Family kFamilies[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};

QString familyText(Family family)
{
    return QString::fromStdString(displayName(family));
}

void add(SeedValues &values, const RunData &run, const char *metric)
{
    const auto value = run.last(metric);
    if (value && std::isfinite(*value)) {
        values.values.push_back(*value);
    }
}

/// Share of the needed keys that a layer selected on the snapshot's own text.
std::optional<double> neededRecall(const Snapshot &snapshot, const LayerSnapshot &layer)
{
    double found = 0, all = 0;
    for (std::size_t t = 0; t < snapshot.needed.size(); ++t) {
        for (const int key : snapshot.needed[t]) {
            ++all;
            found += layer.isSelected(static_cast<int>(t), key, snapshot.length()) ? 1 : 0;
        }
    }
    return all > 0 ? std::optional(found / all) : std::nullopt;
}

/// The layer that the mask shows: where the needed keys are known, the one that selected most of them.
const LayerSnapshot *shownLayer(const Snapshot &snapshot)
{
    const LayerSnapshot *best = nullptr;
    double bestRecall = -1;
    for (const LayerSnapshot &layer : snapshot.layers) {
        if (layer.hasSelection()) {
            const double recall = neededRecall(snapshot, layer).value_or(0);
            if (best == nullptr || recall > bestRecall) {
                best = &layer;
                bestRecall = recall;
            }
        }
    }
    return best;
}

void heading(QPainter &painter, const QRectF &box, const QString &text, const QString &hint, const Tokens &t)
{
    painter.setFont(uiFont(14, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRectF(box.left(), box.top(), box.width(), 20), Qt::AlignLeft | Qt::AlignVCenter, text);
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    painter.drawText(QRectF(box.left(), box.top() + 20, box.width(), 16), Qt::AlignLeft | Qt::AlignVCenter, hint);
}

/// One labelled horizontal bar on a scale from 0 to `full`, its value behind it.
void bar(QPainter &painter, const QRectF &box, const QString &label, double value, double full, const QString &words, const QColor &colour, bool hollow, const Tokens &t)
{
    constexpr double kLabel = 118, kValue = 92;
    painter.setFont(uiFont(12));
    painter.setPen(t.text);
    painter.drawText(QRectF(box.left(), box.top(), kLabel - 8, box.height()), Qt::AlignLeft | Qt::AlignVCenter, label);
    const double room = box.width() - kLabel - kValue;
    const double length = std::max(1.5, room * std::clamp(value / full, 0.0, 1.0));
    const QRectF fill(box.left() + kLabel, box.center().y() - 6.5, length, 13);
    painter.setPen(hollow ? QPen(colour, 1.4) : QPen(Qt::NoPen));
    painter.setBrush(hollow ? QBrush(Qt::NoBrush) : QBrush(colour));
    painter.drawRect(fill);
    if (hollow) {
        paintHatch(painter, QPolygonF(fill), 5, colour);
    }
    painter.setFont(monoFont(12));
    painter.fillRect(QRectF(fill.right() + 4, box.top() + 3, painter.fontMetrics().horizontalAdvance(words) + 6, box.height() - 6), t.panel);
    painter.setPen(t.text);
    painter.drawText(QRectF(fill.right() + 7, box.top(), kValue + room, box.height()), Qt::AlignLeft | Qt::AlignVCenter, words);
}

/// A dashed line through bars that marks what chance gives.
void chanceMark(QPainter &painter, const QRectF &box, double value, double full, const Tokens &t)
{
    constexpr double kLabel = 118, kValue = 92;
    const double x = box.left() + kLabel + (box.width() - kLabel - kValue) * std::clamp(value / full, 0.0, 1.0);
    painter.setPen(QPen(t.chance, 1.3, Qt::DashLine));
    painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()));
}

QString meanText(const SeedValues &values, bool share)
{
    const QString mean = share ? percentText(values.mean()) : lossText(values.mean());
    const auto std = values.std();
    return std ? QStringLiteral("%1 ± %2").arg(mean, share ? QString::number(100 * *std, 'f', 1) : lossText(std)) : mean;
}

} // namespace

std::optional<double> SeedValues::mean() const
{
    if (values.empty()) {
        return std::nullopt;
    }
    double sum = 0;
    for (const double value : values) {
        sum += value;
    }
    return sum / static_cast<double>(values.size());
}

std::optional<double> SeedValues::std() const
{
    if (values.size() < 2) {
        return std::nullopt;
    }
    double squares = 0;
    for (const double value : values) {
        squares += (value - *mean()) * (value - *mean());
    }
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

Comparison comparisonOf(const std::vector<RunData *> &runs, bool readSnapshot)
{
    Comparison comparison;
    std::set<std::int64_t> lengths;
    std::set<std::uint64_t> seeds;
    std::map<std::pair<std::int64_t, Family>, std::pair<FamilyResult, std::vector<Series>>> results;
    const RunData *shown = nullptr;
    for (const RunData *run : runs) {
        const RunConfig &config = run->config();
        comparison.experiment = config.experiment;
        comparison.question = config.question;
        comparison.steps = std::max(comparison.steps, run->steps());
        lengths.insert(config.training.sequenceLength);
        seeds.insert(config.training.seed);
        if (const auto chance = run->last("val.loss.chance")) {
            comparison.chanceLoss = chance;
        }
        if (const auto chance = run->last("val.accuracy.chance")) {
            comparison.chanceAccuracy = chance;
        }
        auto &[result, curves] = results[{config.training.sequenceLength, config.model.family}];
        result.family = config.model.family;
        result.sequenceLength = config.training.sequenceLength;
        add(result.loss, *run, "val.loss");
        add(result.accuracy, *run, "val.accuracy");
        add(result.recall, *run, "oracle.recall");
        add(result.recallBest, *run, "oracle.recall.best_layer");
        add(result.recallRecency, *run, "oracle.recall.recency");
        add(result.recallRandom, *run, "oracle.recall.random");
        add(result.accuracyRecency, *run, "counterfactual.accuracy.recency");
        add(result.accuracyRandom, *run, "counterfactual.accuracy.random");
        add(result.captured, *run, "indexer.captured");
        comparison.task = comparison.task || !run->series("oracle.recall").empty();
        if (!run->series("val.loss").empty()) {
            curves.push_back(run->series("val.loss"));
        }
        const bool better = shown == nullptr || (config.model.family == Family::Sparse && shown->config().model.family != Family::Sparse);
        if (better && isSparse(config.model.family) && !run->snapshotSteps().empty()) {
            shown = run;
        }
    }
    comparison.lengths.assign(lengths.begin(), lengths.end());
    comparison.seeds = static_cast<int>(seeds.size());
    for (const std::int64_t length : comparison.lengths) {
        for (const Family family : kFamilies) {
            const auto found = results.find({length, family});
            if (found != results.end()) {
                found->second.first.validation = meanAndStd(found->second.second);
                comparison.results.push_back(std::move(found->second.first));
            }
        }
    }
    if (shown != nullptr) {
        comparison.snapshotFamily = shown->config().model.family;
        comparison.snapshotRun = shown->id();
        comparison.snapshot = shown->cachedSnapshot(shown->snapshotSteps().back());
        if (!comparison.snapshot && readSnapshot) {
            comparison.snapshot = std::make_shared<const Snapshot>(sparsescope::readSnapshot(snapshotFile(shown->folder(), shown->snapshotSteps().back())));
        }
    }
    return comparison;
}

ComparisonFigure::ComparisonFigure(Comparison comparison) : m_comparison(std::move(comparison)), m_curves(std::make_unique<SeriesPlot>())
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
                    band.points.push_back({x, *result.loss.mean(), result.loss.std().value_or(std::nan("")), static_cast<int>(result.loss.values.size())});
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
        content.curves.push_back({familyText(result.family), result.family, std::move(points), 2, 1, false, result.validation.size() <= 40});
        content.bands.push_back({result.family, result.validation});
    }
    if (m_comparison.chanceLoss) {
        content.lines.push_back({*m_comparison.chanceLoss, QStringLiteral("Chance: ") + lossText(m_comparison.chanceLoss)});
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
    return m_comparison.snapshot && shownLayer(*m_comparison.snapshot) != nullptr ? QSizeF(1320, 640) : QSizeF(1040, 620);
}

void ComparisonFigure::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(QRectF(QPointF(0, 0), size), t.panel);
    painter.setFont(uiFont(20, QFont::DemiBold));
    painter.setPen(t.text);
    const QString question = m_comparison.question.empty() ? QString::fromStdString(m_comparison.experiment) : QString::fromStdString(m_comparison.question);
    // The question itself is the headline; what explains it stands below, smaller.
    const qsizetype mark = question.indexOf(QLatin1Char('?'));
    const QString headline = mark > 0 ? question.left(mark + 1) : question;
    painter.drawText(QRectF(28, 18, size.width() - 56, 28), Qt::AlignLeft | Qt::AlignVCenter, painter.fontMetrics().elidedText(headline, Qt::ElideRight, static_cast<int>(size.width()) - 56));
    QStringList facts{QString::fromStdString(m_comparison.experiment)};
    QStringList lengths;
    for (const std::int64_t length : m_comparison.lengths) {
        lengths << countText(length);
    }
    facts << QStringLiteral("L = ") + lengths.join(QStringLiteral(", ")) << QStringLiteral("%1 steps").arg(countText(m_comparison.steps))
          << (m_comparison.seeds == 1 ? QStringLiteral("one seed: no interval") : QStringLiteral("%1 seeds, mean ± std").arg(m_comparison.seeds));
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRectF(28, 48, size.width() - 56, 18), Qt::AlignLeft | Qt::AlignVCenter, facts.join(QStringLiteral("  ·  ")));
    if (mark > 0 && mark + 1 < question.size()) {
        painter.drawText(QRectF(28, 67, size.width() - 56, 18), Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(question.mid(mark + 1).trimmed(), Qt::ElideRight, static_cast<int>(size.width()) - 56));
    }

    const bool mask = m_comparison.snapshot && shownLayer(*m_comparison.snapshot) != nullptr;
    const double top = 104, bottom = size.height() - 22, gap = 32;
    const double width = size.width() - 56;
    const double maskWidth = mask ? std::min(0.32 * width, bottom - top - 66) : 0;
    const double rest = width - (mask ? maskWidth + gap : 0) - gap;
    const QRectF curves(28, top, 0.52 * rest, bottom - top);
    const QRectF results(curves.right() + gap, top, 0.48 * rest, bottom - top);
    paintCurves(painter, curves, t);
    paintResults(painter, results, t);
    if (mask) {
        paintMask(painter, QRectF(results.right() + gap, top, maskWidth, bottom - top), t);
    }
}

void ComparisonFigure::paintCurves(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    heading(painter, box, byLength() ? QStringLiteral("Final validation loss by length") : QStringLiteral("Validation loss while training"),
            QStringLiteral("Lower is better. Line and marker: family."), t);
    double left = box.left();
    painter.setFont(uiFont(12, QFont::Medium));
    for (const Family family : kFamilies) {
        const bool present = std::any_of(m_comparison.results.begin(), m_comparison.results.end(), [&](const FamilyResult &r) { return r.family == family; });
        if (!present) {
            continue;
        }
        const QColor colour = familyColour(family, t);
        painter.setPen(QPen(colour, 2));
        painter.drawLine(QPointF(left, box.top() + 52), QPointF(left + 24, box.top() + 52));
        paintMarker(painter, QPointF(left + 12, box.top() + 52), 7, familyMarker(family), colour, t.panel);
        painter.setPen(t.text);
        const double width = painter.fontMetrics().horizontalAdvance(familyText(family));
        painter.drawText(QRectF(left + 30, box.top() + 43, width + 4, 18), Qt::AlignLeft | Qt::AlignVCenter, familyText(family));
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
    const auto row = [&](const QString &label, const SeedValues &values, double full, bool share, const QColor &colour, bool hollow = false) {
        if (values.mean()) {
            bar(painter, QRectF(box.left(), top, box.width(), kRow), label, *values.mean(), full, meanText(values, share), colour, hollow, t);
            top += kRow;
        }
    };
    if (m_comparison.task) {
        heading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("Answers right") + at,
                m_comparison.chanceAccuracy ? QStringLiteral("Share of the asked tokens. Dashed: guessing, %1.").arg(percentText(m_comparison.chanceAccuracy)) : QStringLiteral("Share of the asked tokens."), t);
        top += 42;
        const auto rows = std::count_if(results.begin(), results.end(), [](const FamilyResult *r) { return r->accuracy.mean().has_value(); });
        if (m_comparison.chanceAccuracy) { // under the bars, so that their numbers stay readable
            chanceMark(painter, QRectF(box.left(), top, box.width(), kRow * static_cast<double>(rows)), *m_comparison.chanceAccuracy, 1, t);
        }
        for (const FamilyResult *result : results) {
            row(familyText(result->family), result->accuracy, 1, true, familyColour(result->family, t));
        }
        top += 18;
    } else {
        heading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("Final validation loss") + at, QStringLiteral("Nats per token; bars start at 0."), t);
        top += 42;
        for (const FamilyResult *result : results) {
            row(familyText(result->family), result->loss, std::max(worst, m_comparison.chanceLoss.value_or(0)), false, familyColour(result->family, t));
        }
        top += 18;
    }
    const bool needed = std::any_of(results.begin(), results.end(), [](const FamilyResult *r) { return r->recall.mean().has_value(); });
    if (needed) {
        heading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("Needed keys found by the selection") + at,
                QStringLiteral("Where the answer stands; best layer. Solid: trained indexer."), t);
        top += 42;
        for (const FamilyResult *result : results) {
            const QColor colour = familyColour(result->family, t);
            row(familyText(result->family), result->recallBest.mean() ? result->recallBest : result->recall, 1, true, colour);
            row(QStringLiteral("  newest keys"), result->recallRecency, 1, true, t.hint, true);
            row(QStringLiteral("  random keys"), result->recallRandom, 1, true, t.hint, true);
        }
        top += 18;
    }
    const bool swapped = std::any_of(results.begin(), results.end(), [](const FamilyResult *r) { return r->accuracyRandom.mean().has_value(); });
    if (swapped && top + 42 + kRow < box.bottom()) {
        heading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("Answers right when others select") + at,
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
        const bool captured = std::any_of(results.begin(), results.end(), [](const FamilyResult *r) { return r->captured.mean().has_value(); });
        if (captured) {
            heading(painter, QRectF(box.left(), top, box.width(), 36), QStringLiteral("How good is the selection?") + at,
                    QStringLiteral("Attention mass captured: 0 is random keys, 1 the best possible."), t);
            top += 42;
            for (const FamilyResult *result : results) {
                if (result->captured.mean()) {
                    bar(painter, QRectF(box.left(), top, box.width(), kRow), familyText(result->family), *result->captured.mean(), 1, lossText(result->captured.mean()),
                        familyColour(result->family, t), false, t);
                    top += kRow;
                }
            }
        }
    }
}

void ComparisonFigure::paintMask(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    const Snapshot &snapshot = *m_comparison.snapshot;
    const LayerSnapshot &layer = *shownLayer(snapshot);
    const int length = snapshot.length();
    const std::optional<double> recall = neededRecall(snapshot, layer);
    heading(painter, box, QStringLiteral("What %1 selects").arg(familyText(m_comparison.snapshotFamily)),
            QStringLiteral("Layer %1, step %2. Rows: queries, from the top. Columns: keys.").arg(layer.layer + 1).arg(countText(snapshot.step)), t);
    const double cell = std::floor(std::min(box.width(), box.height() - 44 - 60) / length * 2) / 2;
    const double side = std::max(1.0, cell) * length;
    const QPointF corner(box.left(), box.top() + 44);
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.fillRect(QRectF(corner, QSizeF(side, side)), t.alternate);
    std::map<int, std::set<int>> needed;
    for (std::size_t row = 0; row < snapshot.needed.size(); ++row) {
        needed[static_cast<int>(row)].insert(snapshot.needed[row].begin(), snapshot.needed[row].end());
    }
    QColor quiet = t.selectedLittle;
    quiet.setAlphaF(needed.empty() ? 1.0F : 0.45F);
    for (int row = 0; row < length; ++row) {
        painter.fillRect(QRectF(corner.x() + cell * (row + 1), corner.y() + cell * row, cell * (length - row - 1), cell), t.future);
        for (int key = 0; key <= row; ++key) {
            if (layer.isSelected(row, key, length)) {
                painter.fillRect(QRectF(corner.x() + cell * key, corner.y() + cell * row, cell, cell), quiet);
            }
        }
    }
    painter.setRenderHint(QPainter::Antialiasing, true);
    for (const auto &[row, keys] : needed) {
        for (const int key : keys) {
            const QRectF mark = QRectF(corner.x() + cell * key, corner.y() + cell * row, cell, cell).adjusted(-0.8, -0.8, 0.8, 0.8);
            if (layer.isSelected(row, key, length)) {
                painter.fillRect(mark, t.selectedNeeded);
            } else {
                painter.setPen(QPen(t.missed, 1.8));
                painter.setBrush(t.panel);
                painter.drawRect(mark);
            }
        }
    }
    painter.setPen(QPen(t.border, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(QRectF(corner, QSizeF(side, side)));

    double top = corner.y() + side + 10;
    double left = box.left();
    const auto legend = [&](const QString &words, const QColor &fill, const QColor &line) {
        painter.setPen(line.isValid() ? QPen(line, 1.8) : QPen(Qt::NoPen));
        painter.setBrush(fill);
        painter.drawRect(QRectF(left + 1, top + 3, 10, 10));
        painter.setFont(uiFont(11));
        painter.setPen(t.text);
        const double width = painter.fontMetrics().horizontalAdvance(words);
        painter.drawText(QRectF(left + 17, top, width + 4, 16), Qt::AlignLeft | Qt::AlignVCenter, words);
        left += 17 + width + 16;
    };
    if (!needed.empty()) {
        legend(QStringLiteral("Needed, selected"), t.selectedNeeded, {});
        legend(QStringLiteral("Needed, missed"), t.panel, t.missed);
    }
    legend(QStringLiteral("Selected"), quiet, {});
    legend(QStringLiteral("Future"), t.future, {});
    if (recall) {
        painter.setFont(uiFont(12));
        painter.setPen(t.text2);
        painter.drawText(QRectF(box.left(), top + 20, box.width(), 18), Qt::AlignLeft | Qt::AlignVCenter,
                         QStringLiteral("%1 of the needed keys on this text are selected.").arg(percentText(recall)));
    }
}

QString ComparisonFigure::csv() const
{
    QString text = QStringLiteral("family,sequence_length,metric,mean,std,n\n");
    for (const FamilyResult &result : m_comparison.results) {
        const std::pair<const char *, const SeedValues *> metrics[] = {{"val.loss", &result.loss},
                                                                       {"val.accuracy", &result.accuracy},
                                                                       {"oracle.recall", &result.recall},
                                                                       {"oracle.recall.best_layer", &result.recallBest},
                                                                       {"oracle.recall.recency", &result.recallRecency},
                                                                       {"oracle.recall.random", &result.recallRandom},
                                                                       {"counterfactual.accuracy.recency", &result.accuracyRecency},
                                                                       {"counterfactual.accuracy.random", &result.accuracyRandom},
                                                                       {"indexer.captured", &result.captured}};
        for (const auto &[metric, values] : metrics) {
            if (!values->values.empty()) {
                text += QStringLiteral("%1,%2,%3,%4,%5,%6\n")
                            .arg(QString::fromStdString(toString(result.family)))
                            .arg(result.sequenceLength)
                            .arg(QLatin1String(metric), csvNumber(*values->mean()), csvNumber(values->std().value_or(std::nan(""))))
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
    if (m_comparison.snapshot) {
        context["snapshot"] = {{"run", m_comparison.snapshotRun.toStdString()}, {"step", m_comparison.snapshot->step}};
    }
    return context;
}

} // namespace sparsescope
