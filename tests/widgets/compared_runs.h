#pragma once

#include "core/base/counterfactual_table.h"
#include "core/base/stored_checks.h"
#include "tests/core/base/sample_runs.h"
#include "widgets/state/run_data.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

/// Finished runs whose gates all hold, as the window has them, for tests of comparisons.
namespace sparsescope::test {

/// Two families of three seeds; losses end at 2.00 (Classic) and at `sparse` plus a hundredth a seed (DSA).
struct ComparedRuns {
    std::vector<std::unique_ptr<RunData>> owned;

    explicit ComparedRuns(double sparse = 2.10, int seeds = 3, const char *families = R"(["classic", "sparse"])")
    {
        nlohmann::ordered_json sweep;
        sweep["family"] = nlohmann::ordered_json::parse(families);
        for (int seed = 0; seed < seeds; ++seed) {
            sweep["seed"].push_back(seed);
        }
        for (const ComparedRun &run : testing::sampleRuns(sweep, {})) {
            add(run, sparse);
        }
    }

    void add(const ComparedRun &run, double sparse)
    {
        const RunConfig &config = run.started.config;
        const bool selects = isSparse(config.model.family);
        const double end = selects ? sparse + 0.01 * static_cast<double>(config.training.seed) : 2.0;
        auto data = std::make_unique<RunData>(config, "nowhere/sample");
        RunUpdate update;
        for (int step = 1; step <= 100; ++step) {
            update.series["train.loss"].push_back({static_cast<double>(step), 3.0});
            update.series["time.trained"].push_back({static_cast<double>(step), step * (selects ? 0.2 : 0.1)});
            update.series["time.step"].push_back({static_cast<double>(step), selects ? 0.2 : 0.1});
        }
        for (const double step : {10.0, 50.0, 100.0}) {
            update.series["val.loss"].push_back({step, 5 + (end - 5) * step / 100});
            update.series["val.loss.chance"].push_back({step, 5.5});
            for (int part = 0; part < 8; ++part) {
                update.series["val.loss.position/" + std::to_string(part)].push_back({step, end + 0.1 * (7 - part)});
            }
            update.series["val.loss.sparse_part"].push_back({step, end});
            if (selects) {
                update.series["selection.mass_kept"].push_back({step, 0.9});
                update.series["selection.mass_kept.chance"].push_back({step, 0.4});
            }
        }
        update.values[kFingerprintKey] = toJson(*run.started.fingerprint).dump();
        update.values["device"] = "CPU";
        update.checks = run.checks;
        update.state = {config.folder(), RunState::Finished, {}, 100, 100};
        data->apply(update);
        data->flush();
        owned.push_back(std::move(data));
    }

    std::vector<RunData *> all() const
    {
        std::vector<RunData *> runs;
        for (const auto &run : owned) {
            runs.push_back(run.get());
        }
        return runs;
    }

    RunData *of(Family family, std::uint64_t seed = 0) const
    {
        for (const auto &run : owned) {
            if (run->config().model.family == family && run->config().training.seed == seed) {
                return run.get();
            }
        }
        return nullptr;
    }

    void fail(Family family, const char *gate) const
    {
        for (const auto &run : owned) {
            if (run->config().model.family == family) {
                run->apply(CheckResult{gate, run->id().toStdString(), CheckOutcome::Failed, 1.0, 0.0, "3 of 64 differ"});
                run->flush();
            }
        }
    }

    /// Learned closes three quarters of the gap at k = 8, all of it at k = 16.
    static void measure(RunData *run)
    {
        Counterfactual table;
        table.run = run->id().toStdString();
        table.step = 100;
        table.length = 128;
        const std::tuple<const char *, const char *, double, double> rows[] = {
            {"oracle", "Oracle", 0.0, 0.0}, {"lightning", "Learned", 0.1, 0.0}, {"random", "Random", 0.4, 0.2}};
        for (const auto &[selector, title, at8, at16] : rows) {
            for (const auto &[k, increase] : {std::pair(8, at8), std::pair(16, at16)}) {
                CounterfactualRow row;
                row.selector = selector;
                row.title = title;
                row.topK = k;
                row.loss = 2 + increase;
                row.increase = increase;
                table.rows.push_back(row);
            }
        }
        RunUpdate update;
        update.values[kCounterfactualKey] = toJson(table).dump();
        update.state = {run->id().toStdString(), run->state(), {}, run->step(), run->steps()};
        run->apply(update);
    }
};

} // namespace sparsescope::test
