#include "app/cli/command.h"
#include "core/base/checkpoint_folder.h"
#include "core/model/convert_door.h"

#include <fmt/format.h>

#include <memory>

namespace sparsescope {

Action declareConvert(CLI::App &command)
{
    const auto request = std::make_shared<ConvertRequest>();
    const auto to = std::make_shared<std::string>();
    command.add_option("source", request->source, "A checkpoint, or a run, whose newest one is taken")
        ->required()
        ->type_name("SOURCE");
    command.add_option("target", request->target, "Folder to make")->required()->type_name("TARGET");
    command.add_option("--to", *to, "hf: a Hugging Face folder. native: one file of float32, as training writes it")
        ->required()
        ->check(CLI::IsMember({"hf", "native"}));
    command.add_option("--dtype", request->dtype, "Type of the weights; without it as stored, native float32")
        ->check(CLI::IsMember({"float32", "bfloat16", "float16"}));
    command.add_option("--shard-size", request->shardBytes, "Largest file of a Hugging Face folder, such as 500MB")
        ->transform(CLI::AsSizeValue(true))
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 50))
        ->default_str("5GB");
    return [request, to](Output &output) {
        request->native = *to == "native";
        request->source = checkpointFolder(request->source);
        const ConvertSummary done = convertCheckpoint(*request);
        output.data()["source"] = request->source.string();
        output.data()["target"] = request->target.string();
        output.data()["model_type"] = done.modelType;
        output.data()["architecture"] =
            done.architecture.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(done.architecture);
        output.data()["dtype"] = done.dtype;
        output.data()["files"] = done.files;
        output.data()["tensors"] = done.tensors;
        output.data()["bytes"] = done.bytes;
        output.line(fmt::format("{}: {} tensors, {} bytes of {}, {} file{} -> {}", done.modelType, done.tensors,
                                done.bytes, done.dtype, done.files, done.files == 1 ? "" : "s",
                                request->target.string()));
        output.notices(done.notices);
        if (!request->native && done.architecture.empty())
            output.warning(
                fmt::format("transformers has no class for {}: it refuses this folder. Only Sparsescope opens it: "
                            "forward, generate, inspect and convert of sparsescope-cli, and the window.",
                            done.modelType));
        return kDone;
    };
}

} // namespace sparsescope
