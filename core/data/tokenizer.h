#pragma once

#include "core/base/config.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sparsescope {

/// Text to token ids and back. Ids are dense from 0; the separator stands between documents.
class Tokenizer {
public:
    virtual ~Tokenizer() = default;
    virtual std::string name() const = 0; ///< "bytes", or the model's file name
    virtual int vocabulary() const = 0;
    virtual int separator() const = 0; ///< id between documents
    virtual std::vector<std::int32_t> encode(const std::string &text) const = 0;
    virtual std::string decode(const std::vector<std::int32_t> &ids) const = 0;
    /// One token as text for display: printable, never empty ("¶" for a line end, "·" for a space stays a space).
    virtual std::string word(std::int32_t id) const = 0;
};

/// 256 byte values and the separator 256.
std::unique_ptr<Tokenizer> makeByteTokenizer();
/// A SentencePiece model (unigram or BPE) as its own library encodes, without control pieces such as "<s>" around the text.
/// Throws Failure naming the file.
std::unique_ptr<Tokenizer> makeSentencePieceTokenizer(const std::filesystem::path &file);
/// The tokenizer that data.tokenizer names. Throws Failure when it names none.
std::unique_ptr<Tokenizer> makeTokenizer(const DataConfig &data);
/// A byte for display: printable ASCII and the space as they are, "¶" line end, "→" tab, every other byte as "\x0D" (also
/// the parts of a non-ASCII letter), "⏎⏎" the separator, "?300" what is no token.
std::string byteWord(std::int32_t id);

} // namespace sparsescope
