#include "core/model/hf_reader.h"

#include "core/base/json_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

namespace sparsescope {

namespace {

constexpr int kLargestSize = 1 << 26;

/// Lists that differ in what they hold look alike in brief().
std::string shown(const nlohmann::json &value)
{
    constexpr std::size_t kLongest = 60;
    const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return value.is_structured() && text.size() <= kLongest ? text : brief(value);
}

} // namespace

void HfReader::fail(const std::string &what, const std::string &key, const std::string &found,
                    const std::string &allowed, const std::string &remedy)
{
    m_errors.push_back({what, where(key), found, allowed, remedy});
}

int HfReader::integer(const std::string &key, int low, std::optional<int> otherwise)
{
    if (!present(key, otherwise.has_value())) {
        return otherwise.value_or(low);
    }
    const nlohmann::json &value = m_node.at(key);
    if (!value.is_number_integer() || value.get<double>() < low || value.get<double>() > kLargestSize) {
        fail("wrong value", key, brief(value), fmt::format("a whole number, {} to {}", low, kLargestSize));
        return low;
    }
    return value.get<int>();
}

double HfReader::number(const std::string &key, double low, std::optional<double> otherwise, double high)
{
    if (!present(key, otherwise.has_value())) {
        return otherwise.value_or(low);
    }
    const nlohmann::json &value = m_node.at(key);
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < low ||
        value.get<double>() > high) {
        const bool bounded = high < std::numeric_limits<double>::max();
        fail("wrong value", key, brief(value),
             bounded ? fmt::format("a number, {} to {}", low, high) : fmt::format("a number, at least {}", low));
        return low;
    }
    return value.get<double>();
}

bool HfReader::flag(const std::string &key, std::optional<bool> otherwise)
{
    if (!present(key, otherwise.has_value())) {
        return otherwise.value_or(false);
    }
    const nlohmann::json &value = m_node.at(key);
    if (!value.is_boolean()) {
        fail("wrong value", key, brief(value), "true or false");
        return false;
    }
    return value.get<bool>();
}

std::string HfReader::text(const std::string &key, std::optional<std::string> otherwise)
{
    if (!present(key, otherwise.has_value())) {
        return otherwise.value_or("");
    }
    const nlohmann::json &value = m_node.at(key);
    if (!value.is_string()) {
        fail("wrong value", key, brief(value), "text");
        return "";
    }
    return value.get<std::string>();
}

void HfReader::only(const std::string &key, const nlohmann::json &allowed)
{
    if (has(key) && m_node.at(key) != allowed) {
        fail("not supported", key, shown(m_node.at(key)), shown(allowed));
    }
}

std::vector<std::string> HfReader::layerWords(const std::string &key, int layers, const std::string &one,
                                              const std::string &other)
{
    const nlohmann::json &list = m_node.at(key);
    std::vector<std::string> words;
    if (!list.is_array() || static_cast<int>(list.size()) != layers) {
        fail("wrong value", key, brief(list), fmt::format("a list of {} entries, one a layer", layers));
        return words;
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i] != one && list[i] != other) {
            fail("wrong value", fmt::format("{}[{}]", key, i), brief(list[i]), one + " or " + other);
            return {};
        }
        words.push_back(list[i].get<std::string>());
    }
    return words;
}

bool HfReader::present(const std::string &key, bool optional)
{
    if (has(key)) {
        return true;
    }
    if (!optional) {
        const bool null = m_node.contains(key);
        m_errors.push_back(
            {null ? "wrong value" : "missing key", where(key), null ? "null" : "nothing", "a value",
             fmt::format("{} would silently take the size of another model.", null ? "null" : "A missing key")});
    }
    return false;
}

} // namespace sparsescope
