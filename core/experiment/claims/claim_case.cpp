#include "core/experiment/claims/claim_case.h"

#include "core/base/config.h"
#include "core/base/config_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sparsescope {
namespace {

constexpr std::size_t kFewestSeeds = 3; // EXPERIMENTS.md section 3

std::string tooFew(const std::string &label, std::size_t seeds)
{
    return fmt::format("{}: {} seed{}, three are needed", label, seeds, seeds == 1 ? "" : "s");
}

/// Rounded, and never "-0.0".
std::string shown(double value, Quantity quantity)
{
    const std::string text = fmt::format("{:.{}f}", value * quantity.scale, quantity.decimals);
    return text.find_first_not_of("-0.") == std::string::npos && text.front() == '-' ? text.substr(1) : text;
}

std::string labelOf(const Pair &pair)
{
    std::string label = pair.by == "family"
                            ? familyWord(pair.b) + " against " + familyWord(pair.a)
                            : fmt::format("{}, {} {} against {}", familyWord(pair.family), pair.by, pair.b, pair.a);
    if (pair.length > 0)
        label += fmt::format(", L {}", pair.length);
    for (const auto &[axis, value] : pair.axes)
        label += ", " + axis + " " + value;
    return label;
}

} // namespace

std::string toString(ClaimVerdict verdict)
{
    switch (verdict) {
    case ClaimVerdict::Holds:
        return "holds";
    case ClaimVerdict::DoesNotHold:
        return "does not hold";
    case ClaimVerdict::NotClear:
        return "not clear";
    case ClaimVerdict::NotMeasured:
        break;
    }
    return "not measured";
}

std::string toString(Support support)
{
    switch (support) {
    case Support::For:
        return "for";
    case Support::Against:
        return "against";
    case Support::Unclear:
        return "unclear";
    case Support::Missing:
        return "missing";
    case Support::Remark:
        break;
    }
    return "remark";
}

ClaimVerdict verdictOf(const std::vector<Evidence> &evidence)
{
    const auto count = [&](Support support) {
        return std::count_if(evidence.begin(), evidence.end(),
                             [&](const Evidence &one) { return one.support == support; });
    };
    if (count(Support::Against) > 0)
        return ClaimVerdict::DoesNotHold;
    if (count(Support::For) + count(Support::Unclear) == 0)
        return ClaimVerdict::NotMeasured;
    return count(Support::Unclear) + count(Support::Missing) > 0 ? ClaimVerdict::NotClear : ClaimVerdict::Holds;
}

void Circumstances::add(const ResultRun &run)
{
    steps.insert(run.steps);
    if (run.parameters > 0)
        parameters.insert(run.parameters);
    models.insert(fmt::format("{} layers of width {}", run.layers, run.width));
    data.insert(run.data);
    if (!run.card.empty())
        cards.insert(run.card);
}

Support supportOf(Verdict verdict, Expected expected)
{
    const bool better = verdict == Verdict::Better, worse = verdict == Verdict::Worse,
               none = verdict == Verdict::NoDifference;
    if (!better && !worse && !none)
        return verdict == Verdict::NotClear ? Support::Unclear : Support::Missing;
    bool holds = false;
    switch (expected) {
    case Expected::Better:
        holds = better;
        break;
    case Expected::Worse:
        holds = worse;
        break;
    case Expected::NoDifference:
        holds = none;
        break;
    case Expected::NotBetter:
        holds = !better;
        break;
    case Expected::NotWorse:
        holds = !worse;
        break;
    }
    return holds ? Support::For : Support::Against;
}

const ExperimentResults *ClaimCase::experiment(const std::string &name)
{
    std::vector<const ExperimentResults *> all;
    for (const ExperimentResults &one : m_found.experiments) {
        if (one.name == name)
            all.push_back(&one);
    }
    if (all.size() == 1) {
        const std::vector<std::string> &damages = all.front()->damages;
        if (!damages.empty())
            add(Support::Missing,
                fmt::format("what is damaged of it: {}{}", damages.front(),
                            damages.size() > 1 ? fmt::format(" And {} more.", damages.size() - 1) : ""),
                sourceOf(*all.front()));
        return all.front();
    }
    if (all.empty())
        missing(fmt::format("there are no results of preset {}", name));
    else
        missing(fmt::format("results of preset {} lie in {} and in {}: keep one of them", name, sourceOf(*all[0]),
                            sourceOf(*all[1])));
    return nullptr;
}

