#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sparsescope {

/// How much of the validation side stands in the training side word for word.
struct SplitOverlap {
    std::int64_t length = 0;  ///< tokens of a string
    std::int64_t strings = 0; ///< looked up
    std::int64_t found = 0;   ///< of them, also in training
    bool examples = false;    ///< whole examples of a generated task were compared, not strings of a text
    double share() const { return strings > 0 ? static_cast<double>(found) / static_cast<double>(strings) : 0; }
};

/// Looks up the strings of `length` tokens of validation in training: all positions, or kMostStrings spread evenly. Memory
/// grows with the strings looked up, not with training. By 64-bit hashes: a string is taken for found by mistake with a
/// probability below 1e-6.
SplitOverlap splitOverlap(std::span<const std::uint16_t> training, std::span<const std::uint16_t> validation,
                          std::int64_t length);

} // namespace sparsescope
