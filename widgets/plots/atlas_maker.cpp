#include "widgets/plots/atlas_maker.h"

#include "core/base/selection_metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <thread>

namespace sparsescope {

namespace {

constexpr double kWeightFloor = 1e-3; ///< of the logarithmic scale of attention
constexpr auto kSlice = std::chrono::milliseconds(60);

/// Sums over the rows of a layer that have no thumbnail of their own.
class RowSums {
public:
    RowSums(const Snapshot &snapshot, std::size_t index)
        : m_snapshot(snapshot)
        , m_index(index)
        , m_layer(snapshot.layers[index])
        , m_terms(static_cast<std::size_t>(m_layer.indexHeads), 0)
    {}

    void add(const LayerBlock &block)
    {
        for (int r = 0; r < block.rows; ++r) {
            addRow(block, r);
        }
    }

    void finish(AtlasLayer &to) const
    {
        double all = 0;
        for (const double sum : m_terms) {
            all += sum;
        }
        for (const double sum : m_terms) {
            to.headShare.push_back(all > 0 ? sum / all : 0);
        }
        if (m_rows > 0) {
            to.massKept = m_kept / m_rows;
            to.massKeptChance = m_chance / m_rows;
        }
        if (m_klRows > 0) {
            to.kl = m_kl / m_klRows;
        }
    }

private:
    void addRow(const LayerBlock &block, int r)
    {
        const int t = block.from + r, length = m_snapshot.length();
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(r) * block.columns;
        m_scores.assign(static_cast<std::size_t>(t) + 1, 0);
        for (std::size_t head = 0; head < block.terms.size(); ++head) {
            const float *row = block.terms[head] + at;
            double sum = 0;
            for (int s = 0; s <= t; ++s) {
                m_scores[static_cast<std::size_t>(s)] += row[s];
                sum += std::abs(row[s]);
            }
            m_terms[head] += sum;
        }
        const float *dense = block.dense + at;
        if (m_layer.hasSelection() && t >= m_snapshot.topK) {
            for (int s = 0; s <= t; ++s) {
                m_kept += m_layer.isSelected(t, s, length) ? dense[s] : 0;
            }
            m_chance += static_cast<double>(m_snapshot.topK) / (t + 1);
            ++m_rows;
        }
        if (m_layer.hasIndexer()) {
            if (const auto kl = indexerDivergence(m_snapshot, m_index, t, dense, m_scores.data())) {
                m_kl += *kl;
                ++m_klRows;
            }
        }
    }

