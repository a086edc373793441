#include "widgets/plots/compare_curves.h"

#include "widgets/state/number_text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace sparsescope {

namespace {

constexpr int kParts = 8;
constexpr double kSettled = 0.15; ///< share of the axis after which a loss belongs to the range that is shown at first

double tokensPerStep(const ComparedRun &run)
{
    const TrainingConfig &training = run.started.config.training;
    return static_cast<double>(training.sequenceLength) * training.batchSize;
}

Series unscaled(const ComparedRun &run, XAxis by)
{
    switch (by) {
    case XAxis::Step:
        break;
    case XAxis::Tokens: {
        Series curve = run.validation;
        for (Point &point : curve) {
            point.x *= tokensPerStep(run);
        }
        return curve;
    }
    case XAxis::Time:
        return validationOver(run, ReadOver::Seconds);
    case XAxis::Flops:
        return validationOver(run, ReadOver::Flops);
    }
    return run.validation;
}

/// Mean and deviation at each evaluation that a run reached; its place is the mean of theirs.
std::vector<BandPoint> bandOf(const SideData &side, const CompareAxis &axis)
{
    std::vector<Series> curves;
    for (const SideRun &run : side.runs) {
        curves.push_back(curveOf(run.compared, axis));
    }
    if (axis.by == XAxis::Step || axis.by == XAxis::Tokens || axis.by == XAxis::Flops) {
        return meanAndStd(curves);
    }
    std::vector<BandPoint> band; // seconds differ from seed to seed: the n-th evaluation of one against that of another
    std::size_t longest = 0;
    for (const Series &curve : curves) {
        longest = std::max(longest, curve.size());
    }
    for (std::size_t i = 0; i < longest; ++i) {
        std::vector<double> x, y;
        for (const Series &curve : curves) {
            if (i < curve.size()) {
                x.push_back(curve[i].x);
                y.push_back(curve[i].y);
            }
        }
        band.push_back({*meanOf(x), *meanOf(y), sdOf(y).value_or(std::nan("")), static_cast<int>(y.size())});
    }
    return band;
}

Series meansOf(const std::vector<BandPoint> &band)
{
    Series means;
    for (const BandPoint &point : band) {
        means.push_back({point.x, point.mean});
    }
    return means;
}

/// Where the steps of the first run of a side lie on the axis.
StepAxis stepAxisOf(const CompareInput &input, const CompareAxis &axis)
{
    if (axis.by == XAxis::Step || !input.a || input.a->runs.empty()) {
        return {};
    }
    const ComparedRun &run = input.a->runs.front().compared;
    const Series curve = curveOf(run, axis);
    Series places{{0, 0}};
    for (std::size_t i = 0; i < curve.size() && i < run.validation.size(); ++i) {
        if (run.validation[i].x > places.back().x && curve[i].x > places.back().y) {
            places.push_back({run.validation[i].x, curve[i].x});
        }
    }
    return places.size() < 2 ? StepAxis() : StepAxis(std::move(places));
}

double furthest(const CompareInput &input, const CompareAxis &axis)
{
    double highest = 0;
    const auto reach = [&](const SideData &side) {
        for (const SideRun &run : side.runs) {
            const Series curve = curveOf(run.compared, axis);
            highest = curve.empty() ? highest : std::max(highest, curve.back().x);
        }
    };
    for (const auto *side : {&input.a, &input.b}) {
        if (*side) {
            reach(**side);
        }
    }
    for (const SideData &side : input.more) {
        reach(side);
    }
    return highest;
}

/// Runs of both sides with the same seed.
std::vector<std::pair<const ComparedRun *, const ComparedRun *>> pairsOf(const CompareInput &input)
{
    std::vector<std::pair<const ComparedRun *, const ComparedRun *>> pairs;
    if (!input.a || !input.b) {
        return pairs;
    }
    std::map<std::uint64_t, const ComparedRun *> others;
    for (const SideRun &run : input.b->runs) {
        others.emplace(run.compared.started.config.training.seed, &run.compared);
    }
    for (const SideRun &run : input.a->runs) {
        const auto other = others.find(run.compared.started.config.training.seed);
        if (other != others.end()) {
            pairs.emplace_back(&run.compared, other->second);
        }
    }
    return pairs;
}

} // namespace

