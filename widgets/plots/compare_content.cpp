#include "widgets/plots/compare_content.h"

#include "core/base/comparison_text.h"

namespace sparsescope {

CompareContent compareContentOf(const CompareInput &input)
{
    CompareContent content;
    content.input = input;
    content.axis = compareAxisOf(input);
    if (input.a && input.b) {
        content.comparison = compareSides(input.b->finished(), input.a->finished());
        content.accuracy = compareSides(input.b->finished(), input.a->finished(), true);
    }
    content.loss = comparedLoss(input, content.axis);
    content.differences = comparedDifferences(input, content.axis);
    content.difference =
        differenceContent(input, content.axis, content.differences, content.comparison.comparable());
    content.rows = metricRows(input, content.comparison, content.accuracy);
    content.facts = matchFacts(input);
    content.selectors = selectorCurvesOf(input);
    content.fault = comparisonFault(content.comparison);
    std::optional<double> later;
    for (const MetricRow &row : content.rows) {
        if (row.key == QLatin1String("val_loss_sparse_part")) {
            later = row.difference.mean;
        }
    }
    content.position = positionContent(input, later);
    return content;
}

nlohmann::ordered_json compareContext(const QString &figure, const CompareContent &content)
{
    nlohmann::ordered_json context;
    context["figure"] = figure.toStdString();
    const std::pair<const char *, const std::optional<SideData> *> sides[] = {{"a", &content.input.a},
                                                                              {"b", &content.input.b}};
    for (const auto &[name, side] : sides) {
        nlohmann::ordered_json runs = nlohmann::ordered_json::array();
        for (const SideRun &run : *side ? (*side)->runs : std::vector<SideRun>()) {
            const RunConfig &config = run.compared.started.config;
            runs.push_back({{"experiment", config.experiment},
                            {"run", run.id.toStdString()},
                            {"seed", config.training.seed},
                            {"steps", run.compared.steps},
                            {"state", toString(run.state)},
                            {"config", toJson(config)}});
        }
        context[name] = {{"title", *side ? (*side)->title.toStdString() : std::string()}, {"runs", runs}};
    }
    nlohmann::ordered_json same = nlohmann::ordered_json::array(), other = nlohmann::ordered_json::array();
    for (const MatchFact &fact : content.facts) {
        (fact.outcome == CheckOutcome::Passed ? same : other).push_back(fact.words.toStdString());
    }
    context["same"] = same;
    context["different"] = other;
    context["comparable"] = content.comparison.comparable();
    context["against"] = nlohmann::ordered_json::array();
    for (const CheckResult &result : content.comparison.against) {
        context["against"].push_back(gateJson(result));
    }
    return context;
}

} // namespace sparsescope
