#include "core/experiment/report_text.h"

#include "core/experiment/report.h"

#include "core/base/comparison_text.h"
#include "core/base/counterfactual_table.h"
#include "core/base/needle_table.h"
#include "core/base/records.h"
#include "core/base/statistics.h"
#include "core/base/table_text.h"
#include "core/experiment/selector_remarks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sparsescope {

namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json &value) { return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

std::string plain(const Json &value)
{
    if (value.is_null())
        return {};
    return value.is_string() ? value.get<std::string>() : dumped(value);
}

const Json &at(const Json &row, const char *key)
{
    static const Json missing;
    const auto found = row.find(key);
    return found == row.end() ? missing : *found;
}

std::string decimals(const Json &value, int count, const char *sign = "")
{
    return value.is_number() ? fmt::format(fmt::runtime(fmt::format("{{:{}.{}f}}", sign, count)), value.get<double>())
                             : "-";
}

/// The state as the window shows it; "Damaged" for a folder that cannot be read.
std::string shownState(const Json &row)
{
    const Json &state = at(row, "state");
    return state.is_string() ? displayName(runStateFrom(state.get<std::string>())) : "Damaged";
}

struct Column {
    const char *title;
    const char *key;
    int decimals; ///< -1: as it is
};
constexpr Column kColumns[] = {{"Run", "run", -1},
                               {"Family", "family", -1},
                               {"State", "state", -1},
                               {"Checks", "soundness", -1},
                               {"Recipe", "recipe", -1},
                               {"k", "top_k", -1},
                               {"Steps", "steps", -1},
                               {"Validation loss (nats)", "val_loss", 4},
                               {"chance", "val_loss_chance", 4},
                               {"Accuracy", "val_accuracy", 4},
                               {"chance", "val_accuracy_chance", 4},
                               {"Half of the answers right from step", "accuracy_half_step", -1},
                               {"Exact answers", "val_exact", 4},
                               {"chance", "val_exact_chance", 4},
                               {"Mass kept", "mass_kept", 4},
                               {"chance", "mass_kept_chance", 4},
                               {"Captured", "captured", 4},
                               {"Needed keys found", "recall", 4},
                               {"by random", "recall_random", 4},
                               {"by recency", "recall_recency", 4},
                               {"Place found, best layer", "oracle_recall_best_layer", 4},
                               {"by random", "oracle_recall_random", 4},
                               {"by recency", "oracle_recall_recency", 4},
                               {"Accuracy with a random selector", "accuracy_random_selector", 4},
                               {"with recency", "accuracy_recency_selector", 4},
                               {"Seconds a step", "seconds_per_step", 4}};

/// Columns that no run has a value for are left out.
std::string runTable(const Json &runs)
{
    std::vector<std::string> titles;
    std::vector<std::vector<std::string>> rows(runs.size());
    for (const Column &column : kColumns) {
        bool known = false;
        for (const Json &run : runs)
            known = known || !at(run, column.key).is_null();
        if (!known)
            continue;
        titles.push_back(column.title);
        for (std::size_t i = 0; i < runs.size(); ++i) {
            const Json &value = at(runs[i], column.key);
            if (std::string_view(column.key) == "state")
                rows[i].push_back(shownState(runs[i]));
            else
                rows[i].push_back(column.decimals < 0 ? markdownCell(plain(value)) : decimals(value, column.decimals));
        }
    }
    return markdownTable(titles, rows);
}

/// How far back the answers lie. Empty where no run has answers with a place.
std::string distanceText(const Json &runs)
{
    constexpr int kQuarters = 4;
    std::vector<std::string> titles{"Run"};
    std::vector<std::string> columns; ///< as the rows call them, of those that any run has
    for (const auto &[word, key] :
         {std::pair("accuracy", "val_accuracy_distance_"), std::pair("exact", "val_exact_distance_")}) {
        for (int quarter = 0; quarter < kQuarters; ++quarter) {
            const std::string column = key + std::to_string(quarter);
            if (std::any_of(runs.begin(), runs.end(),
                            [&](const Json &run) { return !at(run, column.c_str()).is_null(); })) {
                titles.push_back(fmt::format("{}, {} to {} % back", word, 25 * quarter, 25 * (quarter + 1)));
                columns.push_back(column);
            }
        }
    }
    if (columns.empty())
        return {};
    std::vector<std::vector<std::string>> rows;
    for (const Json &run : runs) {
        std::vector<std::string> cells{markdownCell(plain(at(run, "run")))};
        bool any = false;
        for (const std::string &column : columns) {
            cells.push_back(decimals(at(run, column.c_str()), 4));
            any = any || at(run, column.c_str()).is_number();
        }
        if (any)
            rows.push_back(std::move(cells));
    }
    return "## Answers by distance\n\nHow far before the question the answer stands, as a part of the sequence: share "
           "of the "
           "asked tokens right, and of the answers with every token right.\n\n" +
           markdownTable(titles, rows) + "\n";
}

std::string markdown(const TextTable &shown)
{
    std::vector<std::vector<std::string>> rows = shown.rows;
    for (auto &row : rows)
        std::transform(row.begin(), row.end(), row.begin(), markdownCell);
    return "**" + shown.title + "**\n\n" + markdownTable(shown.columns, rows) + "\n";
}

/// Stands before every number that could be read as a verdict.
std::string soundnessText(const Json &summary)
{
    std::string text = fmt::format("## Soundness\n\n**{}.**", markdownCell(plain(summary["soundness"])));
    const TextTable gates = gateTable(summary["gates"]);
    text += " A comparison has a verdict only where no check of its runs, or between them, fails; warnings stand "
            "beside it.\n\n";
    return gates.rows.empty() ? text : text + markdown(gates);
}

std::string comparisonText(const Json &comparisons)
{
    if (comparisons.empty())
        return "## Comparisons\n\nNo two families of equal length and settings are done.\n\n";
    std::string text =
        "## Comparisons\n\n"
        "The difference b - a, one pair a seed. Only runs that are done and have equal steps are paired; their "
        "numbers, seed by seed, are in comparisons.csv.\n\n";
    for (const TextTable &shown : comparisonTables(comparisons))
        text += markdown(shown);
    text += fmt::format(
        "The interval is a t-interval over the seeds; the bootstrap beside it is its cross-check. Better and worse, of "
        "b "
        "against a, need three seeds, an interval without zero, a mean of at least the margin ({} nats of loss, {} "
        "point of accuracy), and Holm's procedure over the table. At equal operations or seconds the dearer run is "
        "read "
        "before its end, where its rate has not come down yet.\n\n",
        kLossMargin, 100 * kAccuracyMargin);
    return text;
}

/// Empty where nothing was swept but family, length and seed.
std::string sweptText(const Json &comparisons)
{
    if (comparisons.empty())
        return {};
    std::string text = "## Swept values\n\nEach value against the first one of its sweep, in one family.\n\n";
    for (const TextTable &shown : comparisonTables(comparisons))
        text += markdown(shown);
    return text;
}

/// What the loss rises by where something else chooses the keys of the same weights. Empty where that was not asked.
std::string counterfactualText(const Json &documents, const Json &gates)
{
    if (!documents.is_array() || documents.empty())
        return {};
    std::vector<Counterfactual> tables;
    for (const Json &document : documents)
        tables.push_back(counterfactualFromJson(document, "summary.json"));
    std::string text =
        "## Other selectors on the same weights\n\n"
        "Nats over dense attention. Gap closed: how far the learned indexer is on the way from random keys "
        "to the oracle's. Every number stands in counterfactual.csv.\n\n" +
        selectorRemarks(tables) + selectorAnswers(tables) + selectorPrecision(tables);
    for (const Counterfactual &table : tables) {
        std::set<std::int64_t> ks;
        std::vector<std::pair<std::string, std::string>> selectors; // as registered, as shown
        for (const CounterfactualRow &row : table.rows) {
            ks.insert(row.topK);
            if (std::none_of(selectors.begin(), selectors.end(),
                             [&](const auto &known) { return known.first == row.selector; }))
                selectors.emplace_back(row.selector, row.title);
        }
        std::vector<std::string> titles{"Keys chosen by"};
        std::vector<std::vector<std::string>> rows;
        for (const std::int64_t k : ks)
            titles.push_back(fmt::format("k {}", k));
        for (const auto &[selector, title] : selectors) {
            rows.push_back({title});
            for (const std::int64_t k : ks) {
                const CounterfactualRow *row = table.at(selector, k);
                rows.back().push_back(row ? fmt::format("{:+.4f}", row->increase) : "-");
            }
        }
        rows.push_back({"Gap closed"});
        for (const std::int64_t k : ks) {
            const CounterfactualRow *learned = table.at("lightning", k);
            const auto closed = learned ? gapClosed(table, *learned) : std::nullopt;
            rows.back().push_back(closed ? fmt::format("{:.0f} %", 100 * *closed) : "-");
        }
        text += fmt::format("**{}, step {}: {:.4f} nats by dense attention**\n\n", markdownCell(table.run), table.step,
                            table.denseLoss);
        text += markdownTable(titles, rows) + "\n";
        for (const Json &gate : gates) {
            if (at(gate, "gate") == "causality" && at(gate, "run") == table.run &&
                at(gate, "outcome") == toString(CheckOutcome::Failed))
                text +=
                    "Its weights learned to read the future, which none of these selectors gives them: the table says "
                    "nothing of which keys are needed.\n\n";
        }
    }
    return text;
}

/// "97.3 %"; a dash where nothing was asked.
std::string shareText(std::int64_t hits, std::int64_t trials)
{
    return trials > 0 ? fmt::format("{:.1f} %", 100.0 * static_cast<double>(hits) / static_cast<double>(trials)) : "-";
}

std::string meanText(const std::vector<double> &shares)
{
    const auto mean = meanOf(shares);
    return mean ? fmt::format("{:.1f} %", 100 * *mean) : "-";
}

/// How often the needle was found, by length and depth. Empty where it was not asked.
std::string needleText(const Json &documents)
{
    if (!documents.is_array() || documents.empty())
        return {};
    std::vector<NeedleTable> tables;
    for (const Json &document : documents)
        tables.push_back(needleFromJson(document, "summary.json"));
    const NeedleTable &first = tables.front();
    std::string text = fmt::format(
        "## Needles by length and depth\n\n"
        "Answers with every one of their {} tokens right; blind guessing: {:.2g}. Every seed is asked the same "
        "haystacks. The interval is Wilson's over the answers of all seeds, which takes each for independent. Trained "
        "on {} tokens{}; YaRN stretches the rotation by the length over that, without further training. Place found: "
        "the token to copy from is among the selected keys, in the layer that finds most; an answer may be read from "
        "the token behind an entry instead, which has gathered it. Every number, seed by seed, is in needle.csv.\n\n",
        first.digits, first.exactChance, first.trainedLength,
        first.shortest < first.trainedLength ? fmt::format(" and, in training only, on {} and more", first.shortest)
                                             : std::string());
    for (const NeedlePanel &panel : needlePanels(tables)) {
        text += fmt::format("**{}**\n\n", markdownCell(panel.title));
        const std::size_t depths = panel.rows.empty() ? 0 : panel.rows.front().depths.size();
        std::vector<std::string> titles{"Length",  "k",       "Exact",       "95 % interval",
                                        "Answers", "By seed", "Place found", "by random keys"};
        for (std::size_t depth = 0; depth < depths; ++depth)
            titles.push_back(fmt::format("{:.0f} to {:.0f} % deep",
                                         100.0 * static_cast<double>(depth) / static_cast<double>(depths),
                                         100.0 * static_cast<double>(depth + 1) / static_cast<double>(depths)));
        std::vector<std::vector<std::string>> rows;
        for (const NeedlePanelRow &row : panel.rows) {
            std::vector<std::string> seeds;
            for (std::size_t i = 0; i < row.seeds.size(); ++i)
                seeds.push_back(fmt::format("{}: {:.1f} %", row.seeds[i], 100 * row.exactBySeed[i]));
            const Interval ci95 = row.interval();
            rows.push_back({fmt::format("{}", row.length), row.topK > 0 ? fmt::format("{}", row.topK) : "-",
                            shareText(row.exact(), row.answers()),
                            fmt::format("[{:.1f}, {:.1f}]", 100 * ci95.low, 100 * ci95.high),
                            fmt::format("{}", row.answers()), fmt::format("{}", fmt::join(seeds, ", ")),
                            meanText(row.foundBest),
                            row.foundChance ? fmt::format("{:.2g} %", 100 * *row.foundChance) : "-"});
            for (const NeedleDepth &depth : row.depths)
                rows.back().push_back(shareText(depth.exact, depth.answers));
        }
        text += markdownTable(titles, rows) + "\n";
        for (const std::string &problem : panel.problems)
            text += "- " + markdownCell(problem) + "\n";
        if (!panel.problems.empty())
            text += "\n";
    }
    return text;
}

} // namespace