Series curveOf(const ComparedRun &run, const CompareAxis &axis)
{
    Series curve = unscaled(run, axis.by);
    for (Point &point : curve) {
        point.x /= axis.unit.unit;
    }
    return curve;
}

CompareAxis compareAxisOf(const CompareInput &input)
{
    CompareAxis axis{input.by, {}};
    axis.unit = axisUnit(input.by, furthest(input, axis));
    return axis;
}

PlotContent comparedLoss(const CompareInput &input, const CompareAxis &axis)
{
    PlotContent content;
    content.xLabel = axis.unit.label;
    content.yLabel = QStringLiteral("Loss (nats)");
    content.empty = QStringLiteral("No evaluation yet. The first point comes with the first one.");
    content.xHigh = std::max(1e-9, furthest(input, axis));
    content.axis = stepAxisOf(input, axis);
    double high = 0;
    const auto add = [&](const SideData &side, const QString &letter, bool second, bool further) {
        const std::vector<BandPoint> band = bandOf(side, axis);
        if (band.empty()) {
            return;
        }
        PlotCurve curve{letter + side.shortTitle, side.family, meansOf(band)};
        curve.second = second;
        curve.width = further ? 1.4 : 2;
        curve.opacity = further ? 0.8 : 1;
        curve.markersOnLine = !further;
        for (const BandPoint &point : band) {
            high = point.x >= kSettled * content.xHigh ? std::max(high, point.mean) : high;
        }
        content.keys.push_back({letter + (further ? side.title : side.shortTitle), side.family, second});
        content.curves.push_back(std::move(curve));
        if (!further) {
            content.bands.push_back({side.family, band, second});
        }
    };
    for (const SideData &side : input.more) { // under the two sides
        add(side, {}, false, true);
    }
    if (input.b) {
        add(*input.b, QStringLiteral("B "), input.sameFamily(), false);
    }
    if (input.a) {
        add(*input.a, QStringLiteral("A "), false, false);
    }
    std::reverse(content.keys.begin(), content.keys.end());
    double low = high;
    for (const PlotCurve &curve : content.curves) {
        for (const Point &point : curve.points) {
            low = std::min(low, point.y);
        }
    }
    if (high > low) { // a difference is small: the fall from chance would leave no room to see it
        content.yHigh = high + 0.08 * (high - low);
    }
    return content;
}

std::vector<DifferencePoint> comparedDifferences(const CompareInput &input, const CompareAxis &axis)
{
    std::vector<std::pair<Series, Series>> pairs;
    std::set<double> places;
    double low = 0, high = std::numeric_limits<double>::infinity();
    for (const auto &[a, b] : pairsOf(input)) {
        std::pair<Series, Series> pair{curveOf(*a, axis), curveOf(*b, axis)};
        if (pair.first.empty() || pair.second.empty()) {
            continue;
        }
        low = std::max({low, pair.first.front().x, pair.second.front().x});
        high = std::min({high, pair.first.back().x, pair.second.back().x});
        for (const Point &point : pair.first) {
            places.insert(point.x);
        }
        pairs.push_back(std::move(pair));
    }
    std::vector<DifferencePoint> points;
    if (pairs.empty() || high < low) {
        return points;
    }
    places.insert(high);
    for (const double x : places) {
        if (x < low || x > high) {
            continue;
        }
        std::vector<double> differences;
        for (const auto &[a, b] : pairs) {
            const auto first = valueAt(a, x), second = valueAt(b, x);
            if (first && second) {
                differences.push_back(*first - *second);
            }
        }
        if (!differences.empty()) {
            points.push_back({x, pairedDifference(differences, kLossMargin)});
        }
    }
    return points;
}

QString differenceText(const PairedDifference &statistics)
{
    if (!statistics.mean) {
        return unknownText();
    }
    const QString mean = signedText(statistics.mean);
    return statistics.ci95 ? QStringLiteral("%1 (95 % CI %2 to %3)")
                                 .arg(mean, signedText(statistics.ci95->low), signedText(statistics.ci95->high))
                           : mean + QStringLiteral(", one seed: no interval");
}

