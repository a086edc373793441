#pragma once

#include "core/model/model_options.h"
#include "kernels/ops/dsa.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

// B batch, T queries, S keys, D model width, U width of the query source, H heads, KV key heads, HI indexer heads, dI their width
namespace sparsescope {

/// The indexer's factors: score = sum_j w f(q.k), all scale factors inside w. What is made of them: index_score.h.
struct IndexFactors {
    at::Tensor q;                                       ///< [B,T,HI,dI] after RoPE
    at::Tensor k;                                       ///< [B,S,dI] after RoPE
    at::Tensor w;                                       ///< [B,T,HI] fp32
    IndexActivation activation = IndexActivation::Relu; ///< f
    at::Tensor slope = {};                              ///< [HI] of f = prelu; undefined for every other one
    bool defined() const { return q.defined(); }
};

/// What a selector may look at. All detached: no selector gives gradient to the main model.
struct SelectorInput {
    at::Tensor q, k; ///< [B,H,T,Dqk], [B,KV,S,Dqk] of this layer's attention, after RoPE
    double scale = 1.0;
    IndexFactors index; ///< of this layer's indexer; undefined when it has none
    std::int64_t topK = 1;
    double topP = 0; ///< of adaptive ones: the share of the weight that the keys of a query have to hold
    std::int64_t offset = 0;
    int layer = 0;
    std::uint64_t seed = 0; ///< for random ones; equal seeds draw equal sets
    bool wantIdx = false;
};

struct SelectorOutput {
    dsa::Selection selection;
    at::Tensor tau;         ///< [B,T] threshold score; undefined where there are no scores
    at::Tensor lseSelected; ///< [B,T]; undefined where there are no scores
};

/// Chooses the keys of every query (waist "Selection"). Stateless; weights belong to the indexer, not to the selector.
class Selector {
public:
    virtual ~Selector() = default;
    virtual SelectorOutput select(const SelectorInput &input) const = 0;
};

/// Whose indexer a selection is made from.
enum class IndexerSource {
    None,      ///< it needs none
    Own,       ///< the layer's, as trained
    Fresh,     ///< the layer's, as it was before the first step
    OtherLayer ///< the weights of the next layer that owns one (the last takes the first's), on this layer's input
};

/// One registered kind. `needsIndexer`: the layer gets a lightning indexer. `trainsIndexer`: and KL trains it.
struct SelectorKind {
    std::string name;
    bool needsIndexer = false;
    bool trainsIndexer = false;
    std::unique_ptr<Selector> (*make)();
    std::string title = {};                             ///< as a row of the counterfactual table: "Learned"
    IndexerSource counterfactual = IndexerSource::None; ///< whose indexer it takes on a frozen checkpoint
    bool trainable = true;                              ///< a value of model.selection.kind
    bool adaptive = false;                              ///< a number of keys of its own for every query, by topP
    bool causal = true;                                 ///< false: breaks the contract on purpose and reads the future
    bool rounded = false;                               ///< the learned keys in another precision
};
/// The table, written by hand in registry.cpp: a new selector is one file and one line there. "none" is not in it (dense).
const std::vector<SelectorKind> &selectorKinds();
/// Throws Failure naming the nearest known kind.
const SelectorKind &selectorKind(const std::string &name);

} // namespace sparsescope
