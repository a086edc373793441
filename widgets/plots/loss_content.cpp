#include "widgets/plots/loss_content.h"

#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/figure_export.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <thread>
#include <utility>

namespace sparsescope {

namespace {

constexpr const char *kTrain = "train.loss";
constexpr const char *kValidation = "val.loss";
constexpr Family kFamilies[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};

Series meansOf(const std::vector<BandPoint> &points)
{
    Series means;
    means.reserve(points.size());
    for (const BandPoint &point : points) {
        means.push_back({point.x, point.mean});
    }
    return means;
}

std::vector<PlotStage> stagesFor(const std::vector<LossGroup> &groups, const RunData *current, XAxis xAxis, double unit)
{
    // The current run's, unless it is dense throughout and a sparse one shows where its selection begins.
    const RunData *source = current;
    for (const LossGroup &group : groups) {
        if ((source == nullptr || !isSparse(source->config().model.family)) && isSparse(group.family) &&
            !group.runs.empty()) {
            source = group.runs.front();
        }
    }
    std::vector<PlotStage> stages;
    if (source != nullptr && source->stages().size() > 1) {
        const StepAxis axis(*source, xAxis, unit);
        for (const StageChange &stage : source->stages()) {
            const bool first = stages.empty();
            stages.push_back({axis.at(static_cast<double>(stage.step)), axis.at(static_cast<double>(stage.endStep)),
                              QString::fromStdString(stage.name), first});
        }
    }
    return stages;
}

double lastStepOf(const RunData &run) { return static_cast<double>(std::max(run.steps(), run.step())); }

std::vector<BandPoint> moved(const std::vector<BandPoint> &points, const StepAxis &axis)
{
    std::vector<BandPoint> result = points;
    for (BandPoint &point : result) {
        point.x = axis.at(point.x);
    }
    return result;
}

/// The lines or markers of one family: its mean over the seeds, or each of them.
void addCurves(PlotContent &content, const LossGroup &group, const LossPlotOptions &options, double unit, bool markers)
{
    const QString name = familyText(group.family) + (markers ? QStringLiteral(" validation") : QString());
    const bool line = !markers || options.kind == LossKind::Validation;
    const auto add = [&](const QString &words, Series points, const RunData &run) {
        if (points.empty()) {
            return;
        }
        PlotCurve curve{words, group.family, StepAxis(run, options.xAxis, unit).moved(std::move(points))};
        curve.markers = !line;
        curve.markersOnLine = markers && line;
        curve.width = options.eachSeed && !markers ? 1.4 : 2;
        content.curves.push_back(std::move(curve));
    };
    if (options.eachSeed) {
        for (const LossGroup::Seed &seed : group.seeds) {
            add(QStringLiteral("%1 s%2").arg(name).arg(seed.run->config().training.seed),
                markers ? seed.validation : seed.train, *seed.run);
        }
    } else if (!group.seeds.empty()) {
        add(name, meansOf(markers ? group.validation : group.train), *group.seeds.front().run);
    }
}

constexpr std::size_t kOneThreadUpTo = 50000; ///< points; starting a thread costs more than it gains below that

void averageSeeds(LossGroup &group, double smoothing)
{
    std::vector<const Series *> train, validation;
    for (LossGroup::Seed &seed : group.seeds) {
        smooth(seed.run->series(kTrain), smoothing, seed.train);
        group.reached += seed.train.empty() ? 0 : 1;
        train.push_back(&seed.train);
        validation.push_back(&seed.validation);
    }
    meanAndStd(train, group.train);
    meanAndStd(validation, group.validation);
}

} // namespace

QString familyText(Family family) { return QString::fromStdString(displayName(family)); }

QString settingText(const RunConfig &config)
{
    QString text = QStringLiteral("L = %1").arg(config.training.sequenceLength);
    for (const auto &[name, value] : config.extraAxes) {
        text += QStringLiteral(", %1 %2").arg(QString::fromStdString(name), QString::fromStdString(value));
    }
    return text;
}

std::vector<LossGroup> lossGroups(const std::vector<RunData *> &runs, const QString &setting, double smoothing,
                                  std::vector<LossGroup> before)
{
    std::vector<LossGroup> groups;
    std::size_t points = 0;
    for (const Family family : kFamilies) {
        LossGroup group;
        group.family = family;
        const auto old = std::find_if(before.begin(), before.end(),
                                      [family](const LossGroup &known) { return known.family == family; });
        if (old != before.end()) {
            group.train = std::move(old->train);
            group.validation = std::move(old->validation);
        }
        for (const RunData *run : runs) {
            if (run->config().model.family != family || settingText(run->config()) != setting) {
                continue;
            }
            group.runs.push_back(run);
            if (!run->curvesShown()) {
                continue;
            }
            const std::size_t place = group.seeds.size();
            Series memory;
            if (old != before.end() && place < old->seeds.size()) {
                memory = std::move(old->seeds[place].train);
            }
            group.seeds.push_back({run, std::move(memory), run->series(kValidation)});
            points += run->series(kTrain).size();
            if (const auto best = run->best(kValidation)) {
                group.best.push_back(*best);
            }
        }
        if (!group.runs.empty()) {
            groups.push_back(std::move(group));
        }
    }
    // Families have nothing of each other; of long curves idle cores share them. Nothing changes the runs meanwhile.
    std::atomic<std::size_t> next = 0;
    const auto average = [&] {
        for (std::size_t at = next++; at < groups.size(); at = next++) {
            averageSeeds(groups[at], smoothing);
        }
    };
    std::vector<std::jthread> helpers;
    if (points > kOneThreadUpTo) {
        const std::size_t threads = std::min<std::size_t>(groups.size(), std::thread::hardware_concurrency());
        for (std::size_t i = 1; i < threads; ++i) {
            helpers.emplace_back(average);
        }
    }
    average();
    helpers.clear(); // joins
    return groups;
}

PlotContent lossContent(const std::vector<LossGroup> &groups, const RunData *current, const LossPlotOptions &options)
{
    PlotContent content;
    content.yLabel = QStringLiteral("Loss (nats per token)");
    content.empty = QStringLiteral("No loss yet. The first point comes with the first step.");
    double highest = 0;
    std::optional<double> chance;
    const RunData *first = current;
    for (const LossGroup &group : groups) {
        for (const RunData *run : group.runs) {
            first = first == nullptr ? run : first;
            highest = std::max(highest, StepAxis(*run, options.xAxis).at(lastStepOf(*run)));
            if (const auto value = run->last("val.loss.chance")) {
                chance = value;
            }
        }
    }
    if (first != nullptr && first->state() == RunState::Failed && first->series(kTrain).empty()) {
        content.empty = QStringLiteral("No loss: the run failed before the end of its first step.");
    }
    const AxisUnit unit = axisUnit(options.xAxis, highest);
    content.xLabel = unit.label;
    content.xHigh = highest > 0 ? highest / unit.unit : 1;
    if (first != nullptr) {
        content.axis = StepAxis(*first, options.xAxis, unit.unit);
    }
    const bool currentShown =
        current != nullptr && current->curvesShown() && !options.hidden.count(current->config().model.family) &&
        std::any_of(groups.begin(), groups.end(),
                    [&](const LossGroup &g) { return std::count(g.runs.begin(), g.runs.end(), current) > 0; });
    const bool training = options.kind != LossKind::Validation;
    if (currentShown && options.raw && training && !current->series(kTrain).empty()) {
        content.curves.push_back({QStringLiteral("raw"), current->config().model.family,
                                  content.axis.moved(current->series(kTrain)), 1, 0.3, false, false, false});
    }
    for (const LossGroup &group : groups) {
        if (options.hidden.count(group.family) || group.seeds.empty()) {
            continue;
        }
        if (!options.eachSeed) {
            const auto &points = training ? group.train : group.validation;
            content.bands.push_back(
                {group.family, moved(points, StepAxis(*group.seeds.front().run, options.xAxis, unit.unit))});
        }
        if (training) {
            addCurves(content, group, options, unit.unit, false);
        }
    }
    for (const LossGroup &group : groups) { // markers on top of every line
        if (!options.hidden.count(group.family) && options.kind != LossKind::Training) {
            addCurves(content, group, options, unit.unit, true);
        }
    }
    if (chance) {
        const double values = std::exp(*chance);
        const bool whole = std::abs(values - std::round(values)) < 0.01 * values;
        const QString ground = whole ? QStringLiteral("ln %1 = ").arg(std::llround(values)) : QString();
        content.lines.push_back({*chance, QStringLiteral("Chance: %1%2").arg(ground, lossText(chance))});
    }
    content.stages = stagesFor(groups, current, options.xAxis, unit.unit);
    if (currentShown) {
        for (const std::int64_t step : current->snapshotSteps()) {
            content.ticks.push_back(static_cast<double>(step));
        }
        if (current->state() == RunState::Running || current->state() == RunState::Paused) {
            content.now = static_cast<double>(current->step());
        }
    }
    return content;
}

PlotContent metricContent(const RunData &run, const std::string &metric, double smoothing, XAxis xAxis)
{
    PlotContent content;
    const double highest = StepAxis(run, xAxis).at(std::max(1.0, lastStepOf(run)));
    const AxisUnit unit = axisUnit(xAxis, highest);
    content.axis = StepAxis(run, xAxis, unit.unit);
    content.xHigh = highest / unit.unit;
    content.empty = QStringLiteral("No values yet");
    content.valueAtCursor = true;
    const Series &values = run.series(metric);
    const Family family = run.config().model.family;
    if (!values.empty()) {
        const bool few = values.size() < 60;
        if (!few) {
            content.curves.push_back(
                {QStringLiteral("raw"), family, content.axis.moved(values), 1, 0.3, false, false, false});
        }
        content.curves.push_back({familyText(family), family,
                                  content.axis.moved(few ? values : smooth(values, smoothing)), 2, 1, false,
                                  few && values.size() < 30});
        content.curves.back().smoothed = !few && smoothing > 0;
    }
    if (const auto chance = run.last(metric + ".chance")) {
        const bool selection = metric.rfind("selection.", 0) == 0;
        content.lines.push_back({*chance, (selection ? QStringLiteral("Random keys: ") : QStringLiteral("Chance: ")) +
                                              significantText(chance)});
    }
    content.stages = stagesFor({}, &run, xAxis, unit.unit);
    return content;
}

namespace {

/// Training loss by step as it came, mean over the runs that have it there.
std::map<double, double> rawLosses(const std::vector<const RunData *> &runs)
{
    std::map<double, std::pair<double, int>> sums;
    for (const RunData *run : runs) {
        for (const Point &point : run->series(kTrain)) {
            auto &[sum, count] = sums[point.x];
            sum += point.y;
            ++count;
        }
    }
    std::map<double, double> means;
    for (const auto &[step, sum] : sums) {
        means[step] = sum.first / sum.second;
    }
    return means;
}

} // namespace

QString lossCsv(const std::vector<LossGroup> &groups, const LossPlotOptions &options, std::pair<double, double> steps)
{
    QString text = QStringLiteral("series,quantity,step,raw,smoothed,mean,std,n\n");
    const auto [low, high] = steps;
    const auto rows = [&, low = low, high = high](const QString &series, const std::vector<BandPoint> &points,
                                                  const std::map<double, double> *raw) {
        const QString name = csvText(series);
        for (const BandPoint &point : points) {
            if (point.x < low || point.x > high) {
                continue;
            }
            const auto at = raw ? raw->find(point.x) : std::map<double, double>::const_iterator();
            const QString unsmoothed = raw == nullptr     ? csvNumber(point.mean)
                                       : at != raw->end() ? csvNumber(at->second)
                                                          : QString();
            text += QStringList({name, raw ? QStringLiteral("train") : QStringLiteral("validation"), csvNumber(point.x),
                                 unsmoothed, raw ? csvNumber(point.mean) : QString(), csvNumber(point.mean),
                                 csvNumber(point.std), QString::number(point.n)})
                        .join(QLatin1Char(',')) +
                    QLatin1Char('\n');
        }
    };
    const auto both = [&](const QString &series, const std::vector<const RunData *> &runs,
                          const std::vector<BandPoint> &train, const std::vector<BandPoint> &validation) {
        if (options.kind != LossKind::Validation) {
            const std::map<double, double> raw = rawLosses(runs);
            rows(series, train, &raw);
        }
        if (options.kind != LossKind::Training) {
            rows(series, validation, nullptr);
        }
    };
    for (const LossGroup &group : groups) {
        if (options.hidden.count(group.family)) {
            continue;
        }
        if (!options.eachSeed) {
            both(familyText(group.family), group.runs, group.train, group.validation);
            continue;
        }
        for (const LossGroup::Seed &seed : group.seeds) {
            both(QStringLiteral("%1 s%2").arg(familyText(group.family)).arg(seed.run->config().training.seed),
                 {seed.run}, meanAndStd({&seed.train}), meanAndStd({&seed.validation}));
        }
    }
    return text;
}

} // namespace sparsescope
