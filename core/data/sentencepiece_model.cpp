#include "core/data/sentencepiece_model.h"

#include "core/base/error.h"

#include <fmt/format.h>

#include <bit>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

namespace sparsescope {

namespace {

/// One message of the protocol buffer wire format, field by field. Throws std::string: what is wrong.
class Message {
public:
    explicit Message(std::string_view bytes)
        : m_rest(bytes)
    {}

    struct Field {
        std::uint32_t number = 0;
        std::uint64_t whole = 0;  ///< varint, or the bits of a fixed one
        std::string_view content; ///< of a string or a message
    };

    std::optional<Field> next()
    {
        if (m_rest.empty())
            return std::nullopt;
        const std::uint64_t key = varint();
        Field field{static_cast<std::uint32_t>(key >> 3), 0, {}};
        switch (key & 7) {
        case 0:
            field.whole = varint();
            break;
        case 1:
            field.whole = fixed(8);
            break;
        case 2:
            field.content = take(varint());
            break;
        case 5:
            field.whole = fixed(4);
            break;
        default:
            throw std::string("a field of no known type");
        }
        return field;
    }

private:
    std::string_view take(std::uint64_t count)
    {
        if (count > m_rest.size())
            throw std::string("it ends in the middle of a field");
        const std::string_view taken = m_rest.substr(0, count);
        m_rest.remove_prefix(count);
        return taken;
    }
    std::uint64_t varint()
    {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1).front());
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if (byte < 0x80)
                return value;
        }
        throw std::string("a number of more than 64 bits");
    }
    std::uint64_t fixed(std::size_t size)
    {
        std::uint64_t value = 0;
        int shift = 0;
        for (const char c : take(size)) {
            value |= static_cast<std::uint64_t>(static_cast<unsigned char>(c)) << shift;
            shift += 8;
        }
        return value;
    }

    std::string_view m_rest;
};

SentencePieceModel::Piece pieceOf(std::string_view bytes)
{
    SentencePieceModel::Piece piece;
    Message message(bytes);
    while (const auto field = message.next()) {
        if (field->number == 1)
            piece.text = field->content;
        else if (field->number == 2)
            piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field->whole));
        else if (field->number == 3) {
            if (field->whole < 1 || field->whole > 6)
                throw fmt::format("piece '{}' is of type {}", piece.text, field->whole);
            piece.type = static_cast<SentencePieceModel::PieceType>(field->whole);
        }
    }
    return piece;
}

void readTrainer(std::string_view bytes, SentencePieceModel &model)
{
    Message message(bytes);
    while (const auto field = message.next()) {
        if (field->number == 3) {
            if (field->whole != 1 && field->whole != 2)
                throw std::string("it is neither a unigram nor a BPE model");
            model.kind = static_cast<SentencePieceModel::Kind>(field->whole);
        } else if (field->number == 24)
            model.suffixSpaces = field->whole != 0;
        else if (field->number == 35)
            model.byteFallback = field->whole != 0;
    }
}

void readNormalizer(std::string_view bytes, SentencePieceModel &model)
{
    Message message(bytes);
    while (const auto field = message.next()) {
        if (field->number == 2)
            model.charsMap = field->content;
        else if (field->number == 3)
            model.addDummyPrefix = field->whole != 0;
        else if (field->number == 4)
            model.removeExtraSpaces = field->whole != 0;
        else if (field->number == 5)
            model.escapeSpaces = field->whole != 0;
    }
}

} // namespace

SentencePieceModel readSentencePieceModel(const std::filesystem::path &file)
{
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(stream), {});
    if (!stream && bytes.empty())
        throw Failure({"cannot be read", file.string(), "", "a SentencePiece model", ""});
    SentencePieceModel model;
    try {
        Message message(bytes);
        int unknown = -1;
        while (const auto field = message.next()) {
            if (field->number == 1) {
                model.pieces.push_back(pieceOf(field->content));
                const int id = static_cast<int>(model.pieces.size()) - 1;
                if (model.pieces.back().type == SentencePieceModel::PieceType::Unknown)
                    unknown = id;
                if (model.pieces.back().text == "</s>")
                    model.end = id;
            } else if (field->number == 2)
                readTrainer(field->content, model);
            else if (field->number == 3)
                readNormalizer(field->content, model);
        }
        if (unknown < 0)
            throw std::string("it has no piece for what is unknown");
        model.unknown = unknown;
    } catch (const std::string &reason) {
        throw Failure({"is no SentencePiece model: " + reason, file.string(), "", "", ""});
    }
    return model;
}

} // namespace sparsescope
