#pragma once

#include "core/base/maps.h"
#include "core/base/snapshot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

/// Snapshots for the tests of the views: a text with repeats, an indexer whose heads look near, look for the same word and
/// look at the first token, and attention that looks alike but not the same. Deterministic.
namespace sparsescope::sample {

struct Options {
    int length = 64;
    int layers = 2;
    int topK = 16;
    std::int64_t step = 100;
    bool indexer = true;
    bool sparse = true;
    bool futureFault = false; ///< layer 0, query 2 selects key 5
    double noise = 0.3;       ///< of the indexer against the attention: less is better trained
};

inline std::vector<std::string> textWords(int length)
{
    static const std::vector<std::string> text{
        "Mira",  " put",   " the", " lamp", " in",   " the",   " barn", ".",     "\n",    "Oskar", " took", " the",
        " kite", " to",    " the", " hill", ".",     " Later", ",",     " rain", " came", " down", " and",  " all",
        " went", " in",    ".",    "\n",    "Where", " is",    " the",  " lamp", "?",     " In",   " the",  " barn",
        ".",     " Where", " is",  " the",  " kite", "?",      " On",   " the",  " hill", "."};
    std::vector<std::string> words;
    for (int i = 0; i < length; ++i) {
        words.push_back(text[static_cast<std::size_t>(i) % text.size()]);
    }
    return words;
}

namespace detail {

constexpr int kWord = 6, kPlace = 8, kDim = kWord + kPlace + 2;

inline std::vector<float> features(const std::vector<std::string> &words, int s)
{
    std::vector<float> f(kDim, 0);
    std::mt19937 random(static_cast<unsigned>(std::hash<std::string>{}(words[static_cast<std::size_t>(s)])));
    std::normal_distribution<float> normal;
    float norm = 0;
    for (int i = 0; i < kWord; ++i) {
        f[static_cast<std::size_t>(i)] = normal(random);
        norm += f[static_cast<std::size_t>(i)] * f[static_cast<std::size_t>(i)];
    }
    for (int i = 0; i < kWord; ++i) {
        f[static_cast<std::size_t>(i)] /= std::sqrt(norm);
    }
    for (int i = 0; i < kPlace / 2; ++i) {
        const float angle = static_cast<float>(s) * std::pow(0.4F, static_cast<float>(i));
        f[static_cast<std::size_t>(kWord + 2 * i)] = std::cos(angle) / 2;
        f[static_cast<std::size_t>(kWord + 2 * i + 1)] = std::sin(angle) / 2;
    }
    f[kWord + kPlace] = s == 0 ? 1.0F : 0.0F;
    f[kWord + kPlace + 1] = 1;
    return f;
}

/// What one head asks for: shares of the word, the place, the first token.
inline void ask(float *q, const std::vector<float> &f, float word, float place, float first)
{
    for (int i = 0; i < kWord; ++i) {
        q[i] = word * f[static_cast<std::size_t>(i)];
    }
    for (int i = 0; i < kPlace; ++i) {
        q[kWord + i] = place * f[static_cast<std::size_t>(kWord + i)];
    }
    q[kWord + kPlace] = first;
    q[kWord + kPlace + 1] = -0.25F;
}

inline void fillAttention(LayerSnapshot &layer, int length, const std::vector<std::vector<float>> &f,
                          std::mt19937 &random)
{
    layer.heads = 4;
    layer.kvHeads = 2;
    layer.headDim = kDim;
    std::normal_distribution<float> normal(0, 0.35F);
    const auto at = [length](int head, int s, int i) {
        return (static_cast<std::size_t>(head) * length + s) * kDim + static_cast<std::size_t>(i);
    };
    layer.q.resize(at(4, 0, 0));
    layer.k.resize(at(2, 0, 0));
    for (int s = 0; s < length; ++s) {
        for (int i = 0; i < kDim; ++i) {
            for (int kv = 0; kv < 2; ++kv) {
                layer.k[at(kv, s, i)] =
                    floatToHalf(f[static_cast<std::size_t>(s)][static_cast<std::size_t>(i)] + 0.2F * normal(random));
            }
        }
        for (int head = 0; head < 4; ++head) {
            float q[kDim];
            ask(q, f[static_cast<std::size_t>(s)], head % 2 == 0 ? 9.0F : 3.0F, head < 2 ? 8.0F : 3.0F, 5.0F);
            for (int i = 0; i < kDim; ++i) {
                layer.q[at(head, s, i)] = floatToHalf(q[i] + normal(random));
            }
        }
    }
}

inline void fillIndexer(LayerSnapshot &layer, int length, const std::vector<std::vector<float>> &f, double noise,
                        std::mt19937 &random)
{
    layer.indexHeads = 4;
    layer.indexDim = kDim;
    std::normal_distribution<float> normal(0, static_cast<float>(noise));
    layer.indexQ.resize(static_cast<std::size_t>(length) * 4 * kDim);
    layer.indexW.resize(static_cast<std::size_t>(length) * 4);
    for (int t = 0; t < length; ++t) {
        const auto &own = f[static_cast<std::size_t>(t)];
        for (int i = 0; i < kDim; ++i) {
            layer.indexK.push_back(own[static_cast<std::size_t>(i)] + 0.3F * normal(random));
        }
        const float shares[4][3] = {{0.2F, 2.4F, 0}, {2.5F, 0.2F, 0}, {0.8F, 0.4F, 2}, {0.4F, -0.8F, 0.5F}};
        const float weights[4] = {1.1F, 1.2F, 0.8F, -0.5F};
        for (int head = 0; head < 4; ++head) {
            float *q = &layer.indexQ[(static_cast<std::size_t>(t) * 4 + head) * kDim];
            ask(q, own, shares[head][0], shares[head][1], shares[head][2]);
            for (int i = 0; i < kDim; ++i) {
                q[i] += normal(random);
            }
            layer.indexW[static_cast<std::size_t>(t) * 4 + head] = weights[head] + 0.3F * normal(random);
        }
    }
}

inline void select(LayerSnapshot &layer, int length, int topK)
{
    const Map scores = indexScoreMap(layer, length);
    const std::size_t words = (static_cast<std::size_t>(length) + 63) / 64;
    layer.selected.assign(static_cast<std::size_t>(length) * words, 0);
    layer.threshold.assign(static_cast<std::size_t>(length), 0);
    for (int t = 0; t < length; ++t) {
        std::vector<int> order(static_cast<std::size_t>(t) + 1);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores.at(t, a) > scores.at(t, b); });
        order.resize(std::min(order.size(), static_cast<std::size_t>(topK)));
        for (const int s : order) {
            layer.selected[static_cast<std::size_t>(t) * words + s / 64] |= std::uint64_t{1} << (s % 64);
        }
        layer.threshold[static_cast<std::size_t>(t)] = scores.at(t, order.back());
    }
}

