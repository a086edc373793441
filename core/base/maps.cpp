#include "core/base/maps.h"

#include "core/base/error.h"

#include <Eigen/Core>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

namespace sparsescope {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<const Matrix, Eigen::Unaligned, Eigen::OuterStride<>>;

/// Rows computed at once: large enough for the matrix product, small enough that little is computed beyond causality.
constexpr int kBlock = 64;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

constexpr int kOneThreadUpTo = 256; ///< queries; below that starting a thread costs more than it gains
constexpr unsigned kMostThreads = 8;

/// Blocks are independent of each other: idle cores share them, the longest (last) ones first.
template <class Compute>
Map mapOf(int length, const Compute &compute)
{
    Map map{length, length, std::vector<float>(static_cast<std::size_t>(length) * length, kNan)};
    const int blocks = (length + kBlock - 1) / kBlock;
    std::atomic<int> left = blocks;
    const auto work = [&] {
        for (int block = --left; block >= 0; block = --left) {
            const int from = block * kBlock, rows = std::min(kBlock, length - from);
            const Matrix values = compute(from, rows);
            for (int r = 0; r < rows; ++r)
                std::copy_n(values.data() + static_cast<std::ptrdiff_t>(r) * values.cols(), from + r + 1,
                            map.values.data() + static_cast<std::size_t>(from + r) * length);
        }
    };
    std::vector<std::jthread> helpers;
    if (length > kOneThreadUpTo) {
        const unsigned threads = std::min({kMostThreads, std::thread::hardware_concurrency(), unsigned(blocks)});
        for (unsigned i = 1; i < threads; ++i)
            helpers.emplace_back(work);
    }
    work();
    helpers.clear(); // joins
    return map;
}

/// w[t,j] f(q[t,j] . k[s]) for queries from .. from+rows-1 and all keys up to the last of them.
Matrix indexTerms(const LayerSnapshot &layer, int from, int rows, int head)
{
    const int width = layer.indexDim, stride = layer.indexHeads * width;
    const Rows q(layer.indexQ.data() + static_cast<std::ptrdiff_t>(from) * stride +
                     static_cast<std::ptrdiff_t>(head) * width,
                 rows, width, Eigen::OuterStride<>(stride));
    const Rows k(layer.indexK.data(), from + rows, width, Eigen::OuterStride<>(width));
    Matrix terms = q * k.transpose();
    const float slope = layer.indexSlope.empty() ? 0.0f : layer.indexSlope[static_cast<std::size_t>(head)];
    if (layer.activation == IndexActivation::Relu)
        terms = terms.array().max(0.0f);
    else
        terms = terms.unaryExpr([&](float dot) { return activated(layer.activation, dot, slope); }).eval();
    for (int r = 0; r < rows; ++r)
        terms.row(r) *= layer.indexW[static_cast<std::size_t>(from + r) * layer.indexHeads + head];
    return terms;
}

Matrix indexScores(const LayerSnapshot &layer, int from, int rows)
{
    Matrix scores = Matrix::Zero(rows, from + rows);
    for (int head = 0; head < layer.indexHeads; ++head)
        scores += indexTerms(layer, from, rows, head);
    return scores;
}

/// The attention of one layer, its halves widened once.
class Attention {
public:
    Attention(const LayerSnapshot &layer, int length, double scale)
        : m_layer(layer)
        , m_length(length)
        , m_scale(static_cast<float>(scale))
        , m_q(widened(layer.q))
        , m_k(widened(layer.k))
    {}

    /// exp(scale q.k - lse), all keys up to the last query of the block; head -1: mean.
    Matrix weights(int from, int rows, int head, const std::vector<float> &lse) const
    {
        if (head >= 0)
            return ofHead(from, rows, head, lse);
        Matrix sum = Matrix::Zero(rows, from + rows);
        for (int h = 0; h < m_layer.heads; ++h)
            sum += ofHead(from, rows, h, lse);
        return sum / static_cast<float>(m_layer.heads);
    }

private:
    static std::vector<float> widened(const std::vector<std::uint16_t> &halves)
    {
        std::vector<float> values(halves.size());
        std::transform(halves.begin(), halves.end(), values.begin(), halfToFloat);
        return values;
    }
    Matrix ofHead(int from, int rows, int head, const std::vector<float> &lse) const
    {
        const int width = m_layer.headDim, kvHead = head / (m_layer.heads / m_layer.kvHeads);
        const auto at = [&](int which, int row) {
            return (static_cast<std::ptrdiff_t>(which) * m_length + row) * width;
        };
        const Rows q(m_q.data() + at(head, from), rows, width, Eigen::OuterStride<>(width));
        const Rows k(m_k.data() + at(kvHead, 0), from + rows, width, Eigen::OuterStride<>(width));
        Matrix weights = q * k.transpose();
        for (int r = 0; r < rows; ++r) {
            const float rowLse = lse[static_cast<std::size_t>(head) * m_length + from + r];
            if (std::isfinite(rowLse))
                weights.row(r) = (weights.row(r).array() * m_scale - rowLse).exp();
            else
                weights.row(r).setZero(); // a row that attended to nothing
        }
        return weights;
    }

