#pragma once

#include "kernels/ops/dispatch.h"

/// The operations on any device in ATen, checked: what the dispatcher runs below autograd where no kernel supports the inputs.
namespace dsa::dispatch::plain {

/// `scale`, or width^-1/2.
double scaleOr(std::optional<double> scale, std::int64_t width);

Tensor index_scores(const Tensor &q, const Tensor &k, const Tensor &w, std::int64_t offset);
SelectionTensors topk_select(const Tensor &scores, std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> index_select(const Tensor &q, const Tensor &k,
                                                                        const Tensor &w, std::int64_t topK,
                                                                        std::int64_t offset, bool wantBits,
                                                                        bool wantIdx);
std::tuple<Tensor, Tensor> masked_attention(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &bits,
                                            const Maybe &bitsT, std::optional<double> scale, bool deterministic);
std::tuple<Tensor, Tensor> dense_attention(const Tensor &q, const Tensor &k, const Tensor &v,
                                           std::optional<double> scale, std::int64_t offset);
std::tuple<Tensor, Tensor> index_kl(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q,
                                    const Tensor &k, const Tensor &lse, const Maybe &bits, const Maybe &bitsT,
                                    const Maybe &lseSelected, std::optional<double> scale, std::int64_t target,
                                    std::int64_t rowStride, const Maybe &phase);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
index_kl_with_gradients(const Tensor &qi, const Tensor &ki, const Tensor &w, const Tensor &q, const Tensor &k,
                        const Tensor &lse, const Maybe &bits, const Maybe &bitsT, const Maybe &lseSelected,
                        std::optional<double> scale, std::int64_t target, std::int64_t rowStride, const Maybe &phase);
Tensor index_kl_uniform(const Tensor &q, const Tensor &k, const Tensor &lse, const Maybe &bits,
                        std::optional<double> scale, std::int64_t target);
std::tuple<Tensor, Tensor> gathered_attention(const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
                                              std::optional<double> scale, const Maybe &sink, bool deterministic);
std::tuple<Tensor, Tensor> index_prepare(const Tensor &qiRaw, const Tensor &kiRaw, const Tensor &lnWeight,
                                         const Tensor &lnBias, const Tensor &cos, const Tensor &sin, std::int64_t style,
                                         bool hadamard);
Tensor apply_rope(const Tensor &x, const Tensor &cos, const Tensor &sin, std::int64_t style);
SelectionTensors pack_mask(const Tensor &mask, std::int64_t offset, bool wantIdx);
Tensor unpack_mask(const Tensor &bits, std::int64_t keys);

} // namespace dsa::dispatch::plain
