#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

/// From one checkpoint folder to another. Both are the format of CHECKPOINTS.md; a Hugging Face folder may be sharded and of
/// any type of numbers, ours is one file of fp32 that training and check read.
struct ConvertRequest {
    std::filesystem::path source; ///< folder with config.json and weights
    std::filesystem::path target; ///< folder to make; may exist only when empty
    bool native = false;          ///< ours instead of Hugging Face
    std::string dtype; ///< float32, bfloat16, float16; empty: as stored (fp8 becomes float32). The router stays fp32
    std::uint64_t shardBytes = 5'000'000'000; ///< a file holds no more, or one tensor; not for ours
};

struct ConvertSummary {
    std::string modelType;
    std::string architecture; ///< class in transformers; empty: there is none, and only this program opens the folder
    std::string dtype;
    int files = 0, tensors = 0;
    std::uint64_t bytes = 0;          ///< of the numbers
    std::vector<std::string> notices; ///< what ought to be known, a sentence each
};

/// Takes one tensor at a time, so a checkpoint may be larger than memory; the target appears whole or not at all.
/// Throws ConfigFailure for a target that is in the way, DamageFailure for weights that are not those of config.json, Failure
/// for damaged ones and for numbers that do not fit into the type.
ConvertSummary convertCheckpoint(const ConvertRequest &request);

} // namespace sparsescope