const ResultComparison *ClaimCase::comparison(const ExperimentResults &from, const Pair &pair)
{
    const auto found = std::find_if(from.comparisons.begin(), from.comparisons.end(), [&](const ResultComparison &one) {
        return one.by == pair.by && one.family == pair.family && one.a == pair.a && one.b == pair.b &&
               one.metric == pair.metric && (pair.length == 0 || one.length == pair.length) && one.axes == pair.axes;
    });
    const std::string label = labelOf(pair);
    if (found == from.comparisons.end()) {
        add(Support::Missing, label + ": not among the finished runs", sourceOf(from));
        return nullptr;
    }
    if (!found->withheldBy.empty()) {
        add(Support::Missing, label + ": " + found->withheldBy, sourceOf(from));
        return nullptr;
    }
    if (found->seeds.size() < kFewestSeeds) {
        add(Support::Missing, tooFew(label, found->seeds.size()), sourceOf(from));
        return nullptr;
    }
    m_made.seeds.insert(found->seeds.size());
    for (const bool first : {true, false}) {
        for (const ResultRun *run : side(from, *found, first))
            m_made.add(*run);
    }
    return &*found;
}

void ClaimCase::compare(const std::string &name, const Pair &pair, Expected expected)
{
    const ExperimentResults *from = experiment(name);
    const ResultComparison *found = from ? comparison(*from, pair) : nullptr;
    if (!found)
        return;
    const Quantity quantity = found->metric == "val_accuracy" ? kPoints : kNats;
    add(supportOf(found->statistics.verdict, expected),
        fmt::format("{}: {}, {}", labelOf(pair), signedText(found->statistics, quantity),
                    toString(found->statistics.verdict)),
        sourceOf(*from));
}

void ClaimCase::difference(const ExperimentResults &from, const std::string &label,
                           const std::vector<double> &differences, Quantity quantity, double margin, BetterIs betterIs,
                           Expected expected)
{
    if (differences.size() < kFewestSeeds)
        return add(Support::Missing, tooFew(label, differences.size()), sourceOf(from));
    const PairedDifference statistics = pairedDifference(differences, margin, betterIs);
    add(supportOf(statistics.verdict, expected),
        fmt::format("{}: {}, {}", label, signedText(statistics, quantity), toString(statistics.verdict)),
        sourceOf(from));
}

void ClaimCase::within(const ExperimentResults &from, const std::string &label, const std::vector<double> &values,
                       Quantity quantity, double low, double high, const std::string &beside)
{
    if (values.size() < kFewestSeeds)
        return add(Support::Missing, tooFew(label, values.size()), sourceOf(from));
    const PairedDifference statistics = pairedDifference(values, 0);
    const Interval interval = *statistics.ci95;
    const Support support = interval.low >= low && interval.high <= high ? Support::For
                            : interval.high < low || interval.low > high ? Support::Against
                                                                         : Support::Unclear;
    add(support,
        fmt::format("{}: {} {} [{}, {}]{}", label, shown(*statistics.mean, quantity), quantity.unit,
                    shown(interval.low, quantity), shown(interval.high, quantity),
                    beside.empty() ? "" : " (" + beside + ")"),
        sourceOf(from));
}

void ClaimCase::add(Support support, const std::string &text, const std::string &source)
{
    add(support, text, source.empty() ? std::vector<std::string>() : std::vector<std::string>{source});
}

void ClaimCase::add(Support support, const std::string &text, std::vector<std::string> sources)
{
    const bool known = std::any_of(m_evidence.begin(), m_evidence.end(), [&](const Evidence &one) {
        return one.support == support && one.text == text && one.sources == sources;
    });
    if (!known)
        m_evidence.push_back({support, text, std::move(sources)});
}

void ClaimCase::remark(const ExperimentResults &from, const std::string &text)
{
    add(Support::Remark, text, sourceOf(from));
}

