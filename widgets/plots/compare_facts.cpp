#include "widgets/plots/compare_facts.h"

#include "core/base/comparison_text.h"
#include "core/base/fairness.h"
#include "core/base/gates.h"
#include "widgets/state/number_text.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace sparsescope {

namespace {

constexpr double kSameCost = 0.005;

/// As they stand after "Same".
QString nounOf(const std::string &gate)
{
    if (gate == "data-order") {
        return QStringLiteral("data order");
    }
    if (gate == "initial-weights") {
        return QStringLiteral("start weights");
    }
    return gate == "schedule" ? QStringLiteral("schedule") : QString();
}

template <class Value>
void compareField(std::vector<MatchFact> &facts, const QString &noun, const Value &a, const Value &b,
                  const QString &differing, CheckOutcome otherwise = CheckOutcome::Warning)
{
    facts.push_back(a == b ? MatchFact{CheckOutcome::Passed, noun} : MatchFact{otherwise, differing});
}

QString sourceText(const RunConfig &config)
{
    return QString::fromStdString(config.data.path.empty() ? config.data.source : config.data.path);
}

void addCost(std::vector<MatchFact> &facts, const RunConfig &a, const RunConfig &b)
{
    const double first = executedFlopsAt(a, a.training.steps), second = executedFlopsAt(b, b.training.steps);
    if (!(first > 0) || !(second > 0)) {
        return;
    }
    const double more = std::max(first, second) / std::min(first, second) - 1;
    facts.push_back(more < kSameCost
                        ? MatchFact{CheckOutcome::Passed, QStringLiteral("FLOPs")}
                        : MatchFact{CheckOutcome::Warning,
                                    QStringLiteral("%1 uses %2 more FLOPs")
                                        .arg(first > second ? QStringLiteral("A") : QStringLiteral("B"),
                                             percentText(more))});
}

} // namespace

std::vector<MatchFact> matchFacts(const CompareInput &input)
{
    std::vector<MatchFact> facts;
    if (!input.a || !input.b) {
        return facts;
    }
    std::map<std::uint64_t, const SideRun *> others;
    for (const SideRun &run : input.b->runs) {
        others.emplace(run.compared.started.config.training.seed, &run);
    }
    // The worst of all pairs speaks for each gate.
    std::vector<CheckResult> between;
    int pairs = 0;
    for (const SideRun &run : input.a->runs) {
        const auto other = others.find(run.compared.started.config.training.seed);
        if (other == others.end()) {
            continue;
        }
        ++pairs;
        for (CheckResult &result : compareStarts({}, {run.compared.started, other->second->compared.started})) {
            const auto known = std::find_if(between.begin(), between.end(),
                                            [&](const CheckResult &r) { return r.gate == result.gate; });
            if (known == between.end()) {
                between.push_back(std::move(result));
            } else if (known->outcome == CheckOutcome::Passed) {
                *known = std::move(result);
            }
        }
    }
    if (pairs == 0) {
        facts.push_back({CheckOutcome::Failed, QStringLiteral("No seed is on both sides")});
    }
    for (const CheckResult &result : between) {
        if (result.outcome == CheckOutcome::NotRun &&
            (input.a->finished().empty() || input.b->finished().empty())) {
            continue; // what a run began with is read when it is done
        }
        if (result.gate == "parameters" && result.outcome == CheckOutcome::Warning) {
            const auto count = [](const SideRun &run) {
                return static_cast<double>(run.compared.started.fingerprint->parameters);
            };
            const double first = count(input.a->runs.front()), second = count(input.b->runs.front());
            facts.push_back({CheckOutcome::Warning,
                             QStringLiteral("%1 has %2 more parameters")
                                 .arg(first > second ? QStringLiteral("A") : QStringLiteral("B"),
                                      percentText(std::max(first, second) / std::min(first, second) - 1))});
            continue;
        }
        const QString noun = nounOf(result.gate);
        if (result.outcome == CheckOutcome::Passed && !noun.isEmpty()) {
            facts.push_back({CheckOutcome::Passed, noun});
        } else if (result.outcome != CheckOutcome::Passed) {
            facts.push_back({result.outcome, QStringLiteral("%1: %2").arg(
                                                 QString::fromStdString(gate(result.gate).title),
                                                 QString::fromStdString(result.measured))});
        }
    }
    const RunConfig &a = input.a->runs.front().compared.started.config;
    const RunConfig &b = input.b->runs.front().compared.started.config;
    const auto tokens = [](const RunConfig &config) {
        return config.training.sequenceLength * config.training.batchSize * config.training.steps;
    };
    compareField(facts, QStringLiteral("tokens"), tokens(a), tokens(b),
                 QStringLiteral("A sees %1 tokens, B %2").arg(countText(tokens(a)), countText(tokens(b))));
    compareField(facts, QStringLiteral("length"), a.training.sequenceLength, b.training.sequenceLength,
                 QStringLiteral("A has L = %1, B L = %2").arg(a.training.sequenceLength).arg(b.training.sequenceLength));
    compareField(facts, QStringLiteral("task"), sourceText(a), sourceText(b),
                 QStringLiteral("Different tasks: A %1, B %2").arg(sourceText(a), sourceText(b)), CheckOutcome::Failed);
    compareField(facts, QStringLiteral("tokenizer"), a.data.tokenizer, b.data.tokenizer,
                 QStringLiteral("Different tokenizers: A %1, B %2")
                     .arg(QString::fromStdString(a.data.tokenizer), QString::fromStdString(b.data.tokenizer)),
                 CheckOutcome::Failed);
    compareField(facts, QStringLiteral("learning rate"), a.training.learningRate, b.training.learningRate,
                 QStringLiteral("Learning rate: A %1, B %2")
                     .arg(a.training.learningRate, 0, 'g', 3)
                     .arg(b.training.learningRate, 0, 'g', 3));
    const SideRun &first = input.a->runs.front(), &second = input.b->runs.front();
    if (!first.device.empty() && !second.device.empty() && first.device != second.device) {
        facts.push_back({CheckOutcome::Warning, QStringLiteral("Other devices: A %1, B %2")
                                                    .arg(QString::fromStdString(first.device),
                                                         QString::fromStdString(second.device))});
    }
    addCost(facts, a, b);
    std::stable_sort(facts.begin(), facts.end(), [](const MatchFact &x, const MatchFact &y) {
        return (x.outcome == CheckOutcome::Failed) > (y.outcome == CheckOutcome::Failed);
    });
    return facts;
}

