#pragma once

#include "core/model/transformer.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

// B batch, S tokens, V vocabulary
namespace sparsescope {

/// What the end of a long text is answered, in memory that grows with S alone: the text goes through the layers in chunks of
/// queries that keep their keys in a cache, so that no array of S x S scores, masks or weights is made, and the head sees the
/// last tokens only.
struct LastLogits {
    std::int64_t last = 1;              ///< positions at the end whose logits are wanted, 1 to S
    std::int64_t chunk = 1024;          ///< queries that go through the layers together
    bool sparse = false;                ///< restrict attention to the selection
    std::int64_t topK = 0;              ///< 0: the configured k
    const Selector *selector = nullptr; ///< in place of the model's own
    /// After every chunk, with the number of tokens so far and what every layer of it attended to (undefined: every visible
    /// key). The last chunk holds the wanted positions and no others. False: stop, nothing comes out.
    std::function<bool(std::int64_t tokens, const std::vector<dsa::Selection> &layers)> onChunk;
};

/// Logits [B,last,V] of int64 ids [B,S]; undefined where onChunk stopped it. The same as the last rows of
/// Transformer::forward over the whole text, to rounding, with the same keys selected. Without gradient.
at::Tensor lastLogits(Transformer &model, const at::Tensor &ids, const LastLogits &options);

} // namespace sparsescope
