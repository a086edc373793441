#pragma once

#include "kernels/ops/dsa.h"

/// What each operation demands of its arguments. Every failure is a c10::Error "op: argument must be ..., got ...".
namespace dsa::checks {

void indexer(const char *op, const Tensor &q, const Tensor &k, const Tensor &w);
void topk(const char *op, std::int64_t k);
void scores(const char *op, const Tensor &scores);
void attention(const char *op, const Tensor &q, const Tensor &k, const Tensor &v);
void bits(const char *op, const Tensor &bits, std::int64_t batch, std::int64_t queries, std::int64_t keys);
void bitsT(const char *op, const Tensor &bitsT, std::int64_t batch, std::int64_t queries, std::int64_t keys);
void kl(const char *op, const Tensor &qi, const Tensor &ki, const Tensor &q, const Tensor &k, const Tensor &lse,
        std::int64_t target, std::int64_t rowStride);
void gathered(const char *op, const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv,
              const Tensor &sink);
/// `positions` is the size of x that the tables must have.
void rope(const char *op, const Tensor &x, std::int64_t positions, const Tensor &cos, const Tensor &sin,
          std::int64_t style);
void prepare(const char *op, const Tensor &qiRaw, const Tensor &kiRaw, const Tensor &lnWeight, const Tensor &lnBias,
             bool hadamard);
void mask(const char *op, const Tensor &mask);

} // namespace dsa::checks
