#include "core/base/safetensors_header.h"

#include "core/base/error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>

namespace sparsescope {

namespace {

/// Reads the header event by event: nothing is built but what the format allows, so neither depth nor size of the text
/// can cost more than the text itself.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
public:
    explicit HeaderHandler(const std::string &file)
        : m_file(file)
    {}
    SafetensorsHeader header;

    bool start_object(std::size_t) override
    {
        if (m_place == Place::Start) {
            m_place = Place::Top;
        } else if (m_place == Place::Top && m_name == "__metadata__") {
            m_place = Place::Metadata;
        } else if (m_place == Place::Top) {
            m_place = Place::Tensor;
            m_fields.clear();
            m_entry = {};
        } else {
            fail("an object");
        }
        return true;
    }
    bool end_object() override
    {
        if (m_place == Place::Tensor) {
            for (const char *field : {"dtype", "shape", "data_offsets"}) {
                if (!m_fields.count(field))
                    throwAt(fmt::format("tensor has no {}", field), {}, {});
            }
            if (m_offsets.size() != 2)
                throwAt("wrong data_offsets", fmt::format("{} numbers", m_offsets.size()), "two numbers");
            if (m_offsets[0] > m_offsets[1])
                throwAt("wrong data_offsets", fmt::format("{}", fmt::join(m_offsets, ", ")), "begin before end");
            m_entry.begin = m_offsets[0];
            m_entry.end = m_offsets[1];
            header.tensors.emplace(m_name, std::move(m_entry));
        }
        m_place = m_place == Place::Top ? Place::End : Place::Top;
        return true;
    }
    bool key(std::string &text) override
    {
        if (m_place == Place::Top) {
            if (!m_names.insert(text).second)
                throw Failure({"tensor name stands twice", m_file + ": " + text, {}, {}, damagedRemedy()});
            m_name = text;
        } else if (m_place == Place::Metadata) {
            if (header.metadata.count(text))
                throw Failure(
                    {"metadata key stands twice", m_file + ": __metadata__." + text, {}, {}, damagedRemedy()});
            m_key = text;
        } else {
            if (text != "dtype" && text != "shape" && text != "data_offsets")
                throwAt("unknown field", text, "dtype, shape, data_offsets");
            if (!m_fields.insert(text).second)
                throwAt(fmt::format("{} stands twice", text), {}, {});
            m_key = text;
        }
        return true;
    }
    bool start_array(std::size_t) override
    {
        if (m_place != Place::Tensor || m_key == "dtype")
            return fail("a list");
        m_place = Place::List;
        if (m_key == "data_offsets")
            m_offsets.clear();
        return true;
    }
    bool end_array() override
    {
        m_place = Place::Tensor;
        return true;
    }
    bool string(std::string &text) override
    {
        if (m_place == Place::Metadata)
            header.metadata.emplace(m_key, text);
        else if (m_place == Place::Tensor && m_key == "dtype")
            m_entry.dtype = text;
        else
            return fail("text");
        return true;
    }
    bool number_unsigned(number_unsigned_t value) override
    {
        if (m_place != Place::List)
            return fail(std::to_string(value));
        if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
            throwAt("wrong " + m_key, std::to_string(value), "numbers below 2^63");
        if (m_key == "data_offsets")
            m_offsets.push_back(value);
        else
            m_entry.shape.push_back(static_cast<std::int64_t>(value));
        return true;
    }
    bool number_integer(number_integer_t value) override { return fail(std::to_string(value)); }
    bool number_float(number_float_t, const string_t &text) override { return fail(text); }
    bool null() override { return fail("null"); }
    bool boolean(bool value) override { return fail(value ? "true" : "false"); }
    bool binary(binary_t &) override { return fail("bytes"); }
    bool parse_error(std::size_t position, const std::string &, const nlohmann::detail::exception &) override
    {
        throw Failure({"header is no valid JSON",
                       m_file,
                       fmt::format("a mistake at byte {} of the header", position),
                       {},
                       damagedRemedy()});
    }

