#pragma once

#include "core/model/attention.h"
#include "core/model/model_options.h"
#include "core/model/parameters.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

// B batch, S tokens, V vocabulary, D model width
namespace sparsescope {

/// Router choices of one MoE layer (for tests and balance): filled when asked for.
struct RouterTrace {
    int layer = 0;
    at::Tensor logits;  ///< [B*S,E] fp32
    at::Tensor experts; ///< [B*S,top] int64
    at::Tensor weights; ///< [B*S,top]
};

/// Brings the weights of one part of a model when it is about to run and takes them away after: for models larger than memory.
/// Parts: -1 the embedding, 0 and up the blocks, the number of blocks the last norm and the head.
class WeightPager {
public:
    virtual ~WeightPager() = default;
    virtual void bring(int part) = 0;
    virtual void release(int part) = 0;
};

struct ForwardOptions {
    bool sparse = false;
    KlTarget kl = KlTarget::None;
    bool needLogits = true;             ///< false: the output head is skipped (indexer-only stages)
    const Selector *selector = nullptr; ///< counterfactual selector
    std::int64_t topK = 0;              ///< 0: the configured k
    double topP = 0;                    ///< of an adaptive counterfactual selector
    std::uint64_t selectorSeed = 0;
    bool absorbed = false;
    /// The tokens before `ids`; those of `ids` are added to it. Without gradient and KL only.
    AttentionCache *cache = nullptr;
    std::vector<AttentionTrace> *trace = nullptr;
    std::vector<dsa::Selection> *selections = nullptr; ///< what every layer attends to; undefined: every visible key
    int onlyLayer = -1; ///< trace this layer alone and run none behind it, so nothing comes out; -1: all
    std::vector<at::Tensor> *hidden =
        nullptr; ///< N+1 tensors [B,S,D]: embedding, after each block; the last after the final norm
    std::vector<RouterTrace> *routers = nullptr;
    WeightPager *pager = nullptr; ///< of a hollow model; without gradient only
};

struct ForwardOutput {
    at::Tensor logits;                ///< [B,S,V]
    std::vector<at::Tensor> klLosses; ///< one [] tensor per layer that owns an indexer (empty unless kl is asked for)
};

/// The decoder of SPEC section 2. Parameters carry the published checkpoint names; experts are fused in memory
/// (mlp.experts.gate_up_proj [E,2M,D], mlp.experts.down_proj [E,D,M]) and split on disk.
class Transformer {
public:
    /// What the weights of a new model are: drawn from the seed, or shapes without memory for who brings the numbers.
    enum class Start { Drawn, Hollow };

    /// Throws ConfigFailure for impossible options.
    explicit Transformer(ModelOptions options, Start start = Start::Drawn);
    ~Transformer();

    ForwardOutput forward(const at::Tensor &ids /* int64 [B,S] */, const ForwardOptions &options = {});

    const ModelOptions &options() const { return m_options; }
    Parameters &parameters() { return m_parameters; }
    const Parameters &parameters() const { return m_parameters; }
    static bool isIndexer(const std::string &name) { return name.find(".indexer.") != std::string::npos; }
    /// Training mode counts router loads.
    void setTraining(bool training);
    /// Bias balancing (SPEC section 6) from the loads counted since the last call; clears them. Training mode counts. `apply` []
    /// fp32 on the device: where it is 0 the biases stay; undefined: 1.
    void updateRouterBias(double rate, const at::Tensor &apply = {});
    /// Forgets the loads counted since the last update: those of a forward that is not to count.
    void forgetRouterLoads();
    /// max over experts of load / mean load, largest over layers, of the last update; 0 without MoE.
    double maxExpertLoad() const;
    /// What the forward or backward pass has come to, for the message when it does not get further: "layer 3", "the backward
    /// pass of layer 3", "the output head and the loss". From any thread.
    std::string place() const;

private:
    struct Layers;
    struct Place;
    ModelOptions m_options;
    Parameters m_parameters;
    std::unique_ptr<Layers> m_layers;
    std::shared_ptr<Place> m_place; ///< what is differentiated may outlive the model
};

/// Mean cross-entropy over the positions whose target is not -1; logits [B,S,V], targets int64 [B,S].
at::Tensor languageModelLoss(const at::Tensor &logits, const at::Tensor &targets);

} // namespace sparsescope
