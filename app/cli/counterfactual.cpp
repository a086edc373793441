#include "core/train/counterfactual.h"

#include "app/cli/changes.h"
#include "app/cli/command.h"
#include "app/cli/figures.h"
#include "app/cli/frozen_runs.h"
#include "app/cli/stored_files.h"
#include "app/cli/text_table.h"
#include "core/base/config_words.h"
#include "core/base/damage_failure.h"
#include "core/base/gates.h"
#include "core/base/rounded_expression.h"
#include "core/base/run_folder.h"
#include "core/base/safetensors.h"
#include "core/base/stored_counterfactual.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

struct Request {
    std::string subject;
    std::vector<std::string> topK, selectors;
    std::string device = "auto", precision = "auto";
    int batches = 0;
    std::int64_t indexerSteps = 250;
};

/// "4", "L/16", ... as numbers of this length, ascending, each once; what is more than there is to choose from is said.
std::vector<std::int64_t> sweepOf(const Request &request, std::int64_t length, std::set<std::string> &cut)
{
    std::vector<std::int64_t> result;
    for (const std::string &text : request.topK) {
        try {
            const LengthExpression expression(text);
            if (const std::string notice = roundingNotice("--k", expression, length); !notice.empty())
                cut.insert(notice);
            const std::int64_t wanted = expression.evaluate(length);
            if (wanted > length)
                cut.insert(
                    fmt::format("--k: got {}, and training.sequence_length is {}: {} keys are measured, which is every "
                                "key, as dense attention has them.",
                                text, length, length));
            result.push_back(std::min(wanted, length));
        } catch (const Failure &) {
            throw ConfigFailure({{"not a number of keys", "--k", "\"" + text + "\"",
                                  "numbers or expressions in L, such as 4,8,L/4", ""}});
        }
    }
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

std::string number(const std::optional<double> &value, int decimals)
{
    return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

void print(const Counterfactual &table, Output &output)
{
    output.line(fmt::format("{}, checkpoint of step {}, indexer {}", table.run, table.step, table.indexer));
    std::string dense =
        fmt::format("Dense attention: loss {:.4f}, accuracy {:.3f}", table.denseLoss, table.denseAccuracy);
    if (table.denseExact)
        dense += fmt::format(", exact {:.3f}", *table.denseExact);
    if (table.exactChance)
        dense += fmt::format(" (chance {:.2g})", *table.exactChance);
    output.line(dense);
    std::vector<std::vector<std::string>> rows{{"selector", "k", "loss", "over dense", "95 % interval", "gap closed",
                                                "accuracy", "mass kept", "chance", "recall", "chance"}};
    const bool compares = std::any_of(table.rows.begin(), table.rows.end(),
                                      [](const CounterfactualRow &row) { return isRounded(row.selector); });
    if (compares)
        rows[0].insert(rows[0].end(), {"rows changed", "keys changed"});
    if (table.denseExact)
        rows[0].insert(rows[0].end(), {"exact", "answer's keys", "best layer", "chance"});
    for (const CounterfactualRow &row : table.rows) {
        const auto gap = gapClosed(table, row);
        rows.push_back(
            {row.title, std::to_string(row.topK), fmt::format("{:.4f}", row.loss), fmt::format("{:+.4f}", row.increase),
             row.ci95 ? fmt::format("{:+.4f} .. {:+.4f}", row.ci95->low, row.ci95->high) : "-",
             gap ? fmt::format("{:.0f} %", 100 * *gap) : "-", number(row.accuracy, 3), number(row.massKept, 3),
             number(row.massKeptChance, 3), number(row.recall, 3), number(row.recallChance, 3)});
        if (compares)
            rows.back().insert(rows.back().end(), {number(row.rowsChanged, 4), number(row.keysChanged, 5)});
        if (table.denseExact)
            rows.back().insert(rows.back().end(), {number(row.exact, 3), number(row.needed, 3),
                                                   number(row.neededBestLayer, 3), number(row.neededChance, 3)});
    }
    printRows(rows, 1, output);
    for (const CounterfactualRow &row : table.rows) {
        if (const auto gap = gapClosed(table, row); gap && row.selector == "lightning")
            output.line(fmt::format("k = {}: the learned indexer closes {:.0f} % of the gap between random and oracle.",
                                    row.topK, 100 * *gap));
    }
    output.line("");
}

/// What several runs of one group (length, family, other swept values) say together; every seed stands by itself beside it.
void printSeeds(const std::vector<Frozen> &runs, const std::vector<Counterfactual> &tables, Output &output)
{
    std::map<std::string, std::vector<const Counterfactual *>> groups;
    std::map<const Counterfactual *, std::uint64_t> seeds;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const std::string seed = fmt::format("/seed_{}", runs[i].config.training.seed);
        std::string group = tables[i].run;
        group.erase(group.find(seed), seed.size());
        seeds[&tables[i]] = runs[i].config.training.seed;
        groups[group].push_back(&tables[i]);
    }
    for (const auto &[name, group] : groups) {
        if (group.size() < 2)
            continue;
        output.line(fmt::format("{} over {} seeds: loss over dense, and {} of every seed", name, group.size(),
                                group[0]->denseExact ? "exact answers" : "accuracy"));
        std::vector<std::vector<std::string>> rows{{"selector", "k", "over dense", "sd"}};
        for (const Counterfactual *table : group)
            rows[0].push_back(fmt::format("seed {}", seeds[table]));
        const auto share = [](const std::optional<double> &exact, double accuracy) {
            return fmt::format("{:.3f}", exact.value_or(accuracy));
        };
        rows.push_back({"Dense", "-", "0", "-"});
        for (const Counterfactual *table : group)
            rows.back().push_back(share(table->denseExact, table->denseAccuracy));
        for (const CounterfactualRow &sample : group[0]->rows) {
            std::vector<double> increases;
            std::vector<std::string> shares;
            for (const Counterfactual *table : group) {
                const CounterfactualRow *row = table->at(sample.selector, sample.topK);
                shares.push_back(row ? share(row->exact, row->accuracy) : "-");
                if (row)
                    increases.push_back(row->increase);
            }
            rows.push_back(
                {sample.title, std::to_string(sample.topK), number(meanOf(increases), 4), number(sdOf(increases), 4)});
            rows.back().insert(rows.back().end(), shares.begin(), shares.end());
        }
        printRows(rows, 1, output);
        output.line("");
    }
}

/// In the run, for the window and the exports; a run that another process trains keeps its own.
void store(const Frozen &run, const Counterfactual &table, Output &output)
{
    try {
        storeCounterfactual(run.folder, table);
    } catch (const Failure &failure) {
        output.note(fmt::format("{}: not stored beside the run: {}", table.run, failure.what()));
    }
}

/// Weights that learned to read the future: no causal selector gives them the keys that they rely on.
std::vector<std::string> leaksOf(const Frozen &run)
{
    std::vector<std::string> leaks;
    for (const CheckResult &result : run.checks) {
        if (result.gate == "causality" && result.outcome == CheckOutcome::Failed)
            leaks.push_back(fmt::format(
                "{}, selection {}: its check \"{}\" failed ({}). The selectors below, dense attention "
                "too, see no later key, so these weights do not get what they learned to use: the "
                "table says nothing of which keys are needed.",
                run.config.folder(), run.config.model.selection.kind, gate(result.gate).title, result.measured));
    }
    return leaks;
}

Counterfactual measured(const Frozen &run, const CounterfactualOptions &options)
{
    try {
        return measureCounterfactual(run.config, options);
    } catch (const DamageFailure &) {
        throw;
    } catch (const ConfigFailure &failure) {
        throw placed(failure, {}, runFile(run.folder).string());
    }
}

int counterfactual(const Request &request, Output &output)
{
    const StoredFiles files(request.subject);
    if (!tellUsable(files, output))
        return kFailed;
    std::vector<Frozen> runs = frozenRuns(request.subject, files);
    std::set<std::string> cut;
    for (const Frozen &run : runs) {
        sweepOf(request, run.config.training.sequenceLength, cut);
        output.notices(leaksOf(run));
    }
    output.notices({cut.begin(), cut.end()});
    std::vector<Counterfactual> tables;
    output.data()["tables"] = nlohmann::ordered_json::array();
    for (Frozen &run : runs) {
        CounterfactualOptions options;
        options.device = request.device;
        fromWord(request.precision, options.precision);
        options.topK = sweepOf(request, run.config.training.sequenceLength, cut);
        options.selectors = request.selectors;
        options.batches = request.batches;
        options.indexerSteps = request.indexerSteps;
        options.onProgress = [&](const std::string &what) { output.note(run.config.folder() + ": " + what); };
        Counterfactual table = onCheckpoint(files.checkpoint() ? fs::path() : run.folder, run.checkpoint, [&] {
            options.checkpoint = run.checkpoint;
            return measured(run, options);
        });
        table.step = std::stoll(run.checkpoint.filename().string());
        store(run, table, output);
        print(table, output);
        output.data()["tables"].push_back(toJson(table));
        tables.push_back(std::move(table));
    }
    printSeeds(runs, tables, output);
    const fs::path subject = request.subject;
    bool drawn = true;
    if (subject != runs[0].folder && subject != runs[0].checkpoint) { // the folder of an experiment
        writeFileAtomically(subject / kCounterfactualFile, counterfactualCsv(tables));
        output.line("All rows: " + (subject / kCounterfactualFile).string());
        drawn = tell(drawSelectors(subject), "Figure:   ", output);
    }
    files.tellRead(output);
    return drawn && files.whole() ? kDone : kFailed;
}

} // namespace

Action declareCounterfactual(CLI::App &command)
{
    const auto request = std::make_shared<Request>();
    command.add_option("subject", request->subject, "The folder of an experiment, of a trained run or of a checkpoint")
        ->required()
        ->type_name("DIR");
    command.add_option("--k", request->topK, "Keys a query, such as 4,8,L/4; left out: L/16, L/8, L/4, L/2")
        ->type_name("K,...")
        ->delimiter(',')
        ->allow_extra_args(false);
    command
        .add_option("--selectors", request->selectors,
                    "Only these; left out: all that take k keys of the past, none of them rounded")
        ->type_name("NAME,...")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::IsMember(counterfactualSelectors()));
    command.add_option("--batches", request->batches, "Validation batches; left out: training.eval_batches")
        ->check(CLI::Range(1, 100000));
    command
        .add_option("--indexer-steps", request->indexerSteps,
                    "Steps that make an indexer for a checkpoint without a trained one")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    command.add_option("--precision", request->precision, "In which the model runs; auto: as it was trained")
        ->check(CLI::IsMember(wordsOf<Precision>()))
        ->capture_default_str();
    command.add_option("--device", request->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
    return [request](Output &output) { return counterfactual(*request, output); };
}

} // namespace sparsescope
