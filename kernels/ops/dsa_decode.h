#pragma once

#include "kernels/ops/dsa.h"

/// The indexer in e4m3, and the operations for writing on: a few new queries of each request against caches that lie in pages of
/// 64 tokens. No gradients.
/// Letters beside those of dsa.h: T new queries of a request (its last T positions), P pages of a cache, N pages a request has at
/// most. Position s of request b is row s % 64 of page table[b][s / 64]; lengths[b] counts the positions of a request, the new
/// ones among them. What of a table lies behind a request's length may be anything.
namespace dsa {

constexpr std::int64_t kPageKeys = 64;        ///< tokens of a page
constexpr std::int64_t kLatentRowBytes = 656; ///< of a token's row in the cache of the attention

/// q and k in e4m3, with one scale for each row of up to 128 values: the smallest power of two with max |x| <= 448 scale. The
/// queries' scales are multiplied into the weights: (q8 [B,T,Hi,Di], w2 f32 [B,T,Hi], k8 [B,S,Di], kscale f32 [B,S]).
std::tuple<Tensor, Tensor, Tensor, Tensor> index_quantize(const Tensor &qi, const Tensor &ki, const Tensor &w);

/// index_scores of what index_quantize gives: I[b,t,s] = kscale[b,s] sum_j w[b,t,j] relu(q8[b,t,j] . k8[b,s]), f32 [B,T,S] (f64
/// where w is), -inf beyond causality. The kernel's rows are within 2e-3 of float64's, by the norm that |w| would give (heads
/// may cancel).
Tensor index_scores_quantized(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale,
                              std::int64_t offset = 0);

/// I[b,t,s] = kscale[s] sum_j w[b,t,j] relu(q8[b,t,j] . k8[s]): f32 [B,T,64 N] (f64 where w is), -inf for what a query does not
/// see (s > lengths[b] - T + t). q8 e4m3 [B,T,Hi,Di]; pages uint8 [P,64 (Di+4)] as packIndexPages makes them; table int32 [B,N],
/// lengths int32 [B].
Tensor decode_scores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table,
                     const Tensor &lengths);

/// topk_select's rule where every request has a length of its own: (idx int32 [B,T,k] ascending, -1 behind count; count int32
/// [B,T]). scores [B,T,S].
std::tuple<Tensor, Tensor> decode_select(const Tensor &scores, std::int64_t k, const Tensor &lengths);

/// gathered_attention over rows of a paged cache: q [B,T,H,576], pages uint8 [P,64,656] of packLatent's rows, idx int32 [B,T,k]
/// positions, what lies in no page is no key. Returns o [B,T,H,dv] and lse [B,T,H]; dv up to 512.
std::tuple<Tensor, Tensor> gathered_decode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                           std::int64_t dv, std::optional<double> scale = std::nullopt);

/// Pages of the indexer's keys from k8 [P,64,Di] e4m3 and their scales [P,64]: uint8 [P,64 (Di+4)], the keys of a page and then
/// its scales in fp32.
Tensor packIndexPages(const Tensor &k8, const Tensor &scales);
/// Rows of a latent cache from kv [...,576]: uint8 [...,656], 512 values in e4m3, four fp32 scales of 128 of them each (powers of
/// two), 64 columns in bf16; and such rows again as numbers.
Tensor packLatent(const Tensor &kv);
Tensor unpackLatent(const Tensor &rows, at::ScalarType type);

} // namespace dsa
