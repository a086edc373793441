#include "core/experiment/selector_remarks.h"

#include "core/base/statistics.h"
#include "core/base/table_text.h"
#include "core/train/counterfactual.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

namespace sparsescope {

namespace {

/// Farther below dense attention, or below the oracle, than a sound run of the recall task lies at its k (EXPERIMENTS.md 8).
constexpr double kFarFromDense = 0.15, kFarFromOracle = 0.10;

using Group = std::pair<std::string, std::vector<const Counterfactual *>>; ///< the runs' common name, and their tables

std::vector<Group> groupsOf(const std::vector<Counterfactual> &tables)
{
    std::vector<Group> groups;
    for (const Counterfactual &table : tables) {
        const std::string name = table.run.substr(0, table.run.rfind("/seed_"));
        const auto found =
            std::find_if(groups.begin(), groups.end(), [&](const Group &group) { return group.first == name; });
        if (found == groups.end())
            groups.push_back({name, {&table}});
        else
            found->second.push_back(&table);
    }
    return groups;
}

bool haveExact(const std::vector<const Counterfactual *> &tables)
{
    return std::all_of(tables.begin(), tables.end(), [](const auto *table) { return table->denseExact.has_value(); });
}

std::set<std::int64_t> keysOf(const std::vector<const Counterfactual *> &tables)
{
    std::set<std::int64_t> ks;
    for (const Counterfactual *table : tables) {
        for (const CounterfactualRow &row : table->rows)
            ks.insert(row.topK);
    }
    return ks;
}

/// Differences of one k, one a seed.
struct Differences {
    std::vector<double> fromDense, fromOracle, oracleFromDense;
    bool exact = false; ///< of exact answers; else of accuracy
};

Differences differencesAt(std::int64_t k, const std::vector<const Counterfactual *> &tables)
{
    Differences result;
    result.exact = haveExact(tables);
    for (const Counterfactual *table : tables) {
        const CounterfactualRow *learned = table->at("lightning", k), *oracle = table->at("oracle", k);
        if (!learned)
            continue;
        const auto share = [&](const CounterfactualRow &row) {
            return result.exact ? row.exact.value_or(0) : row.accuracy;
        };
        const double dense = result.exact ? *table->denseExact : table->denseAccuracy;
        result.fromDense.push_back(share(*learned) - dense);
        if (oracle) {
            result.fromOracle.push_back(share(*learned) - share(*oracle));
            result.oracleFromDense.push_back(share(*oracle) - dense);
        }
    }
    return result;
}

/// "-26.3 points (95 % interval -50.3 to -2.3)".
std::string pointsText(const std::vector<double> &differences)
{
    const PairedDifference result = pairedDifference(differences, kAccuracyMargin, BetterIs::More);
    std::string text = fmt::format("{:+.1f} points", 100 * *result.mean);
    if (result.ci95)
        text += fmt::format(" (95 % interval {:+.1f} to {:+.1f})", 100 * result.ci95->low, 100 * result.ci95->high);
    return text;
}

/// What lies outside of where a sound run lies; empty for one that lies inside.
std::string doubtText(const Differences &differences)
{
    const double fromDense = *meanOf(differences.fromDense);
    const std::optional<double> fromOracle = meanOf(differences.fromOracle);
    if (fromOracle && *fromOracle < -kFarFromOracle)
        return fmt::format(" **More than {:.0f} points below the oracle: look for a fault of the indexer first.**",
                           100 * kFarFromOracle);
    if (fromDense >= -kFarFromDense)
        return {};
    const std::string far = fmt::format(" **More than {:.0f} points below dense attention", 100 * kFarFromDense);
    if (!fromOracle)
        return far + ": look for a fault first.**";
    return far +
           fmt::format(
               ", and the oracle's keys lie {:+.1f} points from it: of that, k is the cause, and not the indexer.**",
               100 * *meanOf(differences.oracleFromDense));
}

std::string seedOf(const Counterfactual &table)
{
    const std::size_t at = table.run.rfind("/seed_");
    return at == std::string::npos ? table.run : table.run.substr(at + 6);
}

/// "82.4 / 79.5 / 61.2": one of every table, in percent.
template <typename Share>
std::string everySeed(const std::vector<const Counterfactual *> &tables, const Share &share, int decimals = 1)
{
    std::vector<std::string> values;
    for (const Counterfactual *table : tables) {
        const std::optional<double> value = share(*table);
        values.push_back(value ? fmt::format("{:.{}f}", 100 * *value, decimals) : "-");
    }
    return fmt::format("{}", fmt::join(values, " / "));
}

std::string seedsText(const std::vector<const Counterfactual *> &tables)
{
    std::vector<std::string> seeds;
    for (const Counterfactual *table : tables)
        seeds.push_back(seedOf(*table));
    return fmt::format("{}", fmt::join(seeds, " / "));
}

std::string answersOf(const std::string &name, const std::vector<const Counterfactual *> &tables)
{
    const bool exact = haveExact(tables);
    const std::set<std::int64_t> ks = keysOf(tables);
    std::vector<std::string> titles{"Keys chosen by"}, dense{"Nothing: dense attention"};
    for (const std::int64_t k : ks) {
        titles.push_back(fmt::format("k {}", k));
        dense.push_back(everySeed(
            tables, [&](const Counterfactual &table) { return exact ? table.denseExact : table.denseAccuracy; }));
    }
    std::vector<std::vector<std::string>> rows{dense};
    std::set<std::string> listed;
    for (const CounterfactualRow &first : tables.front()->rows) {
        if (!listed.insert(first.selector).second)
            continue;
        rows.push_back({first.title});
        for (const std::int64_t k : ks) {
            rows.back().push_back(everySeed(tables, [&](const Counterfactual &table) -> std::optional<double> {
                const CounterfactualRow *row = table.at(first.selector, k);
                return !row ? std::nullopt : exact ? row->exact : row->accuracy;
            }));
        }
    }
    const std::optional<double> chance = exact ? tables.front()->exactChance : tables.front()->accuracyChance;
    return fmt::format("**{}: {} in percent, seed {}{}**\n\n", markdownCell(name), exact ? "exact answers" : "accuracy",
                       seedsText(tables), chance ? fmt::format("; chance {:.1f}", 100 * *chance) : "") +
           markdownTable(titles, rows) + "\n";
}

/// A row of the table of precisions: one selector at one k.
std::vector<std::string> precisionRow(const CounterfactualRow &of, const std::vector<const Counterfactual *> &tables)
{
    const auto ofEvery = [&](std::optional<double> CounterfactualRow::*share, int decimals) {
        return everySeed(
            tables,
            [&](const Counterfactual &table) {
                const CounterfactualRow *row = table.at(of.selector, of.topK);
                return row ? row->*share : std::nullopt;
            },
            decimals);
    };
    std::vector<double> differences;
    for (const Counterfactual *table : tables) {
        const CounterfactualRow *row = table->at(of.selector, of.topK), *whole = table->at("lightning", of.topK);
        if (row && whole)
            differences.push_back(row->loss - whole->loss);
    }
    const PairedDifference loss = pairedDifference(differences, kLossMargin, BetterIs::Less);
    return {of.title,
            fmt::format("{}", of.topK),
            ofEvery(&CounterfactualRow::rowsChanged, 2),
            ofEvery(&CounterfactualRow::keysChanged, 3),
            loss.mean ? fmt::format("{:+.5f}", *loss.mean) : "-",
            loss.ci95 ? fmt::format("{:+.5f} to {:+.5f}", loss.ci95->low, loss.ci95->high) : "-"};
}

} // namespace

std::string selectorPrecision(const std::vector<Counterfactual> &tables)
{
    std::string text;
    for (const auto &[name, group] : groupsOf(tables)) {
        std::vector<std::vector<std::string>> rows;
        for (const CounterfactualRow &row : group.front()->rows) {
            if (isRounded(row.selector))
                rows.push_back(precisionRow(row, group));
        }
        if (!rows.empty())
            text += fmt::format("**{}: the learned keys in another precision, seed {}**\n\n", markdownCell(name),
                                seedsText(group)) +
                    markdownTable({"Keys chosen by", "k", "Rows that change, %", "Keys that change, %",
                                   "Loss over unrounded, nats", "95 % interval"},
                                  rows) +
                    "\n";
    }
    return text;
}

std::string selectorAnswers(const std::vector<Counterfactual> &tables)
{
    std::string text;
    for (const auto &[name, group] : groupsOf(tables))
        text += answersOf(name, group);
    return text;
}

std::string selectorRemarks(const std::vector<Counterfactual> &tables)
{
    std::string text;
    for (const auto &[name, group] : groupsOf(tables)) {
        for (const std::int64_t k : keysOf(group)) {
            const Differences differences = differencesAt(k, group);
            const std::size_t n = differences.fromDense.size();
            if (n == 0)
                continue;
            text += fmt::format("- {}, k {}, {} of the learned selector, n = {}{}: {} against dense attention",
                                markdownCell(name), k, differences.exact ? "exact answers" : "accuracy", n,
                                n == 1 ? " seed, so no interval" : " seeds", pointsText(differences.fromDense));
            if (!differences.fromOracle.empty())
                text += fmt::format(", {} against the oracle", pointsText(differences.fromOracle));
            text += "." + doubtText(differences) + "\n";
        }
    }
    return text.empty() ? text : text + "\n";
}

} // namespace sparsescope
