#include "app/estimate.h"

#include "core/base/statistics.h"
#include "widgets/state/number_text.h"

#include <algorithm>
#include <limits>
#include <set>

namespace sparsescope {

double estimatedSeconds(const std::vector<RunConfig> &runs, const DeviceSpeed &speed)
{
    double seconds = 0;
    for (const RunConfig &run : runs) {
        seconds += runSeconds(run, expectedVocabulary(run), speed);
    }
    return seconds;
}

QString estimateText(const std::vector<RunConfig> &runs, const DeviceInfo &device, const DeviceSpeed &speed)
{
    const double has = memoryOf(device);
    double largest = 0, memory = 0;
    int batch = std::numeric_limits<int>::max();
    for (const RunConfig &run : runs) {
        const int vocabulary = expectedVocabulary(run), bytes = bytesPerActivation(run, device.isCuda);
        largest = std::max(largest, static_cast<double>(parameterCount(run, vocabulary).total()));
        const double needed = trainingMemory(run, vocabulary, bytes);
        memory = std::max(memory, needed);
        if (needed > has) {
            batch = std::min(batch, largestBatch(run, vocabulary, bytes, has));
        }
    }
    QString text =
        QStringLiteral("%1 %2 · up to %3 parameters · about %4 in all, %5 each")
            .arg(runs.size())
            .arg(runs.size() == 1 ? "run" : "runs")
            .arg(parametersText(largest), roughDurationText(estimatedSeconds(runs, speed)), bytesText(memory));
    std::set<std::uint64_t> seeds;
    for (const RunConfig &run : runs) {
        seeds.insert(run.training.seed);
    }
    if (runs.size() > seeds.size()) { // there is something to compare
        text += QStringLiteral(" · ") + QString::fromStdString(resolutionText(static_cast<int>(seeds.size())));
    }
    if (memory > has) {
        text += QStringLiteral(". More than the %1 that the %2 has; %3")
                    .arg(bytesText(has), device.isCuda ? QStringLiteral("card") : QStringLiteral("computer"),
                         batch > 0 ? QStringLiteral("a batch of %1 fits").arg(batch)
                                   : QStringLiteral("not even one sequence fits"));
    }
    return text;
}

} // namespace sparsescope
