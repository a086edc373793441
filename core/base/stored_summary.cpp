#include "core/base/stored_summary.h"

#include "core/base/gates.h"
#include "core/base/json_view.h"
#include "core/base/run_store.h"
#include "core/base/schemas.h"
#include "core/base/stored_json.h"

#include <system_error>

namespace fs = std::filesystem;

namespace sparsescope {
namespace {

constexpr const char *kSummaryFile = "summary.json";

Family familyOf(const JsonView &word)
{
    for (const Family family : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
        if (toString(family) == word.text())
            return family;
    }
    word.refuse("classic, sparse, mhla or mhla_sparse");
}

SummaryRun runOf(const JsonView &row)
{
    SummaryRun run;
    run.run = row.at("run").text();
    run.family = familyOf(row.at("family"));
    run.sequenceLength = row.at("sequence_length").integer();
    run.seed = static_cast<std::uint64_t>(row.at("seed").integer());
    const JsonView axes = row.at("axes");
    for (const std::string &axis : axes.keys())
        run.axes.emplace_back(axis, axes.at(axis).text());
    run.steps = row.at("steps").isNull() ? 0 : row.at("steps").integer();
    for (const SummaryColumn &column : summaryColumns()) {
        if (!row.has(column.key)) // of results older than the measure
            continue;
        if (const auto value = row.at(column.key).numberOrNull())
            run.last[column.metric] = *value;
    }
    return run;
}

} // namespace

const std::vector<SummaryColumn> &summaryColumns()
{
    static const std::vector<SummaryColumn> columns = {{"val_loss", "val.loss"},
                                                       {"val_loss_chance", "val.loss.chance"},
                                                       {"val_accuracy", "val.accuracy"},
                                                       {"val_accuracy_chance", "val.accuracy.chance"},
                                                       {"val_loss_dense_part", "val.loss.dense_part"},
                                                       {"val_loss_sparse_part", "val.loss.sparse_part"},
                                                       {"val_exact", "val.exact"},
                                                       {"mass_kept", "selection.mass_kept"},
                                                       {"mass_kept_chance", "selection.mass_kept.chance"},
                                                       {"captured", "indexer.captured"},
                                                       {"recall", "selection.recall"},
                                                       {"recall_chance", "selection.recall.chance"},
                                                       {"recall_random", "selection.recall.random"},
                                                       {"recall_recency", "selection.recall.recency"},
                                                       {"look_back", "selection.look_back"},
                                                       {"look_back_chance", "selection.look_back.chance"},
                                                       {"head_overlap", "indexer.head_overlap"},
                                                       {"head_overlap_chance", "indexer.head_overlap.chance"},
                                                       {"coverage", "selection.coverage"},
                                                       {"coverage_chance", "selection.coverage.chance"},
                                                       {"churn", "selection.churn"},
                                                       {"churn_chance", "selection.churn.chance"},
                                                       {"oracle_recall", "oracle.recall"},
                                                       {"oracle_recall_best_layer", "oracle.recall.best_layer"},
                                                       {"oracle_recall_chance", "oracle.recall.chance"},
                                                       {"oracle_recall_random", "oracle.recall.random"},
                                                       {"oracle_recall_recency", "oracle.recall.recency"},
                                                       {"accuracy_random_selector", "counterfactual.accuracy.random"},
                                                       {"accuracy_recency_selector", "counterfactual.accuracy.recency"},
                                                       {"loss_random_selector", "counterfactual.loss.random"},
                                                       {"loss_recency_selector", "counterfactual.loss.recency"},
                                                       {"kv_cache_bytes", "memory.kv_cache"},
                                                       {"kv_cache_mha_bytes", "memory.kv_cache.mha"},
                                                       {"val_exact_chance", "val.exact.chance"},
                                                       {"val_accuracy_distance_0", "val.accuracy.distance/0"},
                                                       {"val_accuracy_distance_1", "val.accuracy.distance/1"},
                                                       {"val_accuracy_distance_2", "val.accuracy.distance/2"},
                                                       {"val_accuracy_distance_3", "val.accuracy.distance/3"},
                                                       {"val_exact_distance_0", "val.exact.distance/0"},
                                                       {"val_exact_distance_1", "val.exact.distance/1"},
                                                       {"val_exact_distance_2", "val.exact.distance/2"},
                                                       {"val_exact_distance_3", "val.exact.distance/3"},
                                                       {"mass_kept_worst", "selection.mass_kept.worst"},
                                                       {"mass_kept_worst_chance", "selection.mass_kept.worst.chance"},
                                                       {"sink_kept", "selection.sink_kept"},
                                                       {"sink_kept_chance", "selection.sink_kept.chance"},
                                                       {"ties", "selection.ties"},
                                                       {"kl", "indexer.kl"},
                                                       {"kl_uniform", "indexer.kl_uniform"},
                                                       {"flops_model", "flops.model"},
                                                       {"flops_executed", "flops.executed"}};
    return columns;
}

bool isReduced(const fs::path &folder)
{
    std::error_code code;
    return fs::is_regular_file(folder / kSummaryFile, code) && findRuns(folder).empty();
}

StoredSummary readSummary(const fs::path &folder)
{
    StoredSummary summary;
    summary.folder = folder;
    const std::string origin = (folder / kSummaryFile).string();
    summary.document = readStoredJson(folder / kSummaryFile, "Restore it from a copy.");
    const JsonView document(summary.document, origin);
    if (document.at("schema").integer() != kSummarySchema)
        document.at("schema").refuse(std::to_string(kSummarySchema));
    summary.experiment = document.at("experiment").text();
    summary.question = document.at("question").text();
    for (const JsonView &row : document.at("runs").items()) {
        if (!row.at("state").isNull())
            summary.runs.push_back(runOf(row));
    }
    if (summary.runs.empty())
        document.at("runs").refuse("at least one run that could be read");
    for (const nlohmann::ordered_json &result : summary.document["gates"])
        summary.checks.push_back(checkResultFromJson(result));
    if (summary.document.contains("counterfactuals")) { // results older than the measure have none
        for (const nlohmann::ordered_json &table : summary.document["counterfactuals"])
            summary.counterfactuals.push_back(counterfactualFromJson(table, origin));
    }
    if (summary.document.contains("needles")) {
        for (const nlohmann::ordered_json &table : summary.document["needles"])
            summary.needles.push_back(needleFromJson(table, origin));
    }
    return summary;
}

} // namespace sparsescope
