#include "widgets/state/compare_sides.h"

#include "widgets/state/run_table_model.h"

#include <algorithm>
#include <map>

namespace sparsescope {

namespace {

QString keyOf(const RunData &run, const std::string &part)
{
    return experimentKey(run) + QLatin1Char('|') + QString::fromStdString(part);
}

/// "seeds 0–2", "seeds 0, 2, 5", "seed 3".
QString seedsText(const std::vector<RunData *> &runs)
{
    std::vector<std::uint64_t> seeds;
    for (const RunData *run : runs) {
        seeds.push_back(run->config().training.seed);
    }
    if (seeds.size() == 1) {
        return QStringLiteral("seed %1").arg(seeds.front());
    }
    if (seeds.back() - seeds.front() + 1 == seeds.size()) {
        return QStringLiteral("seeds %1–%2").arg(seeds.front()).arg(seeds.back());
    }
    QStringList words;
    for (const std::uint64_t seed : seeds) {
        words << QString::number(seed);
    }
    return QStringLiteral("seeds ") + words.join(QStringLiteral(", "));
}

/// "DSA k32": what tells the group from the others of its experiment.
QString groupTitle(const RunData &run, const std::vector<RunData *> &experiment)
{
    RunDifferences differences = differencesOf(experiment);
    differences.seed = false;
    QStringList chips = chipsOf(run, differences);
    const QString k = QStringLiteral("k%1").arg(run.config().topK());
    if (isSparse(run.config().model.family) && !chips.contains(k)) {
        chips.insert(1, k);
    }
    return chips.join(QLatin1Char(' '));
}

} // namespace

std::string withoutSeed(const RunConfig &config)
{
    std::string folder = config.folder();
    const std::string seed = "/seed_" + std::to_string(config.training.seed);
    return folder.erase(folder.find(seed), seed.size());
}

QString groupKeyOf(const RunData &run) { return keyOf(run, withoutSeed(run.config())); }

QString singleKeyOf(const RunData &run) { return keyOf(run, run.config().folder()); }

QString experimentPart(const QString &key) { return key.left(key.lastIndexOf(QLatin1Char('|'))); }

std::vector<CompareSide> sidesOf(const std::vector<RunData *> &runs)
{
    std::map<QString, std::vector<RunData *>> experiments;
    std::vector<CompareSide> groups;
    for (RunData *run : runs) {
        experiments[experimentKey(*run)].push_back(run);
        const QString key = groupKeyOf(*run);
        auto group = std::find_if(groups.begin(), groups.end(), [&](const CompareSide &g) { return g.key == key; });
        if (group == groups.end()) {
            groups.push_back({key, {}, {}, run->experiment(), {}, false});
            group = std::prev(groups.end());
        }
        group->runs.push_back(run);
    }
    std::vector<CompareSide> sides;
    for (CompareSide &group : groups) {
        std::sort(group.runs.begin(), group.runs.end(), [](const RunData *a, const RunData *b) {
            return a->config().training.seed < b->config().training.seed;
        });
        group.shortTitle = groupTitle(*group.runs.front(), experiments[experimentKey(*group.runs.front())]);
        group.title = group.shortTitle + QStringLiteral(", ") + seedsText(group.runs);
        sides.push_back(group);
        for (RunData *run : group.runs) {
            if (group.runs.size() > 1) {
                const QString title = QStringLiteral("%1 s%2").arg(group.shortTitle).arg(run->config().training.seed);
                sides.push_back({singleKeyOf(*run), title, title, group.experiment, {run}, true});
            }
        }
    }
    return sides;
}

const CompareSide *sideOf(const std::vector<CompareSide> &sides, const QString &key)
{
    const auto found = std::find_if(sides.begin(), sides.end(), [&](const CompareSide &s) { return s.key == key; });
    return found == sides.end() || key.isEmpty() ? nullptr : &*found;
}

std::pair<QString, QString> proposedSides(const std::vector<CompareSide> &sides, const QString &experiment)
{
    std::vector<const CompareSide *> groups;
    for (const CompareSide &side : sides) {
        if (!side.single && experimentKey(*side.runs.front()) == experiment) {
            groups.push_back(&side);
        }
    }
    const auto familyOf = [](const CompareSide &side) { return side.runs.front()->config().model.family; };
    const std::pair<Family, Family> kPairs[] = {
        {Family::Sparse, Family::Classic}, {Family::MhlaSparse, Family::Mhla}, {Family::Mhla, Family::Classic}};
    for (const auto &[first, second] : kPairs) {
        for (const CompareSide *a : groups) {
            for (const CompareSide *b : groups) {
                const bool alike = a->runs.front()->config().training.sequenceLength ==
                                       b->runs.front()->config().training.sequenceLength &&
                                   a->runs.front()->config().extraAxes == b->runs.front()->config().extraAxes;
                if (familyOf(*a) == first && familyOf(*b) == second && alike) {
                    return {a->key, b->key};
                }
            }
        }
    }
    return groups.size() < 2 ? std::pair<QString, QString>() : std::pair(groups[1]->key, groups[0]->key);
}

} // namespace sparsescope
