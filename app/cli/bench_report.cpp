#include "app/cli/bench_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace sparsescope {
namespace {

using dsa::benchmark::Machine;
using dsa::benchmark::Row;
using dsa::benchmark::Timing;
using nlohmann::ordered_json;

ordered_json orNull(double value) { return value > 0 ? ordered_json(value) : ordered_json(nullptr); }

/// What has heads, and of what; empty for a selection alone.
std::string headsOf(const Row &row)
{
    const bool selects = row.op == "topk_select" || row.op == "decode_select",
               scores = row.op.starts_with("index_s") || row.op == "decode_scores";
    return selects ? "" : scores ? "indexer" : "attention";
}

} // namespace

ordered_json machineDocument(const std::string &subject, const Machine &machine, const std::string &note,
                             const dsa::benchmark::Options &method)
{
    ordered_json document;
    document["schema"] = 1;
    document["bench"] = subject;
    document["measured"] = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
    document["gpu"] = machine.isCuda;
    document["machine"] = {{"device", machine.device},
                           {"name", machine.name},
                           {"note", note},
                           {"multiprocessors", machine.multiprocessors},
                           {"memory_bytes", orNull(machine.memoryBytes)},
                           {"l2_bytes", orNull(machine.cacheBytes)},
                           {"clock_mhz", orNull(machine.clockMhz)},
                           {"highest_clock_mhz", orNull(machine.highestClockMhz)},
                           {"memory_clock_mhz", orNull(machine.memoryClockMhz)},
                           {"copy_bytes_per_s", orNull(machine.bytesPerSecond)},
                           {"bf16_flops_per_s", orNull(machine.flopsLow)},
                           {"e4m3_flops_per_s", orNull(machine.flopsE4m3)},
                           {"fp32_flops_per_s", orNull(machine.flopsFloat)}};
    document["method"] = {{"rounds", method.rounds},
                          {"launches", method.launches},
                          {"order", "A B B A"},
                          {"graphs", machine.isCuda},
                          {"unit", "us a call, median"}};
    document["rows"] = ordered_json::array();
    return document;
}

ordered_json rowDocument(const Row &row)
{
    ordered_json document;
    document["op"] = row.op;
    document["shape"] = {
        {"batch", row.shape.batch}, {"queries", row.shape.queries}, {"keys", row.shape.keys}, {"k", row.shape.k}};
    if (!headsOf(row).empty()) {
        document["shape"]["heads"] = row.shape.heads;
        document["shape"]["width"] = row.shape.width;
        document["shape"]["type"] = row.shape.type;
    } else {
        document["shape"]["scores"] = row.shape.scores;
    }
    document["equals_reference"] = row.check.wrong.empty();
    document["largest_error"] = row.check.largestError ? ordered_json(*row.check.largestError) : ordered_json(nullptr);
    document["deterministic"] = row.check.sameBits ? ordered_json(*row.check.sameBits) : ordered_json(nullptr);
    document["bytes"] = row.bytes;
    document["flops"] = row.flops;
    document["floor_us"] = orNull(row.floorMicroseconds);
    document["limit"] = row.limit.empty() ? ordered_json(nullptr) : ordered_json(row.limit);
    document["registers"] = row.registers;
    document["spilled_bytes"] = row.spilledBytes;
    document["shared_bytes"] = row.sharedBytes;
    const double ours = row.timings.front().microseconds;
    for (const Timing &timing : row.timings) {
        const bool own = timing.bytes > 0;
        const double bytes = own ? timing.bytes : row.bytes, flops = own ? timing.flops : row.flops;
        document["timings"].push_back({{"name", timing.name},
                                       {"backend", timing.backend},
                                       {"us", timing.microseconds},
                                       {"us_quartiles", {timing.lower, timing.upper}},
                                       {"fraction_of_floor", orNull(row.floorMicroseconds / timing.microseconds)},
                                       {"times_ours", timing.microseconds / ours},
                                       {"bytes_per_s", bytes / timing.microseconds * 1e6},
                                       {"flops_per_s", orNull(flops / timing.microseconds * 1e6)},
                                       {"peak_bytes", orNull(timing.peakBytes)},
                                       {"launches", timing.launches},
                                       {"samples", timing.samples}});
        if (own) {
            document["timings"].back()["bytes"] = bytes;
            document["timings"].back()["flops"] = flops;
        }
    }
    return document;
}

std::vector<std::string> machineLines(const Machine &machine)
{
    if (!machine.isCuda)
        return {"Device     CPU: no kernel is timed, only the operations' CPU path"};
    std::vector<std::string> lines{
        fmt::format("Device     {} ({}), {} multiprocessors", machine.name, machine.device, machine.multiprocessors)};
    if (machine.clockMhz > 0)
        lines.push_back(fmt::format("Clocks     {:.0f} MHz while multiplying (at most {:.0f}), memory {:.0f} MHz",
                                    machine.clockMhz, machine.highestClockMhz, machine.memoryClockMhz));
    lines.push_back(fmt::format(
        "Ceilings   copy {:.2f} TB/s, bf16 product {:.0f} TF/s, e4m3 {:.0f}, fp32 {:.1f}, measured here",
        machine.bytesPerSecond / 1e12, machine.flopsLow / 1e12, machine.flopsE4m3 / 1e12, machine.flopsFloat / 1e12));
    return lines;
}

std::vector<std::string> rowLines(const Row &row)
{
    const std::string heads = headsOf(row);
    const std::string inputs =
        heads.empty() ? "  " + row.shape.scores + " scores"
                      : fmt::format("  {} {}x{} {}", heads, row.shape.heads, row.shape.width, row.shape.type);
    const std::string floor =
        row.floorMicroseconds > 0 ? fmt::format("  floor {:.1f} us by {}", row.floorMicroseconds, row.limit) : "";
    const std::string wrong = row.check.wrong.empty() ? "" : "  WRONG: " + row.check.wrong;
    std::vector<std::string> lines{"",
                                   fmt::format("{}  B {} T {} S {} k {}{}{}{}", row.op, row.shape.batch,
                                               row.shape.queries, row.shape.keys, row.shape.k, inputs, floor, wrong)};
    const double ours = row.timings.front().microseconds;
    for (const Timing &timing : row.timings) {
        const std::string share =
            row.floorMicroseconds > 0
                ? fmt::format("{:5.1f} % of the floor", 100 * row.floorMicroseconds / timing.microseconds)
                : "";
        const std::string memory = timing.peakBytes > 0 ? fmt::format("{:9.1f} MB", timing.peakBytes / 1e6) : "";
        lines.push_back(fmt::format("  {:<11}{:10.1f} us  ({:.1f} to {:.1f})  {:6.2f} x ours  {}  {}  {}", timing.name,
                                    timing.microseconds, timing.lower, timing.upper, timing.microseconds / ours, share,
                                    memory, timing.backend));
    }
    return lines;
}

bool report(const Row &row, Output &output)
{
    output.data()["rows"].push_back(rowDocument(row));
    for (const std::string &line : rowLines(row))
        output.line(line);
    if (!row.check.wrong.empty())
        output.error({row.op + " is wrong: " + row.check.wrong, "", "", "", ""});
    return row.check.wrong.empty();
}

} // namespace sparsescope
