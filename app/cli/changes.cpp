#include "app/cli/changes.h"

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

} // namespace sparsescope
