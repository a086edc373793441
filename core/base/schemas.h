#pragma once

#include "core/base/run_folder.h"

/// The numbers that stand in files as "schema" (CONTRACTS.md); a reader refuses every other one.
namespace sparsescope {

constexpr int kExperimentSchema = 1;     ///< of experiment.json and of the configuration in run.json
constexpr int kSnapshotSchema = 1;       ///< of snapshots/<step>.safetensors, in __metadata__
constexpr int kActivationSchema = 2;     ///< of those whose indexer's activation is not relu
constexpr int kTrainerSchema = 1;        ///< of checkpoints/<step>/trainer.json
constexpr int kCounterfactualSchema = 1; ///< of the table of other selectors, in run.sqlite
constexpr int kNeedleSchema = 1;         ///< of the table of needles by length and depth, in run.sqlite
constexpr int kSummarySchema = 1;        ///< of summary.json and <family>_results.json

} // namespace sparsescope
