#pragma once

#include "core/base/config.h"
#include "core/model/attention_cache.h"
#include "core/model/layer_parts.h"
#include "core/model/rotary.h"
#include "core/model/selector.h"

#include <ATen/core/Tensor.h>

#include <vector>

// B batch, S tokens of this forward (with a cache T of S), D model width, H heads, KV key heads
namespace sparsescope {

/// What one layer's attention saw and did; filled when a caller asks for it (all detached).
struct AttentionTrace {
    IndexFactors index; ///< undefined without an indexer
    dsa::Selection
        selection; ///< bits undefined when the layer has no selector; else what the selector chooses (also in dense stages)
    at::Tensor tau;           ///< [B,S]
    at::Tensor q, k;          ///< [B,H,S,Dqk], [B,KV,S,Dqk] (MLA: expanded, KV = H)
    at::Tensor lse;           ///< [B,H,S] of the attention that ran
    at::Tensor lseDense;      ///< [B,H,S] over all visible keys
    at::Tensor kl, klUniform; ///< [] mean over rows; undefined without an indexer
};

/// What the layers of one forward share. An observation is an argument here, never a hook or a global.
struct AttentionContext {
    RotaryTables rotary;                ///< for the positions of this forward
    std::int64_t offset = 0;            ///< tokens before them, kept by the cache
    LayerCache *cache = nullptr;        ///< of the layer that runs; absent: the text starts here
    bool sparse = false;                ///< restrict attention to the selection
    KlTarget kl = KlTarget::None;       ///< compute the indexer's loss: over these keys, or by this objective
    const Selector *override = nullptr; ///< counterfactual: select with this instead of the configured selector
    std::int64_t topK = 0;              ///< keys per query (the configured k unless a caller sweeps it)
    double topP = 0;                    ///< of an adaptive override
    std::uint64_t selectorSeed = 0;
    bool absorbed = false;       ///< MLA: attend in the latent space (SPEC section 4)
    bool indexerGradient = true; ///< the indexer's part of the graph is recorded (also where the main model's is not)
    std::vector<AttentionTrace> *trace = nullptr; ///< one entry a layer is appended
    std::vector<dsa::Selection> *selections =
        nullptr; ///< likewise, of the attention that runs; undefined: every visible key

    // Between layers
    SelectorOutput shared; ///< of the nearest earlier layer that owns an indexer (IndexShare)
    IndexFactors sharedIndex;
    std::vector<at::Tensor>
        klLosses; ///< one [] tensor a layer that owns an indexer, differentiable in the indexer only
};

/// Attention of one layer: input x [B,S,D] already normed (in full where the layer has an indexer), output [B,S,D] after the
/// output projection.
class Attention {
public:
    virtual ~Attention() = default;
    virtual at::Tensor forward(const NormedRows &x, AttentionContext &context) = 0;
};

} // namespace sparsescope
