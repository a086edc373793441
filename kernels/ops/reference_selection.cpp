#include "kernels/ops/packing.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/topk_cpu.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/kthvalue.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

namespace dsa::reference {

namespace {

constexpr std::int64_t kWord = 64;

std::int64_t wordsFor(std::int64_t bits) { return (bits + kWord - 1) / kWord; }

/// Signed integers in the order of the selection rule: NaN lowest, then -inf .. +inf, -0 with +0.
Tensor orderedKeys(const Tensor &scores)
{
    const bool isDouble = scores.scalar_type() == at::kDouble;
    const Tensor canonical = scores.add(0.0); // -0 + 0 = +0
    Tensor bits = canonical.view(isDouble ? at::kLong : at::kInt).to(at::kLong);
    const std::int64_t magnitude =
        isDouble ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int32_t>::max();
    const std::int64_t lowest =
        isDouble ? std::numeric_limits<std::int64_t>::min() + 1 : std::numeric_limits<std::int32_t>::min();
    bits = at::where(bits.lt(0), bits.bitwise_xor(magnitude), bits);
    return bits.masked_fill_(canonical.isnan(), lowest);
}

} // namespace

Tensor unpackRows(const Tensor &bits, std::int64_t keys)
{
    const Tensor shifts = at::arange(kWord, bits.options());
    const std::int64_t words = wordsFor(keys);
    return bits.narrow(2, 0, words)
        .unsqueeze(-1)
        .bitwise_right_shift(shifts)
        .bitwise_and_(1)
        .flatten(2)
        .narrow(2, 0, keys)
        .to(at::kBool);
}

Tensor indicesOf(const Tensor &mask, std::int64_t slots)
{
    // Every key is written to its place; those not selected go to one slot too many, which is cut off.
    const std::int64_t batch = mask.size(0), rows = mask.size(1), keys = mask.size(2);
    const Tensor place = at::where(mask, mask.cumsum(-1).sub_(1), slots);
    const Tensor index = at::arange(keys, mask.options().dtype(at::kInt)).expand({batch, rows, keys});
    return at::full({batch, rows, slots + 1}, -1, mask.options().dtype(at::kInt))
        .scatter_(-1, place, index)
        .narrow(-1, 0, slots)
        .contiguous();
}

Tensor visibleKeys(std::int64_t firstRow, std::int64_t rows, std::int64_t keys, std::int64_t offset,
                   const at::Device &device)
{
    const auto options = at::TensorOptions().device(device).dtype(at::kLong);
    const Tensor last = at::arange(firstRow + offset, firstRow + offset + rows, options);
    return at::arange(keys, options).unsqueeze(0).le(last.unsqueeze(1));
}

Tensor topkMask(const Tensor &scores, std::int64_t k, std::int64_t firstRow, std::int64_t offset)
{
    const std::int64_t rows = scores.size(1), keys = scores.size(2);
    const Tensor visible = visibleKeys(firstRow, rows, keys, offset, scores.device());
    if (k >= keys || keys == 0) {
        return visible.expand({scores.size(0), rows, keys});
    }
    const Tensor hidden = visible.logical_not();
    if (scores.scalar_type() == at::kDouble) {
        const Tensor order = orderedKeys(scores).masked_fill_(hidden, std::numeric_limits<std::int64_t>::min());
        const Tensor best = std::get<1>(at::sort(order, true, -1, true)).narrow(-1, 0, k);
        return at::zeros(scores.sizes(), scores.options().dtype(at::kBool))
            .scatter_(-1, best, true)
            .logical_and_(visible);
    }
    // Unique 64-bit composites (ordered score, then the lower key): the k-th one is a threshold without ties.
    const Tensor keyRank = at::arange(keys - 1, -1, -1, scores.options().dtype(at::kLong));
    const Tensor composite = orderedKeys(scores.to(at::kFloat))
                                 .mul_(std::int64_t{1} << 32)
                                 .add_(keyRank)
                                 .masked_fill_(hidden, std::numeric_limits<std::int64_t>::min());
    const Tensor threshold = std::get<0>(at::kthvalue(composite, keys - k + 1, -1, true));
    return composite.ge(threshold).logical_and_(visible);
}

namespace {

/// Packs the masks of consecutive row chunks; chunks begin at multiples of 64 rows.
class SelectionBuilder {
public:
    SelectionBuilder(std::int64_t batch, std::int64_t rows, std::int64_t keys, std::int64_t slots, std::int64_t offset,
                     bool wantBits, bool wantIdx, const at::TensorOptions &options)
        : m_slots(slots)
        , m_offset(offset)
        , m_wantBits(wantBits)
        , m_wantIdx(wantIdx)
    {
        m_result.count = at::empty({batch, rows}, options.dtype(at::kInt));
        m_result.bits = at::empty(wantBits ? at::IntArrayRef{batch, rows, wordsFor(keys)} : at::IntArrayRef{0},
                                  options.dtype(at::kLong));
        m_result.bitsT = at::empty(wantBits ? at::IntArrayRef{batch, wordsFor(rows), keys} : at::IntArrayRef{0},
                                   options.dtype(at::kLong));
        m_result.idx =
            at::empty(wantIdx ? at::IntArrayRef{batch, rows, slots} : at::IntArrayRef{0}, options.dtype(at::kInt));
    }

