#include "widgets/plots/stage_names.h"

#include <QFontMetricsF>

#include <algorithm>
#include <cstddef>

namespace sparsescope {

namespace {

constexpr double kBefore = 5, kBetween = 8; ///< px from the stage's line to its name, and from name to name

} // namespace

std::vector<StageName> stageNames(const std::vector<PlotStage> &stages, const std::function<double(double)> &pixelOf,
                                  double left, double right, const QFont &font)
{
    const QFontMetricsF metrics(font);
    std::vector<StageName> names;
    QString waiting;
    for (std::size_t index = 0; index < stages.size(); ++index) {
        const PlotStage &stage = stages[index];
        if (stage.to <= stage.from && index + 1 < stages.size()) {
            waiting = stage.name;
            continue;
        }
        const bool last = index + 1 == stages.size();
        const double from = std::max(left, index == 0 ? left : pixelOf(stage.from));
        const double to = last ? right : std::min(right, pixelOf(stage.to));
        QStringList forms{stage.name, stage.name.section(QLatin1Char(' '), 0, 0)};
        if (!waiting.isEmpty()) {
            forms.prepend(waiting + QStringLiteral(", then ") + stage.name.left(1).toLower() + stage.name.mid(1));
            waiting.clear();
        }
        if (stage.name.isEmpty() || to < left || from > right) {
            continue;
        }
        const auto width = [&](const QString &text) { return metrics.horizontalAdvance(text) + 1; };
        const auto fits = [&](const QString &text) { return from + kBefore + width(text) <= to; };
        const auto form = std::find_if(forms.begin(), forms.end(), fits);
        if (form != forms.end()) {
            names.push_back({*form, from + kBefore, width(*form)});
            continue;
        }
        const double free = names.empty() ? left : names.back().left + names.back().width + kBetween;
        if (to - width(forms.back()) >= free) {
            names.push_back({forms.back(), to - width(forms.back()), width(forms.back())});
        }
    }
    return names;
}

} // namespace sparsescope
