#include "core/base/bench_document.h"

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/json_view.h"
#include "core/base/stored_json.h"

#include <algorithm>
#include <utility>

namespace sparsescope {
namespace {

std::optional<std::int64_t> integerAt(const JsonView &object, const char *key)
{
    return object.has(key) && !object.at(key).isNull() ? std::optional(object.at(key).integer()) : std::nullopt;
}

std::optional<double> numberAt(const JsonView &object, const char *key)
{
    return object.has(key) ? object.at(key).numberOrNull() : std::nullopt;
}

std::optional<bool> flagAt(const JsonView &object, const char *key)
{
    return object.has(key) && !object.at(key).isNull() ? std::optional(object.at(key).flag()) : std::nullopt;
}

std::string textAt(const JsonView &object, const char *key)
{
    return object.has(key) && !object.at(key).isNull() ? object.at(key).text() : std::string();
}

/// `unit`: "us" or "ms".
MeasuredTiming timingOf(const JsonView &view, const char *name, const char *backend, const std::string &unit)
{
    const double scale = unit == "ms" ? 1000 : 1;
    MeasuredTiming timing{view.at(name).text(), view.at(backend).text(), scale * view.at(unit).number()};
    const JsonView quartiles = view.at(unit + "_quartiles");
    const std::vector<double> bounds = quartiles.numbers();
    if (bounds.size() != 2) {
        quartiles.refuse("the lower and the upper quartile");
    }
    timing.lower = scale * bounds[0];
    timing.upper = scale * bounds[1];
    timing.peakBytes = numberAt(view, "peak_bytes");
    timing.bytes = numberAt(view, "bytes");
    timing.flops = numberAt(view, "flops");
    if (!(timing.microseconds > 0)) {
        view.at(unit).refuse("more than 0");
    }
    if (!(timing.lower > 0 && timing.upper >= timing.lower)) {
        quartiles.refuse("two times above 0, in order");
    }
    return timing;
}

MeasuredRow operationOf(const JsonView &view)
{
    const JsonView shape = view.at("shape");
    MeasuredRow row{view.at("op").text(), shape.at("batch").integer(), shape.at("queries").integer(),
                    shape.at("keys").integer()};
    row.k = integerAt(shape, "k");
    row.heads = integerAt(shape, "heads");
    row.width = integerAt(shape, "width");
    row.type = textAt(shape, "type");
    row.scores = textAt(shape, "scores");
    row.right = view.at("equals_reference").flag();
    row.largestError = numberAt(view, "largest_error");
    row.deterministic = flagAt(view, "deterministic");
    row.floorMicroseconds = numberAt(view, "floor_us");
    for (const JsonView &timing : view.at("timings").items()) {
        row.timings.push_back(timingOf(timing, "name", "backend", "us"));
    }
    return row;
}

MeasuredRow stepOf(const JsonView &view)
{
    const std::int64_t length = view.at("sequence_length").integer();
    MeasuredRow row{"training step of " + view.at("family").text(), view.at("batch").integer(), length, length};
    row.k = integerAt(view, "top_k");
    row.width = integerAt(view, "vocabulary");
    row.family = view.at("family").text();
    row.parameters = view.at("parameters").integer();
    row.right = view.at("agree").flag();
    row.largestError = numberAt(view, "largest_loss_difference");
    row.deterministic = flagAt(view, "same_bits");
    if (const auto floor = numberAt(view, "floor_ms")) {
        row.floorMicroseconds = 1000 * *floor;
    }
    for (const JsonView &timing : view.at("timings").items()) {
        row.timings.push_back(timingOf(timing, "path", "detail", "ms"));
    }
    return row;
}

} // namespace

const MeasuredTiming *MeasuredRow::timing(const std::string &name) const
{
    const auto found =
        std::find_if(timings.begin(), timings.end(), [&](const MeasuredTiming &timing) { return timing.name == name; });
    return found == timings.end() ? nullptr : &*found;
}

BenchDocument readBench(const std::filesystem::path &file)
{
    return benchFromJson(readStoredJson(file, "Measure again, or restore it from a copy."), file);
}

BenchDocument benchFromJson(const nlohmann::ordered_json &document, const std::filesystem::path &file)
{
    const JsonView view(document, file.string());
    if (view.at("schema").integer() != 1) {
        view.at("schema").refuse("1");
    }
    BenchDocument result;
    result.file = file;
    result.subject = view.at("bench").text();
    result.indexer = textAt(view, "indexer");
    result.direction = textAt(view, "direction");
    result.measured = textAt(view, "measured");
    const JsonView machine = view.at("machine");
    result.machine = machine.at("name").text();
    result.gpu = view.has("gpu") ? view.at("gpu").flag() : result.machine != "CPU";
    result.clockMhz = numberAt(machine, "clock_mhz");
    result.bytesPerSecond = numberAt(machine, "copy_bytes_per_s");
    result.flopsPerSecond = numberAt(machine, "bf16_flops_per_s");
    result.e4m3PerSecond = numberAt(machine, "e4m3_flops_per_s");
    if (view.has("method") && view.at("method").has("rounds")) {
        result.rounds = static_cast<int>(view.at("method").at("rounds").integer());
    }
    const JsonView rows = view.at("rows");
    for (const JsonView &item : rows.items()) {
        MeasuredRow row = item.has("op") ? operationOf(item) : stepOf(item);
        row.bytes = item.at("bytes").number();
        row.flops = item.at("flops").number();
        if (row.timings.empty()) {
            item.at("timings").refuse("at least one timing");
        }
        result.rows.push_back(std::move(row));
    }
    if (result.rows.empty()) {
        rows.refuse("at least one row");
    }
    return result;
}

bool looksLikeBench(const std::filesystem::path &file)
{
    try {
        const nlohmann::ordered_json document = readJsonFile(file);
        return document.is_object() && document.contains("bench") && document.contains("rows");
    } catch (const Failure &) {
        return false;
    }
}

} // namespace sparsescope
