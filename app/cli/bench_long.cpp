#include "app/cli/bench_long.h"

#include "app/cli/bench_report.h"
#include "app/cli/changes.h"
#include "app/cli/out_file.h"
#include "core/base/exit_code.h"
#include "core/base/safetensors.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace sparsescope {
namespace {

using dsa::benchmark::LongShape;

constexpr std::int64_t kLongest = 1 << 20, kMostHeads = 1024, kWidestQuantized = 128;
const std::string kQuantized = "-e4m3";

std::optional<std::int64_t> sizeOf(const std::string &text, std::int64_t highest)
{
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && number >= 1 && number <= highest
               ? std::optional(number)
               : std::nullopt;
}

void addContexts(const std::string &text, std::vector<std::int64_t> &contexts, std::vector<Error> &errors)
{
    const std::size_t dots = text.find("..");
    const auto first = sizeOf(text.substr(0, dots), kLongest),
               last = dots == std::string::npos ? first : sizeOf(text.substr(dots + 2), kLongest);
    if (!first || !last || *first > *last) {
        errors.push_back({"", "--context", text.substr(0, 80),
                          fmt::format("1 to {}, or two of them as 4096..131072", kLongest), ""});
        return;
    }
    for (std::int64_t context = *first; context <= *last; context *= 2)
        contexts.push_back(context);
}

} // namespace

std::vector<LongShape> longShapes(const BenchLongOptions &options)
{
    std::vector<Error> errors;
    std::vector<std::int64_t> contexts;
    for (const std::string &text : options.contexts)
        addContexts(text, contexts, errors);
    LongShape shape;
    shape.training = options.direction == "training";
    std::string sizes = options.indexer;
    if (sizes.ends_with(kQuantized)) {
        shape.quantized = true;
        sizes.resize(sizes.size() - kQuantized.size());
    }
    const std::size_t by = sizes.find('x');
    const auto heads = sizeOf(sizes.substr(0, by), kMostHeads),
               width = by == std::string::npos ? std::nullopt : sizeOf(sizes.substr(by + 1), kMostHeads);
    if (!heads || !width)
        errors.push_back(
            {"", "--indexer", options.indexer.substr(0, 80), "heads and width, as 64x128 or 4x64, or 64x128-e4m3", ""});
    else if (shape.quantized && *width > kWidestQuantized)
        errors.push_back({"", "--indexer", options.indexer.substr(0, 80),
                          fmt::format("in e4m3 a width of 1 to {}", kWidestQuantized), ""});
    else {
        shape.indexerHeads = *heads;
        shape.indexerWidth = *width;
    }
    for (const Override &change : splitChanges(options.changes, "FIELD=VALUE", errors)) {
        const bool isK = change.path == "k";
        const std::int64_t highest = isK ? kLongest : kMostHeads;
        const auto number = sizeOf(change.value, highest);
        if (!isK && change.path != "heads")
            errors.push_back({"unknown field", change.path.substr(0, 80), "", "k, heads", ""});
        else if (!number)
            errors.push_back({"", change.path, change.value.substr(0, 80), fmt::format("1 to {}", highest), ""});
        else
            (isK ? shape.k : shape.heads) = *number;
    }
    if (!errors.empty())
        throw ConfigFailure(std::move(errors));
    std::vector<LongShape> shapes;
    for (const std::int64_t context : contexts) {
        shape.context = context;
        shapes.push_back(shape);
    }
    return shapes;
}

int benchLong(const BenchLongOptions &options, const dsa::benchmark::Machine &machine, const std::string &note,
              Output &output)
{
    output.data() = machineDocument("attention", machine, note, options.method);
    output.data()["method"]["graphs"] = false;
    output.data()["method"]["launches"] = 1;
    output.data()["indexer"] = options.indexer;
    output.data()["direction"] = options.direction;
    for (const std::string &line : machineLines(machine))
        output.line(line);
    bool right = true;
    for (const LongShape &shape : longShapes(options)) {
        for (const dsa::benchmark::Row &row : dsa::benchmark::measureLong(shape, machine, options.method)) {
            right = report(row, output) && right;
        }
        // A later length may not fit: what is there stays.
        if (!options.out.empty())
            writeFileAtomically(options.out, output.data().dump(2) + "\n");
    }
    return right ? kDone : kFailed;
}

} // namespace sparsescope
