#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"
#include "core/data/needle_examples.h"
#include "core/data/story_writer.h"
#include "core/data/text_corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kFirstKey = 256; // ids 0..255 are bytes

struct NeedleOptions {
    explicit NeedleOptions(const GeneratorOptions &options)
        : pairs(options.integer("pairs", 1, 4096))
        , queries(options.integer("queries", 1, 4096))
        , digits(options.integer("digits", 1, 64))
        , keys(options.integer("keys", 1, 65536 - kFirstKey))
        , shortest(options.integer("shortest", 0, 131072))
        , filler(options.choice("filler", {"constant", "random", "text"}))
    {}
    int pairs, queries, digits, keys;
    int shortest; ///< window of the shortest training example; 0: every one fills the whole window
    std::string filler;
};

} // namespace

/// A haystack with `pairs` entries KEY d1 .. dn in it, and a tail that asks `queries` of them. The loss is on the asked
/// digits only, and each can be copied from one place of the haystack (EXPERIMENTS.md 7). The haystack is full stops, random
/// letters, or text: of data.path, else generated stories. With `shortest`, training examples are of many lengths, from
/// there to the whole window, equally many between a length and its double; full stops without a loss stand behind them.
/// A model that only ever sees one length learns at what distance the answers lie, and a short haystack is the easier one
/// to begin with. Validation is the whole window always.
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

    const NeedleOptions &options() const { return m_options; }
    int entry() const { return m_entry; } ///< tokens of KEY d1 .. dn
    int body() const { return m_body; }
    /// A validation row of the whole window with its entries in these slots, in units of an entry.
    Row rowWith(RandomStream &stream, std::vector<int> slots) const
    {
        return makeRow(stream, Split::Validation, m_body, std::move(slots));
    }

protected:
    Row makeRow(RandomStream &stream, Split split) const override
    {
        const int body = split == Split::Training && m_options.shortest > 0 ? drawnBody(stream) : m_body;
        return makeRow(stream, split, body, {});
    }

    std::vector<std::int32_t> encode(const std::string &text) const override
    {
        return makeByteTokenizer()->encode(text);
    }

private:
    /// `slots`: empty: anywhere in the body.
    Row makeRow(RandomStream &stream, Split split, int body, std::vector<int> slots) const
    {
        Row row(length(), '.');
        fill(row, stream, split, body);
        const std::vector<int> keys = stream.distinct(m_options.pairs, m_options.keys);
        if (slots.empty()) {
            slots = stream.distinct(m_options.pairs, body / m_entry);
        }
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
            const int begin = body + q * m_entry;
            row.input(begin) = row.input(source);
            for (int d = 1; d <= m_options.digits; ++d) {
                row.input(begin + d) = row.input(source + d);
                row.ask(begin + d - 1, row.input(source + d), {source + d}, q);
            }
        }
        return row;
    }

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
        const int least = (o.queries + o.pairs) * m_entry;
        if (o.shortest > 0 && (o.shortest < least || o.shortest > length())) {
            throw Failure(
                {"the shortest example does not fit the pairs, the queries and the window", "data.options.shortest",
                 std::to_string(o.shortest),
                 fmt::format("0 (all as long as the window), or {} to {} (training.sequence_length)", least, length()),
                 ""});
        }
        if (length() < least) {
            throw Failure(
                {"the window is too short for the pairs and queries", "training.sequence_length",
                 std::to_string(length()),
                 fmt::format("{} or more: ({} pairs + {} queries) x {} tokens", least, o.pairs, o.queries, m_entry),
                 "Lengthen the window, or lower data.options.pairs, queries or digits."});
        }
    }

    int drawnBody(RandomStream &stream) const
    {
        const double ratio = static_cast<double>(length()) / m_options.shortest;
        const int window = static_cast<int>(m_options.shortest * std::pow(ratio, stream.unit()));
        return std::min(window, length()) - m_options.queries * m_entry;
    }

    void fill(Row &row, RandomStream &stream, Split split, int body) const
    {
        if (m_options.filler == "random") {
            for (int t = 0; t < body; ++t) {
                row.input(t) = 'a' + static_cast<std::int64_t>(stream.below(26));
            }
        } else if (m_options.filler == "text" && !m_corpus) {
            fillWithStories(row, stream, split, body);
        } else if (m_options.filler == "text") {
            const std::vector<std::uint16_t> &side =
                split == Split::Training ? m_corpus->training() : m_corpus->validation();
            const std::size_t start = stream.below(side.size() - static_cast<std::size_t>(body) + 1);
            const int separator = m_corpus->tokenizer().separator(); // would be a key here
            for (int t = 0; t < body; ++t) {
                const int token = side[start + static_cast<std::size_t>(t)];
                row.input(t) = token == separator ? '\n' : token;
            }
        }
    }

    void fillWithStories(Row &row, RandomStream &stream, Split split, int body) const
    {
        std::string story = writeStory(stream, split, 4).text + '\n';
        std::size_t at = stream.below(story.size());
        for (int t = 0; t < body; ++t, ++at) {
            if (at == story.size()) {
                story = writeStory(stream, split, 4).text + '\n';
                at = 0;
            }
            row.input(t) = static_cast<unsigned char>(story[at]);
        }
    }

    NeedleOptions m_options;
    int m_entry;
    int m_body;                           ///< tokens before the first query of a whole window
    std::unique_ptr<TextCorpus> m_corpus; ///< only where data.path gives the haystack
};

