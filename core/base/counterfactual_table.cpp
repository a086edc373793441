#include "core/base/counterfactual_table.h"

#include "core/base/error.h"
#include "core/base/schemas.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace sparsescope {
namespace {

using Json = nlohmann::ordered_json;

double total(const std::vector<double> &values) { return std::accumulate(values.begin(), values.end(), 0.0); }

double ratio(double sum, double count) { return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN(); }

/// The numbers of a row that may be unknown, under their names in JSON and CSV.
template <class Row, class Visit>
void eachOptional(Row &row, const Visit &visit)
{
    visit("exact", row.exact);
    visit("keys", row.keys);
    visit("mass_kept", row.massKept);
    visit("mass_kept_chance", row.massKeptChance);
    visit("mass_kept_oracle", row.massKeptOracle);
    visit("mass_kept_worst", row.massKeptWorst);
    visit("captured", row.captured);
    visit("recall", row.recall);
    visit("recall_chance", row.recallChance);
    visit("oracle_recall", row.needed);
    visit("oracle_recall_best_layer", row.neededBestLayer);
    visit("oracle_recall_chance", row.neededChance);
    visit("rows_changed", row.rowsChanged);
    visit("keys_changed", row.keysChanged);
}

Json orNull(const std::optional<double> &value) { return value ? Json(*value) : Json(); }

std::optional<double> numberAt(const Json &document, const char *key)
{
    const auto value = document.find(key); // tables of earlier versions have fewer
    return value == document.end() || value->is_null() ? std::nullopt : std::optional(value->get<double>());
}

std::string cell(const std::optional<double> &value) { return value ? fmt::format("{}", *value) : std::string(); }

Json toJson(const Counterfactual &table, const CounterfactualRow &row)
{
    Json document = {{"selector", row.selector}, {"title", row.title},       {"top_k", row.topK},
                     {"loss", row.loss},         {"increase", row.increase}, {"accuracy", row.accuracy},
                     {"ci95", nullptr},          {"gap_closed", nullptr}};
    if (row.ci95)
        document["ci95"] = {row.ci95->low, row.ci95->high};
    document["gap_closed"] = orNull(gapClosed(table, row));
    eachOptional(row, [&](const char *key, const std::optional<double> &value) { document[key] = orNull(value); });
    return document;
}

CounterfactualRow rowFromJson(const Json &document)
{
    CounterfactualRow row;
    row.selector = document.at("selector").get<std::string>();
    row.title = document.at("title").get<std::string>();
    row.topK = document.at("top_k").get<std::int64_t>();
    row.loss = document.at("loss").get<double>();
    row.increase = document.at("increase").get<double>();
    row.accuracy = document.at("accuracy").get<double>();
    if (const Json &ci95 = document.at("ci95"); !ci95.is_null())
        row.ci95 = Interval{ci95.at(0).get<double>(), ci95.at(1).get<double>()};
    eachOptional(row, [&](const char *key, std::optional<double> &value) { value = numberAt(document, key); });
    return row;
}

} // namespace

double WindowLosses::loss() const { return ratio(total(nll), total(count)); }

double WindowLosses::accuracy() const { return ratio(total(right), total(count)); }

const CounterfactualRow *Counterfactual::at(const std::string &selector, std::int64_t topK) const
{
    for (const CounterfactualRow &row : rows) {
        if (row.selector == selector && row.topK == topK)
            return &row;
    }
    return nullptr;
}

std::optional<double> gapClosed(const Counterfactual &table, const CounterfactualRow &row)
{
    const CounterfactualRow *random = table.at("random", row.topK), *oracle = table.at("oracle", row.topK);
    if (!random || !oracle || !(random->loss - oracle->loss > kLeastGap))
        return std::nullopt;
    return (random->loss - row.loss) / (random->loss - oracle->loss);
}

Json toJson(const Counterfactual &table)
{
    Json document = {{"schema", kCounterfactualSchema},
                     {"run", table.run},
                     {"step", table.step},
                     {"indexer", table.indexer},
                     {"task", table.task},
                     {"sequence_length", table.length},
                     {"dense", {{"loss", table.denseLoss}, {"accuracy", table.denseAccuracy}}},
                     {"accuracy_chance", orNull(table.accuracyChance)},
                     {"exact_chance", orNull(table.exactChance)},
                     {"rows", Json::array()}};
    document["dense"]["exact"] = orNull(table.denseExact);
    for (const CounterfactualRow &row : table.rows)
        document["rows"].push_back(toJson(table, row));
    return document;
}

Counterfactual counterfactualFromJson(const Json &document, const std::string &origin)
{
    try {
        Counterfactual table;
        table.run = document.at("run").get<std::string>();
        table.step = document.at("step").get<std::int64_t>();
        table.indexer = document.at("indexer").get<std::string>();
        table.task = document.at("task").get<bool>();
        table.length = document.at("sequence_length").get<int>();
        table.denseLoss = document.at("dense").at("loss").get<double>();
        table.denseAccuracy = document.at("dense").at("accuracy").get<double>();
        table.denseExact = numberAt(document.at("dense"), "exact");
        table.accuracyChance = numberAt(document, "accuracy_chance");
        table.exactChance = numberAt(document, "exact_chance");
        for (const Json &row : document.at("rows"))
            table.rows.push_back(rowFromJson(row));
        return table;
    } catch (const Json::exception &error) {
        throw Failure({"counterfactual table cannot be read", origin, error.what(), "",
                       "Measure it again: sparsescope-cli counterfactual."});
    }
}

std::string counterfactualCsv(const std::vector<Counterfactual> &tables)
{
    std::string text = "run,step,indexer,selector,title,top_k,dense_loss,dense_accuracy,dense_exact,loss,increase,"
                       "increase_low,increase_high,gap_closed,accuracy";
    const CounterfactualRow names;
    eachOptional(names, [&](const char *key, const auto &) { text += fmt::format(",{}", key); });
    text += '\n';
    for (const Counterfactual &table : tables) {
        for (const CounterfactualRow &row : table.rows) {
            text += fmt::format(
                "{},{},\"{}\",{},{},{},{},{},{},{},{},{},{},{},{}", table.run, table.step, table.indexer, row.selector,
                row.title, row.topK, table.denseLoss, table.denseAccuracy, cell(table.denseExact), row.loss,
                row.increase, row.ci95 ? fmt::format("{}", row.ci95->low) : "",
                row.ci95 ? fmt::format("{}", row.ci95->high) : "", cell(gapClosed(table, row)), row.accuracy);
            eachOptional(row, [&](const char *, const std::optional<double> &value) { text += "," + cell(value); });
            text += '\n';
        }
    }
    return text;
}

std::string counterfactualWindowsCsv(const Counterfactual &table)
{
    std::string text = "selector,top_k,window,labels,nll,right,dense_nll,dense_right\n";
    for (const CounterfactualRow &row : table.rows) {
        for (std::size_t i = 0; i < row.windows.nll.size(); ++i)
            text += fmt::format("{},{},{},{},{},{},{},{}\n", row.selector, row.topK, i, row.windows.count[i],
                                row.windows.nll[i], row.windows.right[i], table.dense.nll[i], table.dense.right[i]);
    }
    return text;
}

} // namespace sparsescope
