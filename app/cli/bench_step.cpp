#include "app/cli/bench_step.h"

#include "app/cli/bench_report.h"
#include "app/cli/changes.h"
#include "app/cli/command.h"
#include "core/base/safetensors.h"
#include "core/train/step_benchmark.h"
#include "core/train/train_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace sparsescope {
namespace {

using dsa::benchmark::Machine;
using nlohmann::ordered_json;

/// The study's model, the last stage of whose training attends sparsely and trains the indexer by its KL.
ordered_json usualExperiment()
{
    return ordered_json::parse(R"({
        "schema": 1, "name": "bench-step",
        "model": { "d_model": 256, "n_layers": 4, "n_heads": 8, "d_ff": 512, "selection": { "top_k": "L/2" },
                   "indexer": { "n_heads": 4, "head_dim": 64 },
                   "moe": { "n_experts": 4, "experts_per_token": 2, "d_expert": 512 } },
        "training": { "batch_size": 16, "recipe": "scratch" },
        "sweep": { "sequence_length": [64, 128, 256, 1024], "family": ["classic", "sparse", "mhla", "mhla_sparse"] }
    })");
}

std::vector<RunConfig> runsOf(const BenchStepOptions &options)
{
    std::vector<Error> errors;
    const std::vector<Override> changes = splitChanges(options.changes, "PATH=VALUE", errors);
    if (!errors.empty())
        throw ConfigFailure(std::move(errors));
    return expand(parseExperiment(usualExperiment(), "bench step", changes));
}

struct Floor {
    double milliseconds = 0;
    std::string limit;
};

Floor floorOf(const StepRow &row, const Machine &machine)
{
    if (!machine.isCuda)
        return {};
    const double byFlops = row.flops / machine.flopsLow * 1e3, byBytes = row.bytes / machine.bytesPerSecond * 1e3;
    return {std::max(byFlops, byBytes), byFlops >= byBytes ? "flops" : "bytes"};
}

ordered_json orNull(double value) { return value > 0 ? ordered_json(value) : ordered_json(nullptr); }

ordered_json rowDocument(const StepRow &row, const Machine &machine)
{
    const Floor floor = floorOf(row, machine);
    ordered_json document{{"family", toString(row.family)},
                          {"sequence_length", row.sequenceLength},
                          {"batch", row.batch},
                          {"vocabulary", row.vocabulary},
                          {"top_k", row.topK > 0 ? ordered_json(row.topK) : ordered_json(nullptr)},
                          {"parameters", row.parameters},
                          {"flops", row.flops},
                          {"bytes", row.bytes},
                          {"floor_ms", orNull(floor.milliseconds)},
                          {"limit", floor.limit.empty() ? ordered_json(nullptr) : ordered_json(floor.limit)},
                          {"agree", row.wrong.empty()},
                          {"largest_loss_difference", row.lossDifference},
                          {"same_bits", row.sameBits}};
    for (const StepTiming &timing : row.timings)
        document["timings"].push_back({{"path", timing.path},
                                       {"detail", timing.detail},
                                       {"ms", timing.milliseconds},
                                       {"ms_quartiles", {timing.lower, timing.upper}},
                                       {"share_of_floor", orNull(floor.milliseconds / timing.milliseconds)},
                                       {"peak_bytes", orNull(timing.peakBytes)},
                                       {"reserved_bytes", orNull(timing.reservedBytes)},
                                       {"steps", timing.steps},
                                       {"samples", timing.samples}});
    if (row.timings.size() > 1)
        document["captured_over_eager"] = row.timings[0].milliseconds / row.timings[1].milliseconds;
    return document;
}

std::vector<std::string> rowLines(const StepRow &row, const Machine &machine)
{
    const Floor floor = floorOf(row, machine);
    std::vector<std::string> lines{
        "", fmt::format("{}  L {} B {} V {} k {}{}{}", displayName(row.family), row.sequenceLength, row.batch,
                        row.vocabulary, row.topK > 0 ? std::to_string(row.topK) : "-",
                        floor.milliseconds > 0 ? fmt::format("  floor {:.2f} ms by {}", floor.milliseconds, floor.limit)
                                               : "",
                        row.wrong.empty() ? "" : "  WRONG: " + row.wrong)};
    for (const StepTiming &timing : row.timings) {
        const std::string memory = timing.peakBytes > 0 ? fmt::format("{:9.1f} MB", timing.peakBytes / 1e6) : "";
        lines.push_back(fmt::format("  {:<9}{:9.2f} ms  ({:.2f} to {:.2f})  {}  {}", timing.path, timing.milliseconds,
                                    timing.lower, timing.upper, memory, timing.detail));
    }
    return lines;
}

/// Sparse over dense, of the same attention kind, length, vocabulary and path.
ordered_json ratios(const std::vector<StepRow> &rows)
{
    using Key = std::tuple<Family, std::int64_t, int, std::string>;
    std::map<Key, double> times;
    for (const StepRow &row : rows)
        for (const StepTiming &timing : row.timings)
            times[{row.family, row.sequenceLength, row.vocabulary, timing.path}] = timing.milliseconds;
    ordered_json result = ordered_json::array();
    for (const auto &[key, time] : times) {
        const auto &[family, length, vocabulary, path] = key;
        if (!isSparse(family))
            continue;
        const Family dense = family == Family::Sparse ? Family::Classic : Family::Mhla;
        if (const auto other = times.find({dense, length, vocabulary, path}); other != times.end())
            result.push_back({{"sparse", toString(family)},
                              {"dense", toString(dense)},
                              {"sequence_length", length},
                              {"vocabulary", vocabulary},
                              {"path", path},
                              {"sparse_over_dense", time / other->second}});
    }
    return result;
}

} // namespace

int benchStep(const BenchStepOptions &options, const Machine &machine, const std::string &note, Output &output)
{
    const std::vector<RunConfig> runs = runsOf(options);
    output.data() = machineDocument("step", machine, note, {options.rounds, 1});
    output.data()["method"] = {{"rounds", options.rounds},
                               {"order", "A B B A"},
                               {"unit", "ms a step from idle device to idle device, median"},
                               {"data", "random tokens, 8 batches in turn, copied from the host at every step"},
                               {"stage", "the last of recipe " + toString(runs.front().training.recipe)}};
    std::vector<StepRow> rows;
    bool right = true;
    for (const int vocabulary : options.vocabularies.empty() ? std::vector{257, 49152} : options.vocabularies) {
        for (const RunConfig &run : runs) {
            const StepRow row = measureStep(run, vocabulary, machine.device, {options.rounds});
            output.data()["rows"].push_back(rowDocument(row, machine));
            for (const std::string &line : rowLines(row, machine))
                output.line(line);
            if (!row.wrong.empty()) {
                right = false;
                output.error({row.run + ": " + row.wrong, "", "", "", ""});
            }
            rows.push_back(row);
        }
    }
    output.data()["ratios"] = ratios(rows);
    for (const ordered_json &ratio : output.data()["ratios"])
        output.line(fmt::format("{} over {} at L {} V {}, {}: {:.2f}", ratio["sparse"].get<std::string>(),
                                ratio["dense"].get<std::string>(), ratio["sequence_length"].get<std::int64_t>(),
                                ratio["vocabulary"].get<int>(), ratio["path"].get<std::string>(),
                                ratio["sparse_over_dense"].get<double>()));
    if (!options.out.empty())
        writeFileAtomically(options.out, output.data().dump(2) + "\n");
    return right ? kDone : kFailed;
}

} // namespace sparsescope
