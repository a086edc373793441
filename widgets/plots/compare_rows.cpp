#include "widgets/plots/compare_rows.h"

#include "core/base/cost_model.h"
#include "widgets/plots/step_axis.h"
#include "widgets/state/number_text.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace sparsescope {

namespace {

using Form = MetricRow::Form;
using ValueOf = std::function<std::optional<double>(const SideRun &)>;

int decimalsOf(const MetricRow &row)
{
    switch (row.form) {
    case Form::Nats:
        return 3;
    case Form::Gigabytes:
        return 2;
    case Form::Count:
        return 0;
    case Form::Share:
    case Form::Plain:
    case Form::Flops:
        break;
    }
    return 1;
}

double scaleOf(const MetricRow &row)
{
    return row.form == Form::Share ? 100 : row.form == Form::Gigabytes ? 1e-9 : 1 / row.unit;
}

std::optional<double> scaled(const MetricRow &row, std::optional<double> value)
{
    return value ? std::optional(*value * scaleOf(row)) : std::nullopt;
}

/// Small speeds and large ones both read with three digits.
int plainDecimals(double value)
{
    const double magnitude = std::abs(value);
    return magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;
}

/// Without decimals it is counted, with commas.
QString numberText(double value, int decimals)
{
    return decimals == 0 ? countText(std::llround(value)) : QString::number(value, 'f', decimals);
}

int decimalsFor(const MetricRow &row)
{
    if (row.form != Form::Plain && row.form != Form::Flops) {
        return decimalsOf(row);
    }
    const double largest = std::max(std::abs(row.a.value_or(0)), std::abs(row.b.value_or(0)));
    return plainDecimals(largest * scaleOf(row));
}

std::optional<double> meanOver(const SideData &side, const ValueOf &valueOf)
{
    std::vector<double> values;
    for (const SideRun &run : side.runs) {
        if (const auto value = valueOf(run)) {
            values.push_back(*value);
        }
    }
    return meanOf(values);
}

/// A - B of the finished runs of each seed.
std::vector<double> pairedValues(const CompareInput &input, const ValueOf &valueOf)
{
    std::vector<double> differences;
    for (const SideRun &a : input.a->runs) {
        for (const SideRun &b : input.b->runs) {
            const bool pair = a.compared.started.config.training.seed == b.compared.started.config.training.seed &&
                              a.state == RunState::Finished && b.state == RunState::Finished &&
                              a.compared.steps == b.compared.steps;
            const auto first = valueOf(a), second = valueOf(b);
            if (pair && first && second) {
                differences.push_back(*first - *second);
            }
        }
    }
    return differences;
}

class Table {
public:
    Table(const CompareInput &input, bool withheld)
        : m_input(input)
        , m_withheld(withheld)
    {}

    /// A row of any value that a run has; left out where neither side has it.
    MetricRow *add(const char *key, const QString &name, Form form, const ValueOf &valueOf,
                   const QString &explanation = {})
    {
        MetricRow row;
        row.key = QLatin1String(key);
        row.name = name;
        row.explanation = explanation;
        row.form = form;
        row.a = m_input.a ? meanOver(*m_input.a, valueOf) : std::nullopt;
        row.b = m_input.b ? meanOver(*m_input.b, valueOf) : std::nullopt;
        if (!row.a && !row.b) {
            return nullptr;
        }
        if (m_input.a && m_input.b) {
            row.difference = pairedDifference(pairedValues(m_input, valueOf), 0);
        }
        m_rows.push_back(std::move(row));
        return &m_rows.back();
    }

    MetricRow *metric(const char *key, const std::string &metric, const QString &name, Form form)
    {
        return add(key, name, form, [metric](const SideRun &run) { return run.lastOf(metric); });
    }

    /// Gets its verdict from these statistics.
    void judge(MetricRow *row, const PairedDifference &statistics)
    {
        if (row != nullptr && m_input.a && m_input.b) {
            row->difference = statistics;
            row->judged = true;
        }
    }

    void judge(MetricRow *row, const ValueOf &valueOf, double margin, BetterIs betterIs)
    {
        if (row != nullptr && m_input.a && m_input.b) {
            judge(row, pairedDifference(pairedValues(m_input, valueOf), margin, betterIs));
        }
    }

    std::vector<MetricRow> finish()
    {
        std::vector<PairedDifference> judged;
        for (const MetricRow &row : m_rows) {
            if (row.judged) {
                judged.push_back(row.difference);
            }
        }
        applyHolm(judged);
        std::size_t next = 0;
        for (MetricRow &row : m_rows) {
            if (row.judged) {
                row.difference.verdict = judged[next++].verdict;
                say(row);
            }
        }
        return std::move(m_rows);
    }

private:
    void say(MetricRow &row) const
    {
        row.withheld = m_withheld && row.difference.n > 0;
        if (row.withheld) {
            row.verdict = QStringLiteral("Not comparable");
            return;
        }
        switch (row.difference.verdict) {
        case Verdict::Better:
            row.verdict = QStringLiteral("A better");
            row.tone = MetricRow::Tone::Better;
            break;
        case Verdict::Worse:
            row.verdict = QStringLiteral("A worse");
            row.tone = MetricRow::Tone::Worse;
            break;
        case Verdict::NoDifference:
            row.verdict = QStringLiteral("No difference");
            break;
        case Verdict::NotClear:
            row.verdict = QStringLiteral("Not clear");
            break;
        case Verdict::OneSeed:
            row.verdict = QStringLiteral("One seed");
            break;
        case Verdict::NotComparable:
        case Verdict::NotMeasured:
            break;
        }
    }

