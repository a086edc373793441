#include "core/train/checkpoint.h"

#include "core/base/safetensors.h"
#include "core/base/schemas.h"
#include "core/base/stored_json.h"
#include "core/model/hf_checkpoint.h"
#include "core/model/hf_weights.h"
#include "core/model/weight_files.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

namespace sparsescope {
namespace {

constexpr auto kTensors = "trainer.safetensors";
constexpr auto kPosition = "trainer.json";
constexpr auto kRemedy = "Restore it from a copy, or remove this checkpoint's folder to go on from the one before it.";

std::filesystem::path tensorsOf(const std::filesystem::path &folder)
{
    std::error_code code;
    if (!std::filesystem::exists(folder / kTensors, code)) {
        throw Failure({"file not found", (folder / kTensors).string(), "", "", kRemedy});
    }
    return folder / kTensors;
}

StageMachine::Position readPosition(const std::filesystem::path &folder)
{
    const std::filesystem::path path = folder / kPosition;
    const nlohmann::ordered_json document = readStoredJson(path, kRemedy);
    try {
        return {document.at("stage").get<int>(), document.at("step_in_stage").get<std::int64_t>(),
                document.at("main_steps").get<std::int64_t>(), document.at("uncounted_steps").get<std::int64_t>()};
    } catch (const nlohmann::json::exception &error) {
        throw Failure({"training position cannot be read", path.string(), error.what(), "", kRemedy});
    }
}

} // namespace

void checkWeights(const std::filesystem::path &folder)
{
    readStoredJson(folder / "config.json", kRemedy);
    const WeightFiles weights(folder);
}

void checkTrainerState(const std::filesystem::path &folder)
{
    const SafetensorsFile state(tensorsOf(folder));
    readPosition(folder);
}

CheckpointLook lookAtCheckpoint(const std::filesystem::path &folder)
{
    CheckpointLook look;
    const auto collect = [&](const auto &read) {
        try {
            read();
        } catch (const Failure &failure) {
            look.damages.push_back(failure.error());
        } catch (const ConfigFailure &failure) {
            look.damages.insert(look.damages.end(), failure.errors().begin(), failure.errors().end());
        }
    };
    collect([&] {
        const HfCheckpoint checkpoint(folder);
        checkpoint.demandWhole();
        const WeightFiles &weights = checkpoint.files();
        look.bytes += weights.bytes();
        for (const auto &file : weights.files()) {
            look.withoutChecksums += file->hasChecksums() ? 0 : 1;
        }
        for (const auto &[name, place] : weights.tensors()) {
            weights.read(name);
        }
    });
    collect([&] {
        const SafetensorsFile state(tensorsOf(folder));
        for (const auto &[name, view] : state.tensors()) {
            look.bytes += view.bytes;
        }
        look.withoutChecksums += state.hasChecksums() ? 0 : 1;
        state.demandUnchanged();
        readPosition(folder);
    });
    return look;
}

void writeCheckpoint(const std::filesystem::path &folder, const RunConfig &config, const Transformer &model,
                     const Optimizer &optimizer, const StageMachine::Position &position)
{
    nlohmann::ordered_json more;
    more["sparsescope_run"] = toJson(config);
    saveCheckpoint(model, folder, more);

    std::vector<at::Tensor> onHost;
    std::vector<TensorToWrite> tensors;
    for (const auto &[name, tensor] : optimizer.state()) {
        onHost.push_back(tensor.detach().to(at::kCPU, at::kFloat).contiguous());
        tensors.push_back({name, "F32", onHost.back().sizes().vec(), onHost.back().const_data_ptr()});
    }
    const std::string checksums = checksumsOf(tensors);
    writeSafetensors(folder / kTensors, std::move(tensors), {{kChecksumsKey, checksums}});

    const nlohmann::ordered_json document = {{"schema", kTrainerSchema},
                                             {"stage", position.stage},
                                             {"step_in_stage", position.stepInStage},
                                             {"main_steps", position.mainSteps},
                                             {"uncounted_steps", position.uncountedSteps},
                                             {"seed", config.training.seed}};
    writeFileAtomically(folder / kPosition, document.dump(2) + "\n");
}

StageMachine::Position readCheckpoint(const std::filesystem::path &folder, Transformer &model, Optimizer &optimizer)
{
    loadWeights(model, folder);

    const SafetensorsFile file(tensorsOf(folder));
    file.demandUnchanged();
    std::map<std::string, at::Tensor> state;
    for (const auto &[name, view] : file.tensors()) {
        const std::vector<float> values = file.read<float>(name);
        auto *data = const_cast<float *>(values.data()); // from_blob takes no const; the copy is made at once
        state[name] = at::from_blob(data, view.shape, at::kFloat).clone();
    }
    optimizer.restore(state);

    return readPosition(folder);
}

} // namespace sparsescope
