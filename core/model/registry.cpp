#include "core/base/error.h"
#include "core/base/nearest_name.h"
#include "core/model/oracle_selector.h"
#include "core/model/planted_leak_selector.h"
#include "core/model/random_selector.h"
#include "core/model/recency_selector.h"
#include "core/model/rounded_selector.h"
#include "core/model/selector.h"
#include "core/model/sink_window_selector.h"
#include "core/model/top_k_selector.h"
#include "core/model/top_p_selector.h"

namespace sparsescope {

const std::vector<SelectorKind> &selectorKinds()
{
    // name, needs an indexer, trains it; in the counterfactual table: title, whose indexer; may be trained with; adaptive; causal; rounded
    static const std::vector<SelectorKind> kinds = {
        {"lightning", true, true, makeTopKSelector, "Learned", IndexerSource::Own},
        {"oracle", false, false, makeOracleSelector, "Oracle"},
        {"recency", false, false, makeRecencySelector, "Recency"},
        {"sink-window", false, false, makeSinkWindowSelector, "Sink + window"},
        {"random", false, false, makeRandomSelector, "Random"},
        {"untrained", true, false, makeTopKSelector, "Untrained", IndexerSource::Fresh},
        {"other-layer", true, false, makeTopKSelector, "Other layer", IndexerSource::OtherLayer, false},
        {"top-p", true, false, makeTopPSelector, "Learned top-p", IndexerSource::Own, false, true},
        {"top-p-oracle", false, false, makeTopPOracleSelector, "Oracle top-p", IndexerSource::None, false, true},
        {"lightning-bf16", true, false, makeBf16Selector, "Learned, bf16", IndexerSource::Own, false, false, true,
         true},
        {"lightning-e4m3", true, false, makeE4m3Selector, "Learned, e4m3", IndexerSource::Own, false, false, true,
         true},
        {"planted-leak", false, false, makePlantedLeakSelector, "Planted leak", IndexerSource::None, true, false,
         false},
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
