#include "widgets/plots/step_axis.h"

#include "core/base/cost_model.h"
#include "widgets/state/run_data.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace sparsescope {

namespace {

Series timeOf(const RunData &run)
{
    Series points{{0, 0}};
    for (const Point &point : run.series("time.step")) {
        if (std::isfinite(point.y) && point.y > 0 && point.x > points.back().x) {
            points.push_back({point.x, points.back().y + point.y * (point.x - points.back().x)});
        }
    }
    return points;
}

Series flopsOf(const RunData &run)
{
    const RunConfig &config = run.config();
    const int vocabulary = expectedVocabulary(config);
    Series points{{0, 0}};
    for (const StageConfig &stage : stagesOf(config)) {
        const double all = static_cast<double>(stage.steps) * stepFlops(config, vocabulary, stage).total();
        const double steps = countsOnAxis(stage) ? static_cast<double>(stage.steps) : 0;
        if (stage.steps > 0) {
            points.push_back({points.back().x + steps, points.back().y + all});
        }
    }
    return points;
}

/// Through (from) and (to), at a place beyond or between them.
double along(double fromX, double fromY, double toX, double toY, double x)
{
    return toX > fromX ? fromY + (toY - fromY) * (x - fromX) / (toX - fromX) : toY;
}

} // namespace

StepAxis::StepAxis(const RunData &run, XAxis axis, double unit)
{
    switch (axis) {
    case XAxis::Step:
        return;
    case XAxis::Tokens:
        m_points = {{0, 0},
                    {1, static_cast<double>(run.config().training.sequenceLength) * run.config().training.batchSize}};
        break;
    case XAxis::Time:
        m_points = timeOf(run);
        break;
    case XAxis::Flops:
        m_points = flopsOf(run);
        break;
    }
    if (m_points.size() < 2) { // nothing measured yet: a step takes one unit
        m_points = {{0, 0}, {1, 1}};
    }
    for (Point &point : m_points) {
        point.y /= unit;
    }
}

StepAxis::StepAxis(Series points)
    : m_points(std::move(points))
{}

double StepAxis::at(double step) const
{
    if (isStep()) {
        return step;
    }
    // After a jump: of several points at one step the last counts.
    const auto after = std::upper_bound(m_points.begin(), m_points.end(), step,
                                        [](double value, const Point &point) { return value < point.x; });
    if (after == m_points.end()) { // at the pace of the whole
        const Point &last = m_points.back();
        return last.x > 0 ? last.y * step / last.x : last.y;
    }
    if (after == m_points.begin()) {
        return 0;
    }
    const Point &from = *std::prev(after);
    return along(from.x, from.y, after->x, after->y, step);
}

double StepAxis::stepAt(double x) const
{
    if (isStep()) {
        return x;
    }
    const auto after = std::upper_bound(m_points.begin(), m_points.end(), x,
                                        [](double value, const Point &point) { return value < point.y; });
    if (after == m_points.end()) {
        const Point &last = m_points.back();
        return last.y > 0 ? last.x * x / last.y : last.x;
    }
    if (after == m_points.begin()) {
        return 0;
    }
    const Point &from = *std::prev(after);
    return along(from.y, from.x, after->y, after->x, x);
}

Series StepAxis::moved(Series series) const
{
    if (isStep()) {
        return series;
    }
    for (Point &point : series) {
        point.x = at(point.x);
    }
    return series;
}

AxisUnit axisUnit(XAxis axis, double highest)
{
    struct Step {
        double unit;
        const char *name;
    };
    const auto pick = [&](std::initializer_list<Step> steps) {
        Step best = *steps.begin();
        for (const Step &step : steps) {
            best = highest >= 2 * step.unit ? step : best;
        }
        return best;
    };
    switch (axis) {
    case XAxis::Step:
        return {1, QStringLiteral("Step")};
    case XAxis::Tokens: {
        const Step step =
            pick({{1, "Tokens"}, {1e3, "Tokens (thousand)"}, {1e6, "Tokens (million)"}, {1e9, "Tokens (billion)"}});
        return {step.unit, QLatin1String(step.name)};
    }
    case XAxis::Time: {
        const Step step = pick({{1, "Training time (s)"}, {60, "Training time (min)"}, {3600, "Training time (h)"}});
        return {step.unit, QLatin1String(step.name)};
    }
    case XAxis::Flops: {
        const Step step = pick({{1e9, "GFLOP"}, {1e12, "TFLOP"}, {1e15, "PFLOP"}, {1e18, "EFLOP"}});
        return {step.unit, QStringLiteral("Computation (%1)").arg(QLatin1String(step.name))};
    }
    }
    return {};
}

} // namespace sparsescope
