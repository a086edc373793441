#pragma once

#include "kernels/ops/dsa.h"

#include <array>
#include <limits>

// B batch, T queries, S keys, H attention heads, KV key heads, D their width, Hi indexer heads, Di their width
/// The operations in plain tensor code: the path of every device without a kernel, and in float64 the oracle of the tests.
/// Formulas: resources/help/mathematics.md. Rows are worked off in chunks, so that no [B,H,T,S] array outlives one.
/// Nothing here checks shapes (checks.h does) or records gradients (autograd.cpp does).
namespace dsa::reference {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Rows of one chunk when a row of the largest temporary takes `bytesPerRow`: all of them, or a multiple of 64.
std::int64_t chunkRows(std::int64_t rows, std::int64_t bytesPerRow, const at::Device &device);
/// The bytes a chunk's largest temporary may take; 0 restores the default. For tests of chunking.
void setChunkBytes(std::int64_t bytes);
/// fp64 for fp64, else fp32: the type in which scores and sums are kept.
at::ScalarType accumulateType(at::ScalarType type);
/// Of one value of such a type.
inline std::int64_t bytesOf(at::ScalarType type) { return type == at::kDouble ? 8 : 4; }
/// a [N,M,K] times b [N,K,P] with sums and result in the accumulation type; low precision stays exact before the sum.
Tensor product(const Tensor &a, const Tensor &b);

/// Which keys a query sees: the selection bits, or plain causality when `bits` is undefined.
struct Mask {
    Tensor bits;             ///< int64 [B,T,ceil(S/64)]
    std::int64_t offset = 0; ///< used without bits only
    /// Keys that rows [.., end) can reach at most.
    std::int64_t keys(std::int64_t end, std::int64_t allKeys) const;
    /// 0 where seen, -inf elsewhere: [B or 1, end-begin, keys].
    Tensor bias(std::int64_t begin, std::int64_t end, std::int64_t keys, const at::TensorOptions &options) const;
};

/// scores [B,H,c,n], to which bias [B or 1,c,n] was added, become exp(scores - shift); exactly 0 in the hidden cells. In the others
/// the result may be at most about 1 (a softmax against its maximum or its log-sum).
void maskedExp(Tensor &scores, const Tensor &shift, const Tensor &bias);

// Selection
struct SelectedBits {
    Tensor bits, bitsT, count, idx;
};
Tensor unpackRows(const Tensor &bits, std::int64_t keys); ///< bool [B,T,S]
Tensor indicesOf(const Tensor &mask, std::int64_t slots); ///< int32 [B,T,slots], ascending, -1 behind
/// bool [rows, keys]: s <= firstRow + t + offset.
Tensor visibleKeys(std::int64_t firstRow, std::int64_t rows, std::int64_t keys, std::int64_t offset,
                   const at::Device &device);
/// bool [B,c,S] for scores of rows firstRow .. firstRow + c: the top-k rule of SPEC section 3.
Tensor topkMask(const Tensor &scores, std::int64_t k, std::int64_t firstRow, std::int64_t offset);
SelectedBits topkSelect(const Tensor &scores, std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx);
std::tuple<SelectedBits, Tensor, Tensor> indexSelect(const Tensor &q, const Tensor &k, const Tensor &w,
                                                     std::int64_t topK, std::int64_t offset, bool wantBits,
                                                     bool wantIdx);

// Indexer
/// relu(q.k) [B,c,Hi,n] of q [B,c,Hi,Di] and k [B,n,Di].
Tensor indexDots(const Tensor &q, const Tensor &k);
/// Sum over heads: [B,c,n].
Tensor weightedSum(const Tensor &dots, const Tensor &w);
Tensor indexScores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset);
std::array<Tensor, 3> indexScoresBackward(const Tensor &grad, const Tensor &q, const Tensor &k, const Tensor &w,
                                          std::int64_t offset);

// Attention
std::tuple<Tensor, Tensor> attention(const Tensor &q, const Tensor &k, const Tensor &v, const Mask &mask, double scale);
std::array<Tensor, 3> attentionBackward(const Tensor &gradO, const Tensor &q, const Tensor &k, const Tensor &v,
                                        const Tensor &o, const Tensor &lse, const Mask &mask, double scale);
/// lse [T,H] is that of the keys; the sink only enlarges the denominator of o.
std::tuple<Tensor, Tensor> gathered(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv, double scale,
                                    const Tensor &sink);
std::array<Tensor, 3> gatheredBackward(const Tensor &gradO, const Tensor &q, const Tensor &kv, const Tensor &idx,
                                       std::int64_t dv, double scale, const Tensor &sink, const Tensor &o,
                                       const Tensor &lse, bool deterministic);

// KL
struct KlResult {
    Tensor loss, rows;
    Tensor gradQ, gradK, gradW; ///< d loss / d (qi, ki, w); undefined unless wanted
};
KlResult indexKl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                 const Tensor &lse, const Mask &mask, const Tensor &lseSelected, double scale, std::int64_t rowStride,
                 const Tensor &phase, bool wantGradients);
Tensor indexKlUniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Mask &mask, double scale);

// Rotary
/// x [...,2*rot or more] with cos, sin broadcastable to [...,rot]; `inverse` rotates back (the gradient).
Tensor rotate(const Tensor &x, const Tensor &cos, const Tensor &sin, RopeStyle style, bool inverse);
/// x times H_n / sqrt(n) on the last dim (n a power of two).
Tensor hadamard(const Tensor &x);

} // namespace dsa::reference
