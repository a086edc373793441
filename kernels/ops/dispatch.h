#pragma once

#include "kernels/ops/dsa.h"

/// The operations as the dispatcher knows them: a Selection travels as its tensors. Calling one goes through torch's dispatcher,
/// so that autograd, a CUDA kernel or the plain path is picked there.
namespace dsa::dispatch {

using Maybe = std::optional<Tensor>;
using SelectionTensors =
    std::tuple<Tensor, Tensor, Tensor, Tensor>; ///< bits, bitsT, count, idx; what is not wanted is empty

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset);
SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool want_bits, bool want_idx);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k,
                                                                        const Tensor &w, std::int64_t top_k,
                                                                        std::int64_t offset, bool want_bits,
                                                                        bool want_idx);
std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &bits,
                                            const Maybe &bitsT, std::optional<double> scale, bool deterministic);
std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale, std::int64_t offset);
std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Maybe &bits, const Maybe &bitsT,
                                    const Maybe &lse_sel, std::optional<double> scale, std::int64_t target,
                                    std::int64_t row_stride, const Maybe &phase);
/// loss, loss_rows and the gradients of the loss in qi, ki, w.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
index_kl_with_gradients(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                        const Tensor &lse, const Maybe &bits, const Maybe &bitsT, const Maybe &lse_sel,
                        std::optional<double> scale, std::int64_t target, std::int64_t row_stride, const Maybe &phase);
Tensor index_kl_uniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Maybe &bits,
                        std::optional<double> scale, std::int64_t target);
std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale, const Maybe &sink, bool deterministic);
std::tuple<Tensor, Tensor> index_prepare(const Tensor &qi_raw, const Tensor &ki_raw, const Tensor &ln_weight,
                                         const Tensor &ln_bias, const Tensor &cos, const Tensor &sin,
                                         std::int64_t style, bool hadamard);
Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, std::int64_t style);
SelectionTensors pack_mask(const Tensor &mask, std::int64_t offset, bool want_idx);
Tensor unpack_mask(const Tensor &bits, std::int64_t keys);

/// Registration happens in static objects; a static library drops the files that hold them unless something in them is called.
void keepRegistration();
void keepAutograd();
void keepKernels();
void keepLossKernels();

} // namespace dsa::dispatch
