#pragma once

#include <string>
#include <vector>

/// Faults on purpose: `sparsescope-cli check --plant NAME` shows that the gate that is there for one finds it. No torch in this header.
namespace sparsescope {

struct PlantedFault {
    std::string name;  ///< "missing-key"
    std::string gate;  ///< that has to find it: a name of gates()
    std::string words; ///< what is done to the run, in a sentence
    bool needsSelection = false, needsTrained = false;
};

const std::vector<PlantedFault> &plantedFaults();
/// Null: there is none of that name.
const PlantedFault *plantedFault(const std::string &name);

} // namespace sparsescope
