#include "core/base/comparison_text.h"

#include "core/base/gates.h"
#include "core/base/table_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>

namespace sparsescope {
namespace {

using Json = nlohmann::ordered_json;

Json pair(const std::optional<Interval> &interval)
{
    return interval ? Json::array({interval->low, interval->high}) : Json();
}

Json viewJson(const PairComparison &comparison, const ComparisonView &view)
{
    Json seeds = Json::array(), at = Json::array(), a = Json::array(), b = Json::array(), differences = Json::array();
    double sumA = 0, sumB = 0;
    for (const SeedPair &one : view.pairs) {
        seeds.push_back(one.seed);
        at.push_back(one.at);
        a.push_back(one.a);
        b.push_back(one.b);
        differences.push_back(one.difference());
        sumA += one.a;
        sumB += one.b;
    }
    const auto n = static_cast<double>(view.pairs.size());
    const PairedDifference &statistics = view.statistics;
    return {{"n", statistics.n},
            {"seeds", seeds},
            {"at", at},
            {"values_a", a},
            {"values_b", b},
            {"differences", differences},
            {"mean_a", n > 0 ? Json(sumA / n) : Json()},
            {"mean_b", n > 0 ? Json(sumB / n) : Json()},
            {"mean_difference", numberOrNull(statistics.mean)},
            {"sd", numberOrNull(statistics.sd)},
            {"ci95", pair(statistics.ci95)},
            {"bootstrap95", pair(view.bootstrap)},
            {"p", numberOrNull(statistics.p)},
            {"verdict", comparison.verdict(view)}};
}

Json gateList(const std::vector<CheckResult> &results)
{
    Json list = Json::array();
    for (const CheckResult &result : results)
        list.push_back(gateJson(result));
    return list;
}

Json comparisonJson(const PairComparison &comparison)
{
    const bool loss = comparison.metric == "val_loss";
    Json axes = Json::object();
    for (const auto &[axis, value] : comparison.axes)
        axes[axis] = value;
    Json row = {{"by", comparison.by},
                {"family", comparison.family.empty() ? Json() : Json(comparison.family)},
                {"a", comparison.a},
                {"b", comparison.b},
                {"sequence_length", comparison.sequenceLength},
                {"axes", axes},
                {"recipe_a", comparison.recipeA},
                {"recipe_b", comparison.recipeB},
                {"metric", comparison.metric},
                {"unit", loss ? "nats" : "share"},
                {"margin", comparison.margin},
                {"chance", numberOrNull(comparison.chance)}};
    row.update(viewJson(comparison, comparison.steps));
    row["comparable"] = comparison.comparable();
    row["against"] = gateList(comparison.against);
    row["care"] = gateList(comparison.care);
    row["time_ratio"] = numberOrNull(comparison.timeRatio);
    row["equal_flops"] = loss ? viewJson(comparison, comparison.flops) : Json();
    row["equal_seconds"] = loss ? viewJson(comparison, comparison.seconds) : Json();
    return row;
}

/// "DSA against Classic", "DSA, top_k 32 against 8".
std::string sidesOf(const Json &row)
{
    const std::string by = row["by"], a = row["a"], b = row["b"];
    const auto word = [](const std::string &side) {
        for (const Family family : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
            if (toString(family) == side)
                return displayName(family);
        }
        return side;
    };
    if (by != "family")
        return word(row["family"]) + ", " + by + " " + b + " against " + a;
    return word(b) + " against " + word(a);
}

std::string placeOf(const Json &row)
{
    std::string place = row["sequence_length"].dump();
    for (const auto &[axis, value] : row["axes"].items())
        place += ", " + axis + " " + value.get<std::string>();
    return place;
}

std::string recipeOf(const Json &row)
{
    const std::string a = row["recipe_a"], b = row["recipe_b"];
    return a == b ? a : a + ", " + b;
}

/// A loss in nats, an accuracy in points of a hundred; a difference with its sign.
std::string number(const Json &value, bool loss, bool sign)
{
    if (!value.is_number())
        return "-";
    const double shown = value.get<double>() * (loss ? 1 : 100);
    const int decimals = loss ? 4 : 1;
    return sign ? fmt::format("{:+.{}f}", shown, decimals) : fmt::format("{:.{}f}", shown, decimals);
}

std::string interval(const Json &value, bool loss)
{
    return value.is_array() ? "[" + number(value[0], loss, true) + ", " + number(value[1], loss, true) + "]" : "-";
}

/// Where both sides were read, smallest to largest over the seeds.
std::string placesOf(const Json &view, const char *unit)
{
    std::set<double> places;
    for (const Json &at : view["at"])
        places.insert(at.get<double>());
    if (places.empty())
        return "-";
    const std::string low = fmt::format("{:.3g}", *places.begin()), high = fmt::format("{:.3g}", *places.rbegin());
    return (low == high ? low : low + " to " + high) + " " + unit;
}

std::vector<std::string> commonCells(const Json &row) { return {sidesOf(row), placeOf(row), recipeOf(row)}; }

std::vector<std::string> viewCells(const Json &row, const Json &view)
{
    const bool loss = row["metric"] == "val_loss", shown = row["comparable"].get<bool>();
    return {view["n"].dump(),
            number(view["mean_a"], loss, false),
            number(view["mean_b"], loss, false),
            number(view["mean_difference"], loss, true),
            shown ? interval(view["ci95"], loss) : "-",
            shown ? interval(view["bootstrap95"], loss) : "-",
            view["verdict"].get<std::string>()};
}

const std::vector<std::string> kViewColumns = {"Seeds", "a", "b", "b - a", "95 % interval", "Bootstrap", "Verdict"};

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string> &second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

TextTable stepsTable(const Json &comparisons, const char *metric, const char *title)
{
    TextTable table{title, joined({"b against a", "Length", "Recipe", "Chance"}, kViewColumns), {}};
    for (const Json &row : comparisons) {
        if (row["metric"] != metric)
            continue;
        std::vector<std::string> cells = commonCells(row);
        cells.push_back(number(row["chance"], row["metric"] == "val_loss", false));
        table.rows.push_back(joined(std::move(cells), viewCells(row, row)));
    }
    return table;
}

TextTable costTable(const Json &comparisons, const char *view, const char *unit, const char *title)
{
    TextTable table{title, joined({"b against a", "Length", "Recipe", "Read at"}, kViewColumns), {}};
    for (const Json &row : comparisons) {
        if (!row[view].is_object() || row[view]["n"] == 0)
            continue;
        std::vector<std::string> cells = commonCells(row);
        cells.push_back(placesOf(row[view], unit));
        table.rows.push_back(joined(std::move(cells), viewCells(row, row[view])));
    }
    return table;
}

TextTable timeTable(const Json &comparisons)
{
    TextTable table{"Time of a step of b over that of a, medians", {"b against a", "Length", "Factor"}, {}};
    for (const Json &row : comparisons) {
        if (row["metric"] == "val_loss" && row["time_ratio"].is_number())
            table.rows.push_back({sidesOf(row), placeOf(row), fmt::format("{:.2f}", row["time_ratio"].get<double>())});
    }
    return table;
}

} // namespace

Json numberOrNull(std::optional<double> value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

Json gateJson(const CheckResult &result)
{
    Json row = toJson(result);
    if (result.outcome != CheckOutcome::Passed) {
        const GateInfo &info = gate(result.gate);
        row["title"] = info.title;
        row["passes"] = info.passes;
        // What was not made is to be made; only what an experiment was not laid out for cannot be made afterwards.
        const bool canBeMade = result.outcome == CheckOutcome::NotRun && info.scope != GateScope::Experiment;
        row["remedy"] = canBeMade ? "Run sparsescope-cli check on the run's folder." : info.remedy;
    }
    return row;
}

Json comparisonsJson(const std::vector<PairComparison> &table)
{
    Json rows = Json::array();
    for (const PairComparison &comparison : table)
        rows.push_back(comparisonJson(comparison));
    return rows;
}

std::string comparisonsCsv(const Json &comparisons)
{
    std::string text = "a,b,sequence_length,axes,metric,view,seed,at,value_a,value_b,difference,by,family\r\n";
    for (const Json &row : comparisons) {
        std::vector<std::string> axes;
        for (const auto &[axis, value] : row["axes"].items())
            axes.push_back(axis + "=" + value.get<std::string>());
        const auto lines = [&](const char *name, const Json &view) {
            for (std::size_t i = 0; view.is_object() && i < view["seeds"].size(); ++i)
                text +=
                    csvLine({row["a"], row["b"], row["sequence_length"].dump(), fmt::format("{}", fmt::join(axes, " ")),
                             row["metric"], name, view["seeds"][i].dump(), view["at"][i].dump(),
                             view["values_a"][i].dump(), view["values_b"][i].dump(), view["differences"][i].dump(),
                             row["by"], row["family"].is_null() ? std::string() : row["family"].get<std::string>()});
        };
        lines("steps", row);
        lines("flops", row["equal_flops"]);
        lines("seconds", row["equal_seconds"]);
    }
    return text;
}

std::vector<TextTable> comparisonTables(const Json &comparisons)
{
    std::vector<TextTable> tables = {
        stepsTable(comparisons, "val_loss", "Final validation loss after equal steps (nats)"),
        stepsTable(comparisons, "val_accuracy", "Final accuracy after equal steps (points of 100)"),
        costTable(comparisons, "equal_flops", "operations",
                  "Validation loss at equal operations, those of the indexer included (nats)"),
        costTable(comparisons, "equal_seconds", "s", "Validation loss at equal seconds of training (nats)"),
        timeTable(comparisons)};
    std::erase_if(tables, [](const TextTable &table) { return table.rows.empty(); });
    return tables;
}

TextTable gateTable(const Json &gates)
{
    TextTable table{"Checks that do not pass", {"Outcome", "Check", "Run", "Measured", "What to do"}, {}};
    for (const char *outcome : {"failed", "warning", "not run"}) {
        for (const Json &row : gates) {
            if (row["outcome"] == outcome)
                table.rows.push_back({outcome, row["title"], row["run"], row["measured"], row["remedy"]});
        }
    }
    return table;
}

} // namespace sparsescope
