#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

struct ForwardRequest {
    std::filesystem::path checkpoint; ///< folder with config.json and weights
    std::filesystem::path ids;        ///< safetensors file with int64 `input_ids` [B,S]
    std::filesystem::path out;        ///< safetensors file to write
    std::string dtype = "float32";    ///< float32, float64 or bfloat16: type of weights and arithmetic
};

struct ForwardSummary {
    std::string modelType;
    std::int64_t batch = 0, tokens = 0, vocabulary = 0;
    int layers = 0;
    std::int64_t parameters = 0;
    std::vector<std::string> notices; ///< what ought to be known, a sentence each
};

/// Runs a checkpoint on given tokens, one block in memory at a time, attention restricted to the selection where the model
/// has one, and writes
/// `logits` [B,S,V], `hidden.N` [B,S,D] (0 the embedding, N after block N-1, the last after the final norm), per layer with
/// an indexer `layerN.index_scores` [B,T,S] (0 beyond causality) and per layer with a selection `layerN.selected` uint8 [B,T,S].
/// bfloat16 results are stored as F32. Throws Failure, and ConfigFailure for ids that the model cannot take; an existing
/// output file is then left as it was.
ForwardSummary forwardToFile(const ForwardRequest &request);

} // namespace sparsescope