    const LayerSnapshot &m_layer;
    int m_length;
    float m_scale;
    std::vector<float> m_q, m_k;
};

void requireHead(int head, int heads, const char *what)
{
    if (head < 0 || head >= heads)
        throw Failure(
            {fmt::format("no such {}", what), "map", std::to_string(head), fmt::format("0 to {}", heads - 1), {}});
}

} // namespace

std::vector<int> largestKeys(const float *row, int count, std::int64_t k)
{
    const auto chosen = static_cast<std::size_t>(std::clamp<std::int64_t>(k, 0, count));
    std::vector<int> keys(static_cast<std::size_t>(count));
    std::iota(keys.begin(), keys.end(), 0);
    const auto value = [row](int s) { return std::isnan(row[s]) ? -std::numeric_limits<float>::infinity() : row[s]; };
    const auto first = [&](int a, int b) { return value(a) != value(b) ? value(a) > value(b) : a < b; };
    if (chosen < keys.size())
        std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(chosen), keys.end(), first);
    keys.resize(chosen);
    std::sort(keys.begin(), keys.end());
    return keys;
}

void keyStates(const LayerSnapshot &layer, int length, int query, const float *dense, std::int64_t topK,
               KeyState *states)
{
    const auto selected = [&](int s) { return !layer.hasSelection() || layer.isSelected(query, s, length); };
    for (int s = 0; s <= query; ++s)
        states[s] = selected(s) ? KeyState::SelectedLittle : KeyState::Neither;
    for (const int s : largestKeys(dense, query + 1, topK))
        states[s] = selected(s) ? KeyState::SelectedNeeded : KeyState::Missed;
    for (int s = query + 1; s < length; ++s)
        states[s] = layer.hasSelection() && selected(s) ? KeyState::FutureSelected : KeyState::Future;
}

Map indexScoreMap(const LayerSnapshot &layer, int length)
{
    if (!layer.hasIndexer())
        return {};
    return mapOf(length, [&](int from, int rows) { return indexScores(layer, from, rows); });
}

Map indexTermMap(const LayerSnapshot &layer, int length, int indexHead)
{
    if (!layer.hasIndexer())
        return {};
    requireHead(indexHead, layer.indexHeads, "indexer head");
    return mapOf(length, [&](int from, int rows) { return indexTerms(layer, from, rows, indexHead); });
}

Map attentionMap(const LayerSnapshot &layer, int length, double scale, int head)
{
    if (head != -1)
        requireHead(head, layer.heads, "head");
    const Attention attention(layer, length, scale);
    Map map = mapOf(length, [&](int from, int rows) { return attention.weights(from, rows, head, layer.lse); });
    if (layer.hasSelection() && layer.lse != layer.lseDense) {
        for (int t = 0; t < length; ++t) {
            for (int s = 0; s <= t; ++s) {
                if (!layer.isSelected(t, s, length))
                    map.values[static_cast<std::size_t>(t) * length + s] = 0;
            }
        }
    }
    return map;
}

Map denseAttentionMap(const LayerSnapshot &layer, int length, double scale, int head)
{
    if (head != -1)
        requireHead(head, layer.heads, "head");
    const Attention attention(layer, length, scale);
    return mapOf(length, [&](int from, int rows) { return attention.weights(from, rows, head, layer.lseDense); });
}

MaskMap maskMap(const LayerSnapshot &layer, int length, double scale, std::int64_t topK)
{
    return maskMap(layer, denseAttentionMap(layer, length, scale, -1), topK);
}

MaskMap maskMap(const LayerSnapshot &layer, const Map &dense, std::int64_t topK)
{
    const int length = dense.rows;
    MaskMap mask{length, length, std::vector<KeyState>(static_cast<std::size_t>(length) * length)};
    for (int t = 0; t < length; ++t) {
        const std::size_t row = static_cast<std::size_t>(t) * length;
        keyStates(layer, length, t, dense.values.data() + row, topK, mask.states.data() + row);
    }
    return mask;
}

