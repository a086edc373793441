#include "core/train/generate_door.h"

#include "core/base/checkpoint_folder.h"
#include "core/base/error.h"
#include "core/base/remedies.h"
#include "core/base/run_store.h"
#include "core/model/checkpoint_notices.h"
#include "core/model/config_of_options.h"
#include "core/model/generator.h"
#include "core/model/hf_weights.h"
#include "core/model/weight_files.h"
#include "core/probe/attention_probe.h"
#include "core/probe/text_reader.h"
#include "core/probe/typed_text.h"
#include "core/train/device.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <memory>

namespace sparsescope {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSecondsBetweenSnapshots = 0.5;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void demandSense(const GenerateRequest &request)
{
    std::vector<Error> errors;
    if (request.count < 1) {
        errors.push_back({"nothing to write", nameOf(Place::Count), std::to_string(request.count), "1 or more", ""});
    }
    if (!std::isfinite(request.temperature) || request.temperature < 0) {
        errors.push_back({"no temperature", nameOf(Place::Temperature), fmt::format("{}", request.temperature),
                          "0 or more", "0 takes the likeliest token every time."});
    }
    if (request.among < 0) {
        errors.push_back({"no number of tokens", nameOf(Place::Among), std::to_string(request.among), "0 or more", ""});
    }
    if (!errors.empty()) {
        throw ConfigFailure(std::move(errors));
    }
}

/// The text so far as snapshots of a run.
class Record {
public:
    Record(Transformer &model, const GenerateRequest &request, int tokens)
        : m_model(model)
        , m_device(model.parameters().entries().front().tensor.device())
    {
        const ModelOptions &options = model.options();
        const std::string name = std::filesystem::absolute(request.checkpoint).lexically_normal().filename().string();
        const RunConfig config = configOfOptions(options, tokens, name);
        m_moment = {config.folder(), 0, "Continuation", options.selector != "none", options.selector};
        m_writer = RunWriter::create(request.run, config);
        m_writer->value("parameters", std::to_string(model.parameters().count()));
        m_writer->value("source", std::filesystem::absolute(request.checkpoint).lexically_normal().string());
        m_writer->state(RunState::Running);
    }

    void add(const Probe &probe, int made, bool last)
    {
        m_writer->tick();
        if (made == m_written || (!last && secondsSince(m_at) < kSecondsBetweenSnapshots)) {
            return;
        }
        m_moment.step = made;
        m_writer->snapshot(takeSnapshot(m_model, probe, m_moment, m_device));
        m_writer->flush();
        m_written = made;
        m_at = Clock::now();
    }

    void finish() { m_writer->state(RunState::Finished); }

private:
    Transformer &m_model;
    at::Device m_device;
    ProbeMoment m_moment;
    std::unique_ptr<RunWriter> m_writer;
    int m_written = 0;
    Clock::time_point m_at = Clock::now();
};

} // namespace

GenerateSummary generateText(const GenerateRequest &request)
{
    demandSense(request);
    if (!request.run.empty()) {
        demandEmptyFolder(request.run);
    }
    const std::shared_ptr<Transformer> model =
        loadCheckpoint(request.checkpoint, typeOfName(request.dtype, nameOf(Place::Type)));
    const int vocabulary = model->options().vocabulary;
    const TypedText prompt = typedText(request.checkpoint, request.text, request.tokens, vocabulary);
    const at::Device device = resolveDevice(request.device);
    model->parameters().moveTo(device);

    GenerateSummary summary;
    summary.modelType = model->options().modelType;
    summary.device = device.str();
    summary.prompt = static_cast<int>(prompt.tokens.size());
    std::unique_ptr<Record> record;
    if (!request.run.empty()) {
        record = std::make_unique<Record>(*model, request, summary.prompt + request.count);
    }
    Probe probe = prompt.probe();
    if (request.onPrompt) {
        request.onPrompt(probe.words);
    }
    Generator generator(*model, prompt.tokens, {request.temperature, request.among, request.seed, 5, request.cached});
    const int end = prompt.reader ? prompt.reader->separator() : -1;
    const Clock::time_point start = Clock::now();
    double writing = 0; // of snapshots: not the model's time
    bool goOn = true;
    int made = 0;
    while (goOn && made < request.count && !summary.ended) {
        const NewToken next = generator.next();
        ++made;
        if (made == 1) {
            summary.promptSeconds = secondsSince(start);
        }
        summary.ended = next.token == end;
        GeneratedToken shown{next.token, prompt.word(next.token), static_cast<int>(next.position), next.probability, {},
                             next.keys};
        for (const auto &[token, share] : next.likely) {
            shown.likely.emplace_back(prompt.word(token), share);
        }
        probe.tokens.push_back(next.token);
        probe.words.push_back(shown.word);
        goOn = !request.onToken || request.onToken(shown);
        if (record) {
            const Clock::time_point before = Clock::now();
            record->add(probe, made, !goOn || made == request.count || summary.ended);
            writing += secondsSince(before);
        }
    }
    const double behindFirst = secondsSince(start) - summary.promptSeconds - writing;
    summary.tokensPerSecond = made > 1 && behindFirst > 0 ? (made - 1) / behindFirst : 0;
    summary.tokens = generator.text();
    summary.cacheBytes = generator.cacheBytes();
    summary.notices = unreadParts(request.checkpoint);
    for (const std::string &notice :
         positionNotices(request.checkpoint, model->options(), static_cast<std::int64_t>(summary.tokens.size()))) {
        summary.notices.push_back(notice);
    }
    if (const std::string notice = tokenizerNotice(request.checkpoint, vocabulary); prompt.reader && !notice.empty()) {
        summary.notices.push_back(notice);
    }
    if (prompt.reader) {
        std::vector<std::int32_t> fresh(summary.tokens.begin() + summary.prompt, summary.tokens.end());
        if (summary.ended) {
            fresh.pop_back();
        }
        summary.text = prompt.reader->decode(fresh);
    }
    if (record) {
        record->finish();
    }
    return summary;
}

} // namespace sparsescope
