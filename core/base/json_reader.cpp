#include "core/base/json_reader.h"

#include "core/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <system_error>
#include <vector>

namespace sparsescope {
namespace {

using ordered_json = nlohmann::ordered_json;

constexpr std::size_t kLongestFound = 60;

std::string position(const std::string &text, std::size_t byte)
{
    byte = std::min(byte, text.size());
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(byte), '\n') + 1;
    const std::size_t lineStart = byte == 0 ? std::string::npos : text.rfind('\n', byte - 1);
    const std::size_t column = lineStart == std::string::npos ? byte + 1 : byte - lineStart;
    return fmt::format("line {}, column {}", line, column);
}

/// The library's reason without its own error number and position.
std::string reason(const std::string &what)
{
    const std::size_t last = what.find(": ");
    std::string text = last == std::string::npos ? what : what.substr(last + 2);
    if (text.size() > 160)
        text = text.substr(0, 160) + "...";
    return text;
}

void checkDepth(const std::string &text, const std::string &origin)
{
    int depth = 0;
    bool inString = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inString) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                inString = false;
        } else if (c == '"') {
            inString = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kDeepestJson)
                throw Failure({"nested too deeply", origin + ", " + position(text, i), "",
                               fmt::format("{} levels", kDeepestJson), ""});
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
}

struct Number {
    std::string text;
    std::size_t at; ///< its first byte
};

/// The first number outside of a string that no double holds.
Number numberBeyondRange(const std::string &text)
{
    constexpr auto kParts = "+-.0123456789Ee";
    bool inString = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inString && c == '\\') {
            ++i;
        } else if (c == '"') {
            inString = !inString;
        } else if (!inString && (c == '-' || (c >= '0' && c <= '9'))) {
            const std::size_t end = std::min(text.find_first_not_of(kParts, i), text.size());
            const std::string number = text.substr(i, end - i);
            if (!std::isfinite(std::strtod(number.c_str(), nullptr)))
                return {number, i};
            i = end - 1;
        }
    }
    return {"", 0};
}

struct Repeated {
    std::string key;
    std::size_t at; ///< byte where it stands the second time
};

/// Keys that one object of a valid document has again: the library keeps the last and says nothing.
std::vector<Repeated> repeatedKeys(const std::string &text)
{
    std::vector<Repeated> repeated;
    struct Level {
        bool isObject;
        std::set<std::string> keys;
    };
    std::vector<Level> levels;
    bool keyNext = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '{' || c == '[') {
            keyNext = c == '{';
            levels.push_back({keyNext, {}});
        } else if (c == '}' || c == ']') {
            levels.pop_back();
        } else if (c == ',') {
            keyNext = levels.back().isObject;
        } else if (c == '"') {
            const std::size_t begin = i++;
            while (text[i] != '"')
                i += text[i] == '\\' ? 2 : 1;
            if (keyNext) {
                const auto key = ordered_json::parse(text.substr(begin, i + 1 - begin)).get<std::string>();
                if (!levels.back().keys.insert(key).second)
                    repeated.push_back({key, begin});
            }
            keyNext = false;
        }
    }
    return repeated;
}

std::optional<double> numberOf(const ordered_json &value)
{
    if (!value.is_number())
        return std::nullopt;
    const double number = value.get<double>();
    if (!std::isfinite(number))
        return std::nullopt;
    return number;
}

bool inRange(const FieldInfo &field, double number)
{
    return (!field.low || number >= *field.low) && (!field.high || number <= *field.high);
}

template <class T>
bool readWhole(const FieldInfo &field, const ordered_json &value, T &out)
{
    const std::optional<double> number = numberOf(value);
    // Whole numbers beyond 2^53 have no exact double: none of our fields goes there.
    if (!number || std::floor(*number) != *number || std::abs(*number) > 9007199254740992.0 || !inRange(field, *number))
        return false;
    if (*number < static_cast<double>(std::numeric_limits<T>::lowest()) ||
        *number > static_cast<double>(std::numeric_limits<T>::max()))
        return false;
    out = static_cast<T>(*number);
    return true;
}

} // namespace

