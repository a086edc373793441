#include "app/run_choice.h"

#include "core/base/error.h"
#include "core/base/nearest_name.h"
#include "widgets/state/run_data.h"

namespace sparsescope {

RunData *runWithId(const std::vector<RunData *> &runs, const QString &id)
{
    RunData *found = nullptr;
    std::vector<std::string> ids;
    for (RunData *run : runs) {
        ids.push_back(run->id().toStdString());
        if (run->id() != id) {
            continue;
        }
        if (found != nullptr) {
            throw Failure({"more than one experiment here has this run", "--run", id.toStdString(), "",
                           "Give the folder of one experiment with --runs."});
        }
        found = run;
    }
    if (found == nullptr) {
        constexpr std::size_t kFew = 12; // more would bury the message
        const std::string nearest = nearestName(id.toStdString(), ids);
        throw Failure({"no such run", "--run", id.toStdString(),
                       ids.size() <= kFew ? listed(ids) : std::to_string(ids.size()) + " others",
                       nearest.empty() ? "" : "Did you mean " + nearest + "?"});
    }
    return found;
}

} // namespace sparsescope
