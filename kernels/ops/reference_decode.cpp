#include "kernels/ops/reference_decode.h"

#include "kernels/ops/dsa_decode.h"
#include "kernels/ops/reference.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/where.h>

#include <limits>

namespace dsa {

namespace {

constexpr std::int64_t kValues = 512, kBlock = 128, kBlocks = kValues / kBlock, kPlainColumns = 64,
                       kScaleBytes = kBlocks * 4;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// bool [B,T,S]: s <= lengths[b] - T + t.
Tensor visibleToNew(const Tensor &lengths, std::int64_t queries, std::int64_t keys)
{
    const auto options = lengths.options();
    const Tensor last = lengths.unsqueeze(1).add(at::arange(-queries, 0, options).unsqueeze(0));
    return at::arange(keys, options).view({1, 1, keys}).le(last.unsqueeze(-1));
}

/// Keys [pages * 64, Di] of index pages.
Tensor unpackIndexPages(const Tensor &pages, std::int64_t width, at::ScalarType type)
{
    const Tensor values = pages.narrow(1, 0, kPageKeys * width).contiguous().view(at::kFloat8_e4m3fn),
                 scales = pages.narrow(1, kPageKeys * width, kPageKeys * 4).contiguous().view(at::kFloat);
    return values.to(type).view({-1, width}).mul(scales.to(type).view({-1, 1}));
}

} // namespace

Tensor packIndexPages(const Tensor &k8, const Tensor &scales)
{
    return at::cat({k8.contiguous().view(at::kByte).flatten(1), scales.to(at::kFloat).contiguous().view(at::kByte)}, 1);
}

Tensor packLatent(const Tensor &kv)
{
    const Tensor blocks = kv.narrow(-1, 0, kValues).unflatten(-1, {kBlocks, kBlock});
    const reference::QuantizedRows quantized = reference::quantizeRows(blocks);
    return at::cat({quantized.values.view(at::kByte).flatten(-2), quantized.scale.contiguous().view(at::kByte),
                    kv.narrow(-1, kValues, kPlainColumns).to(at::kBFloat16).contiguous().view(at::kByte)},
                   -1);
}

Tensor unpackLatent(const Tensor &rows, at::ScalarType type)
{
    const at::ScalarType sums = reference::accumulateType(type);
    const Tensor values =
        rows.narrow(-1, 0, kValues).contiguous().view(at::kFloat8_e4m3fn).to(sums).unflatten(-1, {kBlocks, kBlock});
    const Tensor scales = rows.narrow(-1, kValues, kScaleBytes).contiguous().view(at::kFloat).to(sums);
    const Tensor plain = rows.narrow(-1, kValues + kScaleBytes, 2 * kPlainColumns).contiguous().view(at::kBFloat16);
    return at::cat({values.mul(scales.unsqueeze(-1)).flatten(-2).to(type), plain.to(type)}, -1);
}

namespace reference {

QuantizedRows quantizeRows(const Tensor &x)
{
    constexpr double kSmallest = 1e-4;
    const Tensor wide = x.to(at::kFloat), largest = wide.abs().amax(-1).clamp_min(kSmallest);
    // 448 is 1.75 times 2^8: the exponent of the largest value less 8, and one more where its mantissa is above 1.75.
    const Tensor bits = largest.view(at::kInt);
    const Tensor exponent =
        bits.bitwise_right_shift(23).sub(8).add(bits.bitwise_and(0x7fffff).gt(0x600000)).bitwise_left_shift(23);
    const Tensor scale = exponent.to(at::kInt).view(at::kFloat).masked_fill(largest.isfinite().logical_not(), kNan);
    return {wide.div(scale.unsqueeze(-1)).to(at::kFloat8_e4m3fn), scale};
}

Tensor decodeScores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table, const Tensor &lengths)
{
    const at::ScalarType type = accumulateType(w.scalar_type());
    const std::int64_t batch = q8.size(0), queries = q8.size(1), keys = kPageKeys * table.size(1);
    const Tensor out = at::empty({batch, queries, keys}, w.options().dtype(type));
    for (std::int64_t b = 0; b < batch && keys > 0; ++b) {
        const Tensor own = pages.index_select(0, table.select(0, b).clamp(0, pages.size(0) - 1));
        const Tensor k = unpackIndexPages(own, q8.size(3), type).unsqueeze(0);
        out.narrow(0, b, 1).copy_(weightedSum(indexDots(q8.narrow(0, b, 1).to(type), k), w.narrow(0, b, 1).to(type)));
    }
    return out.masked_fill_(visibleToNew(lengths, queries, keys).logical_not(), -reference::kInfinity);
}

Tensor decodeMask(const Tensor &scores, std::int64_t k, const Tensor &lengths)
{
    // What a query does not see follows what it sees: as a NaN it comes last, also among NaN.
    const Tensor visible = visibleToNew(lengths, scores.size(1), scores.size(2));
    const Tensor all = scores.masked_fill(visible.logical_not(), kNan);
    return topkMask(all, k, 0, scores.size(2)).logical_and(visible);
}

std::tuple<Tensor, Tensor> gatheredDecode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                          std::int64_t dv, double scale)
{
    const std::int64_t batch = q.size(0), queries = q.size(1), heads = q.size(2), slots = idx.size(2);
    const Tensor o = at::empty({batch, queries, heads, dv}, q.options()),
                 lse = at::empty({batch, queries, heads}, q.options().dtype(accumulateType(q.scalar_type())));
    const Tensor cache = pages.flatten(0, 1);
    for (std::int64_t b = 0; b < batch; ++b) {
        const Tensor list = idx.select(0, b).flatten();
        Tensor places = at::full_like(list, -1);
        if (table.size(1) > 0) {
            const Tensor inside = list.ge(0).logical_and(list.lt(kPageKeys * table.size(1)));
            const Tensor position = list.masked_fill(inside.logical_not(), 0);
            const Tensor page = table.select(0, b).index_select(0, position.bitwise_right_shift(6));
            const Tensor isThere = inside.logical_and(page.ge(0)).logical_and(page.lt(pages.size(0)));
            places = at::where(isThere, page.mul(kPageKeys).add(position.bitwise_and(kPageKeys - 1)), places);
        }
        // What is no key reads some row; whatever stands there, it must not count.
        const Tensor rows = unpackLatent(cache.index_select(0, places.clamp_min(0)), q.scalar_type())
                                .masked_fill_(places.lt(0).unsqueeze(1), 0);
        const Tensor own = at::arange(queries * slots, idx.options()).masked_fill(places.lt(0), -1);
        const auto [part, partLse] = gathered(q.select(0, b), rows, own.view({queries, slots}), dv, scale, {});
        o.select(0, b).copy_(part);
        lse.select(0, b).copy_(partLse);
    }
    return {o, lse};
}

} // namespace reference

} // namespace dsa
