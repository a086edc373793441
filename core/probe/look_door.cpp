#include "core/probe/look_door.h"

#include "core/base/error.h"
#include "core/base/run_store.h"
#include "core/base/selection_metrics.h"
#include "core/data/tokenizer.h"
#include "core/model/config_of_options.h"
#include "core/model/paged_model.h"
#include "core/probe/attention_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>

namespace sparsescope {

namespace {

constexpr int kByteKinds = 256;

std::filesystem::path tokenizerOf(const std::filesystem::path &checkpoint) { return checkpoint / "tokenizer.model"; }

std::unique_ptr<Tokenizer> makeReader(const LookRequest &request, int vocabulary)
{
    const TextReader reader = textReader(request.checkpoint, vocabulary);
    if (reader == TextReader::None) {
        throw ConfigFailure(
            {{"this model does not read bytes, and no tokenizer.model lies beside it", "--text",
              fmt::format("a vocabulary of {}", vocabulary),
              fmt::format("{} or {} for bytes", kByteKinds, kByteKinds + 1), "Give token ids with --tokens."}});
    }
    return reader == TextReader::Bytes ? makeByteTokenizer()
                                       : makeSentencePieceTokenizer(tokenizerOf(request.checkpoint));
}

Probe probeOf(const LookRequest &request, int vocabulary)
{
    Probe probe;
    const bool typed = !request.tokens.empty();
    if (!typed && request.text.empty()) {
        throw ConfigFailure({{"nothing to look at", "--text", "no text", "at least one byte", ""}});
    }
    const std::unique_ptr<Tokenizer> reader = typed ? nullptr : makeReader(request, vocabulary);
    probe.name = typed ? "typed tokens" : "typed text";
    probe.tokens = typed ? request.tokens : reader->encode(request.text);
    if (probe.tokens.empty()) {
        throw ConfigFailure({{"nothing to look at", "--text", "only spaces", "at least one token", ""}});
    }
    for (const std::int32_t token : probe.tokens) {
        if (token < 0 || token >= vocabulary) {
            throw ConfigFailure({{"token outside of the vocabulary", typed ? "--tokens" : "--text",
                                  std::to_string(token), fmt::format("0 to {}", vocabulary - 1),
                                  typed ? "" : "tokenizer.model belongs to another model: give token ids."}});
        }
        probe.words.push_back(typed ? std::to_string(token) : reader->word(token));
    }
    return probe;
}

/// A run folder of its own: nothing of it may land among the files of a checkpoint.
void demandEmpty(const std::filesystem::path &run)
{
    std::error_code code;
    if (std::filesystem::exists(run, code) &&
        (!std::filesystem::is_directory(run, code) || !std::filesystem::is_empty(run, code))) {
        throw ConfigFailure({{"the folder of the run is there already", "--run", run.string(),
                              "a new or an empty folder", "Choose another name, or remove it."}});
    }
}

struct GivenUp {};

/// Asks between two blocks whether to go on.
class AskingPager : public WeightPager {
public:
    AskingPager(PagedModel &paged, const LookRequest &request)
        : m_paged(paged)
        , m_goOn(request.goOn)
        , m_blocks(request.layer ? *request.layer + 1 : paged.options().nLayers)
    {}
    void bring(int part) override
    {
        if (m_goOn && !m_goOn(std::max(part, 0), m_blocks)) {
            throw GivenUp();
        }
        m_paged.bring(part);
    }
    void release(int part) override { m_paged.release(part); }
    int blocks() const { return m_blocks; }

private:
    PagedModel &m_paged;
    const std::function<bool(int, int)> &m_goOn;
    int m_blocks;
};

} // namespace

TextReader textReader(const std::filesystem::path &checkpoint, int vocabulary)
{
    std::error_code ignored;
    if (std::filesystem::is_regular_file(tokenizerOf(checkpoint), ignored)) {
        return TextReader::SentencePiece;
    }
    return vocabulary == kByteKinds || vocabulary == kByteKinds + 1 ? TextReader::Bytes : TextReader::None;
}

LookSummary lookAtText(const LookRequest &request)
{
    PagedModel paged(request.checkpoint, typeOfName(request.dtype, "--dtype"));
    const ModelOptions &options = paged.options();
    if (request.layer && (*request.layer < 0 || *request.layer >= options.nLayers)) {
        throw ConfigFailure({{"no such layer", "--layer", std::to_string(*request.layer),
                              fmt::format("0 to {}", options.nLayers - 1), ""}});
    }
    const Probe probe = probeOf(request, options.vocabulary);
    const std::string name = std::filesystem::absolute(request.checkpoint).lexically_normal().filename().string();
    ProbeMoment moment{name, 1, "Checkpoint", options.selector != "none", options.selector};
    std::optional<RunConfig> config;
    if (!request.run.empty()) { // before the work: it may be refused
        demandEmpty(request.run);
        config = configOfOptions(options, static_cast<int>(probe.tokens.size()), name);
        moment.run = config->folder();
    }
    LookSummary summary{options.modelType, options.selector, static_cast<int>(probe.tokens.size()), options.topK, {}};
    AskingPager pager(paged, request);
    Snapshot snapshot;
    try {
        snapshot = takeSnapshot(paged.model(), probe, moment, at::kCPU, &pager, request.layer.value_or(-1));
        if (request.goOn && !request.goOn(pager.blocks(), pager.blocks())) {
            throw GivenUp();
        }
    } catch (const GivenUp &) {
        summary.givenUp = true;
        return summary;
    }
    if (!request.out.empty()) {
        writeSnapshot(snapshot, request.out);
    }
    if (config) {
        const std::unique_ptr<RunWriter> writer = RunWriter::create(request.run, *config);
        writer->value("parameters", std::to_string(paged.model().parameters().count()));
        writer->value("source", std::filesystem::absolute(request.checkpoint).lexically_normal().string());
        writer->snapshot(snapshot);
        writer->state(RunState::Finished);
        writer->flush();
    }

    for (std::size_t i = 0; i < snapshot.layers.size(); ++i) {
        const SelectionMetrics metrics = selectionMetrics(snapshot, i);
        summary.layers.push_back(
            {snapshot.layers[i].layer, metrics.massKept, metrics.massKeptChance, metrics.recall, metrics.recallChance});
    }
    return summary;
}

} // namespace sparsescope
