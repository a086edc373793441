#include "widgets/plots/loss_content.h"

#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/figure_export.h"

#include <algorithm>
#include <cmath>
#include <map>

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

std::vector<PlotStage> stagesFor(const std::vector<LossGroup> &groups, const RunData *current)
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
        for (const StageChange &stage : source->stages()) {
            const bool first = stages.empty();
            stages.push_back({static_cast<double>(stage.step), static_cast<double>(stage.endStep),
                              QString::fromStdString(stage.name), first});
        }
    }
    return stages;
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

std::vector<LossGroup> lossGroups(const std::vector<RunData *> &runs, const QString &setting, double smoothing)
{
    std::vector<LossGroup> groups;
    for (const Family family : kFamilies) {
        LossGroup group;
        group.family = family;
        std::vector<Series> train, validation;
        for (const RunData *run : runs) {
            if (run->config().model.family != family || settingText(run->config()) != setting) {
                continue;
            }
            group.runs.push_back(run);
            const Series &losses = run->series(kTrain);
            if (!losses.empty()) {
                train.push_back(smooth(losses, smoothing));
                ++group.reached;
            }
            if (const Series &evaluations = run->series(kValidation); !evaluations.empty()) {
                validation.push_back(evaluations);
            }
            if (const auto best = run->best(kValidation)) {
                group.best.push_back(*best);
            }
        }
        if (!group.runs.empty()) {
            group.train = meanAndStd(train);
            group.validation = meanAndStd(validation);
            groups.push_back(std::move(group));
        }
    }
    return groups;
}

PlotContent lossContent(const std::vector<LossGroup> &groups, const RunData *current, const LossPlotOptions &options)
{
    PlotContent content;
    content.xLabel = QStringLiteral("Step");
    content.yLabel = QStringLiteral("Loss (nats per token)");
    content.empty = QStringLiteral("No loss yet. The first point comes with the first step.");
    content.xHigh = 1;
    std::optional<double> chance;
    for (const LossGroup &group : groups) {
        for (const RunData *run : group.runs) {
            content.xHigh =
                std::max({content.xHigh, static_cast<double>(run->steps()), static_cast<double>(run->step())});
            if (const auto value = run->last("val.loss.chance")) {
                chance = value;
            }
        }
    }
    const bool currentShown = current != nullptr && !options.hidden.count(current->config().model.family) &&
                              std::any_of(groups.begin(), groups.end(), [&](const LossGroup &g) {
                                  return std::count(g.runs.begin(), g.runs.end(), current) > 0;
                              });
    if (currentShown && options.raw && !current->series(kTrain).empty()) {
        content.curves.push_back({QStringLiteral("raw"), current->config().model.family, current->series(kTrain), 1,
                                  0.3, false, false, false});
    }
    for (const LossGroup &group : groups) {
        if (options.hidden.count(group.family) || group.train.empty()) {
            continue;
        }
        content.bands.push_back({group.family, group.train});
        content.curves.push_back({familyText(group.family), group.family, meansOf(group.train)});
    }
    for (const LossGroup &group : groups) { // markers on top of every line
        if (!options.hidden.count(group.family) && !group.validation.empty()) {
            content.curves.push_back({familyText(group.family) + QStringLiteral(" validation"), group.family,
                                      meansOf(group.validation), 2, 1, true});
        }
    }
    if (chance) {
        const double values = std::exp(*chance);
        const bool whole = std::abs(values - std::round(values)) < 0.01 * values;
        const QString ground = whole ? QStringLiteral("ln %1 = ").arg(std::llround(values)) : QString();
        content.lines.push_back({*chance, QStringLiteral("Chance: %1%2").arg(ground, lossText(chance))});
    }
    content.stages = stagesFor(groups, current);
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

PlotContent metricContent(const RunData &run, const std::string &metric, double smoothing)
{
    PlotContent content;
    content.xHigh = std::max<double>(1, static_cast<double>(std::max(run.steps(), run.step())));
    content.empty = QStringLiteral("No values yet");
    const Series &values = run.series(metric);
    const Family family = run.config().model.family;
    if (!values.empty()) {
        const bool few = values.size() < 60;
        if (!few) {
            content.curves.push_back({QStringLiteral("raw"), family, values, 1, 0.3, false, false, false});
        }
        content.curves.push_back({familyText(family), family, few ? values : smooth(values, smoothing), 2, 1, false,
                                  few && values.size() < 30});
    }
    if (const auto chance = run.last(metric + ".chance")) {
        content.lines.push_back({*chance, QStringLiteral("Chance: ") + significantText(chance)});
    }
    content.stages = stagesFor({}, &run);
    return content;
}

QString lossCsv(const std::vector<LossGroup> &groups, const RunData *current, const LossPlotOptions &options,
                std::pair<double, double> steps)
{
    QString text = QStringLiteral("series,quantity,step,raw,smoothed,mean,std,n\n");
    const auto [low, high] = steps;
    for (const LossGroup &group : groups) {
        if (options.hidden.count(group.family)) {
            continue;
        }
        std::map<double, double> raw;
        if (options.raw && current != nullptr && std::count(group.runs.begin(), group.runs.end(), current) > 0) {
            for (const Point &point : current->series(kTrain)) {
                raw[point.x] = point.y;
            }
        }
        const QString name = csvText(familyText(group.family));
        const auto rows = [&, low = low, high = high](const std::vector<BandPoint> &points, const QString &quantity,
                                                      bool train) {
            for (const BandPoint &point : points) {
                if (point.x < low || point.x > high) {
                    continue;
                }
                const auto at = raw.find(point.x);
                const bool one = point.n == 1;
                text += name + QLatin1Char(',') + quantity + QLatin1Char(',') + csvNumber(point.x) + QLatin1Char(',') +
                        (train && at != raw.end() ? csvNumber(at->second)
                         : train                  ? QString()
                         : one                    ? csvNumber(point.mean)
                                                  : QString()) +
                        QLatin1Char(',') + (train && one ? csvNumber(point.mean) : QString()) + QLatin1Char(',') +
                        csvNumber(point.mean) + QLatin1Char(',') + csvNumber(point.std) + QLatin1Char(',') +
                        QString::number(point.n) + QLatin1Char('\n');
            }
        };
        rows(group.train, QStringLiteral("train"), true);
        rows(group.validation, QStringLiteral("validation"), false);
    }
    return text;
}

} // namespace sparsescope
