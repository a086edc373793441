#pragma once

#include "core/model/transformer.h"
#include "core/train/optimizer.h"
#include "core/train/stage_machine.h"

#include <filesystem>

namespace sparsescope {

/// Fills a checkpoint folder: the model by CHECKPOINTS.md (config.json, model.safetensors), trainer.safetensors (optimiser)
/// and trainer.json (position). There is no generator state: every random draw of training is a function of seed and position.
void writeCheckpoint(const std::filesystem::path &folder, const RunConfig &config, const Transformer &model,
                     const Optimizer &optimizer, const StageMachine::Position &position);

/// Is a checkpoint's model, or what the trainer needs to go on from it, whole, as far as that shows without reading the
/// numbers: every file there, its syntax and its size right? Throws Failure naming the file.
void checkWeights(const std::filesystem::path &folder);
void checkTrainerState(const std::filesystem::path &folder);

/// Restores what writeCheckpoint wrote. Throws Failure naming file and field when anything is missing, damaged or belongs to
/// another configuration.
StageMachine::Position readCheckpoint(const std::filesystem::path &folder, Transformer &model, Optimizer &optimizer);

} // namespace sparsescope
