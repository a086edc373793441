#include "core/data/sentencepiece_model.h"
#include "core/data/text_normalizer.h"
#include "core/data/tokenizer.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sparsescope {

namespace {

using Type = SentencePieceModel::PieceType;

constexpr float kUnknownPenalty = 10; ///< below the least likely piece
constexpr std::string_view kSpace = "\xE2\x96\x81";

/// A piece of the text and its id.
struct Chosen {
    std::string_view text;
    int id = 0;
};

class SentencePieceTokenizer : public Tokenizer {
public:
    explicit SentencePieceTokenizer(const std::filesystem::path &file)
        : m_name(file.filename().string())
        , m_model(readSentencePieceModel(file))
        , m_normalizer(m_model, file)
    {
        m_bytes.assign(256, -1);
        for (std::size_t id = 0; id < m_model.pieces.size(); ++id) {
            const SentencePieceModel::Piece &piece = m_model.pieces[id];
            if (piece.type == Type::Byte && piece.text.size() == 6) {
                m_bytes[byteOf(piece)] = static_cast<int>(id);
            } else if (piece.type == Type::Normal || piece.type == Type::UserDefined || piece.type == Type::Unused) {
                m_ids.emplace(piece.text, static_cast<int>(id));
                m_longest = std::max(m_longest, piece.text.size());
            }
            if (piece.type == Type::Normal) {
                m_lowest = std::min(m_lowest, piece.score);
                m_highest = std::max(m_highest, piece.score);
            }
        }
    }

    std::string name() const override { return m_name; }
    int vocabulary() const override { return static_cast<int>(m_model.pieces.size()); }
    int separator() const override { return m_model.end; }

    std::vector<std::int32_t> encode(const std::string &text) const override
    {
        const std::string normalized = m_normalizer.normalized(text);
        std::vector<std::int32_t> ids;
        bool afterUnknown = false;
        for (const Chosen &chosen :
             m_model.kind == SentencePieceModel::Kind::Bpe ? merged(normalized) : mostLikely(normalized)) {
            const bool isUnknown = chosen.id == m_model.unknown;
            if (isUnknown && m_model.byteFallback) {
                for (const char c : chosen.text) {
                    const int id = m_bytes[static_cast<unsigned char>(c)];
                    ids.push_back(id < 0 ? m_model.unknown : id);
                }
            } else if (!isUnknown || !afterUnknown) { // unknown ones in a row are one
                ids.push_back(chosen.id);
            }
            afterUnknown = isUnknown;
        }
        return ids;
    }

    std::string decode(const std::vector<std::int32_t> &ids) const override
    {
        std::string text;
        for (const std::int32_t id : ids) {
            if (id < 0 || id >= vocabulary() || pieceOf(id).type == Type::Control) {
                continue;
            }
            text += pieceOf(id).type == Type::Byte ? std::string(1, static_cast<char>(byteOf(pieceOf(id))))
                                                   : spaced(pieceOf(id).text);
        }
        return m_model.addDummyPrefix && text.starts_with(' ') ? text.substr(1) : text;
    }

    std::string word(std::int32_t id) const override
    {
        if (id < 0 || id >= vocabulary()) {
            return "?" + std::to_string(id);
        }
        const SentencePieceModel::Piece &piece = pieceOf(id);
        if (piece.type == Type::Byte) {
            return byteWord(byteOf(piece));
        }
        const std::string text = spaced(piece.text);
        return text.empty() ? "?" + std::to_string(id) : text == "\n" ? "¶" : text;
    }

private:
    const SentencePieceModel::Piece &pieceOf(std::int32_t id) const
    {
        return m_model.pieces[static_cast<std::size_t>(id)];
    }
    /// "<0x0A>"
    static unsigned char byteOf(const SentencePieceModel::Piece &piece)
    {
        return static_cast<unsigned char>(std::strtol(piece.text.c_str() + 3, nullptr, 16));
    }
    static std::string spaced(std::string text)
    {
        for (std::size_t at = text.find(kSpace); at != std::string::npos; at = text.find(kSpace, at)) {
            text.replace(at, kSpace.size(), " ");
        }
        return text;
    }
    int idOf(std::string_view piece) const
    {
        const auto found = m_ids.find(piece);
        return found == m_ids.end() ? -1 : found->second;
    }
    static std::size_t stepOf(std::string_view rest) { return std::max<std::size_t>(1, characterSize(rest)); }

