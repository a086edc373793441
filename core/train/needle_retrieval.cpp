#include "core/train/needle_retrieval.h"

#include "core/data/needle_examples.h"
#include "core/model/hf_weights.h"
#include "core/model/last_logits.h"
#include "core/train/autocast.h"
#include "core/train/device.h"
#include "core/train/step_inputs.h"
#include "core/train/stream_scope.h"

#include <ATen/ops/argmax.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/GradMode.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

namespace sparsescope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kLongest = 131072;
constexpr std::int64_t kTokensAtOnce = 65536; ///< of short examples, that are answered together
constexpr std::int64_t kScoresAtOnce = std::int64_t{1}
                                       << 28; ///< of a chunk: 1 GiB in fp32 where an operation keeps them all
const std::string kPlain = "plain", kYarn = "yarn";

/// One column of questions: how many keys, and which positions.
struct Setting {
    std::string keys; ///< empty: dense attention
    std::string positions;
};

struct Chunking {
    int rows;           ///< examples that go through together
    std::int64_t chunk; ///< queries of each
};

Chunking chunkingOf(std::int64_t length, std::int64_t asked, const at::Device &device)
{
    const std::int64_t rows = std::clamp<std::int64_t>(kTokensAtOnce / length, 1, 32);
    const std::int64_t most = device.is_cuda() ? 8192 : 256;
    const std::int64_t chunk = asked > 0 ? asked : std::clamp<std::int64_t>(kScoresAtOnce / (rows * length), 64, most);
    return {static_cast<int>(rows), chunk};
}

/// The trained model at one length: its weights, and where asked its rotation stretched.
class Subject {
public:
    Subject(const RunConfig &config, const NeedleOptions &options, std::int64_t length, const std::string &positions)
        : m_device(resolveDevice(options.device))
    {
        RunConfig longer = config;
        if (positions == kYarn) {
            YarnConfig yarn = config.model.yarn.value_or(YarnConfig());
            if (!config.model.yarn) {
                yarn.originalMaxPositionEmbeddings = static_cast<int>(config.training.sequenceLength);
            }
            yarn.factor = std::max(1.0, static_cast<double>(length) / yarn.originalMaxPositionEmbeddings);
            longer.model.yarn = yarn;
            m_factor = yarn.factor;
        }
        longer.training.sequenceLength = length;
        const NeedleExamples examples(longer, options.depths);
        m_model = std::make_unique<Transformer>(modelOptions(longer, examples.vocabulary()));
        loadWeights(*m_model, options.checkpoint);
        m_model->parameters().moveTo(m_device);
        m_model->setTraining(false);
    }

    Transformer &model() { return *m_model; }
    const at::Device &device() const { return m_device; }
    double yarnFactor() const { return m_factor; }

private:
    at::Device m_device;
    std::unique_ptr<Transformer> m_model;
    double m_factor = 1;
};

bool usesBf16(const RunConfig &config, const at::Device &device)
{
    return config.training.precision == Precision::Bf16 ||
           (config.training.precision == Precision::Auto && device.is_cuda());
}

/// Is bit `key` of row [ceil(S/64)] set?
bool holds(const std::int64_t *row, int key)
{
    return (static_cast<std::uint64_t>(row[key / 64]) >> (key % 64) & 1) != 0;
}

/// Counts what the answers of some examples are worth.
class Tally {
public:
    Tally(const NeedleExamples &examples, NeedleRow &row, std::int64_t first)
        : m_examples(examples)
        , m_row(row)
        , m_first(first)
    {}

    /// `predicted` int64 [B,last] on the CPU: the most likely token at the last positions.
    void answers(const Batch &batch, const at::Tensor &predicted)
    {
        struct Answer {
            int depth = 0;
            bool exact = true;
        };
        std::map<std::pair<int, int>, Answer> answers; // by example and number
        const auto tokens = predicted.accessor<std::int64_t, 2>();
        for (const NeededKeys &needed : batch.needed) {
            const std::size_t place = static_cast<std::size_t>(needed.row) * static_cast<std::size_t>(batch.length) +
                                      static_cast<std::size_t>(needed.query);
            const bool right = tokens[needed.row][needed.query - m_first] == batch.targets[place];
            Answer &answer = answers[{needed.row, needed.answer}];
            answer.depth = m_examples.depthOf(needed.keys.front());
            answer.exact = answer.exact && right;
            m_row.tokens += 1;
            m_row.tokensRight += right ? 1 : 0;
        }
        for (const auto &[where, answer] : answers) {
            NeedleDepth &depth = m_row.depths[static_cast<std::size_t>(answer.depth)];
            depth.answers += 1;
            depth.exact += answer.exact ? 1 : 0;
        }
    }

