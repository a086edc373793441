#include "core/base/json_view.h"

#include "core/base/config_fields.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

#include <cmath>
#include <utility>

namespace sparsescope {

JsonView::JsonView(const nlohmann::ordered_json &document, std::string origin)
    : JsonView(document, std::move(origin), {})
{}

JsonView::JsonView(const nlohmann::ordered_json &value, std::string origin, std::string path)
    : m_value(&value)
    , m_origin(std::move(origin))
    , m_path(std::move(path))
{}

void JsonView::refuse(const std::string &allowed) const
{
    Error error{"", m_path, brief(*m_value), allowed, ""};
    error.origin = m_origin;
    throw Failure(std::move(error));
}

JsonView JsonView::at(const std::string &key) const
{
    if (!m_value->is_object())
        refuse("an object with " + key);
    const std::string path = m_path.empty() ? key : m_path + "." + key;
    const auto found = m_value->find(key);
    if (found == m_value->end()) {
        Error error{"missing field", path, "", "", ""};
        error.origin = m_origin;
        throw Failure(std::move(error));
    }
    return {*found, m_origin, path};
}

bool JsonView::has(const std::string &key) const { return m_value->is_object() && m_value->contains(key); }

std::vector<JsonView> JsonView::items() const
{
    if (!m_value->is_array())
        refuse("a list");
    std::vector<JsonView> items;
    for (std::size_t i = 0; i < m_value->size(); ++i)
        items.push_back(JsonView((*m_value)[i], m_origin, m_path + "[" + std::to_string(i) + "]"));
    return items;
}

std::vector<std::string> JsonView::keys() const
{
    if (!m_value->is_object())
        refuse("an object");
    std::vector<std::string> keys;
    for (const auto &[key, value] : m_value->items())
        keys.push_back(key);
    return keys;
}

double JsonView::number() const
{
    if (!m_value->is_number())
        refuse("a number");
    return m_value->get<double>();
}

std::optional<double> JsonView::numberOrNull() const { return isNull() ? std::nullopt : std::optional(number()); }

std::int64_t JsonView::integer() const
{
    if (!m_value->is_number_integer() || std::abs(m_value->get<double>()) > kLargestWhole)
        refuse("a whole number");
    return m_value->get<std::int64_t>();
}

bool JsonView::flag() const
{
    if (!m_value->is_boolean())
        refuse("true or false");
    return m_value->get<bool>();
}

std::string JsonView::text() const
{
    if (!m_value->is_string())
        refuse("text");
    return m_value->get<std::string>();
}

std::vector<double> JsonView::numbers() const
{
    std::vector<double> values;
    for (const JsonView &item : items())
        values.push_back(item.number());
    return values;
}

std::vector<std::string> JsonView::texts() const
{
    std::vector<std::string> values;
    for (const JsonView &item : items())
        values.push_back(item.text());
    return values;
}

} // namespace sparsescope
