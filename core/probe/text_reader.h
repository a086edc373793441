#pragma once

#include <filesystem>
#include <string>

namespace sparsescope {

/// How a checkpoint turns text into tokens: by the tokenizer.model beside its config.json, else as bytes where it has 256 token
/// kinds or, with a separator, 257; no other tokenizer is known.
enum class TextReader { Bytes, SentencePiece, None };
TextReader textReader(const std::filesystem::path &checkpoint, int vocabulary);

/// That a tokenizer.json lies there alone, which nothing here reads, and what to do instead. Empty where none does.
std::string tokenizerNotice(const std::filesystem::path &checkpoint, int vocabulary);

} // namespace sparsescope