void visitMaps(const LayerSnapshot &layer, int length, double scale,
               const std::function<void(const LayerBlock &)> &visit)
{
    const Attention attention(layer, length, scale);
    const bool ranSparse = layer.hasSelection() && layer.lse != layer.lseDense;
    std::vector<Matrix> terms(static_cast<std::size_t>(layer.indexHeads));
    std::vector<Matrix> weights(static_cast<std::size_t>(layer.heads));
    for (int from = 0; from < length; from += kBlock) {
        const int rows = std::min(kBlock, length - from);
        LayerBlock block{from, rows, from + rows, {}, {}, nullptr};
        for (int head = 0; head < layer.indexHeads; ++head) {
            terms[static_cast<std::size_t>(head)] = indexTerms(layer, from, rows, head);
            block.terms.push_back(terms[static_cast<std::size_t>(head)].data());
        }
        Matrix dense = Matrix::Zero(rows, from + rows), kept;
        if (ranSparse) {
            kept = Matrix::Zero(rows, from + rows);
            for (int r = 0; r < rows; ++r) {
                for (int s = 0; s <= from + r; ++s)
                    kept(r, s) = layer.isSelected(from + r, s, length) ? 1.0F : 0.0F;
            }
        }
        for (int head = 0; head < layer.heads; ++head) {
            Matrix &ran = weights[static_cast<std::size_t>(head)];
            ran = attention.weights(from, rows, head, layer.lseDense);
            dense += ran;
            for (int r = 0; ranSparse && r < rows; ++r) {
                const std::size_t at = static_cast<std::size_t>(head) * length + from + r;
                const float factor = std::isfinite(layer.lse[at]) ? std::exp(layer.lseDense[at] - layer.lse[at]) : 0.0F;
                ran.row(r).array() *= kept.row(r).array() * factor;
            }
            block.attention.push_back(ran.data());
        }
        dense /= static_cast<float>(layer.heads);
        block.dense = dense.data();
        visit(block);
    }
}

DistanceProfile distanceProfile(const LayerSnapshot &layer, const Map &dense, std::int64_t topK)
{
    const int length = dense.rows;
    std::vector<double> selected(static_cast<std::size_t>(length), 0), attention = selected, rows = selected;
    for (int t = static_cast<int>(std::clamp<std::int64_t>(topK, 0, length)); t < length; ++t) {
        for (int s = 0; s <= t; ++s) {
            const auto distance = static_cast<std::size_t>(t - s);
            rows[distance] += 1;
            attention[distance] += dense.at(t, s);
            selected[distance] += layer.hasSelection() && layer.isSelected(t, s, length) ? 1 : 0;
        }
    }
    const auto means = [&rows](const std::vector<double> &sums) {
        std::vector<float> result(sums.size(), kNan);
        for (std::size_t d = 0; d < sums.size(); ++d) {
            if (rows[d] > 0)
                result[d] = static_cast<float>(sums[d] / rows[d]);
        }
        return result;
    };
    return {layer.hasSelection() ? means(selected) : std::vector<float>(), means(attention)};
}

QueryRow queryRow(const LayerSnapshot &layer, int length, double scale, std::int64_t topK, int query)
{
    if (query < 0 || query >= length)
        throw Failure(
            {"no such query in the snapshot", "query", std::to_string(query), fmt::format("0 to {}", length - 1), {}});
    QueryRow row;
    row.query = query;
    const auto append = [](std::vector<float> &to, const Matrix &values) {
        to.insert(to.end(), values.data(), values.data() + values.size());
    };
    if (layer.hasIndexer()) {
        append(row.score, indexScores(layer, query, 1));
        for (int head = 0; head < layer.indexHeads; ++head)
            append(row.terms, indexTerms(layer, query, 1, head));
    }
    append(row.attention, Attention(layer, length, scale).weights(query, 1, -1, layer.lseDense));
    row.state.resize(static_cast<std::size_t>(length));
    keyStates(layer, length, query, row.attention.data(), topK, row.state.data());
    row.threshold = layer.threshold.empty() ? kNan : layer.threshold[static_cast<std::size_t>(query)];
    return row;
}

std::vector<float> attentionRow(const LayerSnapshot &layer, int length, double scale, int query, int head)
{
    if (query < 0 || query >= length)
        throw Failure(
            {"no such query in the snapshot", "query", std::to_string(query), fmt::format("0 to {}", length - 1), {}});
    if (head != -1)
        requireHead(head, layer.heads, "head");
    const Matrix values = Attention(layer, length, scale).weights(query, 1, head, layer.lseDense);
    return {values.data(), values.data() + values.size()};
}

} // namespace sparsescope
