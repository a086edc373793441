#include "core/base/needle_table.h"

#include "core/base/config.h"
#include "core/base/config_words.h"
#include "core/base/json_view.h"
#include "core/base/run_store.h"
#include "core/base/safetensors.h"
#include "core/base/schemas.h"
#include "core/base/table_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace sparsescope {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t sumOf(const std::vector<NeedleDepth> &depths, std::int64_t NeedleDepth::*value)
{
    std::int64_t sum = 0;
    for (const NeedleDepth &depth : depths)
        sum += depth.*value;
    return sum;
}

Json orNull(const std::optional<double> &value) { return value ? Json(*value) : Json(); }

std::string cell(const std::optional<double> &value) { return value ? fmt::format("{}", *value) : std::string(); }

Json toJson(const NeedleRow &row)
{
    Json document = {{"length", row.length},
                     {"keys", row.keys.empty() ? Json() : Json(row.keys)},
                     {"top_k", row.topK > 0 ? Json(row.topK) : Json()},
                     {"positions", row.positions},
                     {"yarn_factor", row.yarnFactor},
                     {"examples", row.examples},
                     {"answers", row.answers()},
                     {"exact", row.exact()},
                     {"ci95", nullptr},
                     {"tokens", row.tokens},
                     {"tokens_right", row.tokensRight},
                     {"depths", Json::array()},
                     {"found", row.found},
                     {"found_chance", orNull(row.foundChance)},
                     {"seconds_per_example", row.secondsPerExample},
                     {"peak_bytes", orNull(row.peakBytes)},
                     {"problem", row.problem.empty() ? Json() : Json(row.problem)}};
    if (row.answers() > 0) {
        const Interval ci95 = wilsonInterval(static_cast<double>(row.exact()), static_cast<double>(row.answers()));
        document["ci95"] = {ci95.low, ci95.high};
    }
    for (const NeedleDepth &depth : row.depths)
        document["depths"].push_back({{"answers", depth.answers}, {"exact", depth.exact}});
    return document;
}

std::int64_t countAt(const JsonView &object, const char *key)
{
    const std::int64_t count = object.at(key).integer();
    if (count < 0)
        object.at(key).refuse("0 or more");
    return count;
}

NeedleRow rowFrom(const JsonView &object)
{
    NeedleRow row;
    row.length = countAt(object, "length");
    row.keys = object.at("keys").isNull() ? std::string() : object.at("keys").text();
    row.topK = object.at("top_k").isNull() ? 0 : countAt(object, "top_k");
    row.positions = object.at("positions").text();
    row.yarnFactor = object.at("yarn_factor").number();
    row.examples = countAt(object, "examples");
    row.tokens = countAt(object, "tokens");
    row.tokensRight = countAt(object, "tokens_right");
    for (const JsonView &depth : object.at("depths").items()) {
        row.depths.push_back({countAt(depth, "answers"), countAt(depth, "exact")});
        if (row.depths.back().exact > row.depths.back().answers)
            depth.at("exact").refuse(fmt::format("at most the {} answers", row.depths.back().answers));
    }
    row.found = object.at("found").numbers();
    row.foundChance = object.at("found_chance").numberOrNull();
    row.secondsPerExample = object.at("seconds_per_example").number();
    row.peakBytes = object.at("peak_bytes").numberOrNull();
    row.problem = object.at("problem").isNull() ? std::string() : object.at("problem").text();
    return row;
}

std::string titleOf(const NeedleTable &table, const NeedleRow &row)
{
    Family family{};
    std::string title = fromWord(table.family, family) ? displayName(family) : table.family;
    if (!row.keys.empty())
        title += ", k " + row.keys;
    if (!row.keys.empty() && table.selector != "lightning")
        title += " by " + table.selector;
    return title + (row.positions == "yarn" ? ", YaRN" : "");
}

} // namespace

