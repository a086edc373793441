#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

/// The operations of DeepSeek Sparse Attention. Every one is a torch op of the same name (torch.ops.dsa.*), differentiable
/// where said, and runs on any device that ATen has: CUDA kernels where one supports the shape, plain tensor operations in
/// bounded memory elsewhere.
///
/// Letters: B batch, T queries, S keys, H attention heads, D their width, Hi indexer heads, Di their width, k keys per query.
/// Logical attention shape [B,H,T,D]; any strides with a unit last stride. Query t sees keys s <= t + offset.
/// `scale` defaults to D^-1/2. LSE is a natural logarithm, fp32 (fp64 for fp64 inputs). No op changes its inputs.
/// Wrong shapes and types are c10::Error naming op, argument, found and allowed.
namespace dsa {

using at::Tensor;

/// The keys each query may attend to; one set per (b,t) for all heads.
struct Selection {
    Tensor bits;  ///< int64 [B,T,ceil(S/64)]: bit s%64 of word s/64; set only if selected and s <= t+offset
    Tensor bitsT; ///< int64 [B,ceil(T/64),S]: bit t%64, the same mask by key
    Tensor count; ///< int32 [B,T] = min(k, t+1+offset)
    Tensor idx;   ///< int32 [B,T,k] ascending, -1 behind count; may be undefined
};

enum class KlTarget { Selected, Dense };
enum class RopeStyle { HalfSplit, Interleaved };

/// I[b,t,s] = sum_j w[b,t,j] relu(q[b,t,j] . k[b,s]); f32 [B,T,S] (f64 for f64 inputs), -inf beyond causality.
/// Differentiable in q [B,T,Hi,Di], k [B,S,Di], w [B,T,Hi]. Materialises: for views, oracles and tests.
Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset = 0);

/// Exact top-k of each row among visible keys: score descending, then key ascending; -0 equals +0; NaN ranks below -inf.
Selection topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset = 0, bool want_bits = true,
                      bool want_idx = false);

/// Scores and selection without the [B,T,S] array. tau [B,T] is the k-th (or lowest selected) score, +inf on rows without a key,
/// lse_sel [B,T] = log sum over the selected of exp I. Not differentiable.
std::tuple<Selection, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k, const Tensor &w,
                                                   std::int64_t top_k, std::int64_t offset = 0, bool want_bits = true,
                                                   bool want_idx = false);

/// Softmax attention over the selected keys. Differentiable in q [B,H,T,D], k [B,KV,S,D], v [B,KV,S,Dv] (KV divides H).
/// Returns o [B,H,T,Dv] and lse [B,H,T] (not differentiable). A row without a key: o = 0, lse = -inf, gradients 0.
/// Kernels of our own attend in bf16 and fp16, for D and Dv multiples of 8 up to 128; their gradients are the same in every run.
std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                            const Selection &selection, std::optional<double> scale = std::nullopt,
                                            bool deterministic = true);

/// The same over all visible keys: the library's dense attention, with its log-sum-exp, or ours where it takes no such inputs.
/// Differentiable in q, k, v.
std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale = std::nullopt, std::int64_t offset = 0);

/// KL(mean_h P_h || softmax I), mean over the rows that have a visible key (SPEC section 7): the teacher P from q [B,H,T,D],
/// k [B,KV,S,D] (KV may be 1) and the lse of the attention that ran; the student over the same set A_t: the selected keys
/// (Selected) or every visible key (Dense; selection may be empty). Differentiable in qi [B,T,Hi,Di], ki [B,S,Di], w [B,T,Hi]
/// only; everything else is detached inside. loss_rows [B,T] is 0 on unused rows. lse_sel may be undefined (then computed).
/// Dense counts the queries as the last T of the S positions. row_stride n uses only the 64-query blocks b with b % n == phase.
std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Selection &selection,
                                    const Tensor &lse_sel, std::optional<double> scale, KlTarget target,
                                    std::int64_t row_stride = 1, const std::optional<Tensor> &phase = std::nullopt);

/// The KL of an indexer that knows nothing (I = 0, so softmax I is even over A_t): rows [B,T], 0 on rows without a key.
Tensor index_kl_uniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Selection &selection,
                        std::optional<double> scale, KlTarget target);

/// q [T,H,Dqk] over the rows kv[idx[t]] ([S,Dqk], V = the first dv columns); idx int32 [T,k], -1 anywhere is no key.
/// Hopper kernels of our own attend in bf16 for Dqk 576 and dv 512. Their gradients add up in the order of arrival, so they run
/// with `deterministic` false alone; true takes plain tensor operations backwards. The forward repeats itself bit for bit.
std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale = std::nullopt,
                                              const std::optional<Tensor> &sink = std::nullopt,
                                              bool deterministic = true);

/// RoPE on the first 2*cos.size(-1) dims of qi_raw [B,T,Hi,Di] and of LayerNorm(ki_raw [B,S,Di]) (eps 1e-6, with bias);
/// cos, sin [S,rot/2] fp32. Differentiable in qi_raw, ki_raw, ln_weight, ln_bias.
std::tuple<Tensor, Tensor> index_prepare(const Tensor &qi_raw, const Tensor &ki_raw, const Tensor &ln_weight,
                                         const Tensor &ln_bias, const Tensor &cos, const Tensor &sin, RopeStyle style,
                                         bool hadamard = false);

/// Rotates the first 2*cos.size(-1) dims of x [...,T,D] by position; cos, sin [T,rot/2]. Output in x's type. Differentiable in x.
Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, RopeStyle style);

/// bool [B,T,S] from selection bits, and a Selection from such a mask (cut to the visible keys).
Tensor unpack_mask(const Selection &selection, std::int64_t keys);
Selection pack_mask(const Tensor &mask, std::int64_t offset = 0, bool want_idx = false);
/// Every visible key selected, for [B,T] queries over S keys.
Selection dense_selection(std::int64_t batch, std::int64_t queries, std::int64_t keys, std::int64_t offset,
                          const at::Device &device);

/// Checks of values (index range, NaN) on the device, reported at the next op; off by default.
void set_value_checks(bool on);

/// Which of the kernels operations may take.
enum class KernelUse { All, Portable, None };
/// What operations called on this thread, and the gradients of what they give, may take; SPARSESCOPE_KERNELS in the
/// environment forbids more.
KernelUse usedKernels();
/// While it lives, another answer to that.
class KernelScope {
public:
    explicit KernelScope(KernelUse use);
    ~KernelScope();
    KernelScope(const KernelScope &) = delete;
    KernelScope &operator=(const KernelScope &) = delete;

private:
    KernelUse m_before;
};

struct Backend {
    std::string name; ///< "sm90", "sm80", "aten"
    std::string why;
};
/// What would run `op` for these inputs, and why.
Backend backend_of(const std::string &op, const std::vector<Tensor> &inputs);

} // namespace dsa
