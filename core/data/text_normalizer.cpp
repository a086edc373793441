#include "core/data/text_normalizer.h"

#include "core/base/error.h"

#include <algorithm>
#include <cstring>

namespace sparsescope {

namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81", kReplacement = "\xEF\xBF\xBD"; // ▁ and U+FFFD

// A unit of the double array: 32 bits, read as the trie's format says.
bool hasLeaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t valueOf(std::uint32_t unit) { return unit & 0x7FFFFFFFu; }
std::uint32_t labelOf(std::uint32_t unit) { return unit & 0x800000FFu; }
std::uint32_t offsetOf(std::uint32_t unit) { return unit >> 10 << ((unit & 0x200u) >> 6); }

} // namespace

std::size_t characterSize(std::string_view text)
{
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = at(0);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
    if (size > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((at(i) & 0xC0) != 0x80) {
            return 0;
        }
    }
    const bool overlong = (first == 0xE0 && at(1) < 0xA0) || (first == 0xF0 && at(1) < 0x90),
               surrogate = first == 0xED && at(1) > 0x9F, beyond = first == 0xF4 && at(1) > 0x8F;
    return overlong || surrogate || beyond ? 0 : size;
}

TextNormalizer::TextNormalizer(const SentencePieceModel &model, const std::filesystem::path &file)
    : m_model(model)
{
    for (const SentencePieceModel::Piece &piece : model.pieces) {
        if (piece.type == SentencePieceModel::PieceType::UserDefined && !piece.text.empty()) {
            m_userDefined.push_back(piece.text);
        }
    }
    std::sort(m_userDefined.begin(), m_userDefined.end(),
              [](std::string_view a, std::string_view b) { return a.size() > b.size(); }); // the longest first
    const std::string_view map = model.charsMap;
    if (map.empty()) {
        return;
    }
    std::uint32_t bytes = 0;
    if (map.size() > sizeof bytes) {
        std::memcpy(&bytes, map.data(), sizeof bytes);
    }
    if (bytes < 4 || bytes % 4 != 0 || bytes > map.size() - sizeof bytes || map.back() != '\0') {
        throw Failure({"is no SentencePiece model: its map of characters is cut", file.string(), "", "", ""});
    }
    m_trie.resize(bytes / 4);
    std::memcpy(m_trie.data(), map.data() + sizeof bytes, bytes);
    m_replacements = map.substr(sizeof bytes + bytes);
}

std::pair<std::string_view, std::size_t> TextNormalizer::prefix(std::string_view text) const
{
    for (const std::string_view symbol : m_userDefined) {
        if (text.starts_with(symbol)) {
            return {symbol, symbol.size()};
        }
    }
    std::size_t longest = 0, replacement = 0;
    if (!m_trie.empty()) {
        std::uint32_t at = offsetOf(m_trie[0]);
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto byte = static_cast<unsigned char>(text[i]);
            at ^= byte;
            if (at >= m_trie.size() || labelOf(m_trie[at]) != byte) {
                break;
            }
            const std::uint32_t unit = m_trie[at];
            at ^= offsetOf(unit);
            if (hasLeaf(unit) && at < m_trie.size() && valueOf(m_trie[at]) < m_replacements.size()) {
                longest = i + 1;
                replacement = valueOf(m_trie[at]);
            }
        }
    }
    if (longest > 0) {
        const std::string_view rest = m_replacements.substr(replacement);
        return {rest.substr(0, rest.find('\0')), longest};
    }
    const std::size_t size = characterSize(text);
    return size > 0 ? std::pair(text.substr(0, size), size) : std::pair(kReplacement, std::size_t{1});
}

std::string TextNormalizer::normalized(std::string_view text) const
{
    if (m_model.removeExtraSpaces) {
        while (!text.empty()) {
            const auto [words, size] = prefix(text);
            if (words != " ") {
                break;
            }
            text.remove_prefix(size);
        }
    }
    if (text.empty()) {
        return {};
    }
    const std::string_view space = m_model.escapeSpaces ? kSpace : " ";
    std::string result;
    if (m_model.addDummyPrefix && !m_model.suffixSpaces) {
        result += space;
    }
    bool afterSpace = m_model.removeExtraSpaces;
    while (!text.empty()) {
        auto [words, size] = prefix(text);
        while (afterSpace && words.starts_with(' ')) {
            words.remove_prefix(1);
        }
        for (const char c : words) {
            c == ' ' ? result += space : result += c;
        }
        if (!words.empty()) {
            afterSpace = words.ends_with(' ');
        }
        afterSpace = afterSpace && m_model.removeExtraSpaces;
        text.remove_prefix(size);
    }
    if (m_model.removeExtraSpaces) {
        while (result.ends_with(space)) {
            result.resize(result.size() - space.size());
        }
    }
    if (m_model.addDummyPrefix && m_model.suffixSpaces) {
        result += space;
    }
    return result;
}

} // namespace sparsescope