std::int64_t NeedleRow::answers() const { return sumOf(depths, &NeedleDepth::answers); }
std::int64_t NeedleRow::exact() const { return sumOf(depths, &NeedleDepth::exact); }
std::int64_t NeedlePanelRow::answers() const { return sumOf(depths, &NeedleDepth::answers); }
std::int64_t NeedlePanelRow::exact() const { return sumOf(depths, &NeedleDepth::exact); }

std::string NeedleTable::group() const
{
    const std::size_t at = run.rfind("/seed_");
    return at == std::string::npos ? run : run.substr(0, at);
}

std::vector<NeedlePanel> needlePanels(const std::vector<NeedleTable> &tables)
{
    std::vector<NeedlePanel> panels;
    std::map<std::string, std::set<std::string>> groups; // by title: does it name one group only?
    for (const NeedleTable &table : tables) {
        for (const NeedleRow &row : table.rows) {
            const auto fits = [&](const NeedlePanel &panel) {
                return panel.group == table.group() && panel.keys == row.keys && panel.positions == row.positions &&
                       (panel.rows.empty() || row.depths.empty() ||
                        panel.rows.front().depths.size() == row.depths.size());
            };
            auto panel = std::find_if(panels.begin(), panels.end(), fits);
            if (panel == panels.end()) {
                panels.push_back({titleOf(table, row),
                                  table.group(),
                                  table.family,
                                  row.keys,
                                  row.positions,
                                  table.trainedLength,
                                  table.exactChance,
                                  {},
                                  {}});
                panel = panels.end() - 1;
                groups[panel->title].insert(panel->group);
            }
            if (row.answers() == 0) {
                panel->problems.push_back(fmt::format("seed {}, L {}: {}", table.seed, row.length,
                                                      row.problem.empty() ? "nothing was asked" : row.problem));
                continue;
            }
            auto pooled = std::find_if(panel->rows.begin(), panel->rows.end(),
                                       [&](const NeedlePanelRow &known) { return known.length == row.length; });
            if (pooled == panel->rows.end()) {
                NeedlePanelRow fresh;
                fresh.length = row.length;
                fresh.topK = row.topK;
                fresh.yarnFactor = row.yarnFactor;
                fresh.depths.resize(row.depths.size());
                fresh.foundChance = row.foundChance;
                panel->rows.push_back(std::move(fresh));
                pooled = panel->rows.end() - 1;
            }
            for (std::size_t depth = 0; depth < row.depths.size(); ++depth) {
                pooled->depths[depth].answers += row.depths[depth].answers;
                pooled->depths[depth].exact += row.depths[depth].exact;
            }
            pooled->seeds.push_back(table.seed);
            pooled->exactBySeed.push_back(static_cast<double>(row.exact()) / static_cast<double>(row.answers()));
            if (!row.found.empty())
                pooled->foundBest.push_back(*std::max_element(row.found.begin(), row.found.end()));
        }
    }
    for (NeedlePanel &panel : panels) {
        std::sort(panel.rows.begin(), panel.rows.end(),
                  [](const NeedlePanelRow &a, const NeedlePanelRow &b) { return a.length < b.length; });
        if (groups[panel.title].size() > 1)
            panel.title += ", " + panel.group;
    }
    return panels;
}

Json toJson(const NeedleTable &table)
{
    Json document = {{"schema", kNeedleSchema},
                     {"run", table.run},
                     {"family", table.family},
                     {"selector", table.selector.empty() ? Json() : Json(table.selector)},
                     {"seed", table.seed},
                     {"step", table.step},
                     {"trained_length", table.trainedLength},
                     {"shortest", table.shortest},
                     {"haystack", table.haystack},
                     {"device", table.device},
                     {"precision", table.precision},
                     {"digits", table.digits},
                     {"exact_chance", table.exactChance},
                     {"rows", Json::array()}};
    for (const NeedleRow &row : table.rows)
        document["rows"].push_back(toJson(row));
    return document;
}