std::string summaryCsv(const Json &summary)
{
    std::vector<std::string> keys;
    std::set<std::string> known;
    for (const Json &run : summary["runs"]) {
        for (const auto &[key, value] : run.items()) {
            if (known.insert(key).second)
                keys.push_back(key);
        }
    }
    std::string text = csvLine(keys);
    for (const Json &run : summary["runs"]) {
        std::vector<std::string> cells;
        for (const std::string &key : keys)
            cells.push_back(plain(at(run, key.c_str())));
        text += csvLine(cells);
    }
    return text;
}

std::string summaryMarkdown(const Json &summary)
{
    std::string text = fmt::format("# {}\n\n", markdownCell(plain(summary["experiment"])));
    if (const std::string question = plain(summary["question"]); !question.empty())
        text += markdownCell(question) + "\n\n";
    text += soundnessText(summary);
    text += "## Runs\n\n" + runTable(summary["runs"]) + "\n" + distanceText(summary["runs"]);
    text += comparisonText(summary["comparisons"]) + sweptText(summary["comparisons_swept"]);
    text += counterfactualText(at(summary, "counterfactuals"), summary["gates"]);
    text += needleText(at(summary, "needles"));
    std::string unfinished;
    for (const Json &run : summary["runs"]) {
        const Json &state = at(run, "state");
        if (state.is_null() || state == "finished")
            continue;
        const std::string reason = plain(at(run, "reason"));
        unfinished += fmt::format("- {}: {}{}\n", markdownCell(plain(at(run, "run"))), shownState(run),
                                  reason.empty() ? "" : ", " + markdownCell(reason));
    }
    if (!unfinished.empty())
        text += "## Not done\n\nThese runs are left out of comparisons and means.\n\n" + unfinished + "\n";
    if (const Json &absent = at(summary, "not_kept"); absent.is_array() && !absent.empty()) {
        text += "## Not kept\n\nWhat was measured is whole; these files beside it are not there.\n\n";
        for (const Json &run : absent)
            text += fmt::format("- {}\n", markdownCell(plain(at(run, "run")) + ": " + filesInWords(run["files"])));
        text += "\n";
    }
    if (!summary["problems"].empty()) {
        text += "## Problems\n\n";
        for (const Json &problem : summary["problems"])
            text += "- " + markdownCell(plain(problem)) + "\n";
    }
    return text;
}

} // namespace sparsescope
