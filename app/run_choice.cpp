#include "app/run_choice.h"

#include "app/run_folder_reader.h"
#include "core/base/error.h"
#include "core/base/nearest_name.h"
#include "widgets/state/run_data.h"

namespace sparsescope {

RunData *runWithId(const std::vector<RunData *> &runs, const QString &id)
{
    RunData *found = nullptr;
    std::vector<std::string> ids;
    for (RunData *run : runs) {
        ids.push_back(run->id().toStdString());
        if (run->id() != id) {
            continue;
        }
        if (found != nullptr) {
            throw Failure({"more than one experiment here has this run", "--run", id.toStdString(), "",
                           "Give the folder of one experiment with --runs."});
        }
        found = run;
    }
    if (found == nullptr) {
        constexpr std::size_t kFew = 12; // more would bury the message
        const std::string nearest = nearestName(id.toStdString(), ids);
        throw Failure({"no such run", "--run", id.toStdString(),
                       ids.size() <= kFew ? listed(ids) : std::to_string(ids.size()) + " others",
                       nearest.empty() ? "" : "Did you mean " + nearest + "?"});
    }
    return found;
}

std::filesystem::path namedRunFolder(const std::filesystem::path &runs, const QString &name)
{
    const std::filesystem::path wanted = name.toStdString();
    std::error_code ignored;
    std::filesystem::path found;
    for (const std::filesystem::path &folder : findRuns(std::filesystem::absolute(runs, ignored).lexically_normal())) {
        const bool named = runName(folder) == wanted.string() || folder.lexically_relative(runs) == wanted ||
                           std::filesystem::equivalent(folder, wanted, ignored);
        if (named && !found.empty()) {
            return {}; // an id of several experiments
        }
        found = named ? folder : found;
    }
    return found;
}

RunData *chosenRun(const std::vector<RunData *> &runs, const std::filesystem::path &below, const QString &name)
{
    const std::filesystem::path folder = namedRunFolder(below, name);
    std::error_code ignored;
    for (RunData *run : runs) {
        if (!folder.empty() && std::filesystem::equivalent(run->folder(), folder, ignored)) {
            return run;
        }
    }
    if (!folder.empty()) {
        readRun(folder); // it is there and was left out: says why
    }
    return runWithId(runs, name);
}

namespace {

QString keyNamed(const std::vector<CompareSide> &sides, const QString &name, const char *option)
{
    std::vector<std::string> names;
    QString key;
    for (const CompareSide &side : sides) {
        const QString part = side.key.mid(experimentPart(side.key).size() + 1);
        names.push_back(part.toStdString());
        if (part == name && !key.isEmpty()) {
            throw Failure({"more than one experiment here has this side", option, name.toStdString(), "",
                           "Give the folder of one experiment with --runs."});
        }
        key = part == name ? side.key : key;
    }
    if (key.isEmpty()) {
        const std::string nearest = nearestName(name.toStdString(), names);
        throw Failure({"no such side", option, name.toStdString(), listed(names),
                       nearest.empty() ? "" : "Did you mean " + nearest + "?"});
    }
    return key;
}

} // namespace

std::pair<QString, QString> namedSides(const std::vector<CompareSide> &sides, const QString &a, const QString &b)
{
    const QString experiment = sides.empty() ? QString() : experimentPart(sides.front().key);
    auto [first, second] = proposedSides(sides, experiment);
    first = a.isEmpty() ? first : keyNamed(sides, a, "--a");
    second = b.isEmpty() ? second : keyNamed(sides, b, "--b");
    if (first.isEmpty() || second.isEmpty()) {
        throw Failure({"there are no two sides to compare", "--a, --b", "", "",
                       "Give the folder of an experiment with two families or settings."});
    }
    return {first, second};
}

} // namespace sparsescope
