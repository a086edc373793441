#include "core/base/config_fields.h"
#include "core/base/config_reader.h"
#include "core/base/json_reader.h"

namespace sparsescope {
namespace {

using nlohmann::ordered_json;

template <class T>
ordered_json written(const T &value)
{
    if constexpr (std::is_enum_v<T>)
        return wordOf(value);
    else
        return value;
}
ordered_json written(const LengthExpression &value)
{
    return value.isNumber() ? ordered_json(value.evaluate(1)) : ordered_json(value.text());
}
template <class T>
ordered_json written(const std::optional<T> &value)
{
    return value ? written(*value) : ordered_json();
}
ordered_json written(const std::vector<StageConfig> &stages);

class Writer {
public:
    template <class T>
    void operator()(const FieldInfo &info, const T &value)
    {
        // An empty text of a field that may be null, or that has no default of its own, means "not set".
        if constexpr (std::is_same_v<T, std::string>) {
            if (value.empty() && info.nullable) {
                setValueAt(document, info.path, nullptr);
                return;
            }
        }
        setValueAt(document, info.path, written(value));
    }
    template <class Int>
    void expression(const FieldInfo &info, Int value, std::int64_t)
    {
        setValueAt(document, info.path, value);
    }
    template <class Group, class Inner>
    void group(const FieldInfo &info, std::optional<Group> &value, const Inner &inner)
    {
        if (value)
            inner(*value);
        else
            setValueAt(document, info.path, nullptr);
    }
    ordered_json document = ordered_json::object();
};

ordered_json written(const std::vector<StageConfig> &stages)
{
    ordered_json list = ordered_json::array();
    for (StageConfig stage : stages) {
        Writer writer;
        describeStage(writer, stage);
        list.push_back(std::move(writer.document));
    }
    return list;
}

constexpr const char *kExtraAxes = "extra_axes";

} // namespace

ordered_json toJson(const RunConfig &config)
{
    RunConfig copy = config; // the description hands out members that may be written
    Writer writer;
    describe(writer, copy);
    ordered_json axes = ordered_json::array();
    for (const auto &[name, value] : config.extraAxes)
        axes.push_back({{"name", name}, {"value", value}});
    writer.document[kExtraAxes] = std::move(axes);
    return std::move(writer.document);
}

RunConfig runConfigFromJson(const ordered_json &document, const std::string &origin)
{
    if (!document.is_object())
        throw ConfigFailure({{"not a run", "", brief(document), "an object", "", origin}});
    std::vector<Error> errors;
    checkKeys(document, {kExtraAxes, "sweep"}, errors);
    ReadConfig read = readConfig(document, errors);
    for (const char *required : {"schema", "name"}) {
        if (!valueAt(document, required))
            addOnce(errors, {"missing field", required, "", "", ""});
    }
    if (const auto axes = document.find(kExtraAxes); axes != document.end()) {
        const auto isText = [](const ordered_json &axis, const char *key) {
            return axis.is_object() && axis.contains(key) && axis[key].is_string();
        };
        for (const ordered_json &axis : *axes) {
            if (isText(axis, "name") && isText(axis, "value"))
                read.config.extraAxes.emplace_back(axis["name"].get<std::string>(), axis["value"].get<std::string>());
            else
                addOnce(errors, {"", kExtraAxes, brief(axis), "a list of {name, value}", ""});
        }
    }
    resolve(read);
    checkRun(read, errors);
    for (Error &error : errors)
        error.origin = origin;
    if (!errors.empty())
        throw ConfigFailure(std::move(errors));
    return read.config;
}

} // namespace sparsescope
