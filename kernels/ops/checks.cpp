#include "kernels/ops/checks.h"

#include <c10/util/Exception.h>

namespace dsa::checks {

namespace {

void shape(const char *op, const char *name, const Tensor &x, std::int64_t dims, const char *layout)
{
    TORCH_CHECK(x.defined(), op, ": ", name, " must be ", layout, ", got an undefined tensor");
    TORCH_CHECK(x.dim() == dims, op, ": ", name, " must be ", layout, ", got ", x.sizes());
}

void size(const char *op, const char *name, const Tensor &x, std::int64_t dim, std::int64_t wanted, const char *why)
{
    TORCH_CHECK(x.size(dim) == wanted, op, ": ", name, " must have size ", wanted, " in dimension ", dim, " (", why,
                "), got ", x.sizes());
}

void floating(const char *op, const char *name, const Tensor &x)
{
    TORCH_CHECK(x.is_floating_point(), op, ": ", name, " must be a floating type, got ", x.scalar_type());
}

void sameType(const char *op, const char *name, const Tensor &x, const char *otherName, const Tensor &other)
{
    TORCH_CHECK(x.scalar_type() == other.scalar_type(), op, ": ", name, " must have the type of ", otherName, " (",
                other.scalar_type(), "), got ", x.scalar_type());
    TORCH_CHECK(x.device() == other.device(), op, ": ", name, " must be on the device of ", otherName, " (",
                other.device(), "), got ", x.device());
}

} // namespace

void indexer(const char *op, const Tensor &q, const Tensor &k, const Tensor &w)
{
    shape(op, "q", q, 4, "[B,T,Hi,Di]");
    shape(op, "k", k, 3, "[B,S,Di]");
    shape(op, "w", w, 3, "[B,T,Hi]");
    floating(op, "q", q);
    floating(op, "w", w);
    sameType(op, "k", k, "q", q);
    TORCH_CHECK(w.device() == q.device(), op, ": w must be on the device of q (", q.device(), "), got ", w.device());
    size(op, "k", k, 0, q.size(0), "the batch of q");
    size(op, "k", k, 2, q.size(3), "the width of q");
    size(op, "w", w, 0, q.size(0), "the batch of q");
    size(op, "w", w, 1, q.size(1), "the queries of q");
    size(op, "w", w, 2, q.size(2), "the heads of q");
}

void topk(const char *op, std::int64_t k) { TORCH_CHECK(k >= 1, op, ": k must be 1 or more, got ", k); }

void scores(const char *op, const Tensor &scores)
{
    shape(op, "scores", scores, 3, "[B,T,S]");
    floating(op, "scores", scores);
}

void attention(const char *op, const Tensor &q, const Tensor &k, const Tensor &v)
{
    shape(op, "q", q, 4, "[B,H,T,D]");
    shape(op, "k", k, 4, "[B,KV,S,D]");
    shape(op, "v", v, 4, "[B,KV,S,Dv]");
    floating(op, "q", q);
    sameType(op, "k", k, "q", q);
    sameType(op, "v", v, "q", q);
    size(op, "k", k, 0, q.size(0), "the batch of q");
    size(op, "k", k, 3, q.size(3), "the width of q");
    size(op, "v", v, 0, k.size(0), "the batch of k");
    size(op, "v", v, 1, k.size(1), "the heads of k");
    size(op, "v", v, 2, k.size(2), "the keys of k");
    TORCH_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, op, ": the heads of k must divide the heads of q (",
                q.size(1), "), got ", k.size(1));
}

void bits(const char *op, const Tensor &bits, std::int64_t batch, std::int64_t queries, std::int64_t keys)
{
    shape(op, "selection.bits", bits, 3, "[B,T,ceil(S/64)]");
    TORCH_CHECK(bits.scalar_type() == at::kLong, op, ": selection.bits must be int64, got ", bits.scalar_type());
    size(op, "selection.bits", bits, 0, batch, "the batch");
    size(op, "selection.bits", bits, 1, queries, "the queries");
    size(op, "selection.bits", bits, 2, (keys + 63) / 64, "one word for 64 keys");
}

void bitsT(const char *op, const Tensor &bitsT, std::int64_t batch, std::int64_t queries, std::int64_t keys)
{
    shape(op, "selection.bitsT", bitsT, 3, "[B,ceil(T/64),S]");
    TORCH_CHECK(bitsT.scalar_type() == at::kLong, op, ": selection.bitsT must be int64, got ", bitsT.scalar_type());
    size(op, "selection.bitsT", bitsT, 0, batch, "the batch");
    size(op, "selection.bitsT", bitsT, 1, (queries + 63) / 64, "one word for 64 queries");
    size(op, "selection.bitsT", bitsT, 2, keys, "the keys");
}

