#pragma once

#include "core/data/sentencepiece_model.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sparsescope {

/// Bytes of the UTF-8 character at the start of `text`, which is not empty; 0: it is none.
std::size_t characterSize(std::string_view text);

/// Text as a SentencePiece model wants it: characters replaced by its map, spaces trimmed and written as "▁".
class TextNormalizer {
public:
    /// Throws Failure naming `file` for a map that is cut.
    TextNormalizer(const SentencePieceModel &model, const std::filesystem::path &file);

    std::string normalized(std::string_view text) const;

private:
    /// What stands for the start of the text, and how much of the text that is.
    std::pair<std::string_view, std::size_t> prefix(std::string_view text) const;

    const SentencePieceModel &m_model;
    std::vector<std::uint32_t> m_trie; ///< double array; empty: no replacements
    std::string_view m_replacements;   ///< each ends with a zero
    std::vector<std::string_view> m_userDefined;
};

} // namespace sparsescope
