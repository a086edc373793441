#include "core/probe/look_door.h"

#include "core/base/checkpoint_folder.h"
#include "core/base/error.h"
#include "core/base/remedies.h"
#include "core/base/run_store.h"
#include "core/base/selection_metrics.h"
#include "core/model/checkpoint_notices.h"
#include "core/model/config_of_options.h"
#include "core/model/paged_model.h"
#include "core/probe/attention_probe.h"
#include "core/probe/typed_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

namespace sparsescope {

namespace {

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

LookSummary lookAtText(const LookRequest &request)
{
    PagedModel paged(request.checkpoint, typeOfName(request.dtype, nameOf(Place::Type)));
    const ModelOptions &options = paged.options();
    if (request.layer && (*request.layer < 0 || *request.layer >= options.nLayers)) {
        throw ConfigFailure({{"no such layer", nameOf(Place::Layer), std::to_string(*request.layer),
                              fmt::format("0 to {}", options.nLayers - 1), ""}});
    }
    const Probe probe = typedText(request.checkpoint, request.text, request.tokens, options.vocabulary).probe();
    const std::string name = std::filesystem::absolute(request.checkpoint).lexically_normal().filename().string();
    ProbeMoment moment{name, 1, "Checkpoint", options.selector != "none", options.selector};
    std::optional<RunConfig> config;
    if (!request.run.empty()) { // before the work: it may be refused
        demandEmptyFolder(request.run);
        config = configOfOptions(options, static_cast<int>(probe.tokens.size()), name);
        moment.run = config->folder();
    }
    LookSummary summary{options.modelType, options.selector, static_cast<int>(probe.tokens.size()), options.topK, {}};
    summary.notices = positionNotices(request.checkpoint, options, summary.tokens);
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
