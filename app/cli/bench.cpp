#include "app/cli/bench_decode.h"
#include "app/cli/bench_long.h"
#include "app/cli/bench_report.h"
#include "app/cli/bench_step.h"
#include "app/cli/changes.h"
#include "app/cli/command.h"
#include "app/cli/out_file.h"
#include "core/base/safetensors.h"
#include "core/train/train_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

namespace sparsescope {
namespace {

using dsa::benchmark::Shape;

struct BenchOptions {
    std::string subject;
    std::vector<std::string> changes;
    std::string device = "auto";
    std::string out;
    std::vector<int> vocabularies; ///< of the subject step
    std::vector<std::string> contexts;
    std::string indexer, direction; ///< of the subject attention at length; empty: not given
    std::int64_t requests = 0;      ///< of the subject decode; 0: not given
    dsa::benchmark::Options method;
};

struct SizeField {
    const char *name;
    std::int64_t Shape::*member;
    std::int64_t highest;
};

constexpr std::array kSizes{SizeField{"batch", &Shape::batch, 4096},  SizeField{"queries", &Shape::queries, 131072},
                            SizeField{"keys", &Shape::keys, 1048576}, SizeField{"k", &Shape::k, 1048576},
                            SizeField{"heads", &Shape::heads, 128},   SizeField{"width", &Shape::width, 256}};

std::optional<std::int64_t> numberOf(const std::string &text)
{
    try {
        std::size_t end = 0;
        const std::int64_t number = std::stoll(text, &end);
        if (end == text.size())
            return number;
    } catch (const std::exception &) { // no number at all, or none that fits
    }
    return std::nullopt;
}

/// One change to the shape; what is wrong with it goes into `errors`.
void apply(const Override &change, Shape &shape, std::vector<Error> &errors)
{
    const std::string &name = change.path, &value = change.value;
    const auto word = [&](std::string &member, const std::vector<std::string> &allowed) {
        if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
            errors.push_back(
                {"", name, "\"" + value.substr(0, 80) + "\"", fmt::format("{}", fmt::join(allowed, ", ")), ""});
        else
            member = value;
    };
    if (name == "type")
        return word(shape.type, {"bfloat16", "float16", "float32", "float8_e4m3"});
    if (name == "scores")
        return word(shape.scores, {"random", "plateau"});
    for (const SizeField &field : kSizes) {
        if (name != field.name)
            continue;
        const std::optional<std::int64_t> number = numberOf(value);
        if (!number || *number < 1 || *number > field.highest)
            errors.push_back({"", name, value.substr(0, 80), fmt::format("1 to {}", field.highest), ""});
        else
            shape.*field.member = *number;
        return;
    }
    errors.push_back(
        {"unknown field", name.substr(0, 80), "", "batch, queries, keys, k, heads, width, type, scores", ""});
}

/// The usual shapes, or the one that --set describes; it starts from the first of them.
std::vector<Shape> shapesOf(const BenchOptions &options, bool isCuda)
{
    std::vector<Shape> shapes = dsa::benchmark::usualShapes(options.subject, isCuda);
    if (options.changes.empty())
        return shapes;
    Shape shape = shapes.front();
    std::vector<Error> errors;
    for (const Override &change : splitChanges(options.changes, "FIELD=VALUE", errors))
        apply(change, shape, errors);
    if (errors.empty() && shape.keys < shape.queries)
        errors.push_back(
            {"", "keys", std::to_string(shape.keys), fmt::format("at least queries ({})", shape.queries), ""});
    if (!errors.empty())
        throw ConfigFailure(std::move(errors));
    return {shape};
}

constexpr std::int64_t kUsualRequests = 64, kWidestPaged = 128; // a page has one scale for a key
constexpr const char *kUsualDecodeContexts = "8192..131072";

/// Of `bench attention` at length, and of `bench decode`.
BenchLongOptions longOptions(const BenchOptions &options)
{
    BenchLongOptions result;
    result.contexts = options.contexts.empty() ? std::vector<std::string>{kUsualDecodeContexts} : options.contexts;
    result.indexer = options.indexer.empty() ? result.indexer : options.indexer;
    result.direction = options.direction.empty() ? result.direction : options.direction;
    result.changes = options.changes;
    result.out = options.out;
    result.method = options.method;
    return result;
}

int bench(const BenchOptions &options, Output &output)
{
    if (!options.out.empty())
        checkOutFile(options.out);
    const bool decodes = options.subject == "decode", atLength = decodes || !options.contexts.empty();
    if (atLength && !decodes && options.subject != "attention")
        throw ConfigFailure({{"", "--context", "subject " + options.subject, "subject attention or decode", ""}});
    if (!atLength && (!options.indexer.empty() || !options.direction.empty()))
        throw ConfigFailure({{"", "--indexer and --direction", "no --context", "together with --context", ""}});
    if (decodes ? !options.direction.empty() : options.requests > 0)
        throw ConfigFailure({{"", decodes ? "--direction" : "--requests", "subject " + options.subject,
                              decodes ? "subject attention" : "subject decode", ""}});
    if (atLength) { // what is wrong is said before the work
        const std::vector<dsa::benchmark::LongShape> layers = longShapes(longOptions(options));
        if (decodes && layers.front().indexerWidth > kWidestPaged)
            throw ConfigFailure(
                {{"", "--indexer", options.indexer, fmt::format("a width of 1 to {}", kWidestPaged), ""}});
    }
    const DeviceInfo device = describeDevice(options.device);
    const bool steps = options.subject == "step";
    const std::vector<Shape> shapes = steps || atLength ? std::vector<Shape>{} : shapesOf(options, device.isCuda);
    if (!device.isCuda)
        output.note("No GPU is used here" + (device.note.empty() ? "" : " (" + device.note + ")") +
                    ": this times the CPU path, and says nothing about the kernels.");
    const dsa::benchmark::Machine machine = dsa::benchmark::describeMachine(device.name);
    if (steps)
        return benchStep({options.changes, options.vocabularies, options.out, options.method.rounds}, machine,
                         device.note, output);
    if (decodes)
        return benchDecode(longOptions(options), options.requests > 0 ? options.requests : kUsualRequests, machine,
                           device.note, output);
    if (atLength)
        return benchLong(longOptions(options), machine, device.note, output);
    output.data() = machineDocument(options.subject, machine, device.note, options.method);
    for (const std::string &line : machineLines(machine))
        output.line(line);
    bool right = true;
    for (const Shape &shape : shapes) {
        for (const dsa::benchmark::Row &row :
             dsa::benchmark::measure(options.subject, shape, machine, options.method)) {
            right = report(row, output) && right;
        }
    }
    if (!options.out.empty())
        writeFileAtomically(options.out, output.data().dump(2) + "\n");
    return right ? kDone : kFailed;
}

} // namespace

Action declareBench(CLI::App &command)
{
    const auto options = std::make_shared<BenchOptions>();
    command
        .add_option("subject", options->subject, "What to time: topk, indexer, attention, loss, layer, step, decode")
        ->required()
        ->check(CLI::IsMember({"topk", "indexer", "attention", "loss", "layer", "step", "decode"}))
        ->type_name("SUBJECT");
    command
        .add_option(
            "--set", options->changes,
            "One shape instead of the usual ones: batch, queries, keys, k, heads, width, type, scores; of step: any "
            "field of an experiment")
        ->type_name("FIELD=VALUE");
    command.add_option("--vocabulary", options->vocabularies, "Of step: token kinds; 257 and 49152 unless given")
        ->check(CLI::Range(2, 1 << 20))
        ->type_name("NUMBER");
    command
        .add_option(
            "--context", options->contexts,
            "Of attention: one layer's core over sequences of this many tokens; 4096..131072 doubles from one to the "
            "other. --set takes k and heads then. Of decode: the tokens of each request, 8192..131072 unless given")
        ->type_name("TOKENS");
    command
        .add_option("--indexer", options->indexer,
                    "With --context: its heads and their width; 64x128 unless given. With -e4m3 behind it, it scores "
                    "in that type")
        ->type_name("HEADSxWIDTH");
    command.add_option("--direction", options->direction, "With --context: forward (unless given) or training")
        ->check(CLI::IsMember({"forward", "training"}))
        ->type_name("DIRECTION");
    command.add_option("--requests", options->requests, "Of decode: how many get a new token at once; 64 unless given")
        ->check(CLI::Range(1, 4096))
        ->type_name("NUMBER");
    command.add_option("--device", options->device, "auto, cpu, cuda or cuda:1")->capture_default_str();
    command.add_option("--rounds", options->method.rounds, "Turns of all candidates, two samples each")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command.add_option("--launches", options->method.launches, "Calls in one timed graph")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command.add_option("--out", options->out, "Also write the document to this file")->type_name("FILE");
    return [options](Output &output) { return bench(*options, output); };
}

} // namespace sparsescope
