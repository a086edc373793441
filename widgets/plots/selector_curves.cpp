#include "widgets/plots/selector_curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace sparsescope {

namespace {

constexpr const char *kLearned = "lightning";
/// Best first, as one reads them.
constexpr const char *kOrder[] = {"oracle", kLearned, "sink-window", "recency", "untrained", "random"};

int placeOf(const std::string &selector)
{
    const auto found = std::find_if(std::begin(kOrder), std::end(kOrder), [&](const char *s) { return selector == s; });
    return static_cast<int>(found - std::begin(kOrder));
}

void readTables(SelectorCurves &curves, const SideData &side)
{
    for (const SideRun &run : side.runs) {
        if (run.counterfactual.empty()) {
            continue;
        }
        try {
            curves.tables.push_back(counterfactualFromJson(nlohmann::ordered_json::parse(run.counterfactual),
                                                           run.id.toStdString()));
        } catch (const std::exception &error) {
            curves.fault = QString::fromUtf8(error.what());
        }
    }
}

} // namespace

SelectorCurves selectorCurvesOf(const CompareInput &input)
{
    SelectorCurves curves;
    const std::pair<QString, const std::optional<SideData> *> sides[] = {{QStringLiteral("A"), &input.a},
                                                                         {QStringLiteral("B"), &input.b}};
    for (const auto &[letter, side] : sides) {
        if (*side && curves.tables.empty()) {
            curves.side = letter;
            curves.family = (*side)->family;
            readTables(curves, **side);
        }
    }
    std::map<std::string, std::map<std::int64_t, std::vector<double>>> values;
    std::map<std::string, std::string> titles;
    std::set<std::int64_t> topK;
    for (const Counterfactual &table : curves.tables) {
        for (const CounterfactualRow &row : table.rows) {
            values[row.selector][row.topK].push_back(row.increase);
            titles[row.selector] = row.title;
            topK.insert(row.topK);
        }
    }
    curves.topK.assign(topK.begin(), topK.end());
    for (const auto &[selector, byK] : values) {
        SelectorCurve curve{selector, QString::fromStdString(titles[selector]), {}};
        for (const auto &[k, increases] : byK) {
            curve.points.push_back({static_cast<double>(k), *meanOf(increases)});
        }
        curves.curves.push_back(std::move(curve));
    }
    std::stable_sort(curves.curves.begin(), curves.curves.end(), [](const SelectorCurve &a, const SelectorCurve &b) {
        return placeOf(a.selector) < placeOf(b.selector);
    });
    return curves;
}

std::optional<double> meanGapClosed(const SelectorCurves &curves, std::int64_t topK)
{
    std::vector<double> gaps;
    for (const Counterfactual &table : curves.tables) {
        const CounterfactualRow *row = table.at(kLearned, topK);
        if (const auto gap = row != nullptr ? gapClosed(table, *row) : std::nullopt) {
            gaps.push_back(*gap);
        }
    }
    return meanOf(gaps);
}

QString selectorVerdict(const SelectorCurves &curves, std::int64_t topK)
{
    if (curves.tables.empty()) {
        return {};
    }
    if (const auto gap = meanGapClosed(curves, topK)) {
        return QStringLiteral("Learned closes %1 % of the gap from random to oracle.")
            .arg(std::llround(100 * *gap))
            .replace(QLatin1Char('-'), QChar(0x2212));
    }
    const bool all = curves.tables.front().at(kLearned, topK) && curves.tables.front().at("random", topK) &&
                     curves.tables.front().at("oracle", topK);
    return all ? QStringLiteral("Random and oracle lie less than 0.001 nats apart here: any selector would do.")
               : QStringLiteral("Learned, random and oracle were not all measured at this k.");
}

} // namespace sparsescope
