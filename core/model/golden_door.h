#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sparsescope {

struct GoldenModel {
    std::string name; ///< of its folder
    std::string what; ///< what it pins down
    std::string modelType;
    std::string selector;
    std::int64_t topK = 0; ///< 0: no selection
    std::uint64_t seed = 0;
    double gap = 0; ///< smallest distance between the k-th and the next score over all rows; 0 without index scores
};

/// Writes a small model of every kind with its inputs, scores and selected keys, for other programs to test themselves
/// against: DIR/README.md and a folder a model. Every number follows from fixed seeds. The stored results are those of fp64
/// arithmetic on the fp32 weights; a model is taken only when fp32 arithmetic selects the same keys and no row is near a tie.
/// `onModel` hears of each when it is written. Throws ConfigFailure where the folder is not empty.
std::vector<GoldenModel> writeGolden(const std::filesystem::path &folder,
                                     const std::function<void(const GoldenModel &)> &onModel = {});

} // namespace sparsescope