std::vector<const ResultRun *> ClaimCase::runs(const ExperimentResults &from, const std::string &family,
                                               std::int64_t length, const SweptValues &axes)
{
    std::vector<const ResultRun *> runs;
    for (const ResultRun &run : from.runs) {
        if (run.family == family && run.length == length && run.axes == axes)
            runs.push_back(&run);
    }
    std::sort(runs.begin(), runs.end(), [](const auto *a, const auto *b) { return a->seed < b->seed; });
    std::string label = fmt::format("{}, L {}", familyWord(family), length);
    for (const auto &[axis, value] : axes)
        label += ", " + axis + " " + value;
    const auto withheld =
        std::find_if(runs.begin(), runs.end(), [](const ResultRun *run) { return !run->withheldBy.empty(); });
    if (withheld != runs.end()) {
        add(Support::Missing, label + ": no verdict: " + (*withheld)->withheldBy.front(), sourceOf(from));
        return {};
    }
    if (runs.size() < kFewestSeeds) {
        add(Support::Missing, runs.empty() ? label + ": not among the finished runs" : tooFew(label, runs.size()),
            sourceOf(from));
        return {};
    }
    m_made.seeds.insert(runs.size());
    for (const ResultRun *run : runs)
        m_made.add(*run);
    return runs;
}

std::vector<const ResultRun *> ClaimCase::side(const ExperimentResults &from, const ResultComparison &comparison,
                                               bool first)
{
    const std::string &value = first ? comparison.a : comparison.b;
    SweptValues axes = comparison.axes;
    if (comparison.by != "family")
        axes[comparison.by] = value;
    const std::string &family = comparison.by == "family" ? value : comparison.family;
    std::vector<const ResultRun *> runs;
    for (const std::uint64_t seed : comparison.seeds) {
        for (const ResultRun &run : from.runs) {
            if (run.family == family && run.length == comparison.length && run.axes == axes && run.seed == seed)
                runs.push_back(&run);
        }
    }
    return runs;
}

void ClaimCase::made(const BenchDocument &bench, const MeasuredRow &row)
{
    m_made.kinds.insert("benchmark");
    m_made.cards.insert(bench.machine);
    if (row.family.empty() && row.heads && row.width)
        m_made.models.insert(fmt::format("{} heads of width {}", *row.heads, *row.width));
    if (row.parameters > 0)
        m_made.parameters.insert(row.parameters);
}

ClaimFinding ClaimCase::finish()
{
    ClaimFinding finding;
    finding.verdict = verdictOf(m_evidence);
    if (finding.verdict == ClaimVerdict::NotMeasured) {
        for (const Evidence &one : m_evidence) {
            if (one.support == Support::Missing)
                finding.because += (finding.because.empty() ? "" : "; ") + one.text;
        }
    }
    finding.evidence = std::move(m_evidence);
    finding.made = std::move(m_made);
    return finding;
}

std::string sourceOf(const ExperimentResults &from) { return from.folder == "." ? from.name : from.folder.string(); }

std::vector<double> valuesOf(const std::vector<const ResultRun *> &runs, const std::string &key)
{
    std::vector<double> values;
    for (const ResultRun *run : runs) {
        const auto found = run->values.find(key);
        if (found == run->values.end())
            return {};
        values.push_back(found->second);
    }
    return values;
}

double mean(const std::vector<double> &values) { return meanOf(values).value_or(0); }

std::vector<double> minus(const std::vector<double> &b, const std::vector<double> &a, double factor)
{
    std::vector<double> differences;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        differences.push_back(b[i] - factor * a[i]);
    return differences;
}

std::string signedText(const PairedDifference &statistics, Quantity quantity)
{
    const auto number = [&](double value) {
        return fmt::format("{:+.{}f}", value * quantity.scale, quantity.decimals);
    };
    std::string text = statistics.mean ? number(*statistics.mean) + " " + quantity.unit : std::string("-");
    if (statistics.ci95)
        text += " [" + number(statistics.ci95->low) + ", " + number(statistics.ci95->high) + "]";
    return text;
}

std::string familyWord(const std::string &stored)
{
    Family family{};
    return fromWord(stored, family) ? displayName(family) : stored;
}

} // namespace sparsescope
