#pragma once

#include "core/base/config.h"
#include "core/data/data_source.h"
#include "core/model/transformer.h"
#include "core/train/optimizer.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace sparsescope {

/// What one optimiser step produced: [] tensors on the device, undefined where the stage has none. Nothing here waits for it.
struct StepTensors {
    at::Tensor loss;                  ///< LM, nats a labelled token
    at::Tensor kl;                    ///< mean over layers
    at::Tensor gradMain, gradIndexer; ///< norms before clipping
};

/// Batch tokens and targets on the device, int64 [B,L].
struct DeviceBatch {
    at::Tensor inputs, targets;
};
DeviceBatch toDevice(const Batch &batch, const at::Device &device);

/// One model, its optimiser, and what a stage does to them: main weights learn from the LM loss only, the indexer from its KL
/// only (SPEC section 7).
class Trainer {
public:
    Trainer(const RunConfig &config, int vocabulary, const at::Device &device, bool bf16);

    StepTensors step(const StageConfig &stage, const DeviceBatch &batch, std::int64_t mainStep);

    Transformer &model() { return *m_model; }
    Optimizer &optimizer() { return *m_optimizer; }
    const at::Device &device() const { return m_device; }
    bool bf16() const { return m_bf16; }
    /// "main 41,216 parameters by the LM loss at 3e-3; indexer 9,344 by KL over the visible keys at 3e-3; attention dense".
    std::string audit(const StageConfig &stage) const;

private:
    RunConfig m_config;
    at::Device m_device;
    bool m_bf16;
    bool m_trainsIndexer = false;
    std::unique_ptr<Transformer> m_model;
    std::unique_ptr<Optimizer> m_optimizer;
};

} // namespace sparsescope
