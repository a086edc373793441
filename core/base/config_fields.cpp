#include "core/base/config_fields.h"

#include "core/base/config_reader.h"

#include <algorithm>

namespace sparsescope {
namespace {

using nlohmann::json;

template <class T>
json defaultOf(const T &value)
{
    if constexpr (std::is_enum_v<T>)
        return wordOf(value);
    else
        return value;
}
json defaultOf(const LengthExpression &value)
{
    return value.isNumber() ? json(value.evaluate(1)) : json(value.text());
}
json defaultOf(const std::vector<StageConfig> &) { return json::array(); }
template <class T>
json defaultOf(const std::optional<T> &value)
{
    return value ? defaultOf(*value) : json();
}

/// Lists the fields with their defaults.
class Collector {
public:
    template <class T>
    void operator()(FieldInfo info, const T &value)
    {
        if (info.defaultText.empty())
            info.defaultValue = defaultOf(value);
        fields.push_back(std::move(info));
    }
    template <class Int>
    void expression(const FieldInfo &info, Int value, std::int64_t)
    {
        (*this)(info, value);
    }
    template <class Group, class Inner>
    void group(const FieldInfo &info, std::optional<Group> &, const Inner &inner)
    {
        fields.push_back(info);
        Group defaults;
        inner(defaults);
    }
    std::vector<FieldInfo> fields;
};

FieldInfo sweepField()
{
    FieldInfo info = field::object("sweep", "Sweep",
                                   "Any path above with a list of values; the runs are their product. "
                                   "family, sequence_length, seed and top_k are accepted as short names");
    info.defaultValue = json::object();
    return info;
}

json schemaOf(const FieldInfo &info);

json stageSchema()
{
    json properties = json::object();
    StageConfig stage;
    Collector collector;
    describeStage(collector, stage);
    for (const FieldInfo &info : collector.fields)
        properties[info.path] = schemaOf(info);
    return {{"type", "object"},
            {"properties", properties},
            {"required", {"steps", "attention", "train", "kl"}},
            {"additionalProperties", false}};
}

json schemaOf(const FieldInfo &info)
{
    json schema = json::object();
    const auto range = [&](json &into) {
        if (info.low)
            into["minimum"] = *info.low;
        if (info.high)
            into["maximum"] = *info.high;
    };
    switch (info.kind) {
    case FieldInfo::Kind::Integer:
        schema["type"] = "integer";
        range(schema);
        break;
    case FieldInfo::Kind::Number:
        schema["type"] = "number";
        range(schema);
        break;
    case FieldInfo::Kind::Text:
        schema["type"] = "string";
        break;
    case FieldInfo::Kind::Flag:
        schema["type"] = "boolean";
        break;
    case FieldInfo::Kind::Choice:
        schema["enum"] = info.choices;
        break;
    case FieldInfo::Kind::Object:
        schema["type"] = "object";
        break;
    case FieldInfo::Kind::Expression: {
        json number{{"type", "integer"}};
        range(number);
        schema["anyOf"] = {number,
                           {{"type", "string"}, {"pattern", "^ *([1-9][0-9]*|L)( *[*/] *([1-9][0-9]*|L))* *$"}}};
        break;
    }
    case FieldInfo::Kind::Stages:
        schema["type"] = "array";
        schema["items"] = stageSchema();
        break;
    }
    if (info.path == "name")
        schema["pattern"] = "^[a-z0-9-]{1,64}$";
    if (info.nullable)
        schema = json{{"anyOf", {schema, {{"type", "null"}}}}};
    schema["title"] = info.label;
    schema["description"] = info.help;
    if (info.defaultText.empty())
        schema["default"] = info.defaultValue;
    else
        schema["$comment"] = "default: " + info.defaultText;
    if (!info.unit.empty())
        schema["x-unit"] = info.unit;
    return schema;
}

nlohmann::ordered_json group(const std::string &title)
{
    nlohmann::ordered_json node;
    node["type"] = "object";
    if (!title.empty())
        node["title"] = title;
    node["properties"] = nlohmann::ordered_json::object();
    node["additionalProperties"] = false;
    return node;
}

} // namespace

const std::vector<FieldInfo> &configFields()
{
    static const std::vector<FieldInfo> fields = [] {
        RunConfig defaults;
        Collector collector;
        describe(collector, defaults);
        const auto order = std::find_if(collector.fields.begin(), collector.fields.end(),
                                        [](const FieldInfo &f) { return f.path == "run.order"; });
        collector.fields.insert(order, sweepField());
        return std::move(collector.fields);
    }();
    return fields;
}

const FieldInfo *fieldAt(const std::string &path)
{
    constexpr const char *kOptions = "data.options";
    const std::string wanted = path.rfind(std::string(kOptions) + ".", 0) == 0 ? kOptions : path;
    for (const FieldInfo &info : configFields()) {
        if (info.path == wanted)
            return &info;
    }
    return nullptr;
}

const std::vector<std::string> &knownPaths()
{
    static const std::vector<std::string> paths = [] {
        std::vector<std::string> result;
        for (const FieldInfo &info : configFields())
            result.push_back(info.path);
        for (const FieldInfo &info : configFields()) { // and the groups on the way, for "did you mean"
            for (std::size_t dot = info.path.find('.'); dot != std::string::npos; dot = info.path.find('.', dot + 1)) {
                const std::string group = info.path.substr(0, dot);
                if (std::find(result.begin(), result.end(), group) == result.end())
                    result.push_back(group);
            }
        }
        return result;
    }();
    return paths;
}

nlohmann::ordered_json configSchema()
{
    nlohmann::ordered_json schema = group("Sparsescope experiment");
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["required"] = {"schema", "name"};
    for (const FieldInfo &info : configFields()) {
        nlohmann::ordered_json *node = &schema;
        std::size_t start = 0;
        for (std::size_t dot; (dot = info.path.find('.', start)) != std::string::npos; start = dot + 1) {
            nlohmann::ordered_json &properties = (*node)["properties"];
            const std::string key = info.path.substr(start, dot - start);
            if (!properties.contains(key))
                properties[key] = group("");
            node = &properties[key];
            if (node->contains("anyOf")) // a group that may be null: its fields belong to the object of the two
                node = &(*node)["anyOf"][0];
            if (!node->contains("properties"))
                (*node)["properties"] = nlohmann::ordered_json::object();
        }
        nlohmann::ordered_json &properties = (*node)["properties"];
        properties[info.path.substr(start)] = schemaOf(info);
        if (info.path == "model.yarn")
            properties["yarn"]["anyOf"][0]["additionalProperties"] = false;
    }
    return schema;
}

} // namespace sparsescope