QString equalText(const std::vector<MatchFact> &facts)
{
    QStringList nouns;
    for (const MatchFact &fact : facts) {
        if (fact.outcome == CheckOutcome::Passed) {
            nouns << fact.words;
        }
    }
    if (nouns.isEmpty()) {
        return {};
    }
    const QString last = nouns.takeLast();
    return QStringLiteral("Same ") +
           (nouns.isEmpty() ? last : nouns.join(QStringLiteral(", ")) + QStringLiteral(" and ") + last);
}

ComparisonFault comparisonFault(const PairComparison &comparison)
{
    ComparisonFault fault;
    if (comparison.comparable()) {
        return fault;
    }
    QStringList failed, open, remedies;
    for (const CheckResult &result : comparison.against) {
        const bool did = result.outcome == CheckOutcome::Failed;
        QString words = QString::fromStdString(gate(result.gate).title);
        if (!result.measured.empty()) {
            words += QStringLiteral(" (%1)").arg(QString::fromStdString(result.measured));
        }
        QStringList &list = did ? failed : open;
        if (!list.contains(words)) {
            list << words;
        }
        const QString remedy = QString::fromStdString(gateJson(result).value("remedy", std::string()));
        if (!remedy.isEmpty() && !remedies.contains(remedy)) {
            remedies << remedy;
        }
    }
    fault.outcome = failed.isEmpty() ? CheckOutcome::Warning : CheckOutcome::Failed;
    const QStringList &named = failed.isEmpty() ? open : failed;
    fault.title = failed.isEmpty()
                      ? QStringLiteral("Not comparable yet: %1 %2 not made")
                            .arg(open.size())
                            .arg(open.size() == 1 ? QStringLiteral("check was") : QStringLiteral("checks were"))
                      : QStringLiteral("Do not compare: %1 %2 failed")
                            .arg(failed.size())
                            .arg(failed.size() == 1 ? QStringLiteral("check") : QStringLiteral("checks"));
    fault.text = named.first();
    if (named.size() > 1) {
        fault.text += QStringLiteral(" and %1 more").arg(named.size() - 1);
    }
    fault.text += QStringLiteral(". No verdict is given. ") + (remedies.isEmpty() ? QString() : remedies.first());
    return fault;
}

} // namespace sparsescope
