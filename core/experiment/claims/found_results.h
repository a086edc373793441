#pragma once

#include "core/base/bench_document.h"
#include "core/base/needle_table.h"
#include "core/base/statistics.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What lies below a folder of results: experiments, whole or reduced to their summaries (small_results.h), and stored
/// benchmarks. Whatever is read from a file is checked; differences are computed again from the values of every seed.
namespace sparsescope {

using SweptValues = std::map<std::string, std::string>; ///< axis -> value, without family, length and seed

/// A finished run, as its row of summary.json has it.
struct ResultRun {
    std::string name; ///< "seq_128/sparse/seed_0"
    std::string family;
    std::int64_t length = 0;
    std::uint64_t seed = 0;
    SweptValues axes;
    std::int64_t steps = 0, parameters = 0;
    int layers = 0, width = 0;
    std::string data;                     ///< "stories", "text corpus.txt"
    std::string card;                     ///< "NVIDIA H100 80GB HBM3", "CPU"
    std::vector<std::string> withheldBy;  ///< gates that say nothing may be said: empty for a sound run
    std::map<std::string, double> values; ///< measured (stored_run.h: measuredKeys()); unknown ones are absent
};

/// b against a, over the seeds that have both, after equal main-model steps.
struct ResultComparison {
    std::string by, family, a, b, metric; ///< `family`: of both sides, where another axis is compared
    std::int64_t length = 0;
    SweptValues axes;
    std::vector<std::uint64_t> seeds;
    std::vector<double> valuesA, valuesB; ///< by seed
    /// Computed again here; the verdict is the summary's, which Holm's procedure over its table may have made weaker.
    PairedDifference statistics;
    std::string withheldBy; ///< why there is no verdict; empty: there is one

    std::vector<double> differences() const;
};

struct ResultGate {
    std::string gate, run, outcome, measured;
};

struct ExperimentResults {
    std::string name;             ///< of the experiment
    std::filesystem::path folder; ///< relative to the root
    std::vector<ResultRun> runs;
    std::vector<ResultComparison> comparisons;
    std::vector<ResultGate> gates;
    std::vector<NeedleTable> needles; ///< of runs that were asked at other lengths
    std::vector<std::string> damages; ///< of its files, as its summary names them
    std::string notKept;              ///< snapshots and weights that are not there, in words; empty: none is missing
};

struct FoundResults {
    std::filesystem::path root;
    std::vector<ExperimentResults> experiments; ///< by folder
    std::vector<BenchDocument> benches;         ///< by file, which is relative to the root
    std::vector<std::string> problems;          ///< what could not be read or is damaged, each naming file and place
};

/// An experiment is a folder with experiment.json or summary.json, a benchmark a *.json in a folder `bench`, at any depth. What
/// cannot be read is left out and told in `problems`. Throws Failure where the root is no folder.
FoundResults findResults(const std::filesystem::path &root);

/// A summary (CONTRACTS.md 6). Throws Failure naming `origin` and the place.
ExperimentResults experimentFromSummary(const nlohmann::ordered_json &summary, const std::string &origin);

} // namespace sparsescope
