#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

// B batch, S tokens seen, KV key heads, D head width, c latent width, dr its rotated key, dI width of an indexer head
namespace sparsescope {

/// Rows that grow at the end of dimension -2; room is doubled when it is used up, so a row is copied a few times, not at
/// every token. What append() returned before is not valid any more.
class GrowingRows {
public:
    /// All rows so far and `rows` behind them; the other dimensions must be those of the first call.
    at::Tensor append(const at::Tensor &rows);
    std::uint64_t bytes() const; ///< of the rows that are there

private:
    at::Tensor m_room;
    std::int64_t m_used = 0;
};

/// What one layer keeps of the tokens it has seen.
struct LayerCache {
    GrowingRows keys;      ///< MHA: [B,KV,S,D] after RoPE; MLA: the latent [B,S,c]
    GrowingRows values;    ///< MHA: [B,KV,S,D]; MLA: the rotated key [B,1,S,dr]
    GrowingRows indexKeys; ///< [B,S,dI] after RoPE, where the layer owns an indexer
};

/// The tokens before those of a forward, so that a text goes on token by token instead of from its start. One model, one way
/// of attending (`sparse`, selector, k) and one batch size from the first call to the last; without gradient.
class AttentionCache {
public:
    std::int64_t length() const { return m_length; } ///< tokens seen
    std::uint64_t bytes() const;                     ///< of all layers
    LayerCache &layer(std::size_t index);
    void advance(std::int64_t tokens) { m_length += tokens; }

private:
    std::vector<LayerCache> m_layers;
    std::int64_t m_length = 0;
};

} // namespace sparsescope
