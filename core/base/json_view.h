#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// A place in a document that a program wrote and anybody may have changed since. What it reads is of the type asked for, or a
/// Failure names the file, the place ("runs[3].val_loss"), what was found and what is allowed. The document must outlive it.
class JsonView {
public:
    JsonView(const nlohmann::ordered_json &document, std::string origin);

    JsonView at(const std::string &key) const; ///< of an object
    std::vector<JsonView> items() const;       ///< of a list
    std::vector<std::string> keys() const;     ///< of an object

    bool isNull() const { return m_value->is_null(); }
    bool has(const std::string &key) const; ///< false for what is no object
    double number() const;
    std::optional<double> numberOrNull() const;
    std::int64_t integer() const; ///< within what a double holds exactly
    bool flag() const;
    std::string text() const;
    std::vector<double> numbers() const;
    std::vector<std::string> texts() const;

    /// Refuses the value at this place.
    [[noreturn]] void refuse(const std::string &allowed) const;

private:
    JsonView(const nlohmann::ordered_json &value, std::string origin, std::string path);

    const nlohmann::ordered_json *m_value;
    std::string m_origin, m_path;
};

} // namespace sparsescope
