#pragma once

#include "widgets/plots/plot_content.h"
#include "widgets/plots/step_axis.h"

#include <QString>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope {

class RunData;

/// What of a run may differ beside family and seed, in words: "L = 64", "L = 64, top_k 32". Curves share a plot when it is equal.
QString settingText(const RunConfig &config);

/// The runs of one family that differ by their seed only, brought together.
struct LossGroup {
    Family family = Family::Classic;
    std::vector<const RunData *> runs;
    std::vector<BandPoint> train;      ///< smoothed, mean over the seeds that reached the step
    std::vector<BandPoint> validation; ///< at its own steps
    struct Seed {
        const RunData *run = nullptr;
        Series train, validation; ///< smoothed; at its own steps
    };
    std::vector<Seed> seeds;  ///< those whose curves are shown
    std::vector<double> best; ///< best validation loss of each seed that has one
    int reached = 0;          ///< seeds that have a training loss
};

enum class LossKind { Both, Training, Validation };

struct LossPlotOptions {
    double smoothing = 0.94; ///< weight of the moving average
    bool raw = true;         ///< show the unsmoothed loss of the current run
    LossKind kind = LossKind::Both;
    bool eachSeed = false; ///< a line a run instead of mean and deviation
    XAxis xAxis = XAxis::Step;
    std::set<Family> hidden;
};

/// Pure: groups of the runs that share `setting`, families in their fixed order. The memory of those `before` is used again:
/// long curves are made anew with every move of the smoothing.
std::vector<LossGroup> lossGroups(const std::vector<RunData *> &runs, const QString &setting, double smoothing,
                                  std::vector<LossGroup> before = {});
/// Pure: what the plot shows of them. `current` (may be null) gives the raw trace, stages, snapshot ticks and "Now".
PlotContent lossContent(const std::vector<LossGroup> &groups, const RunData *current, const LossPlotOptions &options);
/// One metric of one run: raw 1 px at 30 %, smoothed 2 px, its chance baseline where there is one.
PlotContent metricContent(const RunData &run, const std::string &metric, double smoothing, XAxis xAxis = XAxis::Step);
/// Pure: the groups as a table, in a range of steps. One row a step and series: raw is the loss without smoothing, mean over
/// the runs that have it there; mean and std are those of the curve that is drawn (of training smoothed), n its seeds.
QString lossCsv(const std::vector<LossGroup> &groups, const LossPlotOptions &options, std::pair<double, double> steps);
QString familyText(Family family);

} // namespace sparsescope
