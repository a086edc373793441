#pragma once

#include "core/base/index_activation.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

/// One layer on the probe text, factored: what is needed to compute any of its maps (CONTRACTS.md 5).
/// S tokens, HI indexer heads of width dI, H attention heads, KV key heads of width Dqk. Row-major.
struct LayerSnapshot {
    int layer = 0;
    int indexHeads = 0, indexDim = 0; ///< 0: no indexer
    int heads = 0, kvHeads = 0, headDim = 0;
    std::vector<float> indexQ;                          ///< [S,HI,dI] after RoPE
    std::vector<float> indexK;                          ///< [S,dI] after RoPE
    std::vector<float> indexW;                          ///< [S,HI] all scale factors included: score = sum_j w f(q.k)
    IndexActivation activation = IndexActivation::Relu; ///< f
    std::vector<float> indexSlope;                      ///< [HI] of f = prelu; empty for every other one
    std::vector<std::uint16_t> q;                       ///< [H,S,Dqk] IEEE half bits, after RoPE
    std::vector<std::uint16_t> k; ///< [KV,S,Dqk] IEEE half bits, after RoPE (MLA: expanded per head)
    std::vector<float> lse;       ///< [H,S] of the attention that ran
    std::vector<float> lseDense;  ///< [H,S] over all visible keys
    std::vector<std::uint64_t>
        selected; ///< [S,ceil(S/64)] bit s%64 of word s/64; empty for dense attention without an indexer
    std::vector<float> threshold; ///< [S] score of the k-th key; empty when there is no indexer

    bool hasIndexer() const { return indexHeads > 0; }
    bool hasSelection() const { return !selected.empty(); }
    bool isSelected(int t, int s, int length) const
    {
        const std::size_t words = (static_cast<std::size_t>(length) + 63) / 64;
        return (selected[t * words + s / 64] >> (s % 64)) & 1;
    }
};

/// All layers of one run at one step on the probe text.
struct Snapshot {
    std::string run; ///< RunConfig::folder()
    std::int64_t step = 0;
    std::string stage;                    ///< as shown
    bool sparse = false;                  ///< did the attention that ran use the selection?
    std::string probeName;                ///< "validation document 3"
    std::string selector;                 ///< "lightning", "none", ...
    double scale = 0;                     ///< of the attention dot products
    std::int64_t topK = 0;                ///< keys per query
    std::vector<std::int32_t> tokens;     ///< [S]
    std::vector<std::string> words;       ///< [S] each token as text, for display; may be empty
    std::vector<std::vector<int>> needed; ///< [S] or empty: known needed keys of each query (tasks with an answer)
    std::vector<LayerSnapshot> layers;
    bool checksums = true; ///< did the file that was read have them? Older ones do not

    int length() const { return static_cast<int>(tokens.size()); }
};

/// Reads and writes the file of CONTRACTS.md 5. Writing is atomic (temporary file, fsync, rename).
/// Where an indexer has another activation than relu, schema 2: `activation` in __metadata__, and for prelu layerN.index_slope
/// f32 [HI]. Readers of schema 1, which know relu alone, refuse it.
/// Beside the contract's tensors: `words`, `needed` and `checksums`, one a tensor, as JSON in __metadata__.
void writeSnapshot(const Snapshot &snapshot, const std::filesystem::path &file);
/// Throws Failure naming file and tensor for anything damaged, missing, of wrong shape or larger than the file.
Snapshot readSnapshot(const std::filesystem::path &file);

float halfToFloat(std::uint16_t bits);
std::uint16_t floatToHalf(float value);

} // namespace sparsescope
