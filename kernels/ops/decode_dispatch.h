#pragma once

#include "kernels/ops/dsa_decode.h"

/// The operations of dsa_decode.h as the dispatcher knows them: the plain path, checked, and what keeps their registration.
namespace dsa::dispatch {

void keepDecode();
void keepDecodeKernels();

namespace plain {

std::tuple<Tensor, Tensor, Tensor, Tensor> index_quantize(const Tensor &qi, const Tensor &ki, const Tensor &w);
Tensor index_scores_quantized(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale,
                              std::int64_t offset);
Tensor decode_scores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table,
                     const Tensor &lengths);
std::tuple<Tensor, Tensor> decode_select(const Tensor &scores, std::int64_t k, const Tensor &lengths);
std::tuple<Tensor, Tensor> gathered_decode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                           std::int64_t dv, std::optional<double> scale);

} // namespace plain

/// What each operation demands of its arguments; every failure is a c10::Error "op: argument must be ..., got ...".
namespace check {

void indexQuantize(const Tensor &qi, const Tensor &ki, const Tensor &w);
void quantizedScores(const Tensor &q8, const Tensor &k8, const Tensor &w, const Tensor &kscale);
void decodeScores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table, const Tensor &lengths);
void decodeSelect(const Tensor &scores, std::int64_t k, const Tensor &lengths);
void gatheredDecode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx, std::int64_t dv);

} // namespace check

} // namespace dsa::dispatch