void kl(const char *op, const Tensor &qi, const Tensor &ki, const Tensor &q, const Tensor &k, const Tensor &lse,
        std::int64_t target, std::int64_t rowStride)
{
    shape(op, "q", q, 4, "[B,H,T,D]");
    shape(op, "k", k, 4, "[B,KV,S,D]");
    shape(op, "lse", lse, 3, "[B,H,T]");
    floating(op, "q", q);
    sameType(op, "k", k, "q", q);
    size(op, "q", q, 0, qi.size(0), "the batch of qi");
    size(op, "q", q, 2, qi.size(1), "the queries of qi");
    size(op, "k", k, 0, qi.size(0), "the batch of qi");
    size(op, "k", k, 2, ki.size(1), "the keys of ki");
    size(op, "k", k, 3, q.size(3), "the width of q");
    size(op, "lse", lse, 0, q.size(0), "the batch of q");
    size(op, "lse", lse, 1, q.size(1), "the heads of q");
    size(op, "lse", lse, 2, q.size(2), "the queries of q");
    TORCH_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, op, ": the heads of k must divide the heads of q (",
                q.size(1), "), got ", k.size(1));
    TORCH_CHECK(target == 0 || target == 1, op, ": target must be 0 (selected) or 1 (dense), got ", target);
    TORCH_CHECK(rowStride >= 1, op, ": row_stride must be 1 or more, got ", rowStride);
}

void gathered(const char *op, const Tensor &q, const Tensor &kv, const Tensor &idx, std::int64_t dv, const Tensor &sink)
{
    shape(op, "q", q, 3, "[T,H,Dqk]");
    shape(op, "kv", kv, 2, "[S,Dqk]");
    shape(op, "idx", idx, 2, "[T,k]");
    floating(op, "q", q);
    sameType(op, "kv", kv, "q", q);
    size(op, "kv", kv, 1, q.size(2), "the width of q");
    size(op, "idx", idx, 0, q.size(0), "the queries of q");
    TORCH_CHECK(idx.scalar_type() == at::kInt, op, ": idx must be int32, got ", idx.scalar_type());
    TORCH_CHECK(dv >= 1 && dv <= q.size(2), op, ": dv must be 1 to ", q.size(2), " (the width of q), got ", dv);
    if (sink.defined()) {
        shape(op, "sink", sink, 1, "[H]");
        size(op, "sink", sink, 0, q.size(1), "the heads of q");
    }
}

void rope(const char *op, const Tensor &x, std::int64_t positions, const Tensor &cos, const Tensor &sin,
          std::int64_t style)
{
    floating(op, "x", x);
    shape(op, "cos", cos, 2, "[positions, rotated width / 2]");
    shape(op, "sin", sin, 2, "[positions, rotated width / 2]");
    TORCH_CHECK(cos.sizes() == sin.sizes(), op, ": sin must have the shape of cos (", cos.sizes(), "), got ",
                sin.sizes());
    size(op, "cos", cos, 0, positions, "a row for each position");
    TORCH_CHECK(2 * cos.size(1) <= x.size(-1), op, ": cos must rotate at most the width of x (", x.size(-1),
                "), got 2 * ", cos.size(1));
    TORCH_CHECK(style == 0 || style == 1, op, ": style must be 0 (half-split) or 1 (interleaved), got ", style);
}

void prepare(const char *op, const Tensor &qiRaw, const Tensor &kiRaw, const Tensor &lnWeight, const Tensor &lnBias,
             bool hadamard)
{
    shape(op, "qi_raw", qiRaw, 4, "[B,T,Hi,Di]");
    shape(op, "ki_raw", kiRaw, 3, "[B,S,Di]");
    shape(op, "ln_weight", lnWeight, 1, "[Di]");
    shape(op, "ln_bias", lnBias, 1, "[Di]");
    floating(op, "qi_raw", qiRaw);
    sameType(op, "ki_raw", kiRaw, "qi_raw", qiRaw);
    size(op, "ki_raw", kiRaw, 0, qiRaw.size(0), "the batch of qi_raw");
    size(op, "ki_raw", kiRaw, 2, qiRaw.size(3), "the width of qi_raw");
    size(op, "ln_weight", lnWeight, 0, kiRaw.size(2), "the width of ki_raw");
    size(op, "ln_bias", lnBias, 0, kiRaw.size(2), "the width of ki_raw");
    TORCH_CHECK(qiRaw.size(1) <= kiRaw.size(1), op, ": qi_raw must have at most the positions of ki_raw (",
                kiRaw.size(1), "), got ", qiRaw.sizes());
    const std::int64_t width = qiRaw.size(3);
    TORCH_CHECK(!hadamard || (width > 0 && (width & (width - 1)) == 0), op,
                ": hadamard must have a power of two as width, got ", width);
}

void mask(const char *op, const Tensor &mask)
{
    shape(op, "mask", mask, 3, "[B,T,S]");
    TORCH_CHECK(mask.scalar_type() == at::kBool, op, ": mask must be bool, got ", mask.scalar_type());
}

} // namespace dsa::checks
