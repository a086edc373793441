#pragma once

#include "core/base/config.h"
#include "core/data/data_source.h"
#include "core/model/transformer.h"
#include "core/train/optimizer.h"
#include "core/train/step_graph.h"
#include "core/train/step_inputs.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace sparsescope {

/// What one optimiser step produced: [] tensors on the device, undefined where the stage has none. Nothing here waits for it.
/// They are views of `values`, which the trainer's next step overwrites.
struct StepTensors {
    at::Tensor loss;                  ///< LM, nats a labelled token
    at::Tensor kl;                    ///< mean over layers
    at::Tensor gradMain, gradIndexer; ///< norms before clipping
    at::Tensor values;                ///< [4] fp32: the four above in this order, NaN where undefined
};

/// One model, its optimiser, and what a stage does to them: main weights learn from the LM loss only, the indexer from its KL
/// only (SPEC section 7).
///
/// On a CUDA device a step waits for nothing and, unless training.captured says otherwise, becomes one graph: the first steps of a
/// stage run operation by operation, then one is recorded, and from there on each is a replay, equal to what it replaces. Once a
/// loss or a gradient is no finite number, neither that step nor a later one changes anything.
class Trainer {
public:
    /// Throws Failure when training.captured is on and no graph can be recorded here.
    Trainer(const RunConfig &config, int vocabulary, const at::Device &device, bool bf16);
    ~Trainer();

    StepTensors step(const StageConfig &stage, const Batch &batch, std::int64_t mainStep);

    Transformer &model() { return *m_model; }
    Optimizer &optimizer() { return *m_optimizer; }
    const at::Device &device() const { return m_device; }
    bool bf16() const { return m_bf16; }
    /// "main 41,216 parameters by the LM loss at 3e-3; indexer 9,344 by KL over the visible keys at 3e-3; attention dense".
    std::string audit(const StageConfig &stage) const;
    /// How the last step ran: "as one graph of 1480 operations", "operation by operation: <why>"; empty while a graph is to come.
    const std::string &path() const { return m_path; }
    /// Where the first number of this step that is not finite stands: "layer 3", "the gradient of model.norm.weight". Runs the
    /// step again without changing anything; empty when all is finite.
    std::string firstNotFinite(const StageConfig &stage, const Batch &batch, std::int64_t mainStep);

private:
    /// What a stage really trains: a family without a trained indexer has no KL, whatever the recipe says.
    struct Plan {
        bool main = false, indexer = false, sparse = false;
        KlTarget kl = KlTarget::None;
        bool operator==(const Plan &) const = default;
    };
    Plan planOf(const StageConfig &stage) const;
    std::string captureRefusal(const Plan &plan) const;
    void prepareFor(const Plan &plan);
    ForwardOptions forwardOptions(const Plan &plan, std::int64_t mainStep) const;
    /// Loss and gradients of the batch in place; undefined where the plan has none.
    struct Losses {
        at::Tensor total, main, kl;
    };
    Losses losses(const Plan &plan, const ForwardOutput &output, const at::Tensor &targets) const;
    void compute(const Plan &plan, std::int64_t mainStep);
    void runOrReplay(const Plan &plan, std::int64_t mainStep);

    RunConfig m_config;
    at::Device m_device;
    bool m_bf16;
    bool m_trainsIndexer = false;
    std::unique_ptr<Transformer> m_model;
    std::unique_ptr<Optimizer> m_optimizer;

    StepInputs m_inputs;
    at::Tensor m_values;  ///< [4] fp32
    at::Tensor m_broken;  ///< [] fp32: 1 from the first step on that met a number which is not finite
    at::Tensor m_nothing; ///< [] fp32: NaN

    Plan m_plan;       ///< of the last step
    int m_warmUps = 0; ///< steps of this plan that ran operation by operation
    std::string m_path;
    std::string m_refused; ///< why recording this plan failed
    std::unique_ptr<StepGraph> m_graph;
};

} // namespace sparsescope