    /// Of the last chunk, which holds the asking positions.
    void selections(const Batch &batch, const std::vector<dsa::Selection> &layers)
    {
        std::vector<double> hits;
        for (const dsa::Selection &layer : layers) {
            if (!layer.bits.defined()) {
                return;
            }
            const at::Tensor bits = layer.bits.cpu().contiguous(); // [B,last,ceil(L/64)]
            double found = 0;
            for (const NeededKeys &needed : batch.needed) {
                const std::int64_t *row = bits.const_data_ptr<std::int64_t>() +
                                          (needed.row * bits.size(1) + needed.query - m_first) * bits.size(2);
                found += holds(row, needed.keys.front()) ? 1 : 0;
            }
            hits.push_back(found);
        }
        m_found.resize(hits.size(), 0);
        for (std::size_t layer = 0; layer < hits.size(); ++layer) {
            m_found[layer] += hits[layer];
        }
        for (const NeededKeys &needed : batch.needed) {
            m_chance += std::min(1.0, static_cast<double>(m_row.topK) / (needed.query + 1));
        }
        m_asked += static_cast<double>(batch.needed.size());
    }

    void finish()
    {
        if (m_asked > 0) {
            for (const double hits : m_found) {
                m_row.found.push_back(hits / m_asked);
            }
            m_row.foundChance = m_chance / m_asked;
        }
    }

private:
    const NeedleExamples &m_examples;
    NeedleRow &m_row;
    std::int64_t m_first; ///< of the asking positions
    std::vector<double> m_found;
    double m_chance = 0, m_asked = 0;
};

/// Answers every example of one length and setting into `row`; false where it was cancelled.
bool answer(const RunConfig &config, const NeedleOptions &options, NeedleRow &row,
            const std::function<void(int examples)> &onExamples)
{
    RunConfig longer = config;
    longer.training.sequenceLength = row.length;
    const NeedleExamples examples(longer, options.depths);
    Subject subject(config, options, row.length, row.positions);
    row.yarnFactor = subject.yarnFactor();
    row.depths.assign(static_cast<std::size_t>(options.depths), {});
    const StreamScope stream(subject.device());
    const dsa::KernelScope kernels(kernelUse(config.training.kernels));
    if (subject.device().is_cuda()) {
        at::getDeviceAllocator(at::kCUDA)->resetPeakStats(subject.device().index());
    }
    const std::int64_t first = row.length - examples.tail();
    Tally tally(examples, row, first);
    const Chunking size = chunkingOf(row.length, options.chunk, subject.device());
    const Clock::time_point start = Clock::now();
    for (int done = 0; done < options.examples;) {
        onExamples(done);
        const Batch batch = examples.batch(done, std::min(size.rows, options.examples - done));
        LastLogits asked;
        asked.last = examples.tail();
        asked.chunk = size.chunk;
        asked.sparse = row.topK > 0;
        asked.topK = row.topK;
        asked.onChunk = [&](std::int64_t tokens, const std::vector<dsa::Selection> &layers) {
            if (tokens == row.length) {
                tally.selections(batch, layers);
            }
            return !(options.cancelled && options.cancelled());
        };
        const AutocastScope autocast(usesBf16(config, subject.device()));
        const at::Tensor logits = lastLogits(subject.model(), toDevice(batch, subject.device()).inputs, asked);
        if (!logits.defined()) {
            return false;
        }
        tally.answers(batch, logits.argmax(-1).cpu());
        done += batch.rows;
        row.examples = done;
    }
    tally.finish();
    row.secondsPerExample = std::chrono::duration<double>(Clock::now() - start).count() / options.examples;
    if (subject.device().is_cuda()) {
        row.peakBytes = deviceMemory(subject.device());
    }
    return true;
}

std::vector<Setting> settingsOf(const RunConfig &config, const NeedleOptions &options)
{
    const std::vector<std::string> keys =
        config.model.selection.kind == "none" || config.model.selection.kind.empty() ? std::vector<std::string>{""}
        : options.keys.empty() ? std::vector<std::string>{config.model.selection.topK.text()}
                               : options.keys;
    std::vector<Setting> settings;
    for (const std::string &positions : options.positions.empty() ? needlePositions() : options.positions) {
        for (const std::string &number : keys) {
            settings.push_back({number, positions});
        }
    }
    return settings;
}

std::vector<std::int64_t> checkedLengths(const RunConfig &config, const NeedleOptions &options)
{
    std::vector<std::int64_t> lengths =
        options.lengths.empty() ? needleLengths(config.training.sequenceLength) : options.lengths;
    std::vector<Error> errors;
    for (const std::int64_t length : lengths) {
        if (length < 2 || length > kLongest) {
            errors.push_back({"no length of an example", "--lengths", std::to_string(length),
                              fmt::format("2 to {} tokens", kLongest), ""});
        }
    }
    if (options.examples < 1) {
        errors.push_back({"nothing to ask", "--examples", std::to_string(options.examples), "1 or more", ""});
    }
    for (const std::string &word : options.positions) {
        if (word != kPlain && word != kYarn) {
            errors.push_back({"no way to go on", "--positions", "\"" + word + "\"", "plain or yarn", ""});
        }
    }
    if (!errors.empty()) {
        throw ConfigFailure(std::move(errors));
    }
    std::sort(lengths.begin(), lengths.end());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    return lengths;
}

