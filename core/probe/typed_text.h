#pragma once

#include "core/data/data_source.h"
#include "core/data/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sparsescope {

/// Text as a checkpoint reads it, or ids of its own vocabulary.
struct TypedText {
    std::vector<std::int32_t> tokens;
    std::unique_ptr<Tokenizer> reader; ///< absent for typed ids

    std::string word(std::int32_t token) const { return reader ? reader->word(token) : std::to_string(token); }
    Probe probe() const;
};

/// `tokens` where there are any, else `text`. Throws ConfigFailure for text that the model has no tokenizer for, for nothing
/// at all and for tokens outside of the vocabulary; places are named "--text" and "--tokens".
TypedText typedText(const std::filesystem::path &checkpoint, const std::string &text,
                    const std::vector<std::int32_t> &tokens, int vocabulary);

} // namespace sparsescope
