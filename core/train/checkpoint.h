#pragma once

#include "core/base/error.h"
#include "core/model/transformer.h"
#include "core/train/optimizer.h"
#include "core/train/stage_machine.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace sparsescope {

/// Fills a checkpoint folder: the model by CHECKPOINTS.md (config.json, model.safetensors), trainer.safetensors (optimiser)
/// and trainer.json (position). Both tensor files carry a checksum a tensor. There is no generator state: every random draw of training is a function of seed and position.
void writeCheckpoint(const std::filesystem::path &folder, const RunConfig &config, const Transformer &model,
                     const Optimizer &optimizer, const StageMachine::Position &position);

/// Is a checkpoint's model, or what the trainer needs to go on from it, whole, as far as that shows without reading the
/// numbers: every file there, its syntax and its size right? Throws Failure naming the file.
void checkWeights(const std::filesystem::path &folder);
void checkTrainerState(const std::filesystem::path &folder);

/// Every file of a checkpoint, all numbers read.
struct CheckpointLook {
    std::vector<Error>
        damages; ///< each names its file; at most one of the trainer's files and, as HfCheckpoint, of the weights
    std::uint64_t bytes = 0;  ///< of the tensors
    int withoutChecksums = 0; ///< tensor files of older versions: overwritten numbers do not show in them
};
/// Throws nothing for what is wrong with the files: that is what it tells.
CheckpointLook lookAtCheckpoint(const std::filesystem::path &folder);

/// Restores what writeCheckpoint wrote. Throws Failure naming file and field when anything is missing, damaged or belongs to
/// another configuration.
StageMachine::Position readCheckpoint(const std::filesystem::path &folder, Transformer &model, Optimizer &optimizer);

} // namespace sparsescope