NeedleTable needleFromJson(const Json &document, const std::string &origin)
{
    const JsonView view(document, origin);
    if (view.at("schema").integer() != kNeedleSchema)
        view.at("schema").refuse(fmt::format("{}", kNeedleSchema));
    NeedleTable table;
    table.run = view.at("run").text();
    table.family = view.at("family").text();
    table.selector = view.at("selector").isNull() ? std::string() : view.at("selector").text();
    table.seed = static_cast<std::uint64_t>(countAt(view, "seed"));
    table.step = countAt(view, "step");
    table.trainedLength = countAt(view, "trained_length");
    table.shortest = countAt(view, "shortest");
    table.haystack = view.at("haystack").text();
    table.device = view.at("device").text();
    table.precision = view.at("precision").text();
    table.digits = static_cast<int>(countAt(view, "digits"));
    table.exactChance = view.at("exact_chance").number();
    for (const JsonView &row : view.at("rows").items())
        table.rows.push_back(rowFrom(row));
    return table;
}

std::string needleCsv(const std::vector<NeedleTable> &tables)
{
    std::string text =
        "run,step,family,seed,trained_length,length,keys,top_k,positions,yarn_factor,depth,answers,exact,"
        "share,low,high,exact_chance,found_best_layer,found_chance,seconds_per_example,peak_bytes\n";
    for (const NeedleTable &table : tables) {
        for (const NeedleRow &row : table.rows) {
            const auto line = [&](const std::string &depth, std::int64_t answers, std::int64_t exact) {
                const Interval ci95 = wilsonInterval(static_cast<double>(exact), static_cast<double>(answers));
                const bool any = answers > 0;
                text += fmt::format(
                    "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", table.run, table.step,
                    table.family, table.seed, table.trainedLength, row.length, row.keys,
                    row.topK > 0 ? fmt::format("{}", row.topK) : "", row.positions, row.yarnFactor, depth, answers,
                    exact, any ? fmt::format("{}", static_cast<double>(exact) / static_cast<double>(answers)) : "",
                    any ? fmt::format("{}", ci95.low) : "", any ? fmt::format("{}", ci95.high) : "", table.exactChance,
                    row.found.empty() ? "" : fmt::format("{}", *std::max_element(row.found.begin(), row.found.end())),
                    cell(row.foundChance), row.secondsPerExample, cell(row.peakBytes));
            };
            for (std::size_t depth = 0; depth < row.depths.size(); ++depth)
                line(fmt::format("{}", depth), row.depths[depth].answers, row.depths[depth].exact);
            line("all", row.answers(), row.exact());
        }
    }
    return text;
}

NeedleTable merged(const NeedleTable &earlier, NeedleTable fresh)
{
    const auto depthsOf = [](const NeedleTable &table) {
        std::size_t most = 0;
        for (const NeedleRow &row : table.rows)
            most = std::max(most, row.depths.size());
        return most;
    };
    const bool together = earlier.run == fresh.run && earlier.step == fresh.step &&
                          earlier.trainedLength == fresh.trainedLength && depthsOf(earlier) == depthsOf(fresh);
    if (!together)
        return fresh;
    const auto setting = [](const NeedleRow &row) { return std::tie(row.positions, row.keys, row.length); };
    for (const NeedleRow &row : earlier.rows) {
        const bool again = std::any_of(fresh.rows.begin(), fresh.rows.end(),
                                       [&](const NeedleRow &other) { return setting(other) == setting(row); });
        if (!again)
            fresh.rows.push_back(row);
    }
    std::sort(fresh.rows.begin(), fresh.rows.end(),
              [&](const NeedleRow &a, const NeedleRow &b) { return setting(a) < setting(b); });
    return fresh;
}

void storeNeedle(const std::filesystem::path &runFolder, const NeedleTable &table)
{
    const std::unique_ptr<RunWriter> writer = RunWriter::open(runFolder);
    writer->value(kNeedleKey, toJson(table).dump());
    writer->flush();
    writeFileAtomically(runFolder / kNeedleFile, needleCsv({table}));
}

} // namespace sparsescope
