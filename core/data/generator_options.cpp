#include "core/data/generator_options.h"

#include "core/base/error.h"
#include "core/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {

namespace {

std::string optionPath(const std::string &name) { return "data.options." + name; }

} // namespace

GeneratorOptions::GeneratorOptions(const nlohmann::json &given, const nlohmann::json &defaults,
                                   const std::string &source)
    : m_values(defaults.is_object() ? defaults : nlohmann::json::object())
{
    if (given.is_null()) {
        return;
    }
    if (!given.is_object()) {
        throw Failure({"options must be an object", "data.options", given.dump(), "an object of option names", ""});
    }
    std::vector<std::string> known;
    for (const auto &[name, value] : m_values.items()) {
        known.push_back(name);
    }
    for (const auto &[name, value] : given.items()) {
        if (!m_values.contains(name)) {
            const std::string nearest = nearestName(name, known);
            const std::string allowed = known.empty() ? "no options" : listed(known);
            const std::string remedy =
                nearest.empty() ? "" : fmt::format("The nearest known option is \"{}\".", nearest);
            throw Failure(
                {fmt::format("unknown option of source \"{}\"", source), optionPath(name), name, allowed, remedy});
        }
        m_values[name] = value;
    }
}

int GeneratorOptions::integer(const std::string &name, int low, int high) const
{
    const nlohmann::json &value = m_values.at(name);
    const bool whole = value.is_number_integer();
    const bool inRange =
        whole && (value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(high)
                                             : value.get<std::int64_t>() <= high);
    if (!inRange || value.get<std::int64_t>() < low) {
        throw Failure({whole ? "out of range" : "not a whole number", optionPath(name), value.dump(),
                       fmt::format("{} to {}", low, high), ""});
    }
    return value.get<int>();
}

double GeneratorOptions::number(const std::string &name, double low, double high) const
{
    const nlohmann::json &value = m_values.at(name);
    if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high)) {
        throw Failure({value.is_number() ? "out of range" : "not a number", optionPath(name), value.dump(),
                       fmt::format("{} to {}", low, high), ""});
    }
    return value.get<double>();
}

std::string GeneratorOptions::choice(const std::string &name, const std::vector<std::string> &allowed) const
{
    const nlohmann::json &value = m_values.at(name);
    if (!value.is_string() || std::find(allowed.begin(), allowed.end(), value.get<std::string>()) == allowed.end()) {
        const std::string nearest = value.is_string() ? nearestName(value.get<std::string>(), allowed) : "";
        throw Failure({"unknown value", optionPath(name), value.dump(), listed(allowed),
                       nearest.empty() ? "" : fmt::format("The nearest known value is \"{}\".", nearest)});
    }
    return value.get<std::string>();
}

} // namespace sparsescope
