#pragma once

#include "core/base/fairness.h"

#include <string>
#include <vector>

/// Faults on purpose: `sparsescope-cli check --plant NAME` shows that the gate that is there for one finds it. No torch in this header.
namespace sparsescope {

struct PlantedFault {
    std::string name;  ///< "missing-key"
    std::string gate;  ///< that has to find it: a name of gates()
    std::string words; ///< what is done to the run, in a sentence
    bool needsSelection = false, needsTrained = false;
    bool needsFresh = false;  ///< its gate judges weights of step 0, which a trained run has drawn again as they were
    bool warns = false;       ///< by design the gate warns
    bool needsRecord = false; ///< its gate judges what a run wrote down in a sparse stage
};

const std::vector<PlantedFault> &plantedFaults();
/// Null: there is none of that name.
const PlantedFault *plantedFault(const std::string &name);

/// Does it change what runs are compared by, and none of them?
bool isBetweenRuns(const PlantedFault &fault);
/// What is known of a run in which a fault is to be planted.
struct FaultPlace {
    bool trained = false;  ///< with the weights of a checkpoint
    bool recorded = false; ///< with what it wrote down while it trained
};
/// Can its gate find it in this run? Not for faults between runs.
bool hasPlace(const PlantedFault &fault, const RunConfig &run, const FaultPlace &place);
/// Are there runs among these between which it can be planted?
bool hasPlace(const PlantedFault &fault, const std::vector<RunConfig> &runs);
/// Plants it in what the runs began with; does nothing for a fault of single runs or where it has no place.
void plantBetween(const std::string &name, std::vector<StartedRun> &runs);

} // namespace sparsescope
