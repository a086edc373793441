#include "app/cli/command.h"
#include "app/cli/out_file.h"
#include "core/base/checkpoint_folder.h"
#include "core/model/inspect_door.h"
#include "core/probe/look_door.h"
#include "core/probe/text_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>
#include <optional>

namespace sparsescope {

namespace {

using nlohmann::ordered_json;

struct InspectOptions {
    std::filesystem::path checkpoint;
    std::optional<int> layer;
    bool tensors = false;
    LookRequest look;
};

std::string bytesText(std::uint64_t bytes)
{
    const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = static_cast<double>(bytes);
    int unit = 0;
    for (; value >= 1024 && unit < 4; ++unit)
        value /= 1024;
    return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, units[unit]);
}

ordered_json toJson(const InspectedTensor &tensor)
{
    return {{"name", tensor.name},
            {"dtype", tensor.dtype},
            {"shape", tensor.shape},
            {"bytes", tensor.bytes},
            {"file", tensor.file}};
}

void printOverview(const CheckpointInspection &found, Output &output)
{
    output.line(fmt::format("{}{}", found.modelType,
                            found.architecture.empty() ? " (no class in transformers)" : ", " + found.architecture));
    for (const auto &[what, value] : found.facts)
        output.line(fmt::format("  {:<12} {}", what, value));
    std::string types;
    for (const auto &[type, bytes] : found.bytesOfType)
        types += fmt::format("{}{} {}", types.empty() ? "" : ", ", type, bytesText(bytes));
    output.line(fmt::format("  {:<12} {} numbers, {} ({})", "Weights", found.numbers, bytesText(found.bytes), types));
    output.line(fmt::format("  {:<12} {}; layer by layer at most {} at once", "Files", found.files.size(),
                            bytesText(found.largestLayer)));
    if (found.ignoredTensors > 0)
        output.line(
            fmt::format("  {:<12} {} tensors of layers that predict further tokens", "Ignored", found.ignoredTensors));
    for (const InspectedFile &file : found.files)
        output.line(fmt::format("  {:<44} {:>10}  {} tensors", file.name, bytesText(file.bytes), file.tensors));
}

void printLayers(const CheckpointInspection &found, const InspectOptions &options, Output &output)
{
    output.line(fmt::format("{:>6}  {:<26} {:<24} {:<28} {:>14} {:>10}", "layer", "attention", "indexer",
                            "feed-forward", "numbers", "bytes"));
    for (const InspectedLayer &layer : found.layers) {
        if (options.layer && *options.layer != layer.layer)
            continue;
        const bool around = layer.layer < 0;
        output.line(fmt::format("{:>6}  {:<26} {:<24} {:<28} {:>14} {:>10}", around ? "-" : std::to_string(layer.layer),
                                around ? "embedding, last norm, head" : layer.attention, around ? "" : layer.indexer,
                                around ? "" : layer.feedForward, layer.numbers, bytesText(layer.bytes)));
        if (!options.tensors)
            continue;
        for (const InspectedTensor &tensor : layer.tensors)
            output.line(fmt::format("        {:<62} {:<8} [{}]  {}", tensor.name, tensor.dtype,
                                    fmt::join(tensor.shape, ", "), tensor.file));
    }
}

ordered_json toJson(const CheckpointInspection &found, const InspectOptions &options)
{
    ordered_json data;
    data["model_type"] = found.modelType;
    data["architecture"] = found.architecture.empty() ? ordered_json() : ordered_json(found.architecture);
    for (const auto &[what, value] : found.facts)
        data["facts"][what] = value;
    data["numbers"] = found.numbers;
    data["bytes"] = found.bytes;
    data["largest_layer_bytes"] = found.largestLayer;
    data["bytes_of_type"] = found.bytesOfType;
    data["ignored_tensors"] = found.ignoredTensors;
    data["files"] = ordered_json::array();
    for (const InspectedFile &file : found.files)
        data["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"tensors", file.tensors}});
    data["layers"] = ordered_json::array();
    for (const InspectedLayer &layer : found.layers) {
        if (options.layer && *options.layer != layer.layer)
            continue;
        ordered_json one = {{"layer", layer.layer < 0 ? ordered_json() : ordered_json(layer.layer)},
                            {"attention", layer.attention},
                            {"indexer", layer.indexer},
                            {"feed_forward", layer.feedForward},
                            {"numbers", layer.numbers},
                            {"bytes", layer.bytes}};
        for (const InspectedTensor &tensor : layer.tensors) {
            if (options.tensors)
                one["tensors"].push_back(toJson(tensor));
        }
        data["layers"].push_back(std::move(one));
    }
    return data;
}

/// The numbers of one layer; false where some are not finite.
bool showNumbers(const InspectOptions &options, Output &output)
{
    bool finite = true;
    output.line(
        fmt::format("        {:<62} {:>12} {:>12} {:>12} {:>12}", "tensor", "mean", "deviation", "low", "high"));
    for (const TensorNumbers &numbers : numbersOfLayer(options.checkpoint, *options.layer)) {
        ordered_json one = {
            {"name", numbers.name}, {"mean", nullptr}, {"deviation", nullptr}, {"low", nullptr}, {"high", nullptr}};
        if (numbers.problem.what.empty()) {
            one = {{"name", numbers.name},
                   {"mean", numbers.mean},
                   {"deviation", numbers.deviation},
                   {"low", numbers.low},
                   {"high", numbers.high}};
            output.line(fmt::format("        {:<62} {:>12.4g} {:>12.4g} {:>12.4g} {:>12.4g}", numbers.name,
                                    numbers.mean, numbers.deviation, numbers.low, numbers.high));
        } else {
            output.error(numbers.problem);
            finite = false;
        }
        output.data()["numbers_of_layer"].push_back(std::move(one));
    }
    return finite;
}

std::string shareText(const std::optional<double> &share) { return share ? fmt::format("{:.3f}", *share) : "-"; }

ordered_json toJson(const std::optional<double> &share) { return share ? ordered_json(*share) : ordered_json(); }

void look(InspectOptions &options, Output &output)
{
    options.look.checkpoint = options.checkpoint;
    if (options.layer && *options.layer >= 0) {
        options.look.layer = options.layer;
    }
    const LookSummary seen = lookAtText(options.look);
    output.notices(seen.notices);
    output.line(fmt::format("{} tokens, selection {}, k {}", seen.tokens, seen.selector, seen.topK));
    output.line(fmt::format("{:>6}  {:>10} {:>10} {:>10} {:>10}", "layer", "mass kept", "chance", "recall", "chance"));
    output.data()["tokens"] = seen.tokens;
    output.data()["seen"] = ordered_json::array();
    for (const LookedLayer &layer : seen.layers) {
        output.line(fmt::format("{:>6}  {:>10} {:>10} {:>10} {:>10}", layer.layer, shareText(layer.massKept),
                                shareText(layer.massKeptChance), shareText(layer.recall),
                                shareText(layer.recallChance)));
        output.data()["seen"].push_back({{"layer", layer.layer},
                                         {"mass_kept", toJson(layer.massKept)},
                                         {"mass_kept_chance", toJson(layer.massKeptChance)},
                                         {"recall", toJson(layer.recall)},
                                         {"recall_chance", toJson(layer.recallChance)}});
    }
    for (const auto &[key, path] : {std::pair("snapshot", &options.look.out), std::pair("run", &options.look.run)}) {
        if (!path->empty()) {
            output.data()[key] = path->string();
            output.line(fmt::format("{} -> {}", key, path->string()));
        }
    }
}

int inspect(InspectOptions &options, Output &output)
{
    const bool looks = !options.look.text.empty() || !options.look.tokens.empty();
    const bool writes = !options.look.out.empty() || !options.look.run.empty();
    if (looks != writes)
        throw ConfigFailure(
            {{"belong together", looks ? "--out" : "--text", "", "--text or --tokens, with --out or --run", ""}});
    if (!options.look.out.empty())
        checkOutFile(options.look.out);
    options.checkpoint = checkpointFolder(options.checkpoint);
    const CheckpointInspection found = inspectCheckpoint(options.checkpoint);
    const int layers = static_cast<int>(found.layers.size()) - 1;
    if (options.layer && (*options.layer < -1 || *options.layer >= layers))
        throw ConfigFailure({{"no such layer", "--layer", std::to_string(*options.layer),
                              fmt::format("0 to {}, or -1 for what is around the layers", layers - 1), ""}});
    output.data() = toJson(found, options);
    output.notices(found.notices);
    if (const std::string notice = tokenizerNotice(options.checkpoint, found.vocabulary); !notice.empty())
        output.notices({notice});
    printOverview(found, output);
    printLayers(found, options, output);
    for (const Error &problem : found.problems)
        output.error(problem);
    if (!found.problems.empty())
        return kFailed;
    if (options.layer && !showNumbers(options, output))
        return kFailed;
    if (looks)
        look(options, output);
    else if (!options.layer)
        output.line(
            "Read from the headers alone: --layer N reads the numbers of a layer, and finds those that are none.");
    return kDone;
}

} // namespace

Action declareInspect(CLI::App &command)
{
    const auto options = std::make_shared<InspectOptions>();
    command.add_option("checkpoint", options->checkpoint, "Folder with config.json and weights, or a run")
        ->required()
        ->type_name("CHECKPOINT");
    command
        .add_option(
            "--layer", options->layer,
            "Read this layer and say how its numbers lie; -1: what is around them. With --text only it is looked at")
        ->type_name("N");
    command.add_flag("--tensors", options->tensors, "Every tensor with its type, shape and file");
    CLI::Option *text = command.add_option("--text", options->look.text,
                                           "Run it on this text, read by its tokenizer.model or as bytes");
    command.add_option("--tokens", options->look.tokens, "Run it on these token ids: 5,17,3")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->excludes(text);
    command.add_option("--out", options->look.out, "Snapshot file of what every layer scored and selected")
        ->type_name("FILE");
    command.add_option("--run", options->look.run, "The same as a run folder, which the window opens")
        ->type_name("DIR");
    command.add_option("--dtype", options->look.dtype, "Type of weights and arithmetic with --text")
        ->check(CLI::IsMember({"float32", "float64", "bfloat16"}))
        ->capture_default_str();
    return [options](Output &output) { return inspect(*options, output); };
}

} // namespace sparsescope
