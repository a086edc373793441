#pragma once

#include "core/base/config.h"
#include "core/base/error.h"

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

/// Steps between a document and a run. Internal to core/base: config.h is the door.
namespace sparsescope {

/// A run as read from a document, with what later steps must know about the reading.
struct ReadConfig {
    RunConfig config;
    std::set<std::string> given; ///< paths whose value came from the document
    std::set<std::string> bad;   ///< paths whose value was refused; checks that need them are skipped
    std::set<std::string> swept; ///< paths that the sweep sets
};

/// Reads every field; appends what is wrong to `errors` (where = JSON path). Unknown keys are reported by checkKeys.
ReadConfig readConfig(const nlohmann::ordered_json &document, std::vector<Error> &errors);

/// Reports keys that no field has, and groups that are no objects. `extra`: top-level keys that are read elsewhere.
void checkKeys(const nlohmann::ordered_json &document, const std::vector<std::string> &extra,
               std::vector<Error> &errors);

/// Fills what is derived from family, width, steps and source (CONTRACTS.md 1, EXPERIMENTS.md 6).
void resolve(ReadConfig &read);

/// What no run may have: relations between fields. `read` is resolved. Appends to `errors`.
void checkRun(const ReadConfig &read, std::vector<Error> &errors);

/// The value at a dotted path; null where there is none.
const nlohmann::ordered_json *valueAt(const nlohmann::ordered_json &document, const std::string &path);

/// Puts a value at a dotted path, making groups on the way; false where the way leads through something that is no group.
bool setValueAt(nlohmann::ordered_json &document, const std::string &path, nlohmann::ordered_json value);

/// The field that a path names: itself, or data.options for a path below it. Null when there is none.
const FieldInfo *fieldAt(const std::string &path);

/// Every path of a field or a group of fields that may stand in a document.
const std::vector<std::string> &knownPaths();

/// Adds an error unless the same one is there.
void addOnce(std::vector<Error> &errors, Error error);

} // namespace sparsescope