std::string textOption(const RunConfig &config, const char *name, const std::string &otherwise)
{
    const auto &given = config.data.options;
    return given.is_object() && given.contains(name) && given[name].is_string() ? given[name].get<std::string>()
                                                                                : otherwise;
}

std::int64_t shortestOf(const RunConfig &config)
{
    const auto &given = config.data.options;
    const bool there = given.is_object() && given.contains("shortest") && given["shortest"].is_number_integer();
    const std::int64_t shortest = there ? given["shortest"].get<std::int64_t>() : 0;
    return shortest > 0 ? shortest : config.training.sequenceLength;
}

/// The first row of every setting is the cheapest, so an impossible option is found before anything was waited for.
void demandRoom(const RunConfig &config, const NeedleOptions &options, std::int64_t length)
{
    RunConfig shorter = config;
    shorter.training.sequenceLength = length;
    try {
        const NeedleExamples examples(shorter, options.depths);
    } catch (const Failure &failure) {
        throw ConfigFailure({failure.error()});
    }
}

} // namespace

std::vector<std::int64_t> needleLengths(std::int64_t trained)
{
    std::vector<std::int64_t> lengths;
    for (std::int64_t length = trained; length < kLongest; length *= 2) {
        lengths.push_back(length);
    }
    lengths.push_back(kLongest);
    return lengths;
}

const std::vector<std::string> &needlePositions()
{
    static const std::vector<std::string> words{kPlain, kYarn};
    return words;
}

NeedleTable measureNeedles(const RunConfig &config, const NeedleOptions &options)
{
    const std::vector<std::int64_t> lengths = checkedLengths(config, options);
    for (const std::int64_t length : lengths) {
        demandRoom(config, options, length);
    }
    const at::Device device = resolveDevice(options.device);
    NeedleTable table;
    table.run = config.folder();
    table.family = toString(config.model.family);
    table.selector = config.model.selection.kind == "none" ? std::string() : config.model.selection.kind;
    table.seed = config.training.seed;
    table.trainedLength = config.training.sequenceLength;
    table.shortest = shortestOf(config);
    table.haystack = textOption(config, "filler", "constant");
    table.device = describeDevice(options.device).description;
    table.precision = usesBf16(config, device) ? "bf16" : "fp32";
    {
        RunConfig longest = config;
        longest.training.sequenceLength = lengths.back();
        table.digits = NeedleExamples(longest, options.depths).digits();
    }
    table.exactChance = std::pow(0.1, table.digits);
    const std::vector<Setting> settings = settingsOf(config, options);
    const auto cost = [](std::int64_t length) { return static_cast<double>(length); };
    double whole = 0, done = 0;
    for (const std::int64_t length : lengths) {
        whole += cost(length) * static_cast<double>(settings.size());
    }
    for (const Setting &setting : settings) {
        bool full = false;
        for (const std::int64_t length : lengths) {
            // Where nothing is beyond the trained positions, there is nothing to stretch.
            if (options.positions.empty() && setting.positions == kYarn && length <= config.training.sequenceLength) {
                done += cost(length);
                continue;
            }
            NeedleRow row;
            row.length = length;
            row.keys = setting.keys;
            row.topK = setting.keys.empty() ? 0 : std::min(length, LengthExpression(setting.keys).evaluate(length));
            row.positions = setting.positions;
            if (full) {
                row.problem = "not tried: a shorter one did not fit";
            } else {
                const auto say = [&](int examples) {
                    if (options.onProgress) {
                        options.onProgress(fmt::format("L {}{}{}, {} of {} haystacks", length,
                                                       row.topK > 0 ? fmt::format(", k {}", row.topK) : "",
                                                       setting.positions == kYarn ? ", YaRN" : "", examples,
                                                       options.examples),
                                           (done + cost(length) * examples / options.examples) / whole);
                    }
                };
                try {
                    if (!answer(config, options, row, say)) {
                        return table;
                    }
                } catch (const std::exception &error) {
                    if (!isOutOfMemory(error)) {
                        throw;
                    }
                    full = true;
                    row.depths.clear(); // some of the examples only
                    row.problem =
                        fmt::format("not enough {} memory: {}", device.is_cuda() ? "GPU" : "host", memoryText(error));
                    releaseCachedMemory();
                }
            }
            done += cost(length);
            table.rows.push_back(std::move(row));
        }
    }
    return table;
}

} // namespace sparsescope
