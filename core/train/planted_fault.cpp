#include "core/train/planted_fault.h"

#include <algorithm>

namespace sparsescope {

const std::vector<PlantedFault> &plantedFaults()
{
    static const std::vector<PlantedFault> all = {
        {"future-key", "causality", "The selection masks the future by -1e9 alone, and nothing masks it again.", true},
        {"attached-indexer", "indexer-gradient", "The indexer's inputs keep their gradient.", true},
        {"no-kl", "indexer-gradient", "The recipe has no stage with KL.", true},
        {"untaught-indexer", "indexer-moves", "The trained indexer is replaced by that of step 0.", true, true},
        {"missing-key-of-all", "dense-limit", "Where every key is asked for, one is left out.", true},
        {"missing-key", "effective-k", "Every query gets one key fewer than asked for.", true},
        {"equal-scores", "ties", "All index scores are 0.", true},
        {"every-key", "selection-binds", "As many keys are asked for as there are tokens.", true},
        {"repeated-documents", "split-overlap", "Validation is what was trained on."},
        {"loud-head", "start", "The output head is 60 times as large as it is drawn."},
        {"worse-than-chance", "chance", "The trained output head has its sign turned.", false, true},
        {"below-the-floor", "chance", "The data claim that no causal model gets below ln V.", false, true},
    };
    return all;
}

const PlantedFault *plantedFault(const std::string &name)
{
    const auto found = std::find_if(plantedFaults().begin(), plantedFaults().end(),
                                    [&](const PlantedFault &fault) { return fault.name == name; });
    return found == plantedFaults().end() ? nullptr : &*found;
}

} // namespace sparsescope
