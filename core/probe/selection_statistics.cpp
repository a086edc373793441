#include "core/probe/selection_statistics.h"

#include "core/model/index_score.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/quantile.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {
namespace {

constexpr std::int64_t kChunkBytes = 64 << 20;
constexpr std::int64_t kHeadSequences = 2; // of a batch: how alike indexer heads are shows on few

/// Head mean of the dense attention for query rows [from, to): [B,to-from,S] fp32, 0 beyond causality.
at::Tensor headMean(const AttentionTrace &trace, double scale, std::int64_t from, std::int64_t to)
{
    const auto heads = trace.q.size(1), kvHeads = trace.k.size(1), keys = trace.k.size(2);
    const at::Tensor visible = at::arange(keys, trace.q.options().dtype(at::kLong))
                                   .unsqueeze(0)
                                   .le(at::arange(from, to, trace.q.options().dtype(at::kLong)).unsqueeze(1));
    at::Tensor sum;
    for (std::int64_t h = 0; h < heads; ++h) {
        const at::Tensor q = trace.q.select(1, h).slice(1, from, to).to(at::kFloat);
        const at::Tensor k = trace.k.select(1, h / (heads / kvHeads)).to(at::kFloat);
        const at::Tensor lse = trace.lseDense.select(1, h).slice(1, from, to).to(at::kFloat);
        const at::Tensor p = at::exp(at::matmul(q, k.transpose(1, 2)).mul_(scale).sub_(lse.unsqueeze(2)));
        sum = sum.defined() ? sum.add_(p) : p;
    }
    return at::where(visible, sum.div_(static_cast<double>(heads)), at::zeros_like(sum));
}

/// The mask of the min(k, t+1) best keys of every row of p.
at::Tensor bestKeys(const at::Tensor &p, std::int64_t from, std::int64_t k)
{
    const auto rows = p.size(1), keys = p.size(2);
    const at::Tensor visible = at::arange(keys, p.options().dtype(at::kLong))
                                   .unsqueeze(0)
                                   .le(at::arange(from, from + rows, p.options().dtype(at::kLong)).unsqueeze(1));
    const at::Tensor scores = at::where(visible, p, at::full({}, -1.0, p.options()));
    return dsa::unpack_mask(dsa::topk_select(scores, k, from), keys);
}

double meanOf(const at::Tensor &values) { return values.to(at::kDouble).mean().item<double>(); }

} // namespace

void SelectionStatistics::Sum::add(double value, double by)
{
    if (std::isnan(value) || by <= 0) {
        return;
    }
    total += value * by;
    weight += by;
}

SelectionStatistics::SelectionStatistics(std::int64_t topK, double attentionScale, std::uint64_t seed)
    : m_topK(topK)
    , m_scale(attentionScale)
    , m_seed(seed)
{}

void SelectionStatistics::add(const std::vector<AttentionTrace> &trace, const Batch &batch)
{
    m_previousMask = at::Tensor();
    for (std::size_t layer = 0; layer < trace.size(); ++layer) {
        if (trace[layer].selection.bits.defined()) {
            addLayer(static_cast<int>(layer), trace[layer], batch);
        }
    }
}

dsa::Selection SelectionStatistics::selectionOf(const char *selector, int layer, const AttentionTrace &trace) const
{
    SelectorInput input;
    input.q = trace.q;
    input.k = trace.k;
    input.scale = m_scale;
    input.topK = m_topK;
    input.layer = layer;
    input.seed = m_seed;
    return selectorKind(selector).make()->select(input).selection;
}

