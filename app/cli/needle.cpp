#include "core/train/needle_retrieval.h"

#include "app/cli/changes.h"
#include "app/cli/command.h"
#include "app/cli/figures.h"
#include "app/cli/frozen_runs.h"
#include "app/cli/text_table.h"
#include "core/base/damage_failure.h"
#include "core/base/exit_code.h"
#include "core/base/rounded_expression.h"
#include "core/base/run_folder.h"
#include "core/base/run_store.h"
#include "core/base/safetensors.h"
#include "core/base/stop_signals.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <set>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t stopAsked = 0;

struct Request {
    std::vector<std::string> subjects;
    NeedleOptions options;
};

/// "97.3 % [95.1, 98.5]".
std::string shareText(std::int64_t exact, std::int64_t answers)
{
    if (answers == 0)
        return "-";
    const Interval ci95 = wilsonInterval(static_cast<double>(exact), static_cast<double>(answers));
    return fmt::format("{:.1f} % [{:.1f}, {:.1f}]", 100.0 * static_cast<double>(exact) / static_cast<double>(answers),
                       100 * ci95.low, 100 * ci95.high);
}

void print(const NeedleTable &table, Output &output)
{
    output.line(fmt::format("{}, checkpoint of step {}, trained at L {}; {} haystack, chance {:.2g}", table.run,
                            table.step, table.trainedLength, table.haystack, table.exactChance));
    std::vector<std::vector<std::string>> rows{{"positions", "L", "k", "exact answers", "n", "worst depth",
                                                "place found", "chance", "s an example", "peak GB"}};
    for (const NeedleRow &row : table.rows) {
        std::string worst = "-";
        double least = 2;
        for (const NeedleDepth &depth : row.depths) {
            const double share =
                depth.answers > 0 ? static_cast<double>(depth.exact) / static_cast<double>(depth.answers) : 2;
            if (share < least) {
                least = share;
                worst = fmt::format("{:.1f} %", 100 * share);
            }
        }
        double found = 0;
        for (const double layer : row.found)
            found = std::max(found, layer);
        rows.push_back({row.positions == "yarn" ? fmt::format("yarn x {:g}", row.yarnFactor) : row.positions,
                        std::to_string(row.length), row.topK > 0 ? std::to_string(row.topK) : "-",
                        row.problem.empty() ? shareText(row.exact(), row.answers()) : row.problem,
                        std::to_string(row.answers()), worst, row.found.empty() ? "-" : fmt::format("{:.3f}", found),
                        row.foundChance ? fmt::format("{:.2g}", *row.foundChance) : "-",
                        fmt::format("{:.3g}", row.secondsPerExample),
                        row.peakBytes ? fmt::format("{:.2f}", *row.peakBytes / 1e9) : "-"});
    }
    printRows(rows, 1, output);
    output.line("");
}

/// With what was asked of the same checkpoint before, so that long haystacks may be asked after the short ones.
NeedleTable withEarlier(const Frozen &run, NeedleTable table)
{
    const auto stored = RunReader(run.folder).value(kNeedleKey);
    if (!stored)
        return table;
    const auto document = nlohmann::ordered_json::parse(*stored, nullptr, /*allow_exceptions=*/false);
    try {
        return merged(needleFromJson(document, (run.folder / "run.sqlite").string()), std::move(table));
    } catch (const Failure &) {
        return table; // what cannot be read is written anew
    }
}

/// In the run, for the report and the exports; a run that another process trains keeps its own.
void store(const Frozen &run, const NeedleTable &table, Output &output)
{
    try {
        storeNeedle(run.folder, table);
    } catch (const Failure &failure) {
        output.note(fmt::format("{}: not stored beside the run: {}", table.run, failure.what()));
    }
}

NeedleTable measured(const Frozen &run, const NeedleOptions &options)
{
    try {
        return measureNeedles(run.config, options);
    } catch (const DamageFailure &) {
        throw;
    } catch (const ConfigFailure &failure) {
        throw placed(failure, {}, runFile(run.folder).string());
    }
}

void demandKeys(const std::vector<std::string> &keys)
{
    for (const std::string &text : keys) {
        try {
            LengthExpression{text};
        } catch (const Failure &) {
            throw ConfigFailure({{"not a number of keys", "--k", "\"" + text + "\"",
                                  "numbers or expressions in L, such as 32,L/8", ""}});
        }
    }
}

