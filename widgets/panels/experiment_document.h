#pragma once

#include "core/base/config.h"

#include <QString>
#include <QStringList>

#include <optional>
#include <string>

/// An experiment's JSON as a form sees it: values at dotted paths, axes of the sweep, and both as words in a one-line edit.
namespace sparsescope {

/// Null where there is none.
const nlohmann::ordered_json *valueAtPath(const nlohmann::ordered_json &document, const std::string &path);
/// Makes the objects on the way. Without a value the key goes.
void setAtPath(nlohmann::ordered_json &document, const std::string &path,
               const std::optional<nlohmann::ordered_json> &value);

/// How a field is called in a sweep: "sequence_length", or its path.
std::string axisNameOf(const std::string &path);
/// The key of a field's axis in the sweep, however it is spelled there; empty when it is not swept.
std::string axisKey(const nlohmann::ordered_json &document, const std::string &path);
void dropAxis(nlohmann::ordered_json &document, const std::string &path);
/// The field that an error speaks of: "sweep.seed[1]" belongs to the field of that axis.
std::string fieldPathOf(std::string where);

/// A value, or a list of values with commas; line ends as \n.
QString shownValue(const nlohmann::ordered_json &value);
/// What was typed as JSON where the field wants a number, an object or null; else the words as they stand.
nlohmann::ordered_json parsedValue(const FieldInfo &info, QString text);
/// "64, 128" is a list, "1,500" is one number: thousands are written without a space.
QStringList typedList(const FieldInfo &info, const QString &text);

} // namespace sparsescope
