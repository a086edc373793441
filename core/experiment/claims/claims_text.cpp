#include "core/experiment/claims/claims_text.h"

#include "core/base/table_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sparsescope {
namespace {

using Json = nlohmann::ordered_json;

std::string spaced(std::int64_t value)
{
    std::string text = std::to_string(value);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), ",");
    return text;
}

/// "3" or "3 to 5"; empty where there is nothing.
std::string range(const Json &numbers, std::string (*shown)(std::int64_t))
{
    if (numbers.empty())
        return {};
    const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
    const std::string first = shown(low->get<std::int64_t>()), last = shown(high->get<std::int64_t>());
    return first == last ? first : first + " to " + last;
}

std::string millions(std::int64_t parameters) { return fmt::format("{:.2f}", static_cast<double>(parameters) / 1e6); }

std::string joined(const Json &texts)
{
    return fmt::format("{}", fmt::join(texts.get<std::vector<std::string>>(), "; "));
}

std::string modelOf(const Json &row)
{
    std::string text = range(row["parameters"], millions);
    if (!text.empty())
        text += " M";
    const std::string models = joined(row["models"]);
    return text + (text.empty() || models.empty() ? "" : ", ") + models;
}

std::string verdictOf(const Json &row)
{
    const std::string verdict = row["verdict"];
    return row["because"].is_null() ? verdict : verdict + ", because " + row["because"].get<std::string>();
}

std::vector<std::string> sourcesOf(const Json &row)
{
    std::vector<std::string> sources;
    for (const Json &one : row["measured"]) {
        for (const auto &source : one["sources"].get<std::vector<std::string>>()) {
            if (std::find(sources.begin(), sources.end(), source) == sources.end())
                sources.push_back(source);
        }
    }
    return sources;
}

/// What was measured, with its source where there are several; what was not is in the verdict where nothing was.
std::vector<std::string> measuredOf(const Json &row)
{
    const bool several = sourcesOf(row).size() > 1;
    std::vector<std::string> lines;
    for (const Json &one : row["measured"]) {
        const bool missing = one["support"] == "missing";
        if (missing && !row["because"].is_null())
            continue;
        const std::string source =
            several && one["sources"].size() == 1 ? one["sources"][0].get<std::string>() + ": " : std::string();
        lines.push_back(source + (missing ? "not measured: " : "") + one["text"].get<std::string>());
    }
    return lines;
}

/// Seeds, steps, model, data and card of a row.
std::vector<std::string> circumstances(const Json &row)
{
    std::string seeds = range(row["seeds"], spaced);
    if (const std::string kinds = joined(row["kinds"]); !kinds.empty())
        seeds += (seeds.empty() ? "" : "; ") + kinds;
    return {seeds, range(row["steps"], spaced), modelOf(row), joined(row["data"]), joined(row["cards"])};
}

} // namespace

std::string claimsHeadline(const Json &document)
{
    const Json &counts = document["counts"];
    const auto count = [&](const char *verdict) { return counts[verdict].get<int>(); };
    const int holds = count("holds"), against = count("does not hold"), unclear = count("not clear"),
              missing = count("not measured");
    return fmt::format("{} {}, {} {}, {} {} not clear, {} {} not measured", holds, holds == 1 ? "holds" : "hold",
                       against, against == 1 ? "does not hold" : "do not hold", unclear, unclear == 1 ? "is" : "are",
                       missing, missing == 1 ? "is" : "are");
}

std::string claimsMarkdown(const Json &document)
{
    std::string text = fmt::format(
        "# The study's claims, measured again\n\n"
        "Of {} claims {}.\n\n"
        "Drawn from the results beside this file; nothing is written by hand. A claim holds where every "
        "measurement that it needs is for it, and does not where one is against it. Differences are in nats, "
        "paired over seeds, with a 95 % t-interval in brackets; nothing is for or against a claim with fewer than "
        "three seeds, or where a check of the runs fails. Of claim 25 the brackets are Wilson's interval over "
        "the answers of all seeds together, which takes each for independent. Of benchmarks they hold what the "
        "quartiles allow; those have neither seeds nor steps. Arithmetic counts what the model's dimensions give, "
        "which "
        "no seed changes. Percentages of a loss stand only where the study gave them.\n\n",
        document["claims"].size(), claimsHeadline(document));
    std::vector<std::vector<std::string>> rows;
    for (const Json &row : document["claims"]) {
        std::vector<std::string> measured = measuredOf(row);
        std::transform(measured.begin(), measured.end(), measured.begin(), markdownCell);
        const std::string lines = fmt::format("{}", fmt::join(measured, "<br>"));
        std::vector<std::string> cells = {row["id"].dump(), markdownCell(row["claim"]), markdownCell(row["claimed"]),
                                          lines.empty() ? "-" : lines, "**" + row["verdict"].get<std::string>() + "**"};
        if (!row["because"].is_null())
            cells.back() += ", because " + markdownCell(row["because"]);
        for (const std::string &cell : circumstances(row))
            cells.push_back(markdownCell(cell));
        rows.push_back(std::move(cells));
    }
    text += markdownTable(
        {"", "Claim", "Claimed", "Measured here", "Verdict", "Seeds", "Steps", "Model", "Data", "Card"}, rows);
    text += "\n## How each is judged, and from what\n\n";
    for (const Json &row : document["claims"]) {
        const std::vector<std::string> sources = sourcesOf(row);
        text += fmt::format("{}. It holds where {}.{}\n", row["id"].dump(), row["judged"].get<std::string>(),
                            sources.empty() ? std::string() : fmt::format(" From {}.", fmt::join(sources, ", ")));
    }
    if (!document["not_kept"].empty()) {
        text += "\n## Not kept\n\nThe numbers of these results are whole; snapshots or weights behind them are not "
                "there any more.\n\n";
        for (const Json &one : document["not_kept"])
            text += fmt::format("- {}: {}\n", markdownCell(one["results"]), markdownCell(one["text"]));
    }
    if (!document["problems"].empty()) {
        text += "\n## Could not be read, or is damaged\n\n";
        for (const Json &problem : document["problems"])
            text += "- " + markdownCell(problem) + "\n";
    }
    return text;
}

std::string claimsCsv(const Json &document)
{
    std::string text = csvLine(
        {"id", "claim", "claimed", "measured", "verdict", "seeds", "steps", "model", "data", "card", "sources"});
    for (const Json &row : document["claims"]) {
        std::vector<std::string> cells = {row["id"].dump(), row["claim"], row["claimed"],
                                          fmt::format("{}", fmt::join(measuredOf(row), "\n")), verdictOf(row)};
        for (std::string &cell : circumstances(row))
            cells.push_back(std::move(cell));
        cells.push_back(fmt::format("{}", fmt::join(sourcesOf(row), ", ")));
        text += csvLine(cells);
    }
    return text;
}

} // namespace sparsescope