PlotContent differenceContent(const CompareInput &input, const CompareAxis &axis,
                              const std::vector<DifferencePoint> &points, bool comparable)
{
    PlotContent content;
    content.xLabel = axis.unit.label;
    content.yLabel = QStringLiteral("A − B (nats)");
    content.xHigh = std::max(1e-9, furthest(input, axis));
    content.axis = stepAxisOf(input, axis);
    content.empty = pairsOf(input).empty() && input.a && input.b
                        ? QStringLiteral("No seed is on both sides: nothing can be paired.")
                        : QStringLiteral("No evaluation that both sides have yet.");
    content.zero = PlotZero{QStringLiteral("A worse"), QStringLiteral("A better")};
    if (points.empty()) {
        return content;
    }
    PlotCurve curve{QStringLiteral("A − B"), input.a->family};
    PlotBand band{input.a->family, {}};
    const double settled = kSettled * content.xHigh;
    double low = 0, high = 0;
    for (const DifferencePoint &point : points) {
        const PairedDifference &s = point.statistics;
        const double half = s.ci95 ? (s.ci95->high - s.ci95->low) / 2 : 0;
        curve.points.push_back({point.x, *s.mean});
        if (s.ci95) {
            band.points.push_back({point.x, *s.mean, half, s.n});
        }
        if (point.x >= settled) {
            low = std::min(low, *s.mean - half);
            high = std::max(high, *s.mean + half);
        }
    }
    curve.markersOnLine = true;
    content.curves.push_back(std::move(curve));
    content.bands.push_back(std::move(band));
    if (high > low) { // as the loss above: from where it has settled
        const double margin = 0.12 * (high - low);
        content.yLow = low - margin;
        content.yHigh = high + margin;
    }
    const PairedDifference &last = points.back().statistics;
    content.note = comparable ? differenceText(last) : QStringLiteral("Not comparable");
    return content;
}

PlotContent positionContent(const CompareInput &input, const std::optional<double> &laterDifference)
{
    PlotContent content;
    content.xLabel = QStringLiteral("Position in context");
    content.yLabel = QStringLiteral("Loss (nats)");
    content.empty = QStringLiteral("These runs keep no loss by position. Train them again with this version.");
    std::int64_t length = 0, k = 0;
    const auto add = [&](const SideData &side, const QString &letter, bool second) {
        const RunConfig &config = side.runs.front().compared.started.config;
        length = std::max(length, config.training.sequenceLength);
        if (isSparse(side.family)) {
            k = std::max(k, config.topK());
        }
        const double width = static_cast<double>(config.training.sequenceLength) / kParts;
        PlotCurve curve{letter + side.shortTitle, side.family};
        curve.second = second;
        for (int part = 0; part < kParts; ++part) { // a step a part: the value is the mean over it
            if (const auto value = side.mean("val.loss.position/" + std::to_string(part))) {
                curve.points.push_back({part * width, *value});
                curve.points.push_back({(part + 1) * width, *value});
            }
        }
        if (curve.points.empty()) {
            return;
        }
        QString key = curve.name;
        if (letter.startsWith(QLatin1Char('A')) && laterDifference) {
            key += QStringLiteral(": %1 for t ≥ k").arg(signedText(laterDifference));
        }
        content.keys.push_back({key, side.family, second});
        content.curves.push_back(std::move(curve));
    };
    if (input.a) {
        add(*input.a, QStringLiteral("A "), false);
    }
    if (input.b) {
        add(*input.b, QStringLiteral("B "), input.sameFamily());
    }
    content.xHigh = static_cast<double>(std::max<std::int64_t>(1, length));
    if (k > 0 && !content.curves.empty()) {
        content.stages.push_back({0, static_cast<double>(k), {}, true});
        content.stages.push_back(
            {static_cast<double>(k), content.xHigh, QStringLiteral("Shaded: t < k, dense"), false});
    }
    const auto [low, high] = fittedY(content, false);
    if (!content.curves.empty()) { // room for the names
        content.yHigh = high + 0.22 * (high - low);
    }
    return content;
}

} // namespace sparsescope