/// Where a length is given a number of keys that is not whole.
std::vector<std::string> roundedKeys(const std::vector<std::string> &keys, const NeedleTable &table)
{
    std::set<std::string> notices;
    for (const NeedleRow &row : table.rows) {
        for (const std::string &text : keys) {
            if (const std::string notice = roundingNotice("--k", LengthExpression(text), row.length); !notice.empty())
                notices.insert(notice);
        }
    }
    return {notices.begin(), notices.end()};
}

/// A remark now and then, so that hours are not silent.
std::function<void(const std::string &, double)> progress(const std::string &run, Output &output)
{
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds kBetween(5);
    return [&output, run, last = Clock::time_point()](const std::string &what, double done) mutable {
        if (const Clock::time_point now = Clock::now(); now - last >= kBetween) {
            output.note(fmt::format("{:3.0f} %, {}: {}", 100 * done, run, what));
            last = now;
        }
    };
}

int needle(const Request &request, Output &output)
{
    demandKeys(request.options.keys);
    output.data()["tables"] = nlohmann::ordered_json::array();
    std::vector<StoredFiles> stored;
    for (const std::string &subject : request.subjects) {
        stored.emplace_back(subject);
        if (!tellUsable(stored.back(), output))
            return kFailed;
    }
    onStopSignals([](int) { stopAsked = 1; });
    bool whole = true;
    for (std::size_t i = 0; i < stored.size(); ++i) {
        const fs::path subject = request.subjects[i];
        const StoredFiles &files = stored[i];
        std::vector<Frozen> runs = frozenRuns(subject, files);
        std::vector<NeedleTable> tables;
        for (Frozen &run : runs) {
            NeedleOptions options = request.options;
            options.onProgress = progress(run.config.folder(), output);
            options.cancelled = [] { return stopAsked != 0; };
            NeedleTable table = onCheckpoint(files.checkpoint() ? fs::path() : run.folder, run.checkpoint, [&] {
                options.checkpoint = run.checkpoint;
                return measured(run, options);
            });
            if (stopAsked) {
                output.note(fmt::format("Stopped; {} keeps what it had before.", run.config.folder()));
                return kInterrupted;
            }
            table.step = std::stoll(run.checkpoint.filename().string());
            output.notices(roundedKeys(request.options.keys, table));
            print(table, output);
            output.data()["tables"].push_back(toJson(table));
            table = withEarlier(run, std::move(table));
            store(run, table, output);
            tables.push_back(std::move(table));
        }
        if (subject != runs[0].folder && subject != runs[0].checkpoint) { // the folder of an experiment
            writeFileAtomically(subject / kNeedleFile, needleCsv(tables));
            output.line("All rows: " + (subject / kNeedleFile).string());
            whole = tell(drawNeedle(subject), "Figure:   ", output) && whole;
        }
        files.tellRead(output);
        whole = whole && files.whole();
    }
    onStopSignals(SIG_DFL);
    return whole ? kDone : kFailed;
}

} // namespace

Action declareNeedle(CLI::App &command)
{
    const auto request = std::make_shared<Request>();
    NeedleOptions &options = request->options;
    command
        .add_option("subject", request->subjects,
                    "Folders of experiments, trained runs or checkpoints of the needle task")
        ->required()
        ->type_name("DIR");
    command
        .add_option("--lengths", options.lengths,
                    "Tokens of an example, such as 1024,131072; left out: the trained length, doubled up to 131072")
        ->type_name("L,...")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_option("--depths", options.depths, "Equal parts of the haystack that are told apart")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command.add_option("--examples", options.examples, "Haystacks of each length and setting")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    command.add_option("--k", options.keys, "Keys a query, such as 32,L/8; left out: as trained")
        ->type_name("K,...")
        ->delimiter(',')
        ->allow_extra_args(false);
    command
        .add_option("--positions", options.positions,
                    "Beyond the trained length: plain, yarn (rotation stretched by L / trained L); left out: both")
        ->type_name("WORD,...")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::IsMember(needlePositions()));
    command
        .add_option("--chunk", options.chunk,
                    "Queries that go through the layers together; left out: by length and device")
        ->check(CLI::Range(1, 131072));
    command.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
    return [request](Output &output) { return needle(*request, output); };
}

} // namespace sparsescope