void SelectionStatistics::addLayer(int layer, const AttentionTrace &trace, const Batch &batch)
{
    const std::int64_t length = trace.q.size(2), rowsFrom = std::min(m_topK, length);
    const auto longs = trace.q.options().dtype(at::kLong);
    const at::Tensor mask = dsa::unpack_mask(trace.selection, length); // [B,T,S]
    auto sum = [&](const char *metric) -> Sum & { return m_sums[metric][layer]; };

    sum("selection.k_effective").add(meanOf(trace.selection.count));
    const double visiblePairs = length * (length + 1) / 2.0;
    sum("selection.pairs_kept").add(trace.selection.count.sum(1).to(at::kDouble).mean().item<double>() / visiblePairs);
    if (trace.kl.defined()) {
        sum("indexer.kl").add(trace.kl.item<double>());
        sum("indexer.kl_uniform").add(trace.klUniform.item<double>());
    }
    addKnownKeys(layer, trace, batch);
    if (rowsFrom >= length) {
        return; // every row is dense: nothing below has a row
    }

    const at::Tensor sparseMask = mask.slice(1, rowsFrom);
    const at::Tensor t = at::arange(rowsFrom, length, longs).unsqueeze(1), s = at::arange(length, longs).unsqueeze(0);
    const double rows = static_cast<double>(sparseMask.size(0) * sparseMask.size(1));
    const at::Tensor chance =
        at::full({}, static_cast<double>(m_topK), trace.q.options().dtype(at::kDouble)) / (t + 1).to(at::kDouble);
    const double meanChance = meanOf(chance);
    sum("selection.look_back")
        .add((sparseMask * (t - s)).sum(2).to(at::kDouble).div_(sparseMask.sum(2)).mean().item<double>(), rows);
    sum("selection.look_back.chance").add(meanOf(t) / 2.0, rows);
    sum("selection.coverage").add(meanOf(sparseMask.slice(2, 0, length - 1).any(1)));
    sum("selection.sink_kept").add(meanOf(sparseMask.slice(2, 0, std::min<std::int64_t>(4, length))), rows);
    sum("selection.sink_kept.chance").add(meanChance, rows);
    if (m_previousMask.defined()) {
        const at::Tensor both = at::logical_and(sparseMask, m_previousMask).sum(2).to(at::kDouble);
        const at::Tensor either = at::logical_or(sparseMask, m_previousMask).sum(2).to(at::kDouble);
        sum("selection.agreement").add(both.div_(either).mean().item<double>(), rows);
        sum("selection.agreement.chance").add(meanOf(chance / (2 - chance)), rows);
    }
    m_previousMask = sparseMask;

    const at::Tensor randomMask = dsa::unpack_mask(selectionOf("random", layer, trace), length).slice(1, rowsFrom);
    const at::Tensor newestMask = dsa::unpack_mask(selectionOf("recency", layer, trace), length).slice(1, rowsFrom);
    sum("selection.coverage.chance").add(meanOf(randomMask.slice(2, 0, length - 1).any(1)));

    addHeads(layer, trace, rowsFrom);
    const std::int64_t batchRows = trace.q.size(0);
    const std::int64_t chunk = std::max<std::int64_t>(1, kChunkBytes / (batchRows * length * 4 * 4));
    for (std::int64_t from = rowsFrom; from < length; from += chunk) {
        const std::int64_t to = std::min(length, from + chunk), a = from - rowsFrom, b = to - rowsFrom;
        const double weight = static_cast<double>(batchRows * (to - from));
        const at::Tensor p = headMean(trace, m_scale, from, to);
        const at::Tensor best = bestKeys(p, from, m_topK), chosen = sparseMask.slice(1, a, b);
        const at::Tensor kept = (p * chosen).sum(2);
        const at::Tensor keptRandom = (p * randomMask.slice(1, a, b)).sum(2);
        const double chanceHere = meanOf(chance.slice(0, a, b));
        sum("selection.mass_kept").add(meanOf(kept), weight);
        sum("selection.mass_kept.chance").add(chanceHere, weight);
        sum("selection.mass_kept.oracle").add(meanOf((p * best).sum(2)), weight);
        const auto recallOf = [&](const at::Tensor &taken) {
            return meanOf(at::logical_and(best, taken).sum(2)) / static_cast<double>(m_topK);
        };
        sum("selection.recall").add(recallOf(chosen), weight);
        sum("selection.recall.random").add(recallOf(randomMask.slice(1, a, b)), weight);
        sum("selection.recall.recency").add(recallOf(newestMask.slice(1, a, b)), weight);
        sum("selection.recall.chance").add(chanceHere, weight);
        m_kept[layer].push_back(kept.flatten().cpu());
        m_keptRandom[layer].push_back(keptRandom.flatten().cpu());
        if (trace.index.defined() && trace.tau.defined()) {
            IndexFactors rows = trace.index;
            rows.q = rows.q.slice(1, from, to);
            rows.w = rows.w.slice(1, from, to);
            const at::Tensor scores = indexScores(rows, from);
            const at::Tensor tied =
                at::logical_and(scores == trace.tau.slice(1, from, to).unsqueeze(2), chosen.logical_not());
            sum("selection.ties").add(meanOf(tied.any(2)), weight);
        }
    }
}

