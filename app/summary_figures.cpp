#include "app/summary_figures.h"

#include "core/base/error.h"
#include "core/base/stored_summary.h"
#include "widgets/plots/comparison_figure.h"
#include "widgets/plots/counterfactual_figure.h"
#include "widgets/plots/needle_figure.h"

namespace sparsescope {

std::unique_ptr<ExportableView> figureOfSummary(const QString &figure, const std::filesystem::path &folder)
{
    const StoredSummary summary = readSummary(folder);
    if (figure == QLatin1String("comparison")) {
        return std::make_unique<ComparisonFigure>(comparisonOf(summary));
    }
    if (figure == QLatin1String("selectors")) {
        return std::make_unique<CounterfactualFigure>(counterfactualFigureOf(summary));
    }
    if (figure == QLatin1String("needle")) {
        return std::make_unique<NeedleFigure>(needleFigureOf(summary));
    }
    throw Failure({"this figure needs the runs, and only their summary is here", folder.string(), figure.toStdString(),
                   "comparison, selectors or needle", ""});
}

} // namespace sparsescope
