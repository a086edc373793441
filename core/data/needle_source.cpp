#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"
#include "core/data/story_writer.h"
#include "core/data/text_corpus.h"

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kFirstKey = 256; // ids 0..255 are bytes

struct NeedleOptions {
    explicit NeedleOptions(const GeneratorOptions &options)
        : pairs(options.integer("pairs", 1, 4096))
        , queries(options.integer("queries", 1, 4096))
        , digits(options.integer("digits", 1, 64))
        , keys(options.integer("keys", 1, 65536 - kFirstKey))
        , filler(options.choice("filler", {"constant", "random", "text"}))
    {}
    int pairs, queries, digits, keys;
    std::string filler;
};

/// A haystack with `pairs` entries KEY d1 .. dn in it, and a tail that asks `queries` of them. The loss is on the asked
/// digits only, and each can be copied from one place of the haystack (EXPERIMENTS.md 7). The haystack is full stops, random
/// letters, or text: of data.path, else generated stories.
class NeedleSource : public GeneratedSource {
public:
    explicit NeedleSource(const RunConfig &config)
        : GeneratedSource("needle", config)
        , m_options(GeneratorOptions(config.data.options, needleKind().options, "needle"))
        , m_entry(1 + m_options.digits)
        , m_body(length() - m_options.queries * m_entry)
    {
        check();
        if (m_options.filler == "text" && !config.data.path.empty()) {
            m_corpus = std::make_unique<TextCorpus>(config.data, m_body, makeByteTokenizer());
        }
    }

    int vocabulary() const override { return kFirstKey + m_options.keys; }
    std::string word(std::int32_t id) const override
    {
        return id >= kFirstKey && id < vocabulary() ? fmt::format("K{}", id - kFirstKey) : byteWord(id);
    }
    std::optional<double> floor() const override { return 0.0; }
    std::string notice() const override { return m_corpus ? m_corpus->notice() : std::string(); }
    bool isTask() const override { return true; }
    std::optional<double> chanceAccuracy() const override { return 0.1; }

protected:
    Row makeRow(RandomStream &stream, Split split) const override
    {
        Row row(length(), '.');
        fill(row, stream, split);
        const std::vector<int> keys = stream.distinct(m_options.pairs, m_options.keys);
        const std::vector<int> slots = stream.distinct(m_options.pairs, m_body / m_entry);
        for (int i = 0; i < m_options.pairs; ++i) {
            const int begin = slots[static_cast<std::size_t>(i)] * m_entry;
            row.input(begin) = kFirstKey + keys[static_cast<std::size_t>(i)];
            for (int d = 1; d <= m_options.digits; ++d) {
                row.input(begin + d) = '0' + static_cast<std::int64_t>(stream.below(10));
            }
        }
        const std::vector<int> asked = stream.distinct(m_options.queries, m_options.pairs);
        for (int q = 0; q < m_options.queries; ++q) {
            const int source = slots[static_cast<std::size_t>(asked[static_cast<std::size_t>(q)])] * m_entry;
            const int begin = m_body + q * m_entry;
            row.input(begin) = row.input(source);
            for (int d = 1; d <= m_options.digits; ++d) {
                row.input(begin + d) = row.input(source + d);
                row.ask(begin + d - 1, row.input(source + d), {source + d}, q);
            }
        }
        return row;
    }

    std::vector<std::int32_t> encode(const std::string &text) const override
    {
        return makeByteTokenizer()->encode(text);
    }

private:
    void check() const
    {
        const NeedleOptions &o = m_options;
        if (o.keys < o.pairs) {
            throw Failure({"fewer key tokens than pairs", "data.options.keys", std::to_string(o.keys),
                           fmt::format("{} or more (data.options.pairs)", o.pairs), ""});
        }
        if (o.queries > o.pairs) {
            throw Failure({"more queries than pairs", "data.options.queries", std::to_string(o.queries),
                           fmt::format("1 to {} (data.options.pairs)", o.pairs), ""});
        }
        const int shortest = (o.queries + o.pairs) * m_entry;
        if (length() < shortest) {
            throw Failure(
                {"the window is too short for the pairs and queries", "training.sequence_length",
                 std::to_string(length()),
                 fmt::format("{} or more: ({} pairs + {} queries) x {} tokens", shortest, o.pairs, o.queries, m_entry),
                 "Lengthen the window, or lower data.options.pairs, queries or digits."});
        }
    }

    void fill(Row &row, RandomStream &stream, Split split) const
    {
        if (m_options.filler == "random") {
            for (int t = 0; t < m_body; ++t) {
                row.input(t) = 'a' + static_cast<std::int64_t>(stream.below(26));
            }
        } else if (m_options.filler == "text" && !m_corpus) {
            fillWithStories(row, stream, split);
        } else if (m_options.filler == "text") {
            const std::vector<std::uint16_t> &side =
                split == Split::Training ? m_corpus->training() : m_corpus->validation();
            const std::size_t start = stream.below(side.size() - static_cast<std::size_t>(m_body) + 1);
            const int separator = m_corpus->tokenizer().separator(); // would be a key here
            for (int t = 0; t < m_body; ++t) {
                const int token = side[start + static_cast<std::size_t>(t)];
                row.input(t) = token == separator ? '\n' : token;
            }
        }
    }

    void fillWithStories(Row &row, RandomStream &stream, Split split) const
    {
        std::string story = writeStory(stream, split, 4).text + '\n';
        std::size_t at = stream.below(story.size());
        for (int t = 0; t < m_body; ++t, ++at) {
            if (at == story.size()) {
                story = writeStory(stream, split, 4).text + '\n';
                at = 0;
            }
            row.input(t) = static_cast<unsigned char>(story[at]);
        }
    }

    NeedleOptions m_options;
    int m_entry;                          ///< tokens of KEY d1 .. dn
    int m_body;                           ///< tokens before the first query
    std::unique_ptr<TextCorpus> m_corpus; ///< only where data.path gives the haystack
};

} // namespace

DataSourceKind needleKind()
{
    return {
        "needle",
        "Numbers hidden under keys in a haystack, asked for at the end.",
        {{"pairs", 4}, {"queries", 4}, {"digits", 3}, {"keys", 16}, {"filler", "constant"}},
        [](const RunConfig &config) -> std::unique_ptr<DataSource> { return std::make_unique<NeedleSource>(config); }};
}

} // namespace sparsescope
