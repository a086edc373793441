#pragma once

#include "core/base/statistics.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// How often a trained model finds what is hidden in a haystack, by its length and by how deep it lies. Stored in the run
/// under kNeedleKey; the command line, the report, the exports and the claims read it from there.
namespace sparsescope {

constexpr const char *kNeedleKey = "needle";
constexpr const char *kNeedleFile = "needle.csv"; ///< a row a run, length, setting and depth

/// Answers whose key lies in one part of the haystack.
struct NeedleDepth {
    std::int64_t answers = 0, exact = 0; ///< exact: every token right
};

/// One length, asked with one number of keys and one way of going on beyond the trained positions.
struct NeedleRow {
    std::int64_t length = 0;         ///< tokens of an example, questions included
    std::string keys;                ///< as asked: "32", "L/8"; empty: dense attention
    std::int64_t topK = 0;           ///< what that is at this length; 0: dense attention
    std::string positions;           ///< "plain", or "yarn": rotation stretched by yarnFactor
    double yarnFactor = 1;           ///< 1: not stretched
    std::int64_t examples = 0;       ///< haystacks that were answered
    std::vector<NeedleDepth> depths; ///< from the beginning of the haystack to its end
    std::int64_t tokens = 0, tokensRight = 0;
    /// Share of the places to copy from that are among the selected keys, a number a layer; empty with dense attention.
    std::vector<double> found;
    std::optional<double> foundChance; ///< of as many random keys
    double secondsPerExample = 0;
    std::optional<double> peakBytes; ///< of the device while it was asked; absent on the CPU
    std::string problem;             ///< why it was not answered: "not enough GPU memory"; empty: it was

    std::int64_t answers() const;
    std::int64_t exact() const;
};

struct NeedleTable {
    std::string run;              ///< "seq_512/sparse/seed_0"
    std::string family, selector; ///< as stored: "sparse", "lightning"; selector empty: none
    std::uint64_t seed = 0;
    std::int64_t step = 0;          ///< of the checkpoint
    std::int64_t trainedLength = 0; ///< L of the run
    std::int64_t shortest = 0;      ///< of its training examples; equal to trainedLength where all were as long
    std::string haystack;           ///< "text", "constant", "random"
    std::string device, precision;  ///< "CPU"; "fp32", "bf16"
    int digits = 0;                 ///< tokens of an answer
    double exactChance = 0;         ///< of blind guessing: 10^-digits
    std::vector<NeedleRow> rows;    ///< by setting, then by length

    std::string group() const; ///< the run without its seed
};

/// A row of one setting over the seeds that answered it.
struct NeedlePanelRow {
    std::int64_t length = 0, topK = 0;
    double yarnFactor = 1;
    std::vector<NeedleDepth> depths; ///< summed over the seeds
    std::vector<std::uint64_t> seeds;
    std::vector<double> exactBySeed; ///< share
    std::vector<double> foundBest;   ///< by seed: the layer that found most
    std::optional<double> foundChance;

    std::int64_t answers() const;
    std::int64_t exact() const;
    double share() const { return static_cast<double>(exact()) / static_cast<double>(answers()); }
    /// Wilson's, which takes every answer for independent; answers of one haystack and of one seed are not quite.
    Interval interval() const { return wilsonInterval(static_cast<double>(exact()), static_cast<double>(answers())); }
};

/// What one heat table shows: a group of seeds under one setting, its rows by length.
struct NeedlePanel {
    std::string title; ///< "DSA, k 32, YaRN"
    std::string group, family, keys, positions;
    std::int64_t trainedLength = 0;
    double exactChance = 0;
    std::vector<NeedlePanelRow> rows;
    std::vector<std::string> problems; ///< "seed 1, L 131072: not enough GPU memory"
};
/// In the order of the tables. Tables of different numbers of depths do not share a panel.
std::vector<NeedlePanel> needlePanels(const std::vector<NeedleTable> &tables);

nlohmann::ordered_json toJson(const NeedleTable &table);
/// Throws Failure naming `origin` and the place where the document is no such table.
NeedleTable needleFromJson(const nlohmann::ordered_json &document, const std::string &origin);

/// Full precision, unknown empty. The first line names the columns; depth "all" sums the others.
std::string needleCsv(const std::vector<NeedleTable> &tables);

/// `fresh` with the rows of an earlier table that it did not ask again, where both are of one checkpoint and of equally many
/// depths; by setting, then by length.
NeedleTable merged(const NeedleTable &earlier, NeedleTable fresh);

/// Into the run, and as CSV beside it. Throws Failure where another process trains the run.
void storeNeedle(const std::filesystem::path &runFolder, const NeedleTable &table);

} // namespace sparsescope