NeedleExamples::NeedleExamples(const RunConfig &config, int depths)
    : m_length(static_cast<int>(config.training.sequenceLength))
    , m_depths(depths)
{
    if (config.data.source != "needle") {
        throw Failure({"has no needle to look for", "data.source", config.data.source, "needle", ""});
    }
    m_source = std::make_unique<NeedleSource>(config);
    const int pairs = m_source->options().pairs, slots = m_source->body() / m_source->entry();
    const int shared = (pairs + depths - 1) / std::max(depths, 1); // entries in one part, at most
    if (depths < 1 || slots / depths < shared) {
        throw Failure({fmt::format("a window of {} tokens has no room for so many depths", m_length), "--depths",
                       std::to_string(depths), fmt::format("1 to {}", std::max(1, slots / shared)),
                       "Lengthen the shortest window, or take fewer depths."});
    }
}

NeedleExamples::~NeedleExamples() = default;

Batch NeedleExamples::batch(std::int64_t first, int rows) const
{
    const std::int64_t pairs = m_source->options().pairs, slots = m_source->body() / m_source->entry();
    const std::uint64_t key = mixKey(mixKey(hashText("needle by depth"), static_cast<std::uint64_t>(m_length)),
                                     static_cast<std::uint64_t>(m_depths));
    Batch batch;
    batch.rows = rows;
    batch.length = m_length;
    for (int b = 0; b < rows; ++b) {
        const std::int64_t number = first + b;
        RandomStream stream(key, Split::Validation, number, 0);
        std::vector<int> places;
        for (std::int64_t i = 0; i < pairs; ++i) {
            const std::int64_t depth = (number + i * m_depths / pairs) % m_depths;
            const std::int64_t begin = depth * slots / m_depths, end = (depth + 1) * slots / m_depths;
            int place = 0;
            do {
                place = static_cast<int>(
                    begin + static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(end - begin))));
            } while (std::find(places.begin(), places.end(), place) != places.end());
            places.push_back(place);
        }
        addRow(batch, b, m_source->rowWith(stream, std::move(places)));
    }
    return batch;
}

int NeedleExamples::depthOf(int position) const
{
    const std::int64_t slots = m_source->body() / m_source->entry(), slot = position / m_source->entry();
    return static_cast<int>(((slot + 1) * m_depths - 1) / slots); // the last one that begins at it or before
}

int NeedleExamples::vocabulary() const { return m_source->vocabulary(); }
int NeedleExamples::tail() const { return m_length - m_source->body(); }
int NeedleExamples::digits() const { return m_source->options().digits; }

DataSourceKind needleKind()
{
    return {
        "needle",
        "Numbers hidden under keys in a haystack, asked for at the end.",
        {{"pairs", 4}, {"queries", 4}, {"digits", 3}, {"keys", 16}, {"shortest", 0}, {"filler", "constant"}},
        [](const RunConfig &config) -> std::unique_ptr<DataSource> { return std::make_unique<NeedleSource>(config); }};
}

} // namespace sparsescope
