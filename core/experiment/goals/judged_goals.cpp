#include "core/base/safetensors.h"
#include "core/base/table_text.h"
#include "core/experiment/claims/found_results.h"
#include "core/experiment/goals/kernel_goals.h"

#include <fmt/format.h>

#include <utility>

namespace fs = std::filesystem;

namespace sparsescope {
namespace {

using Json = nlohmann::ordered_json;
using Measure = KernelGoal::Measure;

constexpr int kGoalsSchema = 1;

struct FoundRow {
    const BenchDocument *bench = nullptr;
    const MeasuredRow *row = nullptr;
};

/// Of several measurements of one shape the newest: a file of one subject may repeat a row of another.
FoundRow find(const FoundResults &found, const GoalRow &wanted, const BenchDocument *in = nullptr)
{
    FoundRow best;
    for (const BenchDocument &bench : found.benches) {
        if (in && &bench != in)
            continue;
        for (const MeasuredRow &row : bench.rows) {
            if (wanted.fits(bench, row) && (!best.bench || bench.measured > best.bench->measured))
                best = {&bench, &row};
        }
    }
    return best;
}

struct Value {
    double value = 0, lower = 0, upper = 0;
    std::string unit;
    bool atMost = true; ///< a goal is an upper limit
};

struct Times {
    double median = 0, lower = 0, upper = 0;

