#pragma once

#include "core/data/data_source.h"
#include "core/data/random_stream.h"

namespace sparsescope {

/// One row while a generator fills it: L inputs, L targets (-1: no loss) and the needed keys of some queries.
struct Row {
    explicit Row(int length, std::int64_t filler = 0)
        : inputs(static_cast<std::size_t>(length), filler)
        , targets(static_cast<std::size_t>(length), -1)
    {}
    std::int64_t &input(int position) { return inputs[static_cast<std::size_t>(position)]; }
    std::int64_t &target(int position) { return targets[static_cast<std::size_t>(position)]; }
    /// The loss at `query` is on `token`, which stands at (or follows from) `keys` and is one token of answer `answer`.
    void ask(int query, std::int64_t token, std::vector<int> keys, int answer)
    {
        target(query) = token;
        needed.push_back({0, query, std::move(keys), answer});
    }

    std::vector<std::int64_t> inputs;
    std::vector<std::int64_t> targets;
    std::vector<NeededKeys> needed; ///< `row` is filled in by addRow()
};
/// Row `index` of the batch, behind those before it.
void addRow(Batch &batch, int index, Row row);

/// A source that makes each row from a random stream of its own. Training streams depend on (seed, L, batch size, index,
/// row); validation streams on (L, batch size, index, row) only and share no block with any training stream.
class GeneratedSource : public DataSource {
public:
    Batch training(std::int64_t index) const final;
    Batch validation(std::int64_t index) const final;
    /// A text is read as words of this vocabulary between spaces ("K3 v1"); sources of bytes read its bytes. Longer than
    /// L: the first L tokens. Shorter: stays shorter. Fewer than two tokens: Failure.
    Probe probe(const std::string &text) const override;
    /// The examples of the first validation batches among those of the first training batches.
    SplitOverlap overlap(std::int64_t length) const final;

protected:
    GeneratedSource(std::string name, const RunConfig &config);

    /// `split` for sources whose filler comes from a text that is split itself.
    virtual Row makeRow(RandomStream &stream, Split split) const = 0;
    virtual std::vector<std::int32_t> encode(const std::string &text) const;
    /// Are the targets of a given text its next tokens (else: no loss anywhere)?
    virtual bool predictsNextToken() const { return false; }

    /// What probe("") shows: the first validation row, unless a source has a more telling one.
    virtual Row exampleRow() const;
    /// Validation row `row` of batch 0.
    RandomStream exampleStream(std::uint32_t row) const { return {m_validationKey, Split::Validation, 0, row}; }

    int length() const { return m_length; }
    const std::string &name() const { return m_name; }

private:
    Batch make(Split split, std::uint64_t key, std::int64_t index) const;

    std::string m_name;
    int m_length;
    int m_batchSize;
    std::uint64_t m_trainingKey;
    std::uint64_t m_validationKey;
};

/// The bytes of a probe text as tokens: at most `length`, at least two (Failure, `where` = "probe.text").
Probe probeOfTokens(std::vector<std::int32_t> tokens, int length, const DataSource &source, bool predictsNextToken);

/// Checked L and batch size of a run (2..131072, 1..4096); Failure otherwise.
int checkedLength(const RunConfig &config);
int checkedBatchSize(const RunConfig &config);

} // namespace sparsescope