    const CompareInput &m_input;
    bool m_withheld;
    std::vector<MetricRow> m_rows;
};

/// The same numbers as core/base/pair_comparison read at equal cost: means over the pairs.
void setView(MetricRow *row, const ComparisonView &view)
{
    if (row == nullptr) {
        return;
    }
    std::vector<double> a, b;
    for (const SeedPair &pair : view.pairs) {
        a.push_back(pair.b); // b of the comparison is side A
        b.push_back(pair.a);
    }
    row->a = meanOf(a);
    row->b = meanOf(b);
}

std::optional<double> finalLoss(const SideRun &run)
{
    const Series &validation = run.compared.validation;
    return validation.empty() ? std::nullopt : std::optional(validation.back().y);
}

/// No matter of chance: an interval would say nothing.
void exact(MetricRow *row)
{
    if (row != nullptr) {
        row->difference.ci95.reset();
    }
}

void addCost(Table &table, const CompareInput &input)
{
    if (MetricRow *row = table.add(
            "steps_per_second", QStringLiteral("Speed, median (steps/s)"), Form::Plain,
            [](const SideRun &run) {
                const auto seconds = run.compared.secondsPerStep;
                return seconds && *seconds > 0 ? std::optional(1 / *seconds) : std::nullopt;
            },
            QStringLiteral(
                "1 over the median time of a training step, over the whole run; the Train page shows its last step. "
                "On another device it says nothing."))) {
        const auto &ci = row->difference.ci95;
        row->verdict = !ci            ? QString()
                       : ci->high < 0 ? QStringLiteral("A slower")
                       : ci->low > 0  ? QStringLiteral("A faster")
                                      : QStringLiteral("Not clear");
    }
    const bool device = (!input.a || input.a->mean("memory.device")) && (!input.b || input.b->mean("memory.device"));
    const bool card = input.a && input.a->runs.front().device.rfind("CUDA", 0) == 0;
    exact(table.metric("memory_bytes", device ? "memory.device" : "memory.host",
                       card ? QStringLiteral("GPU memory (GB)") : QStringLiteral("Memory (GB)"), Form::Gigabytes));
    const ValueOf flops = [](const SideRun &run) {
        return run.compared.steps > 0 ? std::optional(executedFlopsAt(run.compared.started.config, run.compared.steps))
                                      : std::nullopt;
    };
    if (MetricRow *row = table.add("flops_executed", {}, Form::Flops, flops,
                                   QStringLiteral("Executed, the indexer and its own steps included."))) {
        exact(row);
        const AxisUnit unit = axisUnit(XAxis::Flops, std::max(row->a.value_or(0), row->b.value_or(0)));
        row->unit = unit.unit;
        row->name = QString(unit.label).replace(QStringLiteral("Computation"), QStringLiteral("Training compute"));
    }
    exact(table.add("parameters", QStringLiteral("Parameters"), Form::Count, [](const SideRun &run) {
        const auto &start = run.compared.started.fingerprint;
        return start ? std::optional(static_cast<double>(start->parameters)) : std::nullopt;
    }));
}

void addSelection(Table &table, const CompareInput &input)
{
    const auto add = [&](const char *key, const std::string &metric, const QString &name, Form form) {
        MetricRow *row = table.metric(key, metric, name, form);
        if (row != nullptr) { // where only one side selects, its chance is the one that counts
            row->chance = input.a ? input.a->mean(metric + ".chance") : std::nullopt;
            row->chance = row->chance || !input.b ? row->chance : input.b->mean(metric + ".chance");
        }
    };
    add("mass_kept", "selection.mass_kept", QStringLiteral("Attention mass kept"), Form::Nats);
    add("mass_kept_worst", "selection.mass_kept.worst", QStringLiteral("Worst-query mass kept"), Form::Nats);
    const auto sparse = [](const auto &side) { return side && isSparse(side->family); };
    if (sparse(input.a) || sparse(input.b)) {
        exact(table.add("pairs_kept", QStringLiteral("Key pairs kept (%)"), Form::Share, [](const SideRun &run) {
            return isSparse(run.compared.started.config.model.family) ? run.lastOf("selection.pairs_kept")
                                                                      : std::optional(1.0); // dense: all of them
        }));
    }
}

} // namespace

