#include "core/base/compared_run.h"

#include "core/base/run_store.h"
#include "core/base/stored_checks.h"

#include <algorithm>
#include <cmath>

namespace sparsescope {
namespace {

Series finite(Series series)
{
    std::erase_if(series, [](const Point &point) { return !std::isfinite(point.y); });
    return series;
}

std::optional<double> lastOf(const Series &series)
{
    return !series.empty() && std::isfinite(series.back().y) ? std::optional(series.back().y) : std::nullopt;
}

} // namespace

ComparedRun comparedRunOf(const RunConfig &config, const RunNumbers &numbers, std::vector<CheckResult> checks)
{
    ComparedRun run;
    run.started = {config, fingerprintFromText(numbers.value(kFingerprintKey))};
    run.checks = std::move(checks);
    run.steps = numbers.steps;
    // A loss that became no number at the end has no final value, and an earlier one must not stand for it.
    Series validation = numbers.series("val.loss");
    if (lastOf(validation))
        run.validation = finite(std::move(validation));
    run.seconds = finite(numbers.series("time.trained"));
    std::vector<double> seconds;
    for (const Point &point : finite(numbers.series("time.step")))
        seconds.push_back(point.y);
    run.secondsPerStep = medianOf(std::move(seconds));
    run.accuracy = lastOf(numbers.series("val.accuracy"));
    run.chanceLoss = lastOf(numbers.series("val.loss.chance"));
    run.chanceAccuracy = lastOf(numbers.series("val.accuracy.chance"));
    run.task = numbers.value("task") == "yes";
    return run;
}

ComparedRun readComparedRun(const RunReader &reader)
{
    const RunNumbers numbers{reader.lastStep(), [&](const std::string &metric) { return reader.series(metric); },
                             [&](const std::string &key) { return reader.value(key); }};
    return comparedRunOf(reader.config(), numbers, readChecks(reader));
}

} // namespace sparsescope
