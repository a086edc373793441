#pragma once

#include "core/base/error.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sparsescope {

struct InspectedTensor {
    std::string name;
    std::string dtype; ///< as in the file
    std::vector<std::int64_t> shape;
    std::uint64_t bytes = 0;
    std::string file; ///< its name in the folder
};

/// A decoder layer, or what stands around them (embedding, last norm, head).
struct InspectedLayer {
    int layer = -1;            ///< -1: around the layers
    std::string attention;     ///< "MLA, 4 heads"
    std::string indexer;       ///< "own, 8 heads of 24", "set of layer 0", "none"
    std::string feedForward;   ///< "48 wide", "2 of 4 experts, 16 wide"
    std::uint64_t numbers = 0; ///< of tensors that are there
    std::uint64_t bytes = 0;   ///< likewise
    std::vector<InspectedTensor> tensors{};
};

struct InspectedFile {
    std::string name;
    std::uint64_t bytes = 0; ///< of the whole file
    int tensors = 0;
};

struct CheckpointInspection {
    std::string modelType, architecture;                    ///< architecture empty: transformers has no such class
    int vocabulary = 0;                                     ///< token kinds
    std::vector<std::pair<std::string, std::string>> facts; ///< what and how much, in words: {"Width", "32"}
    std::vector<InspectedLayer> layers;                     ///< the one around the others first
    std::vector<InspectedFile> files;
    std::map<std::string, std::uint64_t> bytesOfType;
    std::uint64_t numbers = 0, bytes = 0,
                  largestLayer = 0;   ///< largestLayer: bytes, what running layer by layer keeps at once
    std::size_t ignoredTensors = 0;   ///< of layers that predict further tokens
    std::vector<std::string> notices; ///< what ought to be known, a sentence each
    std::vector<Error> problems;      ///< why forward refuses it; empty: it opens
};

/// What a checkpoint folder holds by its headers: no number is read. Throws DamageFailure for a config.json of no model, Failure
/// for files that cannot be opened; tensors that are missing, unexpected or misshaped are `problems`.
CheckpointInspection inspectCheckpoint(const std::filesystem::path &folder);

/// How the numbers of one tensor lie.
struct TensorNumbers {
    std::string name;
    double mean = 0, deviation = 0, low = 0, high = 0;
    Error problem; ///< `what` empty: none
};

/// Reads the tensors of one layer (-1: those around the layers), one at a time.
std::vector<TensorNumbers> numbersOfLayer(const std::filesystem::path &folder, int layer);

} // namespace sparsescope