void SelectionStatistics::addHeads(int layer, const AttentionTrace &trace, std::int64_t rowsFrom)
{
    const std::int64_t length = trace.q.size(2), heads = trace.index.defined() ? trace.index.w.size(2) : 0;
    if (heads < 2) {
        return;
    }
    const std::int64_t sequences = std::min(kHeadSequences, trace.q.size(0));
    const auto part = [&](const at::Tensor &factor) { return factor.slice(0, 0, sequences); };
    at::Tensor takers; // [sequences, rows, S]: how many heads take a key
    for (std::int64_t head = 0; head < heads; ++head) {
        IndexFactors alone{part(trace.index.q).slice(1, rowsFrom).slice(2, head, head + 1), part(trace.index.k),
                           part(trace.index.w).slice(1, rowsFrom).slice(2, head, head + 1), trace.index.activation,
                           trace.index.slope};
        if (alone.slope.defined()) {
            alone.slope = alone.slope.slice(0, head, head + 1);
        }
        const at::Tensor scores = indexScores(alone, rowsFrom);
        const at::Tensor taken = dsa::unpack_mask(dsa::topk_select(scores, m_topK, rowsFrom), length).to(at::kInt);
        takers = takers.defined() ? takers.add_(taken) : taken;
    }
    // A key that c heads take is common to c (c - 1) ordered pairs of them.
    const at::Tensor common = (takers * (takers - 1)).sum(2);
    const double pairs = static_cast<double>(heads * (heads - 1) * m_topK);
    const at::Tensor visible = at::arange(rowsFrom + 1, length + 1, takers.options().dtype(at::kDouble));
    const double rows = static_cast<double>(common.numel());
    m_sums["indexer.head_overlap"][layer].add(meanOf(common) / pairs, rows);
    m_sums["indexer.head_overlap.chance"][layer].add(meanOf(static_cast<double>(m_topK) / visible), rows);
}

void SelectionStatistics::addKnownKeys(int layer, const AttentionTrace &trace, const Batch &batch)
{
    if (batch.needed.empty()) {
        return;
    }
    const std::int64_t length = trace.q.size(2);
    auto recallOf = [&](const dsa::Selection &selection) {
        const at::Tensor bits = selection.bits.cpu().contiguous();
        const std::int64_t words = bits.size(2);
        const auto *data = bits.const_data_ptr<std::int64_t>();
        double found = 0, all = 0;
        for (const NeededKeys &needed : batch.needed) {
            for (const int key : needed.keys) {
                const auto word =
                    static_cast<std::uint64_t>(data[(needed.row * length + needed.query) * words + key / 64]);
                found += static_cast<double>((word >> (key % 64)) & 1);
                all += 1;
            }
        }
        return all > 0 ? found / all : std::nan("");
    };
    double chance = 0, all = 0;
    for (const NeededKeys &needed : batch.needed) {
        const double share = std::min(1.0, static_cast<double>(m_topK) / (needed.query + 1));
        chance += share * static_cast<double>(needed.keys.size());
        all += static_cast<double>(needed.keys.size());
    }
    m_sums["oracle.recall"][layer].add(recallOf(trace.selection));
    m_sums["oracle.recall.chance"][layer].add(all > 0 ? chance / all : std::nan(""));
    for (const char *name : {"random", "recency"}) {
        m_sums[std::string("oracle.recall.") + name][layer].add(recallOf(selectionOf(name, layer, trace)));
    }
}

std::vector<Scalar> SelectionStatistics::scalars() const
{
    std::vector<Scalar> result;
    std::map<std::string, std::map<int, double>> values;
    for (const auto &[metric, layers] : m_sums) {
        for (const auto &[layer, sum] : layers) {
            if (sum.weight > 0) {
                values[metric][layer] = sum.total / sum.weight;
            }
        }
    }
    auto percentile = [](const std::vector<at::Tensor> &rows) {
        return at::quantile(at::cat(rows), 0.05).item<double>();
    };
    for (const auto &[layer, rows] : m_kept) {
        values["selection.mass_kept.worst"][layer] = percentile(rows);
        values["selection.mass_kept.worst.chance"][layer] = percentile(m_keptRandom.at(layer));
    }
    for (const auto &[layer, kept] : values["selection.mass_kept"]) {
        const double chance = values["selection.mass_kept.chance"][layer],
                     oracle = values["selection.mass_kept.oracle"][layer];
        if (oracle - chance > 1e-9) {
            values["indexer.captured"][layer] = (kept - chance) / (oracle - chance);
        }
    }
    for (const auto &[metric, layers] : values) {
        if (layers.empty()) {
            continue;
        }
        double total = 0;
        const bool isAgreement = metric == "selection.agreement";
        for (const auto &[layer, value] : layers) {
            total += value;
            if (metric == "selection.agreement.chance") {
                continue; // the same in every layer
            }
            result.push_back({metric + (isAgreement ? "." : "/") + std::to_string(layer), value});
        }
        if (!isAgreement) {
            result.push_back({metric, total / static_cast<double>(layers.size())});
        }
    }
    // One layer that finds the answer is enough for a task with known keys; the mean over layers would hide it.
    const auto recall = values.find("oracle.recall");
    if (recall != values.end() && !recall->second.empty()) {
        double best = 0;
        for (const auto &[layer, value] : recall->second) {
            best = std::max(best, value);
        }
        result.push_back({"oracle.recall.best_layer", best});
    }
    return result;
}

} // namespace sparsescope
