#include "core/base/metric_table.h"

#include "app/cli/command.h"
#include "app/cli/text_table.h"

#include <memory>

namespace sparsescope {

Action declareMetrics(CLI::App &command)
{
    const auto markdown = std::make_shared<bool>(false);
    command.add_flag("--markdown", *markdown, "As resources/help/metrics.md has it");
    return [markdown](Output &output) {
        output.data()["metrics"] = nlohmann::ordered_json::array();
        std::vector<std::vector<std::string>> rows{{"metric", "unit", "formula", "chance"}};
        for (const MetricInfo &metric : metricTable()) {
            output.data()["metrics"].push_back({{"key", metric.key},
                                                {"label", metric.label},
                                                {"unit", metric.unit},
                                                {"formula", metric.formula},
                                                {"chance", metric.chance},
                                                {"stores_chance", metric.storesChance},
                                                {"by_layer", metric.byLayer},
                                                {"parts", metric.parts}});
            rows.push_back({metric.key, metric.unit, metric.formula, metric.chance});
        }
        if (*markdown)
            output.line(metricsMarkdown());
        else
            printRows(rows, rows[0].size(), output);
        return kDone;
    };
}

} // namespace sparsescope
