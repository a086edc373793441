#include "core/data/generated_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

namespace sparsescope {

namespace {

std::uint64_t keyOf(const std::string &name, int length, int batchSize)
{
    return mixKey(mixKey(hashText(name), static_cast<std::uint64_t>(length)), static_cast<std::uint64_t>(batchSize));
}

} // namespace

int checkedLength(const RunConfig &config)
{
    const std::int64_t length = config.training.sequenceLength;
    if (length < 2 || length > 131072) {
        throw Failure({"out of range", "training.sequence_length", std::to_string(length), "2 to 131072", ""});
    }
    return static_cast<int>(length);
}

int checkedBatchSize(const RunConfig &config)
{
    const int size = config.training.batchSize;
    if (size < 1 || size > 4096) {
        throw Failure({"out of range", "training.batch_size", std::to_string(size), "1 to 4096", ""});
    }
    return size;
}

GeneratedSource::GeneratedSource(std::string name, const RunConfig &config)
    : m_name(std::move(name))
    , m_length(checkedLength(config))
    , m_batchSize(checkedBatchSize(config))
    , m_trainingKey(mixKey(keyOf(m_name, m_length, m_batchSize), config.training.seed))
    , m_validationKey(keyOf(m_name, m_length, m_batchSize))
{}

Batch GeneratedSource::training(std::int64_t index) const { return make(Split::Training, m_trainingKey, index); }

Batch GeneratedSource::validation(std::int64_t index) const { return make(Split::Validation, m_validationKey, index); }

void addRow(Batch &batch, int index, Row row)
{
    batch.inputs.insert(batch.inputs.end(), row.inputs.begin(), row.inputs.end());
    batch.targets.insert(batch.targets.end(), row.targets.begin(), row.targets.end());
    for (NeededKeys &needed : row.needed) {
        needed.row = index;
        batch.needed.push_back(std::move(needed));
    }
}

Batch GeneratedSource::make(Split split, std::uint64_t key, std::int64_t index) const
{
    Batch batch;
    batch.rows = m_batchSize;
    batch.length = m_length;
    const std::size_t size = static_cast<std::size_t>(m_batchSize) * static_cast<std::size_t>(m_length);
    batch.inputs.reserve(size);
    batch.targets.reserve(size);
    for (int b = 0; b < m_batchSize; ++b) {
        RandomStream stream(key, split, index, static_cast<std::uint32_t>(b));
        addRow(batch, b, makeRow(stream, split));
    }
    return batch;
}

SplitOverlap GeneratedSource::overlap(std::int64_t) const
{
    constexpr std::int64_t kTrainingBatches = 100, kValidationBatches = 4;
    std::multiset<std::vector<std::int64_t>> wanted;
    const auto eachRow = [&](const Batch &batch, const auto &take) {
        for (int b = 0; b < batch.rows; ++b) {
            const auto begin = batch.inputs.begin() + static_cast<std::ptrdiff_t>(b) * batch.length;
            take(std::vector<std::int64_t>(begin, begin + batch.length));
        }
    };
    for (std::int64_t index = 0; index < kValidationBatches; ++index) {
        eachRow(validation(index), [&](std::vector<std::int64_t> row) { wanted.insert(std::move(row)); });
    }
    SplitOverlap overlap;
    overlap.length = m_length;
    overlap.examples = true;
    overlap.strings = static_cast<std::int64_t>(wanted.size());
    for (std::int64_t index = 0; index < kTrainingBatches && !wanted.empty(); ++index) {
        eachRow(training(index), [&](const std::vector<std::int64_t> &row) {
            overlap.found += static_cast<std::int64_t>(wanted.erase(row));
        });
    }
    return overlap;
}

std::vector<std::int32_t> GeneratedSource::encode(const std::string &text) const
{
    std::map<std::string, std::int32_t> idOf;
    for (std::int32_t id = 0; id < vocabulary(); ++id) {
        idOf.emplace(word(id), id);
    }
    std::vector<std::int32_t> ids;
    std::istringstream words(text);
    for (std::string one; words >> one;) {
        const auto it = idOf.find(one);
        if (it == idOf.end()) {
            throw Failure({fmt::format("not a word of source \"{}\"", m_name), "probe.text", one,
                           fmt::format("words between spaces such as {} and {}", word(0), word(vocabulary() - 1)),
                           "Leave it empty to look at an example of the validation side."});
        }
        ids.push_back(it->second);
    }
    return ids;
}

Row GeneratedSource::exampleRow() const
{
    RandomStream stream = exampleStream(0);
    return makeRow(stream, Split::Validation);
}

Probe GeneratedSource::probe(const std::string &text) const
{
    if (!text.empty()) {
        return probeOfTokens(encode(text), m_length, *this, predictsNextToken());
    }
    const Row row = exampleRow();
    Probe probe;
    probe.name = m_name + " example 1";
    probe.tokens.assign(row.inputs.begin(), row.inputs.end());
    probe.targets = row.targets;
    for (const std::int32_t id : probe.tokens) {
        probe.words.push_back(word(id));
    }
    if (!row.needed.empty()) {
        probe.needed.resize(probe.tokens.size());
        for (const NeededKeys &needed : row.needed) {
            probe.needed[static_cast<std::size_t>(needed.query)] = needed.keys;
        }
    }
    return probe;
}

Probe probeOfTokens(std::vector<std::int32_t> tokens, int length, const DataSource &source, bool predictsNextToken)
{
    if (tokens.size() < 2) {
        throw Failure({"too short to look at", "probe.text", fmt::format("{} tokens", tokens.size()),
                       fmt::format("2 tokens or more (the first {} are used)", length),
                       "Leave it empty to look at an example of the validation side."});
    }
    Probe probe;
    probe.name = "probe text";
    const std::size_t used = std::min(tokens.size(), static_cast<std::size_t>(length));
    probe.targets.assign(used, -1);
    for (std::size_t t = 0; predictsNextToken && t < used && t + 1 < tokens.size(); ++t) {
        probe.targets[t] = tokens[t + 1];
    }
    tokens.resize(used);
    probe.tokens = std::move(tokens);
    for (const std::int32_t id : probe.tokens) {
        probe.words.push_back(source.word(id));
    }
    return probe;
}

} // namespace sparsescope
