#pragma once

#include "core/model/attention_cache.h"
#include "core/model/transformer.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace sparsescope {

struct SamplingOptions {
    double temperature = 0; ///< 0: always the likeliest token, of equals the lowest
    int among = 0;          ///< draw among this many likeliest tokens; 0: all
    std::uint64_t seed = 0;
    int shown = 5;      ///< likeliest tokens that are reported with each new one
    bool cached = true; ///< false: the whole text again for every token (the same results, to hold the cache against)
};

/// One new token and what its query, the token before it, attended to.
struct NewToken {
    std::int32_t token = 0;
    std::int64_t position = 0;                           ///< in the whole text
    double probability = 0;                              ///< at temperature 1
    std::vector<std::pair<std::int32_t, double>> likely; ///< likeliest first
    std::vector<std::vector<std::int32_t>> keys;         ///< by layer, ascending; empty: every token before it
};

/// Continues a text, one token at a time, with the keys of earlier tokens kept (AttentionCache). Attention runs restricted to
/// the selection where the model has one, MLA in its absorbed form. Counts no router load. The model outlives it.
class Generator {
public:
    /// `prompt` has at least one token, all inside of the vocabulary.
    Generator(Transformer &model, std::vector<std::int32_t> prompt, const SamplingOptions &options);

    NewToken next();
    const std::vector<std::int32_t> &text() const { return m_text; } ///< the prompt and what has come
    std::uint64_t cacheBytes() const { return m_cache.bytes(); }
    const at::Tensor &lastLogits() const { return m_logits; } ///< [V] fp32 that the last new token was taken from

private:
    void run(NewToken &made);
    std::int32_t draw() const;

    Transformer &m_model;
    SamplingOptions m_options;
    std::vector<std::int32_t> m_text;
    AttentionCache m_cache;
    at::Tensor m_logits;
};

} // namespace sparsescope
