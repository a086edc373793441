#include "app/cli/command.h"
#include "app/cli/out_file.h"
#include "core/base/checkpoint_folder.h"
#include "core/base/safetensors.h"
#include "core/model/forward_door.h"

#include <fmt/format.h>

#include <memory>

namespace sparsescope {

namespace {

/// What is missing or of another kind is said before the weights are read.
void check(ForwardRequest &request)
{
    request.checkpoint = checkpointFolder(request.checkpoint);
    asked([&] { return SafetensorsFile(request.ids).at("input_ids").shape; });
    checkOutFile(request.out, {request.checkpoint, request.ids});
}

} // namespace

Action declareForward(CLI::App &command)
{
    const auto request = std::make_shared<ForwardRequest>();
    command.add_option("checkpoint", request->checkpoint, "Folder with config.json and weights, or a run")
        ->required()
        ->type_name("CHECKPOINT");
    command.add_option("--ids", request->ids, "Tokens: safetensors file with int64 input_ids [B,S]")
        ->required()
        ->type_name("FILE");
    command.add_option("--out", request->out, "File to write: logits, hidden states, index scores, selections")
        ->required()
        ->type_name("FILE");
    command.add_option("--dtype", request->dtype, "Type of weights and arithmetic")
        ->check(CLI::IsMember({"float32", "float64", "bfloat16"}))
        ->capture_default_str();
    return [request](Output &output) {
        check(*request);
        const ForwardSummary done = forwardToFile(*request);
        output.data()["out"] = request->out.string();
        output.data()["model_type"] = done.modelType;
        output.data()["batch"] = done.batch;
        output.data()["tokens"] = done.tokens;
        output.data()["layers"] = done.layers;
        output.data()["vocabulary"] = done.vocabulary;
        output.data()["parameters"] = done.parameters;
        output.notices(done.notices);
        output.line(fmt::format("{}: {} layers, {} parameters, {} x {} tokens -> {}", done.modelType, done.layers,
                                done.parameters, done.batch, done.tokens, request->out.string()));
        return kDone;
    };
}

} // namespace sparsescope