bool isUtf8(const std::string &text)
{
    const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
    const std::size_t size = text.size();
    for (std::size_t i = 0; i < size;) {
        const unsigned char lead = bytes[i];
        const int more = lead < 0x80                   ? 0
                         : lead >= 0xC2 && lead < 0xE0 ? 1
                         : lead >= 0xE0 && lead < 0xF0 ? 2
                         : lead >= 0xF0 && lead < 0xF5 ? 3
                                                       : -1;
        if (more < 0 || i + more >= size)
            return false;
        for (int j = 1; j <= more; ++j) {
            if ((bytes[i + j] & 0xC0) != 0x80)
                return false;
        }
        const unsigned char second = more > 0 ? bytes[i + 1] : 0;
        const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
        const bool outside =
            (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F); // surrogates; above 10FFFF
        if (overlong || outside)
            return false;
        i += more + 1;
    }
    return true;
}

std::string readTextFile(const std::filesystem::path &file, std::uintmax_t limit)
{
    std::error_code code;
    const auto status = std::filesystem::status(file, code);
    if (!std::filesystem::exists(status))
        throw Failure({"file not found", file.string(), "", "", ""});
    if (std::filesystem::is_directory(status))
        throw Failure({"is a folder", file.string(), "", "a file", ""});
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw Failure({"file cannot be read", file.string(), std::strerror(errno), "", ""});
    std::string text;
    std::vector<char> chunk(1 << 16);
    while (stream.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || stream.gcount() > 0) {
        text.append(chunk.data(), static_cast<std::size_t>(stream.gcount()));
        if (text.size() > limit)
            throw Failure({"file is too large", file.string(), fmt::format("more than {} bytes", limit),
                           fmt::format("{} MiB", limit >> 20), ""});
    }
    if (stream.bad())
        throw Failure({"file cannot be read", file.string(), "", "", ""});
    if (!isUtf8(text))
        throw Failure({"not UTF-8 text", file.string(), "", "", "Save it as UTF-8."});
    return text;
}

ordered_json parseJson(const std::string &text, const std::string &origin)
{
    // The parser takes a zero byte for the end and leaves what follows unread.
    if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
        throw Failure({"not valid JSON (a zero byte)", origin + ", " + position(text, zero), "", "", ""});
    checkDepth(text, origin);
    ordered_json document;
    try {
        document = ordered_json::parse(text);
    } catch (const nlohmann::json::parse_error &error) {
        const std::size_t byte = error.byte == 0 ? 0 : error.byte - 1;
        throw Failure(
            {"not valid JSON (" + reason(error.what()) + ")", origin + ", " + position(text, byte), "", "", ""});
    } catch (const nlohmann::json::out_of_range &error) { // the library gives no place
        const Number number = numberBeyondRange(text);
        throw Failure({"number is too large", origin + ", " + position(text, number.at), brief(number.text),
                       fmt::format("at most {:.2g}", std::numeric_limits<double>::max()), ""});
    }
    if (const std::vector<Repeated> repeated = repeatedKeys(text); !repeated.empty()) {
        std::string places, keys;
        for (const Repeated &key : repeated) {
            places += (places.empty() ? "" : "; ") + position(text, key.at);
            keys += (keys.empty() ? "" : ", ") + brief(key.key);
        }
        throw Failure({repeated.size() == 1 ? "key given twice" : "keys given twice", origin + ", " + places, keys,
                       "each key once", "Take out all but one."});
    }
    return document;
}

ordered_json readJsonFile(const std::filesystem::path &file) { return parseJson(readTextFile(file), file.string()); }

std::string brief(const ordered_json &value)
{
    if (value.is_object())
        return value.empty() ? "{}" : "an object";
    if (value.is_array())
        return value.empty() ? "[]" : fmt::format("a list of {}", value.size());
    std::string text = value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    if (text.size() > kLongestFound) {
        std::size_t end = kLongestFound;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
            --end; // never cut inside a character
        text = text.substr(0, end) + "...";
    }
    return text;
}

