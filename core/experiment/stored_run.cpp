#include "core/experiment/stored_run.h"

#include "core/base/compared_run.h"
#include "core/base/comparison_text.h"
#include "core/base/gates.h"
#include "core/base/run_store.h"
#include "core/base/stored_summary.h"

#include <algorithm>
#include <cmath>

namespace fs = std::filesystem;

namespace sparsescope {
namespace {

using Json = nlohmann::ordered_json;

Json wholeNumber(const std::optional<std::string> &text)
{
    if (!text || text->empty() || text->size() > 18 || text->find_first_not_of("0123456789") != std::string::npos)
        return Json();
    return Json(std::stoll(*text));
}

Json valueOrNull(const std::optional<std::string> &text) { return text ? Json(*text) : Json(); }

Series finite(Series series)
{
    series.erase(
        std::remove_if(series.begin(), series.end(), [](const Point &point) { return !std::isfinite(point.y); }),
        series.end());
    return series;
}

std::vector<double> valuesOf(const RunReader &run, const std::string &metric)
{
    std::vector<double> values;
    for (const Point &point : finite(run.series(metric)))
        values.push_back(point.y);
    return values;
}

std::optional<double> finite(std::optional<double> value)
{
    return value && std::isfinite(*value) ? value : std::nullopt;
}

/// Of the last tenth of the run's steps: a single batch is too noisy to stand beside the validation loss.
std::optional<double> trainLossAtTheEnd(const RunReader &run)
{
    const std::int64_t last = run.lastStep();
    std::vector<double> values;
    for (const Point &point : finite(run.series("train.loss", last - std::max<std::int64_t>(1, last / 10))))
        values.push_back(point.y);
    return meanOf(values);
}

/// Mean over the layers that have one below them.
std::optional<double> agreement(const RunReader &run)
{
    std::vector<double> values;
    for (int layer = 1; layer < run.config().model.nLayers; ++layer) {
        if (const auto value = finite(run.last("selection.agreement." + std::to_string(layer))))
            values.push_back(*value);
    }
    return meanOf(values);
}

/// Device memory where the run had a device; the process otherwise.
std::optional<double> peakMemory(const RunReader &run)
{
    for (const char *metric : {"memory.device", "memory.host"}) {
        const std::vector<double> values = valuesOf(run, metric);
        const auto largest = std::max_element(values.begin(), values.end());
        if (largest != values.end() && *largest > 0)
            return *largest;
    }
    return std::nullopt;
}

/// The first evaluation with half of the answers right, by its step: a task is learned at once, but not by every seed.
Json halfRight(const RunReader &run)
{
    const Series accuracy = run.series("val.accuracy");
    const auto found =
        std::find_if(accuracy.begin(), accuracy.end(), [](const Point &point) { return point.y >= 0.5; });
    return found == accuracy.end() ? Json() : Json(static_cast<std::int64_t>(found->x));
}

/// What the gates found, in one line and by name.
void addSoundness(Json &row, const StoredRun &run)
{
    std::vector<CheckResult> results;
    if (!run.compared.checks.empty())
        results = completed(run.config(), run.compared.checks);
    row["soundness"] = soundnessHeadline(results);
    row["checks_failed"] = row["withheld_by"] = Json::array();
    for (const CheckResult &result : completed(run.config(), run.compared.checks)) {
        if (result.outcome == CheckOutcome::Failed)
            row["checks_failed"].push_back(result.gate);
        if (withholds(result))
            row["withheld_by"].push_back(reasonText(result));
    }
}

} // namespace

const std::vector<std::string> &measuredKeys()
{
    static const std::vector<std::string> keys = [] {
        std::vector<std::string> all;
        for (const SummaryColumn &column : summaryColumns())
            all.emplace_back(column.key);
        for (const char *key : {"accuracy_half_step", "train_loss", "agreement", "best_val_loss", "seconds_per_step",
                                "peak_memory_bytes"})
            all.emplace_back(key);
        return all;
    }();
    return keys;
}

StoredRun readStoredRun(const fs::path &folder, const std::string &name)
{
    const RunReader reader = RunReader::verified(folder);
    reader.demandName(name);
    StoredRun run;
    run.state = reader.state();
    run.compared = readComparedRun(reader);
    const RunConfig &config = run.config();
    run.row = {{"run", name},
               {"family", toString(config.model.family)},
               {"sequence_length", config.training.sequenceLength},
               {"seed", config.training.seed},
               {"top_k", isSparse(config.model.family) ? Json(config.topK()) : Json()}};
    Json axes = Json::object();
    for (const auto &[axis, value] : config.extraAxes)
        axes[axis] = value;
    run.row["axes"] = axes;
    run.row["state"] = toString(run.state);
    const std::string reason = reader.stateReason();
    run.row["reason"] = reason.empty() ? Json() : Json(reason);
    run.row["error"] = nullptr;
    run.row["steps"] = run.compared.steps < 0 ? Json() : Json(run.compared.steps);
    run.row["steps_planned"] = config.training.steps;
    run.row["recipe"] = toString(config.training.recipe);
    run.row["data"] = config.data.path.empty()
                          ? config.data.source
                          : config.data.source + " " + fs::path(config.data.path).filename().string();
    run.row["n_layers"] = config.model.nLayers;
    run.row["d_model"] = config.model.dModel;
    run.row["parameters"] = wholeNumber(reader.value("parameters"));
    for (const SummaryColumn &column : summaryColumns())
        run.row[column.key] = numberOrNull(reader.last(column.metric));
    run.row["accuracy_half_step"] = run.compared.task ? halfRight(reader) : Json();
    run.row["train_loss"] = numberOrNull(trainLossAtTheEnd(reader));
    run.row["agreement"] = numberOrNull(agreement(reader));
    run.row["best_val_loss"] = numberOrNull(reader.best("val.loss"));
    run.row["seconds_per_step"] = numberOrNull(run.compared.secondsPerStep);
    run.row["peak_memory_bytes"] = numberOrNull(peakMemory(reader));
    run.row["device"] = valueOrNull(reader.value("device"));
    run.row["precision"] = valueOrNull(reader.value("precision"));
    addSoundness(run.row, run);
    if (const auto stored = reader.value(kCounterfactualKey)) {
        const Json document = Json::parse(*stored, nullptr, /*allow_exceptions=*/false);
        run.counterfactual = counterfactualFromJson(document, (folder / "run.sqlite").string());
    }
    if (const auto stored = reader.value(kNeedleKey)) {
        const Json document = Json::parse(*stored, nullptr, /*allow_exceptions=*/false);
        run.needle = needleFromJson(document, (folder / "run.sqlite").string());
    }
    return run;
}

} // namespace sparsescope
