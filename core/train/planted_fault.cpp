#include "core/train/planted_fault.h"

#include "core/base/gates.h"
#include "core/train/gates/dense_probe.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

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
        {"equal-scores", "ties",
         "All index scores are 0; an indexer that was trained has then learned nothing, and its own gate fails, too.",
         true, false, false, true},
        {"every-key", "selection-binds", "As many keys are asked for as there are tokens.", true, false, false, true},
        {"blind-kl", "dense-probe",
         "Over the last two sparse steps the recorded attention kept falls by half while the KL falls.", true, true,
         false, true, true},
        {"repeated-documents", "split-overlap", "Validation is what was trained on."},
        {"loud-head", "start", "The output head is 60 times as large as it is drawn.", false, false, true},
        {"worse-than-chance", "chance", "The trained output head has its sign turned.", false, true},
        {"below-the-floor", "chance", "The data claim that no causal model gets below ln V.", false, true},
        {"other-data", "data-order", "One of the compared runs has read other batches."},
        {"other-start", "initial-weights", "One of the compared runs has begun with other weights in one tensor."},
        {"other-schedule", "schedule", "One of the compared runs clips its gradients at twice the norm."},
        {"other-batch", "tokens-per-step", "The runs of one length have seven sequences more in a batch.", false, false,
         false, true},
        {"larger-model", "parameters", "The largest of the compared runs has a tenth more parameters.", false, false,
         false, true},
        {"other-rate", "learning-rates", "One family trains at twice the rate of the others.", false, false, false,
         true},
    };
    return all;
}

const PlantedFault *plantedFault(const std::string &name)
{
    const auto found = std::find_if(plantedFaults().begin(), plantedFaults().end(),
                                    [&](const PlantedFault &fault) { return fault.name == name; });
    return found == plantedFaults().end() ? nullptr : &*found;
}

bool isBetweenRuns(const PlantedFault &fault)
{
    const GateScope scope = gate(fault.gate).scope;
    return scope == GateScope::Group || scope == GateScope::Experiment;
}

bool hasPlace(const PlantedFault &fault, const RunConfig &run, const FaultPlace &place)
{
    if (fault.needsRecord) {
        const std::vector<StageSpan> stages = sparseSpans(run);
        if (!place.recorded || stages.empty() || stages.back().to - stages.back().from < 2) {
            return false;
        }
    }
    return (!fault.needsSelection || isSparse(run.model.family)) && applies(gate(fault.gate), run) &&
           (!fault.needsTrained || place.trained) && (!fault.needsFresh || !place.trained);
}

bool hasPlace(const PlantedFault &fault, const std::vector<RunConfig> &runs)
{
    std::map<std::string, int> groups;
    std::set<std::int64_t> lengths;
    std::set<Family> families;
    bool compared = false;
    for (const RunConfig &run : runs) {
        compared = ++groups[run.lockstepGroup()] > 1 || compared;
        lengths.insert(run.training.sequenceLength);
        families.insert(run.model.family);
    }
    if (gate(fault.gate).scope == GateScope::Group) {
        return compared;
    }
    return fault.gate == "tokens-per-step" ? lengths.size() > 1 : families.size() > 1;
}

void plantBetween(const std::string &name, std::vector<StartedRun> &runs)
{
    const PlantedFault *fault = plantedFault(name);
    std::vector<RunConfig> configs;
    for (const StartedRun &run : runs) {
        configs.push_back(run.config);
    }
    if (!fault || !isBetweenRuns(*fault) || !hasPlace(*fault, configs)) {
        return;
    }
    std::map<std::string, std::vector<StartedRun *>> groups;
    for (StartedRun &run : runs) {
        groups[run.config.lockstepGroup()].push_back(&run);
    }
    std::vector<StartedRun *> group; // the last one: the changed run is never what the others are held against
    for (auto &[key, members] : groups) {
        group = members.size() > 1 ? members : group;
    }
    StartedRun &last = group.empty() ? runs.back() : *group.back();
    if (name == "other-data" && last.fingerprint) {
        last.fingerprint->data += "x";
    } else if (name == "other-start" && last.fingerprint) {
        for (auto &[tensor, print] : last.fingerprint->weights) {
            const auto &first = group.front()->fingerprint;
            if (first && first->weights.count(tensor) && first->weights.at(tensor) == print) {
                print += "x";
                break;
            }
        }
    } else if (name == "other-schedule") {
        last.config.training.gradClip *= 2;
    } else if (name == "larger-model") {
        const auto most = [](const StartedRun *a, const StartedRun *b) {
            return a->fingerprint && b->fingerprint && a->fingerprint->parameters < b->fingerprint->parameters;
        };
        if (StartedRun &largest = **std::max_element(group.begin(), group.end(), most); largest.fingerprint) {
            largest.fingerprint->parameters += largest.fingerprint->parameters / 10;
        }
    } else if (name == "other-batch") {
        const std::int64_t length = runs.back().config.training.sequenceLength;
        for (StartedRun &run : runs) {
            run.config.training.batchSize += run.config.training.sequenceLength == length ? 7 : 0;
        }
    } else if (name == "other-rate") {
        const Family family = runs.back().config.model.family;
        const double rate = 2 * runs.back().config.training.learningRate; // one rate: a swept family is tuned
        for (StartedRun &run : runs) {
            if (run.config.model.family == family) {
                run.config.training.learningRate = rate;
            }
        }
    }
}

} // namespace sparsescope
