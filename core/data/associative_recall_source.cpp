#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

struct RecallOptions {
    int pairs = 0;
    int keys = 0;
    int updates = 1;     ///< how often each key is written; the last value counts
    double noise = 0.0;  ///< share of distractors in the context
    int distractors = 0; ///< tokens that only distract
};

/// Key-value pairs one after the other, then each key once more at a random even place: the loss is on its value.
/// Tokens: 0 blank, `keys` keys, as many values, then the distractors. The next token after a query is a blank, never the
/// value, so that nothing can be copied from the query side.
class AssociativeRecallSource : public GeneratedSource {
public:
    AssociativeRecallSource(const std::string &name, const RunConfig &config, const RecallOptions &options)
        : GeneratedSource(name, config)
        , m_options(options)
    {
        const int written = options.pairs * options.updates;
        m_distractors = static_cast<int>(std::lround(2.0 * written * options.noise / (1.0 - options.noise)));
        const int context = 2 * written + m_distractors;
        m_firstPlace = context + context % 2;
        check();
        m_places = (length() - m_firstPlace + 1) / 2;
    }

    int vocabulary() const override { return 1 + 2 * m_options.keys + m_options.distractors; }
    std::string word(std::int32_t id) const override
    {
        const int keys = m_options.keys;
        if (id == 0) {
            return "_";
        }
        if (id < 0 || id >= vocabulary()) {
            return fmt::format("?{}", id);
        }
        if (id <= keys) {
            return fmt::format("K{}", id - 1);
        }
        return id <= 2 * keys ? fmt::format("v{}", id - 1 - keys) : fmt::format("x{}", id - 1 - 2 * keys);
    }
    std::optional<double> floor() const override { return 0.0; }
    bool isTask() const override { return true; }
    std::optional<double> chanceAccuracy() const override { return 1.0 / m_options.keys; }

protected:
    Row makeRow(RandomStream &stream, Split) const override
    {
        Row row(length());
        const std::vector<int> keys = stream.distinct(m_options.pairs, m_options.keys);
        std::vector<int> order; // which pair is written, `updates` times each
        for (int i = 0; i < m_options.pairs; ++i) {
            order.insert(order.end(), static_cast<std::size_t>(m_options.updates), i);
        }
        stream.shuffle(order);
        // The values of one key differ, so that an outdated one is always wrong.
        std::vector<std::vector<int>> values;
        for (int i = 0; i < m_options.pairs; ++i) {
            values.push_back(stream.distinct(m_options.updates, m_options.keys));
        }
        std::vector<int> distractorsBefore(order.size() + 1, 0);
        for (int i = 0; i < m_distractors; ++i) {
            ++distractorsBefore[stream.below(distractorsBefore.size())];
        }
        std::vector<int> valueAt(static_cast<std::size_t>(m_options.pairs), -1);
        int at = 0;
        for (std::size_t i = 0; i < order.size(); ++i) {
            at = distract(row, stream, at, distractorsBefore[i]);
            const auto pair = static_cast<std::size_t>(order[i]);
            row.input(at) = 1 + keys[pair];
            row.input(at + 1) = 1 + m_options.keys + values[pair].back();
            values[pair].pop_back();
            valueAt[pair] = at + 1;
            at += 2;
        }
        distract(row, stream, at, distractorsBefore.back());

        const std::vector<int> places = stream.distinct(m_options.pairs, m_places);
        for (std::size_t i = 0; i < valueAt.size(); ++i) {
            const int query = m_firstPlace + 2 * places[i];
            row.input(query) = 1 + keys[i];
            row.ask(query, row.input(valueAt[i]), {valueAt[i]}, static_cast<int>(i));
        }
        return row;
    }

private:
    int distract(Row &row, RandomStream &stream, int at, int count) const
    {
        for (int i = 0; i < count; ++i) {
            row.input(at++) =
                1 + 2 * m_options.keys +
                static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(m_options.distractors)));
        }
        return at;
    }

    void check() const
    {
        if (m_options.keys < m_options.pairs || m_options.keys < m_options.updates) {
            throw Failure({"fewer keys than pairs or updates", "data.options.keys", std::to_string(m_options.keys),
                           fmt::format("{} or more", std::max(m_options.pairs, m_options.updates)), ""});
        }
        const int shortest = m_firstPlace + 2 * m_options.pairs - 1;
        if (length() < shortest) {
            throw Failure({"the window is too short for the pairs and their queries", "training.sequence_length",
                           std::to_string(length()),
                           fmt::format("{} or more: {} tokens of context, then {} queries on even places", shortest,
                                       m_firstPlace, m_options.pairs),
                           "Lengthen the window, or lower data.options.pairs."});
        }
    }

    RecallOptions m_options;
    int m_distractors = 0;
    int m_firstPlace = 0; ///< the first even place behind the context
    int m_places = 0;     ///< even places from there to the end
};

std::unique_ptr<DataSource> makeMqar(const RunConfig &config)
{
    const GeneratorOptions options(config.data.options, mqarKind().options, "mqar");
    RecallOptions recall;
    recall.pairs = options.integer("pairs", 1, 4096);
    recall.keys = options.integer("keys", 1, 32768);
    return std::make_unique<AssociativeRecallSource>("mqar", config, recall);
}

std::unique_ptr<DataSource> makeNoisyRecall(const RunConfig &config)
{
    const GeneratorOptions options(config.data.options, noisyRecallKind().options, "noisy-recall");
    RecallOptions recall;
    recall.pairs = options.integer("pairs", 1, 4096);
    recall.keys = options.integer("keys", 1, 32768);
    recall.noise = options.number("noise", 0.0, 0.95);
    recall.distractors = options.integer("distractors", 1, 32768);
    return std::make_unique<AssociativeRecallSource>("noisy-recall", config, recall);
}

std::unique_ptr<DataSource> makeForgetting(const RunConfig &config)
{
    const GeneratorOptions options(config.data.options, forgettingKind().options, "forgetting");
    RecallOptions recall;
    recall.pairs = options.integer("pairs", 1, 4096);
    recall.keys = options.integer("keys", 1, 32768);
    recall.updates = options.integer("updates", 1, 64);
    return std::make_unique<AssociativeRecallSource>("forgetting", config, recall);
}

} // namespace

DataSourceKind mqarKind()
{
    return {"mqar",
            "Many pairs of a key and a value, each key asked once more: hard for small models.",
            {{"pairs", 8}, {"keys", 32}},
            makeMqar};
}

DataSourceKind noisyRecallKind()
{
    return {"noisy-recall",
            "Pairs of a key and a value with distractors between them.",
            {{"pairs", 8}, {"keys", 16}, {"noise", 0.5}, {"distractors", 16}},
            makeNoisyRecall};
}

DataSourceKind forgettingKind()
{
    return {"forgetting",
            "Each key is written several times; its last value counts.",
            {{"pairs", 4}, {"keys", 16}, {"updates", 3}},
            makeForgetting};
}

} // namespace sparsescope
