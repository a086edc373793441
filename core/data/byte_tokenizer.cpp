#include "core/data/tokenizer.h"

#include <cstdio>

namespace sparsescope {

namespace {

constexpr int kByteSeparator = 256;

class ByteTokenizer : public Tokenizer {
public:
    std::string name() const override { return "bytes"; }
    int vocabulary() const override { return 257; }
    int separator() const override { return kByteSeparator; }

    std::vector<std::int32_t> encode(const std::string &text) const override
    {
        std::vector<std::int32_t> ids;
        ids.reserve(text.size());
        for (const char c : text) {
            ids.push_back(static_cast<unsigned char>(c));
        }
        return ids;
    }

    /// A separator becomes a blank line; an id that is no token is left out.
    std::string decode(const std::vector<std::int32_t> &ids) const override
    {
        std::string text;
        text.reserve(ids.size());
        for (const std::int32_t id : ids) {
            if (id >= 0 && id < kByteSeparator) {
                text.push_back(static_cast<char>(id));
            } else if (id == kByteSeparator) {
                text += "\n\n";
            }
        }
        return text;
    }

    std::string word(std::int32_t id) const override { return byteWord(id); }
};

} // namespace

std::string byteWord(std::int32_t id)
{
    if (id >= 0x20 && id < 0x7F) {
        return std::string(1, static_cast<char>(id));
    }
    if (id == '\n') {
        return "¶";
    }
    if (id == '\t') {
        return "→";
    }
    if (id == kByteSeparator) {
        return "⏎⏎";
    }
    if (id < 0 || id > kByteSeparator) {
        return "?" + std::to_string(id);
    }
    char text[8];
    std::snprintf(text, sizeof text, "\\x%02X", static_cast<unsigned>(id));
    return text;
}

std::unique_ptr<Tokenizer> makeByteTokenizer() { return std::make_unique<ByteTokenizer>(); }

std::unique_ptr<Tokenizer> makeTokenizer(const DataConfig &data)
{
    if (data.tokenizer == "bytes") {
        return makeByteTokenizer();
    }
    throw Failure({"unknown tokenizer", "data.tokenizer", data.tokenizer, "bytes",
                   data.tokenizer.find("sentencepiece") == 0 || data.tokenizer.find(".model") != std::string::npos
                       ? "SentencePiece models cannot be read yet."
                       : ""});
}

} // namespace sparsescope