    /// Viterbi over all ways to cut the text: the sum of the pieces' scores is the largest.
    std::vector<Chosen> mostLikely(std::string_view text) const
    {
        struct Best {
            float score = 0;
            std::size_t start = 0;
            int id = -1; ///< -1: not reached yet
        };
        std::vector<Best> best(text.size() + 1);
        const auto offer = [&best](std::size_t start, std::size_t end, float score, int id) {
            Best &there = best[end];
            const float whole = best[start].score + score;
            if (there.id < 0 || whole > there.score) {
                there = {whole, start, id};
            }
        };
        for (std::size_t start = 0; start < text.size();) {
            const std::size_t step = stepOf(text.substr(start));
            bool single = false;
            for (std::size_t end = start; end < text.size();) {
                end += stepOf(text.substr(end));
                const std::size_t length = end - start;
                if (length > m_longest) {
                    break;
                }
                const int id = idOf(text.substr(start, length));
                if (id < 0 || pieceOf(id).type == Type::Unused) {
                    continue;
                }
                const float score = pieceOf(id).type == Type::UserDefined
                                        ? static_cast<float>(length) * m_highest - 0.1F
                                        : pieceOf(id).score;
                offer(start, end, score, id);
                single = single || length == step;
            }
            if (!single) {
                offer(start, start + step, m_lowest - kUnknownPenalty, m_model.unknown);
            }
            start += step;
        }
        std::vector<Chosen> path;
        for (std::size_t end = text.size(); end > 0; end = best[end].start) {
            path.push_back({text.substr(best[end].start, end - best[end].start), best[end].id});
        }
        std::ranges::reverse(path);
        return path;
    }

    /// Byte pair encoding: the pair of neighbours that makes the best piece is joined, the leftmost first, until none does.
    std::vector<Chosen> merged(std::string_view text) const
    {
        struct Symbol {
            int before = 0, after = 0; ///< -1: none
            bool frozen = false;       ///< user-defined: joined with nothing
            std::string_view text;     ///< empty: joined with the one before
        };
        struct Pair {
            int left = 0, right = 0;
            float score = 0;
            std::size_t size = 0;
            bool operator<(const Pair &other) const
            {
                return score < other.score || (score == other.score && left > other.left);
            }
        };
        std::vector<Symbol> symbols;
        while (!text.empty()) {
            std::size_t size = stepOf(text);
            bool frozen = false;
            for (std::size_t length = std::min(m_longest, text.size()); length > 0 && !frozen; --length) {
                const int id = idOf(text.substr(0, length));
                if (id >= 0 && pieceOf(id).type == Type::UserDefined) {
                    size = length;
                    frozen = true;
                }
            }
            const int at = static_cast<int>(symbols.size());
            symbols.push_back({at - 1, size == text.size() ? -1 : at + 1, frozen, text.substr(0, size)});
            text.remove_prefix(size);
        }
        std::priority_queue<Pair> agenda;
        // Both stand side by side in the text.
        const auto joined = [&](const Symbol &left, const Symbol &right) {
            return std::string_view(left.text.data(), left.text.size() + right.text.size());
        };
        const auto offer = [&](int left, int right) {
            if (left < 0 || right < 0 || symbols[left].frozen || symbols[right].frozen) {
                return;
            }
            const std::string_view both = joined(symbols[left], symbols[right]);
            if (const int id = idOf(both); id >= 0) {
                agenda.push({left, right, pieceOf(id).score, both.size()});
            }
        };
        for (std::size_t at = 1; at < symbols.size(); ++at) {
            offer(static_cast<int>(at) - 1, static_cast<int>(at));
        }
        while (!agenda.empty()) {
            const Pair pair = agenda.top();
            agenda.pop();
            Symbol &left = symbols[pair.left], &right = symbols[pair.right];
            if (left.text.empty() || right.text.empty() || left.text.size() + right.text.size() != pair.size) {
                continue; // one of them was joined otherwise meanwhile
            }
            left.text = joined(left, right);
            left.after = right.after;
            if (right.after >= 0) {
                symbols[right.after].before = pair.left;
            }
            right.text = {};
            offer(left.before, pair.left);
            offer(pair.left, left.after);
        }
        std::vector<Chosen> pieces;
        for (const Symbol &symbol : symbols) {
            if (!symbol.text.empty()) {
                const int id = idOf(symbol.text);
                pieces.push_back({symbol.text, id < 0 ? m_model.unknown : id});
            }
        }
        return pieces;
    }

    std::string m_name;
    SentencePieceModel m_model;
    TextNormalizer m_normalizer;
    std::unordered_map<std::string_view, int> m_ids; ///< of pieces that text can become
    std::vector<int> m_bytes;                        ///< id of a byte; -1: none
    std::size_t m_longest = 0;                       ///< bytes
    float m_lowest = std::numeric_limits<float>::max(), m_highest = std::numeric_limits<float>::lowest();
};

} // namespace

std::unique_ptr<Tokenizer> makeSentencePieceTokenizer(const std::filesystem::path &file)
{
    return std::make_unique<SentencePieceTokenizer>(file);
}

} // namespace sparsescope
