#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"
#include "core/data/text_corpus.h"

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {

namespace {

/// Windows of a text file. Training windows start at uniformly drawn places of the training side; the eval_batches x B
/// validation windows are spread evenly over the validation side and overlap only where it is too short for them.
class TextSource : public DataSource {
public:
    explicit TextSource(const RunConfig &config)
        : m_length(checkedLength(config))
        , m_batchSize(checkedBatchSize(config))
        , m_evalBatches(std::max(1, config.training.evalBatches))
        , m_key(mixKey(mixKey(mixKey(hashText("text"), static_cast<std::uint64_t>(m_length)),
                              static_cast<std::uint64_t>(m_batchSize)),
                       config.training.seed))
        , m_corpus(config.data, m_length, makeTokenizer(config.data))
    {
        const GeneratorOptions noOptions(config.data.options, textKind().options, "text");
    }

    int vocabulary() const override { return m_corpus.tokenizer().vocabulary(); }
    std::string word(std::int32_t id) const override { return m_corpus.tokenizer().word(id); }
    double bytesPerToken() const override { return m_corpus.bytesPerToken(); }
    std::string notice() const override { return m_corpus.notice(); }

    SplitOverlap overlap(std::int64_t length) const override
    {
        return splitOverlap(m_corpus.training(), m_corpus.validation(), length);
    }

    Batch training(std::int64_t index) const override
    {
        const std::vector<std::uint16_t> &side = m_corpus.training();
        const std::size_t places = side.size() - static_cast<std::size_t>(m_length);
        Batch batch = emptyBatch();
        for (int b = 0; b < m_batchSize; ++b) {
            RandomStream stream(m_key, Split::Training, index, static_cast<std::uint32_t>(b));
            appendWindow(batch, side, stream.below(places));
        }
        return batch;
    }

    Batch validation(std::int64_t index) const override
    {
        const std::vector<std::uint16_t> &side = m_corpus.validation();
        const std::uint64_t last =
            side.size() - static_cast<std::size_t>(m_length) - 1; // the last place a window may start
        const std::uint64_t windows =
            static_cast<std::uint64_t>(m_evalBatches) * static_cast<std::uint64_t>(m_batchSize);
        Batch batch = emptyBatch();
        for (int b = 0; b < m_batchSize; ++b) {
            const std::uint64_t number = (static_cast<std::uint64_t>(index) * static_cast<std::uint64_t>(m_batchSize) +
                                          static_cast<std::uint64_t>(b)) %
                                         windows;
            appendWindow(batch, side, windows == 1 ? 0 : number * last / (windows - 1));
        }
        return batch;
    }

    Probe probe(const std::string &text) const override
    {
        if (!text.empty()) {
            return probeOfTokens(m_corpus.tokenizer().encode(text), m_length, *this, true);
        }
        const std::vector<std::size_t> &begins = m_corpus.validationDocuments();
        const std::vector<std::uint16_t> &side = m_corpus.validation();
        const std::size_t document = probeDocument();
        const std::size_t begin = std::min(begins[document], side.size() - static_cast<std::size_t>(m_length) - 1);
        std::vector<std::int32_t> tokens(side.begin() + static_cast<std::ptrdiff_t>(begin),
                                         side.begin() + static_cast<std::ptrdiff_t>(begin) + m_length + 1);
        Probe probe = probeOfTokens(std::move(tokens), m_length, *this, true);
        probe.name = fmt::format("validation document {}", document + 1);
        return probe;
    }

private:
    /// The first validation document that fills the window alone; else the longest that is followed by enough text.
    std::size_t probeDocument() const
    {
        const std::vector<std::size_t> &begins = m_corpus.validationDocuments();
        const std::size_t size = m_corpus.validation().size();
        const auto needed = static_cast<std::size_t>(m_length) + 1;
        std::size_t best = 0;
        std::size_t longest = 0;
        for (std::size_t i = 0; i < begins.size() && begins[i] + needed <= size; ++i) {
            const std::size_t end = i + 1 < begins.size() ? begins[i + 1] - 1 : size;
            const std::size_t length = end - begins[i];
            if (length >= needed) {
                return i;
            }
            if (length > longest) {
                longest = length;
                best = i;
            }
        }
        return best;
    }

    Batch emptyBatch() const
    {
        Batch batch;
        batch.rows = m_batchSize;
        batch.length = m_length;
        const std::size_t size = static_cast<std::size_t>(m_batchSize) * static_cast<std::size_t>(m_length);
        batch.inputs.reserve(size);
        batch.targets.reserve(size);
        return batch;
    }

    void appendWindow(Batch &batch, const std::vector<std::uint16_t> &side, std::uint64_t start) const
    {
        const auto begin = side.begin() + static_cast<std::ptrdiff_t>(start);
        batch.inputs.insert(batch.inputs.end(), begin, begin + m_length);
        batch.targets.insert(batch.targets.end(), begin + 1, begin + 1 + m_length);
    }

    int m_length;
    int m_batchSize;
    int m_evalBatches;
    std::uint64_t m_key;
    TextCorpus m_corpus;
};

} // namespace

DataSourceKind textKind()
{
    return {
        "text", "Windows of a text file, split by document.", nlohmann::json::object(),
        [](const RunConfig &config) -> std::unique_ptr<DataSource> { return std::make_unique<TextSource>(config); }};
}

} // namespace sparsescope
