#pragma once

#include "core/base/snapshot.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

/// Random snapshots whose parts agree with one another, made by plain loops in double: the oracle of the map and metric
/// tests shares no code with what it checks.
namespace sparsescope::sample {

struct Sizes {
    int length = 65, topK = 8;
    int heads = 4, kvHeads = 2, headDim = 6;
    int indexHeads = 3, indexDim = 5;
    bool sparse = true; ///< did the attention run over the selection?
};

inline double dot(const float *a, const float *b, int width)
{
    double sum = 0;
    for (int i = 0; i < width; ++i)
        sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

inline double halfDot(const std::uint16_t *a, const std::uint16_t *b, int width)
{
    double sum = 0;
    for (int i = 0; i < width; ++i)
        sum += static_cast<double>(halfToFloat(a[i])) * halfToFloat(b[i]);
    return sum;
}

inline double term(const LayerSnapshot &l, int t, int s, int j)
{
    const double product = dot(&l.indexQ[static_cast<std::size_t>((t * l.indexHeads + j) * l.indexDim)],
                               &l.indexK[static_cast<std::size_t>(s * l.indexDim)], l.indexDim);
    return l.indexW[static_cast<std::size_t>(t * l.indexHeads + j)] * std::max(product, 0.0);
}

inline double score(const LayerSnapshot &l, int t, int s)
{
    double sum = 0;
    for (int j = 0; j < l.indexHeads; ++j)
        sum += term(l, t, s, j);
    return sum;
}

inline double logit(const LayerSnapshot &l, int length, double scale, int head, int t, int s)
{
    const int kv = head / (l.heads / l.kvHeads);
    return scale * halfDot(&l.q[static_cast<std::size_t>((head * length + t) * l.headDim)],
                           &l.k[static_cast<std::size_t>((kv * length + s) * l.headDim)], l.headDim);
}

/// Dense attention of a head, straight from q and k: no log-sum-exp is used.
inline double dense(const LayerSnapshot &l, int length, double scale, int head, int t, int s)
{
    double total = 0;
    for (int other = 0; other <= t; ++other)
        total += std::exp(logit(l, length, scale, head, t, other));
    return std::exp(logit(l, length, scale, head, t, s)) / total;
}

inline double denseMean(const LayerSnapshot &l, int length, double scale, int t, int s)
{
    double sum = 0;
    for (int head = 0; head < l.heads; ++head)
        sum += dense(l, length, scale, head, t, s);
    return sum / l.heads;
}

/// The keys of row t in falling order of value, ties by key.
inline std::vector<int> ranked(int t, const auto &value)
{
    std::vector<int> keys;
    for (int s = 0; s <= t; ++s)
        keys.push_back(s);
    std::stable_sort(keys.begin(), keys.end(), [&](int a, int b) { return value(a) > value(b); });
    return keys;
}

inline LayerSnapshot layer(const Sizes &sizes, double scale, int number, std::mt19937 &random)
{
    std::normal_distribution<float> normal;
    const auto n = static_cast<std::size_t>(sizes.length);
    const auto floats = [&](std::size_t count) {
        std::vector<float> values(count);
        for (float &value : values)
            value = normal(random);
        return values;
    };
    const auto halves = [&](std::size_t count) {
        std::vector<std::uint16_t> values(count);
        for (auto &value : values)
            value = floatToHalf(1.5f * normal(random));
        return values;
    };
    LayerSnapshot l;
    l.layer = number;
    l.heads = sizes.heads, l.kvHeads = sizes.kvHeads, l.headDim = sizes.headDim;
    l.indexHeads = sizes.indexHeads, l.indexDim = sizes.indexDim;
    l.q = halves(n * static_cast<std::size_t>(l.heads * l.headDim));
    l.k = halves(n * static_cast<std::size_t>(l.kvHeads * l.headDim));
    l.indexQ = floats(n * static_cast<std::size_t>(l.indexHeads * l.indexDim));
    l.indexK = floats(n * static_cast<std::size_t>(l.indexDim));
    l.indexW = floats(n * static_cast<std::size_t>(l.indexHeads));
    const std::size_t words = (n + 63) / 64;
    l.selected.assign(n * words, 0);
    for (int t = 0; t < sizes.length; ++t) {
        const std::vector<int> keys = ranked(t, [&](int s) { return score(l, t, s); });
        const int count = std::min(sizes.topK, t + 1);
        for (int i = 0; i < count; ++i) {
            const auto s = static_cast<std::size_t>(keys[static_cast<std::size_t>(i)]);
            l.selected[static_cast<std::size_t>(t) * words + s / 64] |= std::uint64_t{1} << (s % 64);
        }
        l.threshold.push_back(static_cast<float>(score(l, t, keys[static_cast<std::size_t>(count - 1)])));
    }
    for (int head = 0; head < l.heads; ++head) {
        for (int t = 0; t < sizes.length; ++t) {
            double all = 0, chosen = 0;
            for (int s = 0; s <= t; ++s) {
                const double weight = std::exp(logit(l, sizes.length, scale, head, t, s));
                all += weight;
                chosen += l.isSelected(t, s, sizes.length) ? weight : 0;
            }
            l.lseDense.push_back(static_cast<float>(std::log(all)));
            l.lse.push_back(sizes.sparse ? static_cast<float>(std::log(chosen)) : l.lseDense.back());
        }
    }
    return l;
}

inline Snapshot snapshot(const Sizes &sizes, unsigned seed = 1, int layers = 1)
{
    std::mt19937 random(seed);
    Snapshot result;
    result.run = "seq_65/sparse/seed_0";
    result.step = 10;
    result.stage = "Sparse training";
    result.sparse = sizes.sparse;
    result.selector = "lightning";
    result.scale = 1.0 / std::sqrt(static_cast<double>(sizes.headDim));
    result.topK = sizes.topK;
    for (int t = 0; t < sizes.length; ++t)
        result.tokens.push_back(t);
    for (int i = 0; i < layers; ++i)
        result.layers.push_back(layer(sizes, result.scale, i, random));
    return result;
}

} // namespace sparsescope::sample