QString valueText(const MetricRow &row, std::optional<double> value)
{
    const auto shown = scaled(row, value);
    if (!shown) {
        return unknownText();
    }
    const bool plain = row.form == Form::Plain || row.form == Form::Flops; // chance is far off: its digits are its own
    return numberText(*shown, plain ? std::min(decimalsFor(row), plainDecimals(*shown)) : decimalsFor(row));
}

QString differenceValueText(const MetricRow &row)
{
    const auto shown = scaled(row, row.difference.mean);
    if (!shown) {
        return unknownText();
    }
    const int decimals = decimalsFor(row);
    return decimals > 0 ? signedText(shown, decimals)
                        : (*shown < 0 ? QString() : QStringLiteral("+")) + countText(std::llround(*shown));
}

QString intervalText(const MetricRow &row)
{
    if (!row.difference.ci95 || row.withheld) {
        return {};
    }
    const int decimals = decimalsFor(row);
    return QStringLiteral("[%1, %2]")
        .arg(signedText(scaled(row, row.difference.ci95->low), decimals),
             signedText(scaled(row, row.difference.ci95->high), decimals));
}

std::vector<MetricRow> metricRows(const CompareInput &input, const PairComparison &comparison,
                                  const PairComparison &accuracy)
{
    Table table(input, !comparison.comparable());
    const auto chanceOf = [&](auto member) {
        for (const auto *side : {&input.a, &input.b}) {
            for (const SideRun &run : *side ? (*side)->runs : std::vector<SideRun>()) {
                if (run.compared.*member) {
                    return run.compared.*member;
                }
            }
        }
        return std::optional<double>();
    };
    const std::optional<double> chance = chanceOf(&ComparedRun::chanceLoss);
    const auto nats = [&](const char *key, const QString &name, const ValueOf &valueOf) {
        MetricRow *row = table.add(key, name, Form::Nats, valueOf);
        if (row != nullptr) {
            row->chance = chance;
        }
        return row;
    };
    table.judge(nats("val_loss", QStringLiteral("Validation loss (nats)"), finalLoss), comparison.steps.statistics);
    const ValueOf perplexity = [](const SideRun &run) {
        const auto loss = finalLoss(run);
        return loss ? std::optional(std::exp(*loss)) : std::nullopt;
    };
    if (MetricRow *row =
            table.add("val_perplexity", QStringLiteral("Perplexity"), Form::Plain, perplexity,
                      QStringLiteral("The validation loss in other words: it has no verdict of its own."))) {
        row->chance = chance ? std::optional(std::exp(*chance)) : std::nullopt;
    }
    const bool task = input.a && !input.a->runs.empty() && input.a->runs.front().compared.task;
    if (MetricRow *row = table.add(
            "val_accuracy", task ? QStringLiteral("Answer accuracy (%)") : QStringLiteral("Next-token accuracy (%)"),
            Form::Share, [](const SideRun &run) { return run.compared.accuracy; })) {
        row->chance = chanceOf(&ComparedRun::chanceAccuracy);
        table.judge(row, accuracy.steps.statistics);
    }
    const ValueOf exact = [](const SideRun &run) { return run.lastOf("val.exact"); };
    if (MetricRow *row = table.add("val_exact", QStringLiteral("Exact answers (%)"), Form::Share, exact)) {
        row->chance = input.a ? input.a->mean("val.exact.chance") : std::nullopt;
        table.judge(row, exact, kAccuracyMargin, BetterIs::More);
    }
    const std::tuple<const char *, const char *, QString> parts[] = {
        {"val_loss_dense_part", "val.loss.dense_part", QStringLiteral("Loss, first k positions")},
        {"val_loss_sparse_part", "val.loss.sparse_part", QStringLiteral("Loss, later positions")}};
    for (const auto &[key, metric, name] : parts) {
        const ValueOf valueOf = [metric = metric](const SideRun &run) { return run.lastOf(metric); };
        table.judge(nats(key, name, valueOf), valueOf, kLossMargin, BetterIs::Less);
    }
    const std::tuple<const char *, QString, const ComparisonView *> costs[] = {
        {"val_loss_equal_flops", QStringLiteral("Loss at equal FLOPs"), &comparison.flops},
        {"val_loss_equal_seconds", QStringLiteral("Loss at equal training time"), &comparison.seconds}};
    for (const auto &[key, name, view] : costs) {
        if (!view->pairs.empty()) {
            MetricRow *row = nats(key, name, finalLoss);
            setView(row, *view);
            table.judge(row, view->statistics);
        }
    }
    addSelection(table, input);
    addCost(table, input);
    std::vector<MetricRow> rows = table.finish();
    for (const SideData &side : input.more) {
        MetricRow row;
        row.key = QStringLiteral("val_loss");
        row.name = side.title;
        row.explanation = QStringLiteral("Validation loss of a further run, in nats. Differences stay A − B.");
        row.chance = chance;
        row.a = meanOver(side, finalLoss);
        row.further = true;
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace sparsescope