    void add(const MeasuredTiming &timing)
    {
        median += timing.microseconds;
        lower += timing.lower;
        upper += timing.upper;
    }
};

std::optional<Value> valueOf(const KernelGoal &goal, const FoundResults &found, const FoundRow &at)
{
    const MeasuredRow &row = *at.row;
    Times ours, other;
    ours.add(row.timings.front());
    if (goal.measure == Measure::TimesOther || goal.measure == Measure::OverOther ||
        goal.measure == Measure::TimesOfOtherRow) {
        const bool ofAnotherRow = goal.measure == Measure::TimesOfOtherRow;
        const FoundRow second = ofAnotherRow ? find(found, *goal.second, at.bench) : at;
        const MeasuredTiming *timing = !second.row    ? nullptr
                                       : ofAnotherRow ? &second.row->timings.front()
                                                      : row.timing(goal.other);
        if (!timing)
            return std::nullopt;
        other.add(*timing);
        if (goal.plus) {
            const FoundRow more = find(found, *goal.plus, at.bench);
            const MeasuredTiming *moreOther = more.row ? more.row->timing(goal.other) : nullptr;
            if (!moreOther)
                return std::nullopt;
            ours.add(more.row->timings.front());
            other.add(*moreOther);
        }
        if (goal.measure == Measure::OverOther)
            std::swap(ours, other);
        return Value{ours.median / other.median, ours.lower / other.upper, ours.upper / other.lower, "times",
                     goal.measure != Measure::OverOther};
    }
    switch (goal.measure) {
    case Measure::PeakMebibytes: {
        if (!row.timings.front().peakBytes)
            return std::nullopt;
        const double peak = *row.timings.front().peakBytes / (1 << 20);
        return Value{peak, peak, peak, "MiB"};
    }
    case Measure::Milliseconds:
        return Value{ours.median / 1000, ours.lower / 1000, ours.upper / 1000, "ms"};
    case Measure::ShareOfFloor:
        if (!row.floorMicroseconds)
            return std::nullopt;
        return Value{*row.floorMicroseconds / ours.median, *row.floorMicroseconds / ours.upper,
                     *row.floorMicroseconds / ours.lower, "of the floor", false};
    case Measure::TeraFlops:
        return Value{row.flops / ours.median / 1e6, row.flops / ours.upper / 1e6, row.flops / ours.lower / 1e6,
                     "TFLOP/s", false};
    default:
        return Value{ours.median, ours.lower, ours.upper, "us"};
    }
}

std::string shapeOf(const MeasuredRow &row)
{
    std::string text = fmt::format("{} x {}", row.batch, row.keys);
    if (row.k)
        text += fmt::format(", k {}", *row.k);
    if (row.heads)
        text += fmt::format(", {} heads", *row.heads);
    if (row.width)
        text += row.family.empty() ? fmt::format(" of {}", *row.width) : fmt::format(", {} token kinds", *row.width);
    return text;
}

/// Which of the two the floor is: of the arithmetic or of the bytes.
std::string limitOf(const FoundRow &at)
{
    if (!at.row->floorMicroseconds || !at.bench->bytesPerSecond || !at.bench->flopsPerSecond)
        return {};
    return at.row->flops / *at.bench->flopsPerSecond > at.row->bytes / *at.bench->bytesPerSecond ? "arithmetic"
                                                                                                 : "bytes";
}

Json judged(const KernelGoal &goal, const FoundResults &found)
{
    const auto orNull = [](const auto &value) { return value ? Json(*value) : Json(); };
    Json entry = {{"part", goal.part}, {"what", goal.what}, {"goal", orNull(goal.goal)}, {"expected", goal.expected}};
    const FoundRow at = find(found, goal.row);
    const std::optional<Value> value = at.row ? valueOf(goal, found, at) : std::nullopt;
    entry["measured"] = value ? Json(value->value) : Json();
    if (!value) {
        entry["met"] = Json();
        return entry;
    }
    entry["lower"] = value->lower;
    entry["upper"] = value->upper;
    entry["unit"] = value->unit;
    entry["at_most"] = value->atMost;
    // What is not right is not fast.
    entry["met"] =
        goal.goal ? Json(at.row->right && (value->atMost ? value->value <= *goal.goal : value->value >= *goal.goal))
                  : Json();
    entry["shape"] = shapeOf(*at.row);
    const double ours = at.row->timings.front().microseconds;
    entry["floor_share"] = at.row->floorMicroseconds ? Json(*at.row->floorMicroseconds / ours) : Json();
    entry["limit"] = limitOf(at);
    entry["right"] = at.row->right;
    entry["backend"] = at.row->timings.front().backend;
    entry["file"] = at.bench->file.string();
    entry["card"] = at.bench->machine;
    return entry;
}

std::string numberText(double value)
{
    return value >= 100  ? fmt::format("{:.0f}", value)
           : value >= 10 ? fmt::format("{:.1f}", value)
                         : fmt::format("{:.2f}", value);
}

std::string verdictText(const Json &entry)
{
    if (entry["measured"].is_null())
        return "not measured";
    if (!entry["right"].get<bool>())
        return "wrong results";
    if (entry["goal"].is_null())
        return "-";
    if (entry["met"].get<bool>())
        return "met";
    const double goal = entry["goal"].get<double>(), value = entry["measured"].get<double>();
    const double off = entry["at_most"].get<bool>() ? value / goal - 1 : 1 - value / goal;
    return fmt::format("missed by {:.0f} %", 100 * off);
}

} // namespace

Json judgeGoals(const fs::path &root)
{
    const FoundResults found = findResults(root);
    Json document = {{"schema", kGoalsSchema}, {"goals", Json::array()}};
    int met = 0, missed = 0, open = 0;
    for (const KernelGoal &goal : kernelGoals()) {
        Json entry = judged(goal, found);
        if (goal.goal)
            (entry["measured"].is_null() ? open : entry["met"].get<bool>() ? met : missed) += 1;
        document["goals"].push_back(std::move(entry));
    }
    document["counts"] = {{"met", met}, {"missed", missed}, {"not_measured", open}};
    document["problems"] = found.problems;
    return document;
}

Json writeGoals(const fs::path &root)
{
    const Json document = judgeGoals(root);
    writeFileAtomically(root / "goals.json", document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    writeFileAtomically(root / "GOALS.md", goalsMarkdown(document));
    return document;
}

std::string goalsMarkdown(const Json &document)
{
    const Json &counts = document["counts"];
    std::string text = fmt::format(
        "# What the kernels are to reach, and what they do\n\nOf {} goals {} are met, {} are missed, {} are not "
        "measured.\n\n"
        "Drawn from the benchmarks beside this file; nothing is written by hand. Measured is the median of a call, in "
        "brackets what the quartiles allow; each was compared with its reference in the same process, and what is "
        "wrong meets no "
        "goal. The floor is the larger of operations over the card's bf16 products and bytes over its copies, both "
        "measured "
        "there. Expected is what was predicted before the kernel was written, stage by stage (simple, pipelined, "
        "record), in the unit of "
        "the column Measured.\n",
        counts["met"].get<int>() + counts["missed"].get<int>() + counts["not_measured"].get<int>(),
        counts["met"].get<int>(), counts["missed"].get<int>(), counts["not_measured"].get<int>());
    std::string part;
    std::vector<std::vector<std::string>> rows;
    const auto flush = [&] {
        if (!rows.empty())
            text += fmt::format("\n## {}\n\n{}", part,
                                markdownTable({"", "Shape", "Measured", "Goal", "Outcome", "Expected",
                                               "Share of the floor", "By", "From"},
                                              rows));
        rows.clear();
    };
    for (const Json &entry : document["goals"]) {
        if (entry["part"].get<std::string>() != part) {
            flush();
            part = entry["part"].get<std::string>();
        }
        const bool there = !entry["measured"].is_null();
        const auto number = [&](const char *key) { return numberText(entry[key].get<double>()); };
        std::string floor;
        if (there && !entry["floor_share"].is_null())
            floor = number("floor_share") +
                    (entry["limit"].get<std::string>().empty() ? "" : ", " + entry["limit"].get<std::string>());
        rows.push_back(
            {entry["what"].get<std::string>(), there ? entry["shape"].get<std::string>() : "",
             there ? fmt::format("{} [{}, {}] {}", number("measured"), number("lower"), number("upper"),
                                 entry["unit"].get<std::string>())
                   : "",
             entry["goal"].is_null() ? "" : numberText(entry["goal"].get<double>()), verdictText(entry),
             entry["expected"].get<std::string>(), floor, there ? entry["backend"].get<std::string>() : "",
             there ? fmt::format("{}, {}", entry["file"].get<std::string>(), entry["card"].get<std::string>()) : ""});
    }
    flush();
    return text;
}

} // namespace sparsescope
