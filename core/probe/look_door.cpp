#include "core/probe/look_door.h"

#include "core/base/error.h"
#include "core/base/run_store.h"
#include "core/base/selection_metrics.h"
#include "core/data/tokenizer.h"
#include "core/model/config_of_options.h"
#include "core/model/paged_model.h"
#include "core/probe/attention_probe.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

namespace sparsescope {

namespace {

Probe probeOf(const LookRequest &request, int vocabulary)
{
    Probe probe;
    const bool typed = !request.tokens.empty();
    probe.name = typed ? "typed tokens" : "typed text";
    probe.tokens = typed ? request.tokens : makeByteTokenizer()->encode(request.text);
    if (probe.tokens.empty()) {
        throw ConfigFailure({{"nothing to look at", "--text", "no text", "at least one byte", ""}});
    }
    for (const std::int32_t token : probe.tokens) {
        if (token < 0 || token >= vocabulary) {
            throw ConfigFailure({{"token outside of the vocabulary", typed ? "--tokens" : "--text",
                                  std::to_string(token), fmt::format("0 to {}", vocabulary - 1),
                                  typed ? "" : "This model does not read bytes: give token ids with --tokens."}});
        }
        probe.words.push_back(typed ? std::to_string(token) : byteWord(token));
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

} // namespace

LookSummary lookAtText(const LookRequest &request)
{
    PagedModel paged(request.checkpoint, typeOfName(request.dtype, "--dtype"));
    const ModelOptions &options = paged.options();
    const Probe probe = probeOf(request, options.vocabulary);
    const std::string name = std::filesystem::absolute(request.checkpoint).lexically_normal().filename().string();
    ProbeMoment moment{name, 1, "Checkpoint", options.selector != "none", options.selector};
    std::optional<RunConfig> config;
    if (!request.run.empty()) { // before the work: it may be refused
        demandEmpty(request.run);
        config = configOfOptions(options, static_cast<int>(probe.tokens.size()), name);
        moment.run = config->folder();
    }
    const Snapshot snapshot = takeSnapshot(paged.model(), probe, moment, at::kCPU, &paged);
    if (!request.out.empty()) {
        writeSnapshot(snapshot, request.out);
    }
    if (config) {
        const std::unique_ptr<RunWriter> writer = RunWriter::create(request.run, *config);
        writer->value("parameters", std::to_string(paged.model().parameters().count()));
        writer->snapshot(snapshot);
        writer->state(RunState::Finished);
        writer->flush();
    }

    LookSummary summary{options.modelType, options.selector, snapshot.length(), options.topK, {}};
    for (std::size_t i = 0; i < snapshot.layers.size(); ++i) {
        const SelectionMetrics metrics = selectionMetrics(snapshot, i);
        summary.layers.push_back(
            {snapshot.layers[i].layer, metrics.massKept, metrics.massKeptChance, metrics.recall, metrics.recallChance});
    }
    return summary;
}

} // namespace sparsescope
