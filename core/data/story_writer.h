#pragma once

#include "core/data/random_stream.h"

#include <string>
#include <vector>

namespace sparsescope {

/// A stretch of a story that repeats an earlier stretch byte for byte and that nothing but the earlier one tells.
struct Callback {
    int source = 0; ///< first byte of the earlier stretch
    int answer = 0; ///< first byte of the repetition
    int size = 0;   ///< bytes
};

struct Story {
    std::string text; ///< ASCII
    std::vector<Callback> callbacks;
};

constexpr int kNearestCallback = 50;   ///< bytes from a source byte to the byte that repeats it, at least
constexpr int kFarthestCallback = 500; ///< and at most

/// Writes one small story about `facts` things that are told once and come back later: who hid what where, what a beast
/// is called, which word opens a gate, how many there were, who was given what. Several facts of a kind stand in a story,
/// so that the answer has to be looked up by what is asked. A story belongs to one split for good: which one is a bit of
/// its text's hash, so training and validation share no story.
Story writeStory(RandomStream &stream, Split split, int facts);

/// The split that a story's text belongs to.
Split splitOfStory(const std::string &text);

} // namespace sparsescope