    /// mask [B,c,S] of rows firstRow .. firstRow + c, already cut to the visible keys.
    void add(std::int64_t firstRow, const Tensor &mask)
    {
        const std::int64_t rows = mask.size(1);
        const bool whole = rows == m_result.count.size(1);
        if (m_wantBits) {
            PackedMask packed = packMask(mask, m_offset + firstRow);
            if (whole) {
                m_result.bits = packed.bits;
                m_result.bitsT = packed.bitsT;
                m_result.count = packed.count;
            } else {
                m_result.bits.narrow(1, firstRow, rows).copy_(packed.bits);
                m_result.bitsT.narrow(1, firstRow / kWord, wordsFor(rows)).copy_(packed.bitsT);
                m_result.count.narrow(1, firstRow, rows).copy_(packed.count);
            }
        } else {
            m_result.count.narrow(1, firstRow, rows).copy_(mask.sum(-1));
        }
        if (m_wantIdx) {
            m_result.idx.narrow(1, firstRow, rows).copy_(indicesOf(mask, m_slots));
        }
    }

    SelectedBits take() { return std::move(m_result); }

private:
    SelectedBits m_result;
    std::int64_t m_slots, m_offset;
    bool m_wantBits, m_wantIdx;
};

bool takesCpuSelection(const Tensor &scores) { return scores.is_cpu() && scores.scalar_type() == at::kFloat; }

} // namespace

SelectedBits topkSelect(const Tensor &scores, std::int64_t k, std::int64_t offset, bool wantBits, bool wantIdx)
{
    const std::int64_t batch = scores.size(0), rows = scores.size(1), keys = scores.size(2);
    SelectionBuilder builder(batch, rows, keys, k, offset, wantBits, wantIdx, scores.options());
    const std::int64_t chunk = chunkRows(rows, batch * keys * 8, scores.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin);
        const Tensor part = scores.narrow(1, begin, count);
        builder.add(begin, takesCpuSelection(part) ? selectOnCpu(part, k, begin, offset, false).mask
                                                   : topkMask(part, k, begin, offset));
    }
    return builder.take();
}

std::tuple<SelectedBits, Tensor, Tensor> indexSelect(const Tensor &q, const Tensor &k, const Tensor &w,
                                                     std::int64_t topK, std::int64_t offset, bool wantBits,
                                                     bool wantIdx)
{
    const std::int64_t batch = q.size(0), rows = q.size(1), keys = k.size(1);
    const at::ScalarType type = accumulateType(q.scalar_type());
    const auto options = q.options().dtype(type);
    SelectionBuilder builder(batch, rows, keys, topK, offset, wantBits, wantIdx, options);
    Tensor tau = at::empty({batch, rows}, options), lse = at::empty({batch, rows}, options);
    const std::int64_t chunk = chunkRows(rows, batch * q.size(2) * keys * bytesOf(type), q.device());
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
        const std::int64_t count = std::min(chunk, rows - begin);
        const Tensor scores = weightedSum(indexDots(q.narrow(1, begin, count), k), w.narrow(1, begin, count));
        if (takesCpuSelection(scores)) {
            const CpuSelection part = selectOnCpu(scores, topK, begin, offset, true);
            builder.add(begin, part.mask);
            tau.narrow(1, begin, count).copy_(part.tau);
            lse.narrow(1, begin, count).copy_(part.lse);
            continue;
        }
        const Tensor mask = topkMask(scores, topK, begin, offset);
        builder.add(begin, mask);
        if (keys == 0) {
            tau.fill_(kInfinity);
            lse.fill_(-kInfinity);
            continue;
        }
        const Tensor dropped = mask.logical_not();
        tau.narrow(1, begin, count).copy_(scores.masked_fill(dropped, kInfinity).amin(-1));
        lse.narrow(1, begin, count).copy_(scores.masked_fill(dropped, -kInfinity).logsumexp(-1));
    }
    return {builder.take(), tau, lse};
}

} // namespace dsa::reference
