#include "core/base/selection_metrics.h"

#include "core/base/reference_selections.h"

#include <Eigen/Core>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace sparsescope {

namespace {

constexpr std::uint64_t kSeed = 0;
constexpr int kSinkKeys = 4;
constexpr double kNoSpread = 1e-9; // oracle and chance are equal: nothing can be captured

std::size_t wordsOf(int length) { return (static_cast<std::size_t>(length) + 63) / 64; }

/// Selected visible keys of query t, ascending.
std::vector<int> selectedKeys(const LayerSnapshot &layer, int length, int t)
{
    std::vector<int> keys;
    for (int s = 0; s <= t; ++s) {
        if (layer.isSelected(t, s, length))
            keys.push_back(s);
    }
    return keys;
}

struct Mean {
    double total = 0, count = 0;
    void add(double value, double weight = 1)
    {
        total += value * weight;
        count += weight;
    }
    std::optional<double> value() const { return count > 0 ? std::optional(total / count) : std::nullopt; }
};

/// Linear between the two nearest ranks.
std::optional<double> percentile(std::vector<double> values, double share)
{
    if (values.empty())
        return std::nullopt;
    std::sort(values.begin(), values.end());
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

/// Chance of the two metrics that have no closed form.
void drawChance(const Map &p, int k, SelectionMetrics &metrics)
{
    const int length = p.rows;
    std::mt19937_64 random(kSeed);
    std::vector<int> pool;
    Mean worst, coverage;
    for (int draw = 0; draw < kRandomDraws; ++draw) {
        std::vector<double> kept;
        std::vector<char> covered(static_cast<std::size_t>(length), 0);
        for (int t = k; t < length; ++t) {
            drawKeys(random, t + 1, k, pool);
            double mass = 0;
            for (int i = 0; i < k; ++i) {
                mass += p.at(t, pool[static_cast<std::size_t>(i)]);
                covered[static_cast<std::size_t>(pool[static_cast<std::size_t>(i)])] = 1;
            }
            kept.push_back(mass);
        }
        worst.add(*percentile(std::move(kept), 0.05));
        coverage.add(static_cast<double>(std::count(covered.begin(), covered.end() - 1, 1)) / (length - 1));
    }
    metrics.massKeptWorstChance = worst.value();
    metrics.coverageChance = coverage.value();
}

/// Is the k-th place shared: does a key that was left out score as much as the lowest one that was taken?
bool hasTie(const Map &scores, const LayerSnapshot &layer, int length, int t)
{
    float lowest = std::numeric_limits<float>::infinity(), best = -std::numeric_limits<float>::infinity();
    for (int s = 0; s <= t; ++s) {
        if (layer.isSelected(t, s, length))
            lowest = std::min(lowest, scores.at(t, s));
        else
            best = std::max(best, scores.at(t, s));
    }
    return best == lowest;
}

void addNeeded(const Snapshot &snapshot, const LayerSnapshot &layer, SelectionMetrics &metrics)
{
    const int length = snapshot.length();
    Mean found, chance;
    for (std::size_t t = 0; t < snapshot.needed.size(); ++t) {
        for (const int key : snapshot.needed[t]) {
            found.add(layer.isSelected(static_cast<int>(t), key, length) ? 1 : 0);
            chance.add(std::min(1.0, static_cast<double>(snapshot.topK) / static_cast<double>(t + 1)));
        }
    }
    metrics.neededRecall = found.value();
    metrics.neededRecallChance = chance.value();
}

/// Mean over rows t >= k of |A and B| / |A or B|; rows where both are empty count as equal.
std::optional<double> jaccard(const LayerSnapshot &a, const LayerSnapshot &b, int length, std::int64_t topK)
{
    const std::size_t words = wordsOf(length);
    Mean mean;
    for (std::int64_t t = std::max<std::int64_t>(topK, 0); t < length; ++t) {
        int both = 0, either = 0;
        for (std::size_t word = 0; word < words; ++word) {
            const std::uint64_t x = a.selected[static_cast<std::size_t>(t) * words + word],
                                y = b.selected[static_cast<std::size_t>(t) * words + word];
            both += std::popcount(x & y);
            either += std::popcount(x | y);
        }
        mean.add(either > 0 ? static_cast<double>(both) / either : 1.0);
    }
    return mean.value();
}

} // namespace

SelectionMetrics selectionMetrics(const Snapshot &snapshot, std::size_t index)
{
    const LayerSnapshot &layer = snapshot.layers.at(index);
    if (!layer.hasSelection())
        return selectionMetrics(snapshot, index, {}, {});
    return selectionMetrics(snapshot, index, denseAttentionMap(layer, snapshot.length(), snapshot.scale, -1),
                            layer.threshold.empty() ? Map() : indexScoreMap(layer, snapshot.length()));
}

SelectionMetrics selectionMetrics(const Snapshot &snapshot, std::size_t index, const Map &p, const Map &scores)
{
    const LayerSnapshot &layer = snapshot.layers.at(index);
    const int length = snapshot.length();
    SelectionMetrics metrics;
    const double pairs = static_cast<double>(length) * (length + 1) / 2;
    if (!layer.hasSelection()) {
        metrics.effectiveK = (length + 1) / 2.0;
        metrics.pairsKept = 1;
        return metrics;
    }
    const int k = static_cast<int>(std::min<std::int64_t>(snapshot.topK, length));
    Mean kept, oracle, chance, recall, lookBack, lookBackChance, sink, ties, size;
    std::vector<double> keptByRow;
    std::vector<char> covered(static_cast<std::size_t>(length), 0);
    for (int t = 0; t < length; ++t) {
        const std::vector<int> keys = selectedKeys(layer, length, t);
        size.add(static_cast<double>(keys.size()));
        double mass = 0, distance = 0, sinks = 0;
        for (const int s : keys) {
            mass += p.at(t, s);
            distance += t - s;
            sinks += s < kSinkKeys;
        }
        metrics.massKeptByRow.push_back(static_cast<float>(mass));
        if (t < k || k < 1)
            continue;
        const float *row = p.values.data() + static_cast<std::size_t>(t) * length;
        const std::vector<int> best = largestKeys(row, t + 1, k);
        double bestMass = 0, hits = 0;
        for (const int s : best) {
            bestMass += row[s];
            hits += layer.isSelected(t, s, length);
        }
        for (const int s : keys)
            covered[static_cast<std::size_t>(s)] = 1;
        kept.add(mass);
        keptByRow.push_back(mass);
        oracle.add(bestMass);
        chance.add(static_cast<double>(k) / (t + 1));
        recall.add(hits / k);
        if (!keys.empty())
            lookBack.add(distance / static_cast<double>(keys.size()));
        lookBackChance.add(t / 2.0);
        sink.add(sinks / std::min(kSinkKeys, length));
        if (scores.rows > 0)
            ties.add(hasTie(scores, layer, length, t));
    }
    metrics.effectiveK = size.value().value_or(0);
    metrics.pairsKept = size.total / pairs;
    metrics.massKept = kept.value();
    metrics.massKeptChance = metrics.recallChance = metrics.sinkKeptChance = chance.value();
    metrics.oracleMass = oracle.value();
    if (metrics.massKept && *metrics.oracleMass - *metrics.massKeptChance > kNoSpread)
        metrics.captured =
            (*metrics.massKept - *metrics.massKeptChance) / (*metrics.oracleMass - *metrics.massKeptChance);
    metrics.recall = recall.value();
    metrics.lookBack = lookBack.value();
    metrics.lookBackChance = lookBackChance.value();
    metrics.sinkKept = sink.value();
    metrics.ties = ties.value();
    metrics.massKeptWorst = percentile(keptByRow, 0.05);
    if (!keptByRow.empty()) { // k >= 1 and a row t >= k, so there are two keys at least
        metrics.coverage = static_cast<double>(std::count(covered.begin(), covered.end() - 1, 1)) / (length - 1);
        drawChance(p, k, metrics);
    }
    addNeeded(snapshot, layer, metrics);
    return metrics;
}

std::optional<double> indexerDivergence(const Snapshot &snapshot, std::size_t index, int query, const float *dense,
                                        const float *scores)
{
    const LayerSnapshot &layer = snapshot.layers.at(index);
    const bool overSelected = snapshot.sparse && layer.hasSelection();
    Eigen::ArrayXf p(query + 1), score(query + 1);
    Eigen::Index count = 0;
    for (int s = 0; s <= query; ++s) {
        if (!overSelected || layer.isSelected(query, s, snapshot.length())) {
            p[count] = dense[s];
            score[count++] = scores[s];
        }
    }
    const auto mass = count > 0 ? p.head(count).sum() : 0.0F;
    if (!(mass > 0))
        return std::nullopt;
    p.head(count) /= mass;
    const float top = score.head(count).maxCoeff();
    const float logSum = top + std::log((score.head(count) - top).exp().sum());
    // 0 log 0 = 0: the smallest normal number stands in for a weight that has vanished.
    const auto logs = p.head(count).max(std::numeric_limits<float>::min()).log();
    return (p.head(count) * (logs - score.head(count) + logSum)).sum();
}

std::optional<double> churn(const Snapshot &now, const Snapshot &before, std::size_t layer)
{
    if (layer >= now.layers.size() || layer >= before.layers.size() || now.length() != before.length())
        return std::nullopt;
    const LayerSnapshot &a = now.layers[layer], &b = before.layers[layer];
    if (!a.hasSelection() || !b.hasSelection())
        return std::nullopt;
    const auto same = jaccard(a, b, now.length(), now.topK);
    return same ? std::optional(1 - *same) : std::nullopt;
}

std::optional<double> churnChance(int length, std::int64_t topK)
{
    Mean mean;
    for (std::int64_t t = std::max<std::int64_t>(topK, 1); t < length; ++t) {
        const double a = static_cast<double>(topK) / static_cast<double>(t + 1);
        mean.add(a / (2 - a));
    }
    return mean.count > 0 ? std::optional(1 - *mean.value()) : std::nullopt;
}

std::optional<double> agreement(const Snapshot &snapshot, std::size_t layerA, std::size_t layerB)
{
    if (layerA >= snapshot.layers.size() || layerB >= snapshot.layers.size())
        return std::nullopt;
    const LayerSnapshot &a = snapshot.layers[layerA], &b = snapshot.layers[layerB];
    if (!a.hasSelection() || !b.hasSelection())
        return std::nullopt;
    return jaccard(a, b, snapshot.length(), snapshot.topK);
}

} // namespace sparsescope
