#include "app/cli/changes.h"

#include <algorithm>

namespace sparsescope {

std::vector<Override> splitChanges(const std::vector<std::string> &changes, const std::string &form,
                                   std::vector<Error> &errors)
{
    std::vector<Override> overrides;
    for (const std::string &change : changes) {
        const std::size_t equals = change.find('=');
        if (equals == std::string::npos || equals == 0)
            errors.push_back({"", "--set", "\"" + change.substr(0, 80) + "\"", form, ""});
        else
            overrides.push_back({change.substr(0, equals), change.substr(equals + 1)});
    }
    return overrides;
}

ConfigFailure placed(const ConfigFailure &failure, const std::vector<std::string> &changes, const std::string &origin)
{
    std::vector<Error> errors = failure.errors(), ignored;
    const std::vector<Override> overrides = splitChanges(changes, "", ignored);
    for (Error &error : errors) {
        const auto isField = [&](const Override &change) { return change.path == error.where; };
        if (std::any_of(overrides.begin(), overrides.end(), isField))
            error.origin = "--set";
        else if (error.origin.empty() && error.where.rfind("--", 0) != 0)
            error.origin = origin;
    }
    return ConfigFailure(std::move(errors));
}

} // namespace sparsescope
