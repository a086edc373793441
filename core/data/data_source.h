#pragma once

#include "core/base/config.h"
#include "core/base/error.h"
#include "core/data/split_overlap.h"
#include "core/data/tokenizer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// To predict the target at query t of a row, these positions of the row must be read (tasks with known answers).
struct NeededKeys {
    int row = 0;
    int query = 0;
    std::vector<int> keys;
    int answer = 0; ///< which answer of the row the target is part of: it is right when all of its targets are
};

/// B rows of L tokens. targets[b,t] is what position t predicts (the next token), -1 where there is no loss.
struct Batch {
    int rows = 0, length = 0;
    std::vector<std::int64_t> inputs;  ///< [B,L]
    std::vector<std::int64_t> targets; ///< [B,L]
    std::vector<NeededKeys> needed;
};

/// What the snapshots look at: one row, the same for every snapshot of a run.
struct Probe {
    std::string name;                     ///< "validation document 3", "needle example 1"
    std::vector<std::int32_t> tokens;     ///< [L]
    std::vector<std::int64_t> targets;    ///< [L]
    std::vector<std::string> words;       ///< [L] for display
    std::vector<std::vector<int>> needed; ///< [L], or empty when the task has no known keys
};

/// Where a run's tokens come from. Pure: batch `index` depends on (seed, L, batch size, index) only, so a resumed run
/// needs nothing but the index, and families of one seed see the same windows in the same order.
/// Safe to call from several threads.
class DataSource {
public:
    virtual ~DataSource() = default;
    virtual int vocabulary() const = 0;
    virtual Batch training(std::int64_t index) const = 0;
    /// Never overlaps training; the same for every seed of the model.
    virtual Batch validation(std::int64_t index) const = 0;
    virtual Probe probe(const std::string &text) const = 0; ///< empty text: an example of the validation side
    virtual std::string word(std::int32_t id) const = 0;    ///< a token for display
    virtual double bytesPerToken() const { return 1.0; }
    /// Lowest loss any causal model can reach (nats per labelled token), where it is known.
    virtual std::optional<double> floor() const { return std::nullopt; }
    /// Does accuracy mean "the answer is right" (a task) rather than "next byte guessed"?
    virtual bool isTask() const { return false; }
    /// What about the data is allowed and may not be meant ("corpus.bin is no text"); empty: nothing.
    virtual std::string notice() const { return {}; }
    /// Share of labelled tokens that blind guessing gets right, where known (needle digits: 0.1).
    virtual std::optional<double> chanceAccuracy() const { return std::nullopt; }
    /// How much of validation stands in training: strings of `length` tokens of a text; of a generated task whole examples.
    virtual SplitOverlap overlap(std::int64_t length) const = 0;
};

/// Makes the source a run asks for. Throws Failure (file missing, empty, shorter than one window, not UTF-8 where text
/// is asked for; unknown generator option with the nearest known one; impossible generator sizes) before anything is allocated.
std::unique_ptr<DataSource> makeDataSource(const RunConfig &config);

/// All that is wrong with the data of a run; empty: makeDataSource() makes it. Reads the data, but trains no tokenizer.
std::vector<Error> dataErrors(const RunConfig &config);

/// What of a run is allowed and may not be meant, in words: from the data, and from a top_k that leaves nothing out.
std::vector<std::string> noticesOf(const RunConfig &config, const DataSource &source);

/// Hash of the first `batches` training batches: equal for two runs that see the same tokens in the same order.
std::uint64_t dataOrderHash(const DataSource &source, int batches = 100);

/// One registered kind of source: name as in data.source, what it is, its options with defaults.
struct DataSourceKind {
    std::string name;
    std::string help;
    nlohmann::json options; ///< every option with its default
    std::unique_ptr<DataSource> (*make)(const RunConfig &config);
};
/// The table, written by hand in data_source_registry.cpp: a new source is one file and one line there.
const std::vector<DataSourceKind> &dataSourceKinds();

} // namespace sparsescope
