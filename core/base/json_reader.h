#pragma once

#include "core/base/config.h"
#include "core/base/error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

/// JSON from untrusted files, and typed values out of it. Nothing here recurses with the depth of the input.
namespace sparsescope {

constexpr std::uintmax_t kLargestJsonFile = 16u << 20;
constexpr int kDeepestJson = 64;

/// The whole file as text. Throws Failure: missing, a folder, not readable, larger than `limit` bytes, not UTF-8.
std::string readTextFile(const std::filesystem::path &file, std::uintmax_t limit = kLargestJsonFile);

/// Throws Failure naming origin, line and column: syntax, nesting deeper than kDeepestJson, a key given twice.
nlohmann::ordered_json parseJson(const std::string &text, const std::string &origin);

nlohmann::ordered_json readJsonFile(const std::filesystem::path &file);

bool isUtf8(const std::string &text);

/// A value as it may stand in a message: one line, at most 60 bytes, cut with "...".
std::string brief(const nlohmann::ordered_json &value);

/// What a field takes, in words: "1 to 128", "mha or mla", "text".
std::string allowedText(const FieldInfo &field);
/// The same beside a value that was refused: says "a whole number" or "a number" where it was none.
std::string allowedText(const FieldInfo &field, const nlohmann::ordered_json &found);

// Reads a value that the field allows; nothing and `out` unchanged otherwise.
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, std::int64_t &out);
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, std::uint64_t &out);
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, int &out);
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, double &out);
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, bool &out);
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, std::string &out);
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, LengthExpression &out);
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, nlohmann::json &out);
template <class T>
bool readValue(const FieldInfo &field, const nlohmann::ordered_json &value, std::optional<T> &out)
{
    if (value.is_null()) {
        out.reset();
        return true;
    }
    T inner{};
    if (!readValue(field, value, inner))
        return false;
    out = inner;
    return true;
}

} // namespace sparsescope