    const Snapshot &m_snapshot;
    std::size_t m_index;
    const LayerSnapshot &m_layer;
    std::vector<double> m_terms;
    std::vector<float> m_scores;
    double m_kept = 0, m_chance = 0, m_kl = 0;
    int m_rows = 0, m_klRows = 0;
};

/// The scale over all thumbnails of a kind: what suitableScale() says of them as if they were one map.
ColourScale commonScale(const std::vector<std::shared_ptr<const AtlasLayer>> &layers,
                        std::vector<Map> AtlasLayer::*maps, ColourMapName colours, bool logarithmic, bool isSigned,
                        const std::optional<Limits> &limits)
{
    Map all;
    for (const auto &layer : layers) {
        if (layer) {
            for (const Map &map : (*layer).*maps) {
                all.values.insert(all.values.end(), map.values.begin(), map.values.end());
            }
        }
    }
    ColourScale scale = suitableScale(all, colours, logarithmic, isSigned, kWeightFloor);
    if (limits) {
        scale.low = limits->first;
        scale.high = limits->second;
        scale.logarithmic = logarithmic && !isSigned && scale.low > 0;
    }
    return scale;
}

AtlasImages colourLayer(const AtlasLayer &layer, const AtlasPicture &picture)
{
    const Tokens &colours = tokens(picture.request.theme);
    AtlasImages images;
    if (!layer.mask.empty()) {
        images.mask = colourStates(layer.mask, picture.pixels, colours);
    }
    for (const Map &map : layer.terms) {
        images.terms.push_back(colourMap(map, picture.termScale, colours));
    }
    for (const Map &map : layer.attention) {
        images.attention.push_back(colourMap(map, picture.attentionScale, colours));
    }
    return images;
}

} // namespace

AtlasLayer makeAtlasLayer(const Snapshot &snapshot, std::size_t index, int side)
{
    const LayerSnapshot &layer = snapshot.layers.at(index);
    const int length = snapshot.length();
    const ThumbnailGrid grid(length, side);
    std::vector<ThumbnailValues> terms(static_cast<std::size_t>(layer.indexHeads),
                                       ThumbnailValues(grid, Reducer::LargestMagnitude));
    std::vector<ThumbnailValues> attention(static_cast<std::size_t>(layer.heads), ThumbnailValues(grid, Reducer::Sum));
    AtlasLayer made;
    std::vector<KeyState> states(static_cast<std::size_t>(length));
    if (layer.hasSelection()) {
        made.mask.resize(static_cast<std::size_t>(grid.side()) * grid.side());
    }
    RowSums sums(snapshot, index);
    visitMaps(layer, length, snapshot.scale, [&](const LayerBlock &block) {
        for (std::size_t head = 0; head < terms.size(); ++head) {
            terms[head].add(block.terms[head], block.from, block.rows, block.columns);
        }
        for (std::size_t head = 0; head < attention.size(); ++head) {
            attention[head].add(block.attention[head], block.from, block.rows, block.columns);
        }
        for (int r = 0; r < block.rows && layer.hasSelection(); ++r) {
            const int t = block.from + r;
            keyStates(layer, length, t, block.dense + static_cast<std::ptrdiff_t>(r) * block.columns, snapshot.topK,
                      states.data());
            const std::size_t line = static_cast<std::size_t>(grid.pixelOf(t)) * grid.side();
            for (int s = 0; s < length; ++s) {
                made.mask[line + static_cast<std::size_t>(grid.pixelOf(s))].add(states[static_cast<std::size_t>(s)]);
            }
        }
        sums.add(block);
    });
    for (ThumbnailValues &values : terms) {
        made.terms.push_back(values.finish());
    }
    for (ThumbnailValues &values : attention) {
        made.attention.push_back(values.finish());
    }
    sums.finish(made);
    return made;
}

std::vector<int> AtlasMaker::missingLayers(const AtlasRequest &request) const
{
    const int count = static_cast<int>(m_layers.size());
    std::vector<int> order;
    for (const int layer : request.first) {
        if (layer >= 0 && layer < count) {
            order.push_back(layer);
        }
    }
    for (int layer = 0; layer < count; ++layer) {
        if (std::find(request.first.begin(), request.first.end(), layer) == request.first.end()) {
            order.push_back(layer);
        }
    }
    std::erase_if(order, [this](int layer) { return m_layers[static_cast<std::size_t>(layer)] != nullptr; });
    return order;
}

AtlasPicture AtlasMaker::make(const AtlasRequest &request)
{
    const Snapshot &snapshot = *request.snapshot;
    if (m_snapshot != request.snapshot || m_side != request.side) {
        m_snapshot = request.snapshot;
        m_side = request.side;
        m_layers.assign(snapshot.layers.size(), nullptr);
    }
    const std::vector<int> missing = missingLayers(request);
    const std::size_t atOnce = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
    const auto begin = std::chrono::steady_clock::now();
    std::size_t done = 0;
    while (done < missing.size() && (done == 0 || std::chrono::steady_clock::now() - begin < kSlice)) {
        const std::size_t end = std::min(missing.size(), done + atOnce);
        std::vector<std::future<AtlasLayer>> others;
        const auto one = [&snapshot, side = request.side](int layer) {
            return makeAtlasLayer(snapshot, static_cast<std::size_t>(layer), side);
        };
        for (std::size_t i = done + 1; i < end; ++i) {
            others.push_back(std::async(std::launch::async, one, missing[i]));
        }
        const auto keep = [&](std::size_t i, AtlasLayer layer) {
            m_layers[static_cast<std::size_t>(missing[i])] = std::make_shared<const AtlasLayer>(std::move(layer));
        };
        keep(done, one(missing[done]));
        for (std::size_t i = 0; i < others.size(); ++i) {
            keep(done + 1 + i, others[i].get());
        }
        done = end;
    }

    AtlasPicture picture;
    picture.request = request;
    picture.layers = m_layers;
    picture.complete = done == missing.size();
    picture.pixels = std::min(snapshot.length(), request.side);
    picture.termScale =
        commonScale(m_layers, &AtlasLayer::terms, ColourMapName::Diverging, false, true, request.termLimits);
    picture.attentionScale =
        commonScale(m_layers, &AtlasLayer::attention, ColourMapName::Viridis, true, false, request.attentionLimits);
    for (std::size_t layer = 0; layer < m_layers.size(); ++layer) {
        picture.images.push_back(m_layers[layer] ? colourLayer(*m_layers[layer], picture) : AtlasImages());
        picture.churn.push_back(request.previous ? churn(snapshot, *request.previous, layer) : std::nullopt);
    }
    return picture;
}

} // namespace sparsescope
