#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace sparsescope {

/// Typed reading of `data.options` of one source. Every error is a Failure whose `where` is "data.options.<name>".
class GeneratorOptions {
public:
    /// `defaults` holds every option of the source. Throws when `given` is no object or names an unknown option.
    GeneratorOptions(const nlohmann::json &given, const nlohmann::json &defaults, const std::string &source);

    int integer(const std::string &name, int low, int high) const;
    double number(const std::string &name, double low, double high) const;
    std::string choice(const std::string &name, const std::vector<std::string> &allowed) const;

private:
    nlohmann::json m_values;
};

} // namespace sparsescope
