#include "core/probe/selection_statistics.h"

#include "core/model/index_score.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/quantile.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {
namespace {

constexpr std::int64_t kChunkBytes = 64 << 20;
constexpr std::int64_t kHeadSequences = 2; // of a batch: how alike indexer heads are shows on few

/// Head mean of the dense attention for query rows [from, to): [B,to-from,S] fp32, 0 beyond causality.
at::Tensor headMean(const AttentionTrace &trace, double scale, std::int64_t from, std::int64_t to)
{
    const auto batch = trace.q.size(0), heads = trace.q.size(1), kvHeads = trace.k.size(1), keys = trace.k.size(2);
    const at::Tensor visible = at::arange(keys, trace.q.options().dtype(at::kLong))
                                   .unsqueeze(0)
                                   .le(at::arange(from, to, trace.q.options().dtype(at::kLong)).unsqueeze(1));
    const auto grouped = [&](const at::Tensor &x) { // [B,KV,H/KV rows,...]: the heads that read the same keys
        return x.slice(2, from, to).to(at::kFloat).reshape({batch, kvHeads, heads / kvHeads * (to - from), -1});
    };
    const at::Tensor k = trace.k.to(at::kFloat);
    const at::Tensor p =
        at::matmul(grouped(trace.q), k.transpose(2, 3)).mul_(scale).sub_(grouped(trace.lseDense.unsqueeze(3)));
    const at::Tensor mean = p.exp_().reshape({batch, heads, to - from, keys}).mean(1);
    return at::where(visible, mean, at::zeros({}, mean.options()));
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

at::Tensor meanOf(const at::Tensor &values) { return values.mean(at::kDouble); }

/// Mean over rows [from, to) of what `of` says of the share k / (t + 1) that a random choice has.
template <class Of>
double meanChance(std::int64_t k, std::int64_t from, std::int64_t to, Of of)
{
    double sum = 0;
    for (std::int64_t t = from; t < to; ++t) {
        sum += of(static_cast<double>(k) / static_cast<double>(t + 1));
    }
    return sum / static_cast<double>(to - from);
}
double meanChance(std::int64_t k, std::int64_t from, std::int64_t to)
{
    return meanChance(k, from, to, [](double share) { return share; });
}

} // namespace

SelectionStatistics::SelectionStatistics(std::int64_t topK, double attentionScale, std::uint64_t seed)
    : m_topK(topK)
    , m_scale(attentionScale)
    , m_seed(seed)
{}

void SelectionStatistics::add(const std::vector<AttentionTrace> &trace, const Batch &batch)
{
    // In a pass of low precision this would be rounded as the pass is.
    const c10::impl::ExcludeDispatchKeyGuard withoutAutocast(c10::autocast_dispatch_keyset);
    m_previousMask = at::Tensor();
    const KnownKeys known = trace.empty() ? KnownKeys{} : knownKeys(batch, trace.front());
    for (std::size_t layer = 0; layer < trace.size(); ++layer) {
        if (trace[layer].selection.bits.defined()) {
            addLayer(static_cast<int>(layer), trace[layer], known);
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

void SelectionStatistics::addLayer(int layer, const AttentionTrace &trace, const KnownKeys &known)
{
    const std::int64_t length = trace.q.size(2), rowsFrom = std::min(m_topK, length);
    const auto longs = trace.q.options().dtype(at::kLong);
    const at::Tensor mask = dsa::unpack_mask(trace.selection, length); // [B,T,S]
    auto sum = [&](const char *metric) -> Mean & { return m_means[metric][layer]; };

    sum("selection.k_effective").add(meanOf(trace.selection.count));
    const double visiblePairs = length * (length + 1) / 2.0;
    sum("selection.pairs_kept").add(meanOf(trace.selection.count.sum(1)) / visiblePairs);
    if (trace.kl.defined()) {
        sum("indexer.kl").add(trace.kl.to(at::kDouble));
        sum("indexer.kl_uniform").add(trace.klUniform.to(at::kDouble));
    }
    addKnownKeys(layer, trace, known);
    if (rowsFrom >= length) {
        return; // every row is dense: nothing below has a row
    }

    const at::Tensor sparseMask = mask.slice(1, rowsFrom);
    const at::Tensor t = at::arange(rowsFrom, length, longs).unsqueeze(1), s = at::arange(length, longs).unsqueeze(0);
    const double rows = static_cast<double>(sparseMask.size(0) * sparseMask.size(1));
    const double chance = meanChance(m_topK, rowsFrom, length);
    sum("selection.look_back").add((sparseMask * (t - s)).sum(2).to(at::kDouble).div_(sparseMask.sum(2)).mean(), rows);
    sum("selection.look_back.chance").add(static_cast<double>(rowsFrom + length - 1) / 4, rows);
    sum("selection.coverage").add(meanOf(sparseMask.slice(2, 0, length - 1).any(1)));
    sum("selection.sink_kept").add(meanOf(sparseMask.slice(2, 0, std::min<std::int64_t>(4, length))), rows);
    sum("selection.sink_kept.chance").add(chance, rows);
    if (m_previousMask.defined()) {
        const at::Tensor both = at::logical_and(sparseMask, m_previousMask).sum(2).to(at::kDouble);
        const at::Tensor either = at::logical_or(sparseMask, m_previousMask).sum(2).to(at::kDouble);
        sum("selection.agreement").add(both.div_(either).mean(), rows);
        sum("selection.agreement.chance")
            .add(meanChance(m_topK, rowsFrom, length, [](double share) { return share / (2 - share); }), rows);
    }
    m_previousMask = sparseMask;

    const at::Tensor randomMask = dsa::unpack_mask(selectionOf("random", layer, trace), length).slice(1, rowsFrom);
    const at::Tensor newestMask = dsa::unpack_mask(selectionOf("recency", layer, trace), length).slice(1, rowsFrom);
    sum("selection.coverage.chance").add(meanOf(randomMask.slice(2, 0, length - 1).any(1)));

    addHeads(layer, trace, rowsFrom);
    const std::int64_t batchRows = trace.q.size(0);
    const std::int64_t chunk =
        std::max<std::int64_t>(1, kChunkBytes / (batchRows * length * 4 * (4 + trace.q.size(1))));
    for (std::int64_t from = rowsFrom; from < length; from += chunk) {
        const std::int64_t to = std::min(length, from + chunk), a = from - rowsFrom, b = to - rowsFrom;
        const double weight = static_cast<double>(batchRows * (to - from));
        const at::Tensor p = headMean(trace, m_scale, from, to);
        const at::Tensor best = bestKeys(p, from, m_topK), chosen = sparseMask.slice(1, a, b);
        const at::Tensor kept = (p * chosen).sum(2);
        const at::Tensor keptRandom = (p * randomMask.slice(1, a, b)).sum(2);
        const double chanceHere = meanChance(m_topK, from, to);
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
        m_kept[layer].push_back(kept.flatten());
        m_keptRandom[layer].push_back(keptRandom.flatten());
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
    const double rows = static_cast<double>(common.numel());
    m_means["indexer.head_overlap"][layer].add(meanOf(common) / pairs, rows);
    m_means["indexer.head_overlap.chance"][layer].add(meanChance(m_topK, rowsFrom, length), rows);
}

SelectionStatistics::KnownKeys SelectionStatistics::knownKeys(const Batch &batch, const AttentionTrace &trace) const
{
    KnownKeys known;
    const std::int64_t length = trace.q.size(2), words = (length + 63) / 64;
    std::vector<std::int64_t> places, shifts;
    double chance = 0;
    for (const NeededKeys &needed : batch.needed) {
        chance +=
            std::min(1.0, static_cast<double>(m_topK) / (needed.query + 1)) * static_cast<double>(needed.keys.size());
        for (const int key : needed.keys) {
            places.push_back((needed.row * length + needed.query) * words + key / 64);
            shifts.push_back(key % 64);
        }
    }
    if (!places.empty()) {
        const auto upload = [&](std::vector<std::int64_t> &values) {
            return at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kLong)
                .to(trace.q.device(), /*non_blocking=*/false, /*copy=*/true);
        };
        known = {upload(places), upload(shifts), chance / static_cast<double>(places.size())};
    }
    return known;
}

void SelectionStatistics::addKnownKeys(int layer, const AttentionTrace &trace, const KnownKeys &known)
{
    if (!known.words.defined()) {
        return;
    }
    const auto recallOf = [&](const dsa::Selection &selection) {
        const at::Tensor words = selection.bits.reshape({-1}).index_select(0, known.words);
        return meanOf(words.bitwise_right_shift(known.shifts).bitwise_and(1));
    };
    m_means["oracle.recall"][layer].add(recallOf(trace.selection));
    m_means["oracle.recall.chance"][layer].add(known.chance);
    for (const char *name : {"random", "recency"}) {
        m_means[std::string("oracle.recall.") + name][layer].add(recallOf(selectionOf(name, layer, trace)));
    }
}

std::map<std::string, std::map<int, double>> SelectionStatistics::means() const
{
    std::vector<at::Tensor> waiting;
    for (const auto &[metric, layers] : m_means) {
        for (const auto &[layer, mean] : layers) {
            for (const Mean::Part &part : mean.parts()) {
                if (part.onDevice.defined()) {
                    waiting.push_back(part.onDevice);
                }
            }
        }
    }
    const at::Tensor read = waiting.empty() ? at::Tensor() : at::stack(waiting).to(at::kCPU, at::kDouble);
    const double *next = read.defined() ? read.const_data_ptr<double>() : nullptr;
    std::map<std::string, std::map<int, double>> result;
    for (const auto &[metric, layers] : m_means) {
        for (const auto &[layer, mean] : layers) {
            double total = 0, weight = 0;
            for (const Mean::Part &part : mean.parts()) {
                const double value = part.onDevice.defined() ? *next++ : part.value;
                if (!std::isnan(value) && part.weight > 0) {
                    total += value * part.weight;
                    weight += part.weight;
                }
            }
            if (weight > 0) {
                result[metric][layer] = total / weight;
            }
        }
    }
    return result;
}

std::vector<Scalar> SelectionStatistics::scalars() const
{
    std::vector<Scalar> result;
    std::map<std::string, std::map<int, double>> values = means();
    auto percentile = [](const std::vector<at::Tensor> &rows) {
        return at::quantile(at::cat(rows).cpu(), 0.05).item<double>();
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
