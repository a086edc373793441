#pragma once

#include "core/base/snapshot.h"

#include <cstdint>
#include <functional>
#include <vector>

/// Any map of a layer, computed from its factored snapshot. Pure functions; run them off the GUI thread.
namespace sparsescope {

/// rows = queries t, columns = keys s, row-major; NaN where s > t unless stated.
struct Map {
    int rows = 0, columns = 0;
    std::vector<float> values;
    float at(int t, int s) const { return values[static_cast<std::size_t>(t) * columns + s]; }
};

/// State of one cell of the selection mask.
enum class KeyState : std::uint8_t {
    Neither,        ///< visible, not selected, not needed
    SelectedNeeded, ///< selected, and in the dense top-k of the head mean
    SelectedLittle, ///< selected, little weight
    Missed,         ///< in the dense top-k, not selected
    Future,         ///< s > t
    FutureSelected  ///< s > t and selected: a fault
};
struct MaskMap {
    int rows = 0, columns = 0;
    std::vector<KeyState> states;
    KeyState at(int t, int s) const { return states[static_cast<std::size_t>(t) * columns + s]; }
};

Map indexScoreMap(const LayerSnapshot &layer, int length); ///< sum over indexer heads; 0 x 0 without an indexer
Map indexTermMap(const LayerSnapshot &layer, int length,
                 int indexHead); ///< w[t,j] f(q.k) of one head, f the indexer's activation; 0 x 0 without an indexer
/// exp(scale q.k - lse) of the attention that ran: 0 at visible keys that it did not read. head -1: mean over heads.
/// It ran over the selected keys when there is a selection and lse differs from lseDense; else over all visible keys.
Map attentionMap(const LayerSnapshot &layer, int length, double scale, int head);
Map denseAttentionMap(const LayerSnapshot &layer, int length, double scale,
                      int head); ///< over all visible keys; head -1: mean
/// Needed = among the min(k, t+1) largest of the dense head mean (ties: lower key first). A layer without a selection
/// reads every visible key, so each is SelectedNeeded or SelectedLittle and none is missed.
MaskMap maskMap(const LayerSnapshot &layer, int length, double scale, std::int64_t topK);

/// The mask from a dense head mean that is there already.
MaskMap maskMap(const LayerSnapshot &layer, const Map &dense, std::int64_t topK);

/// Some rows of every map of a layer: queries from .. from + rows - 1, keys 0 .. columns - 1, row-major and `columns` wide.
/// Cells s > t hold no value of use.
struct LayerBlock {
    int from = 0, rows = 0, columns = 0;
    std::vector<const float *> terms;     ///< [HI] as in indexTermMap()
    std::vector<const float *> attention; ///< [H] as in attentionMap(), one head each
    const float *dense = nullptr;         ///< head mean, as in denseAttentionMap()
};
/// All maps of a layer in one pass, block by block from the first query on: each logit is computed once, and nothing of the
/// size of a whole map is kept. The block is valid during the call only.
void visitMaps(const LayerSnapshot &layer, int length, double scale,
               const std::function<void(const LayerBlock &)> &visit);

/// States of all S keys of one query; `dense` holds the dense head mean of its t + 1 visible keys.
void keyStates(const LayerSnapshot &layer, int length, int query, const float *dense, std::int64_t topK,
               KeyState *states);

/// Means over the rows t >= k by distance d = t - s (DESIGN section 2: look-back). NaN where no row reaches as far.
struct DistanceProfile {
    std::vector<float>
        selected; ///< [S] share of the pairs at that distance that is selected; empty without a selection
    std::vector<float> attention; ///< [S] dense head mean
};
DistanceProfile distanceProfile(const LayerSnapshot &layer, const Map &dense, std::int64_t topK);

/// The keys of the min(k, row.size()) largest values, ascending; ties: lower key first; NaN loses to everything.
std::vector<int> largestKeys(const float *row, int count, std::int64_t k);

/// One query, all its visible keys: what the row inspector and the token strip show.
struct QueryRow {
    int query = 0;
    std::vector<float> score;     ///< [t+1]; empty without an indexer
    std::vector<float> terms;     ///< [HI, t+1]
    std::vector<float> attention; ///< [t+1] head mean of the dense attention
    std::vector<KeyState> state;  ///< [S]
    float threshold = 0;          ///< score of the k-th key; NaN where there is none
};
/// Throws Failure for a query outside the snapshot.
QueryRow queryRow(const LayerSnapshot &layer, int length, double scale, std::int64_t topK, int query);

/// [t+1] dense attention of one query and one head; head -1: mean over heads.
std::vector<float> attentionRow(const LayerSnapshot &layer, int length, double scale, int query, int head);

} // namespace sparsescope
