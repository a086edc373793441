#include "core/base/error.h"
#include "core/base/nearest_name.h"
#include "core/model/fixed_selectors.h"
#include "core/model/selector.h"
#include "core/model/top_k_selector.h"

namespace sparsescope {

const std::vector<SelectorKind> &selectorKinds()
{
    // name, needs an indexer, trains it
    static const std::vector<SelectorKind> kinds = {
        {"lightning", true, true, makeTopKSelector},    {"untrained", true, false, makeTopKSelector},
        {"oracle", false, false, makeOracleSelector},   {"random", false, false, makeRandomSelector},
        {"recency", false, false, makeRecencySelector}, {"sink-window", false, false, makeSinkWindowSelector},
    };
    return kinds;
}

const SelectorKind &selectorKind(const std::string &name)
{
    std::vector<std::string> names;
    for (const SelectorKind &kind : selectorKinds()) {
        if (kind.name == name) {
            return kind;
        }
        names.push_back(kind.name);
    }
    const std::string nearest = nearestName(name, names);
    throw Failure({"unknown selection", "model.selection.kind", name, listed(names),
                   nearest.empty() ? "" : "Did you mean " + nearest + "?"});
}

} // namespace sparsescope
