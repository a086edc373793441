#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"
#include "core/data/story_writer.h"

namespace sparsescope {

namespace {

constexpr int kStorySeparator = 256;

/// Stories without end, as bytes. A window begins at a random place of a story and runs on through further ones, joined
/// by the separator. The needed keys of a callback are its source bytes, as far as they lie in the window.
class StoriesSource : public GeneratedSource {
public:
    explicit StoriesSource(const RunConfig &config)
        : GeneratedSource("stories", config)
        , m_facts(GeneratorOptions(config.data.options, storiesKind().options, "stories").integer("facts", 1, 10))
    {
        makeTokenizer(config.data); // refuses one that cannot be read: the stories would be bytes all the same
    }

    int vocabulary() const override { return 257; }
    std::string word(std::int32_t id) const override { return byteWord(id); }

protected:
    Row makeRow(RandomStream &stream, Split split) const override
    {
        Row row(length());
        int begin = 0; // of the current story, in the window
        for (bool first = true; begin <= length(); first = false) {
            const Story story = writeStory(stream, split, m_facts);
            const int size = static_cast<int>(story.text.size());
            if (first) {
                begin = -static_cast<int>(stream.below(static_cast<std::uint64_t>(size)));
            }
            for (int i = begin < 0 ? -begin : 0; i < size && begin + i <= length(); ++i) {
                put(row, begin + i, static_cast<unsigned char>(story.text[static_cast<std::size_t>(i)]));
            }
            if (begin + size <= length()) {
                put(row, begin + size, kStorySeparator);
            }
            addNeeded(row, story, begin);
            begin += size + 1;
        }
        return row;
    }

    /// Of 256 windows the one with the most bytes to recall.
    Row exampleRow() const override
    {
        Row best(length());
        for (std::uint32_t r = 0; r < 256; ++r) {
            RandomStream stream = exampleStream(r);
            Row row = makeRow(stream, Split::Validation);
            if (r == 0 || row.needed.size() > best.needed.size()) {
                best = std::move(row);
            }
        }
        return best;
    }

    std::vector<std::int32_t> encode(const std::string &text) const override
    {
        return makeByteTokenizer()->encode(text);
    }
    bool predictsNextToken() const override { return true; }

private:
    void put(Row &row, int position, std::int64_t token) const
    {
        if (position < length()) {
            row.input(position) = token;
        }
        if (position > 0) {
            row.target(position - 1) = token;
        }
    }

    void addNeeded(Row &row, const Story &story, int begin) const
    {
        int answer = row.needed.empty() ? -1 : row.needed.back().answer;
        for (const Callback &callback : story.callbacks) {
            ++answer;
            for (int i = 0; i < callback.size; ++i) {
                const int key = begin + callback.source + i;
                const int query = begin + callback.answer + i - 1;
                if (key >= 0 && query < length()) {
                    row.needed.push_back({0, query, {key}, answer});
                }
            }
        }
    }

    int m_facts;
};

} // namespace

DataSourceKind storiesKind()
{
    return {
        "stories",
        "Small generated (artificial) stories whose facts come back 50 to 500 bytes later.",
        {{"facts", 4}},
        [](const RunConfig &config) -> std::unique_ptr<DataSource> { return std::make_unique<StoriesSource>(config); }};
}

} // namespace sparsescope