    static std::string damagedRemedy()
    {
        return "The file is damaged or was written by a faulty program: restore or remake it.";
    }

private:
    enum class Place { Start, Top, Metadata, Tensor, List, End };

    bool fail(const std::string &found)
    {
        switch (m_place) {
        case Place::Start:
        case Place::End:
            throw Failure({"header is no object", m_file, found, "an object of tensors", damagedRemedy()});
        case Place::Metadata:
            throw Failure({"wrong metadata", m_file + ": __metadata__." + m_key, found, "text", damagedRemedy()});
        case Place::Top:
            throwAt("wrong entry", found, "an object with dtype, shape and data_offsets");
        default:
            throwAt("wrong " + m_key, found, m_key == "dtype" ? "text" : "a list of whole numbers from 0");
        }
    }
    [[noreturn]] void throwAt(const std::string &what, const std::string &found, const std::string &allowed) const
    {
        throw Failure({what, m_file + ": " + m_name, found, allowed, damagedRemedy()});
    }

    const std::string &m_file;
    Place m_place = Place::Start;
    std::string m_name, m_key;
    std::set<std::string> m_names, m_fields;
    SafetensorsHeader::Entry m_entry;
    std::vector<std::size_t> m_offsets;
};

/// Product of the shape times the element size; throws where that leaves 64 bits.
std::size_t bytesOf(const SafetensorsHeader::Entry &entry, const std::string &where)
{
    std::size_t bytes = elementSize(entry.dtype);
    if (std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end())
        return 0;
    for (const std::int64_t size : entry.shape) {
        if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(size), &bytes))
            throw Failure({"shape is too large",
                           where,
                           fmt::format("[{}]", fmt::join(entry.shape, ", ")),
                           {},
                           HeaderHandler::damagedRemedy()});
    }
    return bytes;
}

} // namespace

SafetensorsHeader parseSafetensorsHeader(std::string_view text, std::size_t dataBytes, const std::string &file)
{
    HeaderHandler handler(file);
    nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
    SafetensorsHeader header = std::move(handler.header);

    std::vector<const std::pair<const std::string, SafetensorsHeader::Entry> *> order;
    for (const auto &item : header.tensors) {
        const auto &[name, entry] = item;
        const std::string where = file + ": " + name;
        try {
            elementSize(entry.dtype);
        } catch (const Failure &failure) {
            throw Failure({failure.error().what, where, entry.dtype, failure.error().allowed, failure.error().remedy});
        }
        if (entry.end > dataBytes)
            throw Failure({"tensor lies outside the file", where, fmt::format("bytes {} to {}", entry.begin, entry.end),
                           fmt::format("0 to {}", dataBytes), "The file is cut off or damaged: restore or remake it."});
        const std::size_t needed = bytesOf(entry, where);
        if (needed != entry.end - entry.begin)
            throw Failure({"shape does not fit the tensor's bytes", where,
                           fmt::format("{} bytes for {} [{}]", entry.end - entry.begin, entry.dtype,
                                       fmt::join(entry.shape, ", ")),
                           fmt::format("{} bytes", needed), HeaderHandler::damagedRemedy()});
        order.push_back(&item);
    }
    std::sort(order.begin(), order.end(), [](const auto *a, const auto *b) {
        return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
    });
    std::size_t position = 0;
    for (const auto *item : order) {
        const auto &[name, entry] = *item;
        if (entry.begin != position)
            throw Failure(
                {entry.begin < position ? "tensor overlaps another one" : "bytes before the tensor belong to none",
                 file + ": " + name, fmt::format("begins at byte {}", entry.begin), fmt::format("{}", position),
                 HeaderHandler::damagedRemedy()});
        position = entry.end;
    }
    if (position != dataBytes)
        throw Failure({"bytes at the end belong to no tensor", file, fmt::format("{} bytes of data", dataBytes),
                       fmt::format("{}", position), HeaderHandler::damagedRemedy()});
    return header;
}

} // namespace sparsescope
