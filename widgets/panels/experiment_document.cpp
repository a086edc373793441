#include "widgets/panels/experiment_document.h"

#include <QRegularExpression>

#include <algorithm>
#include <utility>
#include <vector>

namespace sparsescope {

using nlohmann::ordered_json;

namespace {

constexpr std::pair<const char *, const char *> kShortNames[] = {{"model.family", "family"},
                                                                 {"training.sequence_length", "sequence_length"},
                                                                 {"training.seed", "seed"},
                                                                 {"model.selection.top_k", "top_k"}};

std::vector<std::string> partsOf(const std::string &path)
{
    std::vector<std::string> parts;
    std::size_t start = 0;
    for (std::size_t dot; (dot = path.find('.', start)) != std::string::npos; start = dot + 1) {
        parts.push_back(path.substr(start, dot - start));
    }
    parts.push_back(path.substr(start));
    return parts;
}

QString shown(const ordered_json &value)
{
    if (value.is_null()) {
        return QStringLiteral("null");
    }
    if (value.is_array() &&
        std::all_of(value.begin(), value.end(), [](const ordered_json &v) { return v.is_primitive(); })) {
        QStringList parts;
        for (const ordered_json &entry : value) {
            parts << shown(entry);
        }
        return parts.join(QStringLiteral(", "));
    }
    return value.is_string() ? QString::fromStdString(value.get<std::string>()) : QString::fromStdString(value.dump());
}

bool mayList(const FieldInfo &info)
{
    return info.kind == FieldInfo::Kind::Integer || info.kind == FieldInfo::Kind::Number ||
           info.kind == FieldInfo::Kind::Expression;
}

} // namespace

const ordered_json *valueAtPath(const ordered_json &document, const std::string &path)
{
    const ordered_json *node = &document;
    for (const std::string &part : partsOf(path)) {
        if (!node->is_object() || !node->contains(part)) {
            return nullptr;
        }
        node = &node->at(part);
    }
    return node;
}

void setAtPath(ordered_json &document, const std::string &path, const std::optional<ordered_json> &value)
{
    const std::vector<std::string> parts = partsOf(path);
    ordered_json *node = &document;
    for (std::size_t part = 0; part + 1 < parts.size(); ++part) {
        if (!value && !node->contains(parts[part])) {
            return;
        }
        node = &(*node)[parts[part]];
        if (!node->is_object()) {
            *node = ordered_json::object();
        }
    }
    if (value) {
        (*node)[parts.back()] = *value;
    } else {
        node->erase(parts.back());
    }
}

std::string axisNameOf(const std::string &path)
{
    for (const auto &[field, name] : kShortNames) {
        if (path == field) {
            return name;
        }
    }
    return path;
}

std::string axisKey(const ordered_json &document, const std::string &path)
{
    const auto sweep = document.find("sweep");
    if (sweep != document.end() && sweep->is_object()) {
        for (const std::string &name : {path, axisNameOf(path)}) {
            if (sweep->contains(name)) {
                return name;
            }
        }
    }
    return {};
}

void dropAxis(ordered_json &document, const std::string &path)
{
    const std::string axis = axisKey(document, path);
    if (!axis.empty()) {
        document["sweep"].erase(axis);
    }
}

std::string fieldPathOf(std::string where)
{
    const auto bracket = where.find('[');
    where = where.substr(0, bracket);
    if (where.rfind("sweep.", 0) == 0) {
        where = where.substr(6);
    }
    for (const auto &[path, name] : kShortNames) {
        if (where == name) {
            return std::string(path);
        }
    }
    return where;
}

QString shownValue(const ordered_json &value) { return shown(value).replace(QLatin1Char('\n'), QLatin1String("\\n")); }

ordered_json parsedValue(const FieldInfo &info, QString text)
{
    if (info.nullable && text == QLatin1String("null")) {
        return nullptr;
    }
    if (info.kind == FieldInfo::Kind::Text) {
        return text.replace(QLatin1String("\\n"), QLatin1String("\n")).toStdString();
    }
    if (info.kind == FieldInfo::Kind::Choice) {
        return text.toStdString();
    }
    if (info.kind == FieldInfo::Kind::Integer || info.kind == FieldInfo::Kind::Expression) {
        QString digits = text;
        digits.remove(QLatin1Char(',')).remove(QLatin1Char(' '));
        bool whole = false;
        const qlonglong number = digits.toLongLong(&whole);
        if (whole) {
            return number;
        }
    }
    const std::string bytes = text.toStdString();
    return ordered_json::accept(bytes) ? ordered_json::parse(bytes) : ordered_json(bytes);
}

QStringList typedList(const FieldInfo &info, const QString &text)
{
    if (!mayList(info)) {
        return {text};
    }
    static const QRegularExpression thousands(QStringLiteral("^\\d{1,3}(,\\d{3})+$"));
    if (thousands.match(text).hasMatch()) {
        return {text};
    }
    QStringList parts;
    for (const QString &part : text.split(QLatin1Char(','))) {
        if (!part.trimmed().isEmpty()) {
            parts << part.trimmed();
        }
    }
    return parts.isEmpty() ? QStringList{text} : parts;
}

} // namespace sparsescope
