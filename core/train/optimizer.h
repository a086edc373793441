#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope {

struct AdamOptions {
    double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
};

/// AdamW on groups of named parameters, fused (one call a group, no host synchronisation), with clipping of each group on
/// its own. Decoupled decay as in arXiv 1711.05101.
class Optimizer {
public:
    struct Group {
        std::string name;       ///< "main", "indexer"
        double weightDecay = 0; ///< applied to matrices only (two dimensions or more)
        double clip = 1.0;      ///< largest gradient norm of the group; 0: no clipping
        std::vector<std::pair<std::string, at::Tensor>> parameters;
    };

    Optimizer(std::vector<Group> groups, AdamOptions options);

    void clearGradients();
    /// Norm of a group's gradient (a [] tensor on the device), before clipping; undefined when the group has none.
    at::Tensor norm(const std::string &group) const;
    /// Clips by that norm and steps one group; parameters without a gradient are left alone. Everything is read on the device:
    /// `rate` [] is fp32 there, fp64 on the CPU; `skip` [] fp32 changes nothing where it is 1.
    void step(const std::string &group, const at::Tensor &rate, const at::Tensor &norm, const at::Tensor &skip);

    /// Moments and step counts by name ("exp_avg.<parameter>", "exp_avg_sq.<parameter>", "step.<parameter>").
    std::vector<std::pair<std::string, at::Tensor>> state() const;
    /// Copies a state back. Throws Failure naming what is missing or misshaped.
    void restore(const std::map<std::string, at::Tensor> &state);

private:
    struct Slot {
        std::string name;
        at::Tensor parameter, average, averageSquare, count;
    };
    struct GroupState {
        std::string name;
        double weightDecay, clip;
        std::vector<Slot> slots;
    };
    const GroupState &group(const std::string &name) const;
    std::vector<GroupState> m_groups;
    AdamOptions m_options;
};

} // namespace sparsescope
