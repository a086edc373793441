#include "core/probe/typed_text.h"

#include "core/base/error.h"
#include "core/base/remedies.h"
#include "core/probe/text_reader.h"

#include <fmt/format.h>

#include <system_error>

namespace sparsescope {

namespace {

constexpr int kByteKinds = 256;

std::filesystem::path tokenizerOf(const std::filesystem::path &checkpoint) { return checkpoint / "tokenizer.model"; }

std::filesystem::path unreadTokenizer(const std::filesystem::path &checkpoint) { return checkpoint / "tokenizer.json"; }

bool hasUnreadTokenizer(const std::filesystem::path &checkpoint)
{
    std::error_code ignored;
    return std::filesystem::exists(unreadTokenizer(checkpoint), ignored);
}

std::unique_ptr<Tokenizer> makeReader(const std::filesystem::path &checkpoint, int vocabulary)
{
    const TextReader reader = textReader(checkpoint, vocabulary);
    if (reader == TextReader::None && hasUnreadTokenizer(checkpoint)) {
        throw ConfigFailure(
            {{"this tokenizer is not read", nameOf(Place::Text), unreadTokenizer(checkpoint).string(),
              "text by a tokenizer.model (SentencePiece), or as bytes", wordsOf(Remedy::GiveTokensFromElsewhere)}});
    }
    if (reader == TextReader::None) {
        throw ConfigFailure(
            {{"this model does not read bytes, and no tokenizer.model lies beside it", nameOf(Place::Text),
              fmt::format("a vocabulary of {}", vocabulary),
              fmt::format("{} or {} for bytes", kByteKinds, kByteKinds + 1), wordsOf(Remedy::GiveTokens)}});
    }
    return reader == TextReader::Bytes ? makeByteTokenizer() : makeSentencePieceTokenizer(tokenizerOf(checkpoint));
}

} // namespace

TextReader textReader(const std::filesystem::path &checkpoint, int vocabulary)
{
    std::error_code ignored;
    if (std::filesystem::is_regular_file(tokenizerOf(checkpoint), ignored)) {
        return TextReader::SentencePiece;
    }
    return vocabulary == kByteKinds || vocabulary == kByteKinds + 1 ? TextReader::Bytes : TextReader::None;
}

std::string tokenizerNotice(const std::filesystem::path &checkpoint, int vocabulary)
{
    const TextReader reader = textReader(checkpoint, vocabulary);
    if (reader == TextReader::SentencePiece || !hasUnreadTokenizer(checkpoint)) {
        return {};
    }
    return fmt::format("{} is not read{}. {}", unreadTokenizer(checkpoint).string(),
                       reader == TextReader::Bytes
                           ? ": text is taken byte by byte, which may be another one than the model's"
                           : ", and no tokenizer.model (SentencePiece) lies beside it",
                       wordsOf(Remedy::GiveTokensFromElsewhere));
}

Probe TypedText::probe() const
{
    Probe probe;
    probe.name = reader ? "typed text" : "typed tokens";
    probe.tokens = tokens;
    for (const std::int32_t token : tokens) {
        probe.words.push_back(word(token));
    }
    return probe;
}

TypedText typedText(const std::filesystem::path &checkpoint, const std::string &text,
                    const std::vector<std::int32_t> &tokens, int vocabulary)
{
    TypedText result;
    if (tokens.empty() && text.empty()) {
        throw ConfigFailure({{"nothing to read", nameOf(Place::Text), "no text", "at least one byte", ""}});
    }
    if (tokens.empty()) {
        result.reader = makeReader(checkpoint, vocabulary);
    }
    result.tokens = result.reader ? result.reader->encode(text) : tokens;
    if (result.tokens.empty()) {
        throw ConfigFailure({{"nothing to read", nameOf(Place::Text), "only spaces", "at least one token", ""}});
    }
    for (const std::int32_t token : result.tokens) {
        if (token < 0 || token >= vocabulary) {
            throw ConfigFailure(
                {{"token outside of the vocabulary", nameOf(result.reader ? Place::Text : Place::Tokens),
                  std::to_string(token), fmt::format("0 to {}", vocabulary - 1),
                  result.reader ? "tokenizer.model belongs to another model: give token ids." : ""}});
        }
    }
    return result;
}

} // namespace sparsescope