inline void fillLogSums(LayerSnapshot &layer, int length, double scale, bool sparse)
{
    const std::size_t dim = kDim;
    layer.lse.resize(static_cast<std::size_t>(layer.heads) * length);
    layer.lseDense.resize(layer.lse.size());
    for (int head = 0; head < layer.heads; ++head) {
        const int kv = head * layer.kvHeads / layer.heads;
        for (int t = 0; t < length; ++t) {
            double dense = 0, ran = 0;
            for (int s = 0; s <= t; ++s) {
                double dot = 0;
                for (std::size_t i = 0; i < dim; ++i) {
                    dot += static_cast<double>(
                               halfToFloat(layer.q[(static_cast<std::size_t>(head) * length + t) * dim + i])) *
                           halfToFloat(layer.k[(static_cast<std::size_t>(kv) * length + s) * dim + i]);
                }
                const double weight = std::exp(scale * dot);
                dense += weight;
                ran += !sparse || layer.isSelected(t, s, length) ? weight : 0;
            }
            layer.lseDense[static_cast<std::size_t>(head) * length + t] = static_cast<float>(std::log(dense));
            layer.lse[static_cast<std::size_t>(head) * length + t] = static_cast<float>(std::log(ran));
        }
    }
}

} // namespace detail

inline std::shared_ptr<const Snapshot> snapshot(const Options &options = {})
{
    auto made = std::make_shared<Snapshot>();
    made->run = "seq_" + std::to_string(options.length) + (options.indexer ? "/sparse/seed_0" : "/classic/seed_0");
    made->step = options.step;
    made->stage = options.sparse ? "Sparse training" : "Dense training";
    made->sparse = options.sparse && options.indexer;
    made->probeName = "validation document 3";
    made->selector = options.indexer ? "lightning" : "none";
    made->scale = 1 / std::sqrt(static_cast<double>(detail::kDim));
    made->topK = options.topK;
    made->words = textWords(options.length);
    made->needed.resize(static_cast<std::size_t>(options.length));
    std::vector<std::vector<float>> f;
    for (int s = 0; s < options.length; ++s) {
        made->tokens.push_back(
            static_cast<std::int32_t>(std::hash<std::string>{}(made->words[static_cast<std::size_t>(s)]) % 997));
        f.push_back(detail::features(made->words, s));
    }
    if (options.length > 34) {
        made->needed[34] = {6}; // "In the": the barn is recalled from the first sentence
    }
    for (int layer = 0; layer < options.layers; ++layer) {
        std::mt19937 random(static_cast<unsigned>(17 + layer + options.step));
        LayerSnapshot one;
        one.layer = layer;
        detail::fillAttention(one, options.length, f, random);
        if (options.indexer) {
            detail::fillIndexer(one, options.length, f, options.noise * (1 + layer), random);
            detail::select(one, options.length, options.topK);
        }
        detail::fillLogSums(one, options.length, made->scale, made->sparse);
        if (options.futureFault && layer == 0 && options.indexer) {
            const std::size_t words = (static_cast<std::size_t>(options.length) + 63) / 64;
            one.selected[2 * words] |= std::uint64_t{1} << 5;
        }
        made->layers.push_back(std::move(one));
    }
    return made;
}

} // namespace sparsescope::sample