std::string allowedText(const FieldInfo &field)
{
    std::string text;
    const auto number = [](double value) {
        return std::floor(value) == value && std::abs(value) <= 9007199254740992.0 ? fmt::format("{:.0f}", value)
                                                                                   : fmt::format("{:g}", value);
    };
    switch (field.kind) {
    case FieldInfo::Kind::Integer:
    case FieldInfo::Kind::Number:
    case FieldInfo::Kind::Expression:
        text = field.kind == FieldInfo::Kind::Number ? "a number" : "a whole number";
        if (field.low && field.high)
            text = *field.low == *field.high ? number(*field.low) : number(*field.low) + " to " + number(*field.high);
        else if (field.low)
            text = number(*field.low) + " or more";
        if (field.kind == FieldInfo::Kind::Expression)
            text += ", or an expression such as L/8";
        break;
    case FieldInfo::Kind::Text:
        text = "text";
        break;
    case FieldInfo::Kind::Flag:
        text = "true or false";
        break;
    case FieldInfo::Kind::Choice:
        text = listed(field.choices);
        break;
    case FieldInfo::Kind::Object:
        text = "an object";
        break;
    case FieldInfo::Kind::Stages:
        text = "a list of stages";
        break;
    }
    return field.nullable ? text + ", or null" : text;
}

std::string allowedText(const FieldInfo &field, const ordered_json &found)
{
    const std::string text = allowedText(field);
    const std::optional<double> number = numberOf(found);
    const bool isWhole = number && std::floor(*number) == *number;
    switch (field.kind) {
    case FieldInfo::Kind::Integer:
    case FieldInfo::Kind::Expression:
        return field.low && !isWhole ? "a whole number, " + text : text;
    case FieldInfo::Kind::Number:
        return field.low && !number ? "a number, " + text : text;
    default:
        return text;
    }
}

bool readValue(const FieldInfo &field, const ordered_json &value, std::int64_t &out)
{
    return readWhole(field, value, out);
}

bool readValue(const FieldInfo &field, const ordered_json &value, std::uint64_t &out)
{
    return readWhole(field, value, out);
}

bool readValue(const FieldInfo &field, const ordered_json &value, int &out) { return readWhole(field, value, out); }

bool readValue(const FieldInfo &field, const ordered_json &value, double &out)
{
    const std::optional<double> number = numberOf(value);
    if (!number || !inRange(field, *number))
        return false;
    out = *number;
    return true;
}

bool readValue(const FieldInfo &, const ordered_json &value, bool &out)
{
    if (!value.is_boolean())
        return false;
    out = value.get<bool>();
    return true;
}

bool readValue(const FieldInfo &field, const ordered_json &value, std::string &out)
{
    if (value.is_null() && field.nullable) {
        out.clear();
        return true;
    }
    if (!value.is_string())
        return false;
    const std::string text = value.get<std::string>();
    if (field.kind == FieldInfo::Kind::Choice &&
        std::find(field.choices.begin(), field.choices.end(), text) == field.choices.end())
        return false;
    if (text.find('\0') != std::string::npos || !isUtf8(text))
        return false;
    out = text;
    return true;
}

bool readValue(const FieldInfo &field, const ordered_json &value, LengthExpression &out)
{
    if (value.is_string()) {
        try {
            const LengthExpression expression(value.get<std::string>());
            if (expression.isNumber() && !inRange(field, static_cast<double>(expression.evaluate(1))))
                return false;
            out = expression;
            return true;
        } catch (const Failure &) {
            return false;
        }
    }
    std::int64_t number = 0;
    if (!readWhole(field, value, number) || number < 1)
        return false;
    out = LengthExpression(number);
    return true;
}

bool readValue(const FieldInfo &, const ordered_json &value, nlohmann::json &out)
{
    if (!value.is_object())
        return false;
    out = value;
    return true;
}

} // namespace sparsescope
