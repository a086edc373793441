#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

/// A SentencePiece model file as stored: a protocol buffer of pieces and of how text is normalised. The fields that encoding
/// needs, by the numbers of sentencepiece_model.proto.
struct SentencePieceModel {
    enum class Kind { Unigram = 1, Bpe = 2 };
    enum class PieceType { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };
    struct Piece {
        std::string text; ///< "▁" stands for a space
        float score = 0;
        PieceType type = PieceType::Normal;
    };

    Kind kind = Kind::Unigram;
    std::vector<Piece> pieces; ///< by token id
    int unknown = 0;           ///< id
    int end = -1;              ///< id of "</s>"; -1: none
    bool byteFallback = false; ///< what no piece covers becomes its bytes
    bool suffixSpaces = false; ///< a word's space belongs to its end
    std::string charsMap;      ///< trie of replacements, then the replacements; empty: none
    bool addDummyPrefix = true;
    bool removeExtraSpaces = true;
    bool escapeSpaces = true;
};

/// Throws Failure naming the file for what is damaged, of another kind than unigram and BPE, or without pieces.
SentencePieceModel readSentencePieceModel(const std::filesystem::path &file);

} // namespace sparsescope
