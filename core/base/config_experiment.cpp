#include "core/base/config_reader.h"
#include "core/base/experiment_data.h"
#include "core/base/json_reader.h"
#include "core/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace sparsescope {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostRuns = 10000;
constexpr std::size_t kMostValues = 1000;
constexpr const char *kGroups[] = {"data", "model", "training"};

constexpr std::pair<const char *, const char *> kShortNames[] = {
    {"family", "model.family"},
    {"sequence_length", "training.sequence_length"},
    {"seed", "training.seed"},
    {"top_k", "model.selection.top_k"},
};

std::string fullPath(const std::string &name)
{
    for (const auto &[shortName, path] : kShortNames) {
        if (name == shortName)
            return path;
    }
    return name;
}

/// Last part of the path, or the whole path where two axes end alike.
std::string shortNameOf(const std::string &path, const std::vector<std::string> &allPaths)
{
    const auto last = [](const std::string &text) { return text.substr(text.rfind('.') + 1); };
    const auto alike = std::count_if(allPaths.begin(), allPaths.end(),
                                     [&](const std::string &other) { return last(other) == last(path); });
    return alike > 1 ? path : last(path);
}

bool maySweep(const std::string &path)
{
    static const std::set<std::string> kNever{"schema",    "name",         "question",   "sweep",
                                              "run.order", "data.options", "model.yarn", "training.stages"};
    return fieldAt(path) && !kNever.count(path);
}

/// The four short names, then the paths of all fields that have none.
const std::vector<std::string> &sweepNames()
{
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto &[shortName, path] : kShortNames)
            all.emplace_back(shortName);
        for (const FieldInfo &info : configFields()) {
            const auto isShort = [&](const auto &pair) { return info.path == pair.second; };
            if (maySweep(info.path) && std::none_of(std::begin(kShortNames), std::end(kShortNames), isShort))
                all.push_back(info.path);
        }
        return all;
    }();
    return names;
}

/// Of a name without its groups also the field that is called so in any of them: "lr" of "training.learning_rate".
std::string nearestSweepName(const std::string &name)
{
    std::string nearest = nearestName(name, sweepNames());
    if (!nearest.empty() || name.find('.') != std::string::npos)
        return nearest;
    std::vector<std::string> last;
    for (const std::string &known : sweepNames())
        last.push_back(known.substr(known.rfind('.') + 1));
    const auto found = std::find(last.begin(), last.end(), nearestName(name, last));
    return found == last.end() ? std::string() : sweepNames()[static_cast<std::size_t>(found - last.begin())];
}

/// Takes the axis of a field out of the sweep, however it is spelled there.
void dropAxis(ordered_json &document, const std::string &path)
{
    const auto sweep = document.find("sweep");
    if (sweep == document.end() || !sweep->is_object())
        return;
    ordered_json kept = ordered_json::object();
    for (const auto &[name, values] : sweep->items()) {
        if (fullPath(name) != path)
            kept[name] = values;
    }
    *sweep = std::move(kept);
}

void applyOverrides(ordered_json &document, const std::vector<Override> &overrides, std::vector<Error> &errors)
{
    for (const Override &change : overrides) {
        const std::string shown = "--set " + change.path.substr(0, 160);
        ordered_json value = change.value; // plain text where it is no JSON
        if (ordered_json::accept(change.value)) {
            try {
                value = parseJson(change.value, shown);
            } catch (const Failure &failure) {
                errors.push_back(failure.error());
                continue;
            }
        }
        const bool sweeps = change.path == "sweep" || change.path.rfind("sweep.", 0) == 0;
        const FieldInfo *info = fieldAt(change.path);
        if (!info && !sweeps) {
            const std::vector<std::string> known = knownPaths();
            const auto inside = std::find_if(known.begin(), known.end(), [&](const std::string &path) {
                return path.starts_with(change.path + ".");
            });
            if (inside != known.end()) {
                addOnce(errors, {"is a group of fields", change.path, brief(value),
                                 "one of its fields, such as " + *inside, ""});
                continue;
            }
            const std::string nearest = nearestName(change.path, known);
            addOnce(errors, {"unknown field", change.path.substr(0, 160), "", "",
                             nearest.empty() ? "" : "Did you mean " + nearest + "?"});
            continue;
        }
        // A text field takes the words as they stand: --set name=2026 is a name, not a number.
        if (info && (info->kind == FieldInfo::Kind::Text || info->kind == FieldInfo::Kind::Choice) &&
            !value.is_string() && !(info->nullable && value.is_null()))
            value = change.value;
        if (sweeps && change.path != "sweep") { // the axis name may hold dots: sweep.training.steps
            ordered_json &sweep = document["sweep"];
            if (!sweep.is_object())
                sweep = ordered_json::object();
            const std::string axis = change.path.substr(std::string("sweep.").size());
            if (!sweep.contains(axis))
                dropAxis(document, fullPath(axis)); // the file may spell it the other way
            document["sweep"][axis] = std::move(value);
            continue;
        }
        if (!setValueAt(document, change.path, std::move(value))) {
            addOnce(errors, {"", change.path, "", "a path whose groups are objects in the file", ""});
            continue;
        }
        // Asked for one value by hand: the file's sweep over it no longer stands.
        dropAxis(document, change.path);
    }
}

/// The good values of every axis; what is wrong goes to `errors`.
std::vector<SweepAxis> readSweep(const ordered_json &document, std::vector<Error> &errors, std::set<std::string> &bad)
{
    std::vector<SweepAxis> axes;
    const auto sweep = document.find("sweep");
    if (sweep == document.end())
        return axes;
    if (!sweep->is_object()) {
        errors.push_back({"", "sweep", brief(*sweep), "an object: path -> list of values", ""});
        return axes;
    }
    std::vector<std::string> paths;
    for (const auto &[name, values] : sweep->items())
        paths.push_back(fullPath(name));
    std::size_t index = 0;
    for (const auto &[name, values] : sweep->items()) {
        const std::string path = paths[index++];
        const std::string where = "sweep." + name.substr(0, 120);
        if (!maySweep(path)) {
            const std::string nearest = fieldAt(path) ? std::string() : nearestSweepName(name);
            errors.push_back({fieldAt(path) ? "field cannot be swept" : "unknown field", where, "",
                              listed(sweepNames()), nearest.empty() ? "" : "Did you mean " + nearest + "?"});
            continue;
        }
        if (std::count(paths.begin(), paths.begin() + static_cast<std::ptrdiff_t>(index), path) > 1) {
            errors.push_back({"field is swept twice", where, "", "each field once", ""});
            continue;
        }
        if (!values.is_array() || values.empty() || values.size() > kMostValues) {
            errors.push_back({"", where, brief(values), fmt::format("a list of 1 to {} values", kMostValues), ""});
            bad.insert(path);
            continue;
        }
        SweepAxis axis{path, shortNameOf(path, paths), {}};
        for (std::size_t i = 0; i < values.size(); ++i) {
            ordered_json single = ordered_json::object();
            setValueAt(single, path, values[i]);
            std::vector<Error> wrong;
            readConfig(single, wrong);
            if (wrong.empty() && std::find(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(i),
                                           values[i]) != values.begin() + static_cast<std::ptrdiff_t>(i))
                wrong.push_back({"", "", brief(values[i]) + " twice", "each value once", ""});
            if (wrong.empty()) {
                axis.values.emplace_back(values[i]);
                continue;
            }
            wrong[0].where = fmt::format("{}[{}]", where, i);
            addOnce(errors, wrong[0]);
        }
        if (axis.values.empty())
            bad.insert(path);
        else
            axes.push_back(std::move(axis));
    }
    return axes;
}

/// Queue order: length, other axes, seed, family; so the families of a lockstep group stand together.
std::vector<const SweepAxis *> queueOrder(const std::vector<SweepAxis> &sweep)
{
    const auto rank = [](const SweepAxis *axis) {
        return axis->path == "training.sequence_length" ? 0
               : axis->path == "training.seed"          ? 2
               : axis->path == "model.family"           ? 3
                                                        : 1;
    };
    std::vector<const SweepAxis *> order;
    for (const SweepAxis &axis : sweep)
        order.push_back(&axis);
    std::stable_sort(order.begin(), order.end(),
                     [&](const SweepAxis *a, const SweepAxis *b) { return rank(a) < rank(b); });
    return order;
}

std::string axisValue(const nlohmann::json &value)
{
    return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Reads and resolves every run of the product, in queue order.
void forEachRun(const ordered_json &document, const std::vector<SweepAxis> &sweep,
                const std::function<void(ReadConfig)> &each)
{
    const std::vector<const SweepAxis *> order = queueOrder(sweep);
    std::vector<std::size_t> at(order.size(), 0);
    ordered_json run = document;
    run.erase("sweep");
    while (true) {
        for (std::size_t i = 0; i < order.size(); ++i)
            setValueAt(run, order[i]->path, order[i]->values[at[i]]);
        std::vector<Error> ignored; // reported once for the file and once for each swept value
        ReadConfig read = readConfig(run, ignored);
        for (const SweepAxis &axis : sweep) {
            read.swept.insert(axis.path);
            if (axis.path != "training.sequence_length" && axis.path != "training.seed" && axis.path != "model.family")
                read.config.extraAxes.emplace_back(axis.shortName, axisValue(*valueAt(run, axis.path)));
        }
        resolve(read);
        each(std::move(read));
        std::size_t i = order.size();
        while (i > 0 && ++at[i - 1] == order[i - 1]->values.size())
            at[--i] = 0;
        if (i == 0)
            return;
    }
}

void requireHeader(const ordered_json &document, const ReadConfig &read, std::vector<Error> &errors)
{
    if (!read.given.count("schema") && !read.bad.count("schema"))
        addOnce(errors, {"missing field", "schema", "", "1", ""});
    if (!document.contains("name"))
        addOnce(errors, {"missing field", "name", "", "1 to 64 of a-z, 0-9 and -", ""});
}

/// Asks about the data of every run whose fields about it could be read.
void addDataErrors(const ordered_json &document, const std::vector<SweepAxis> &sweep, const std::set<std::string> &bad,
                   const DataErrors &dataErrors, std::vector<Error> &errors)
{
    const auto aboutData = [](const std::string &path) {
        return path == "data" || path.rfind("data.", 0) == 0 || path == "training.sequence_length";
    };
    const auto refused = [&](const Error &error) { return aboutData(error.where); };
    if (std::any_of(bad.begin(), bad.end(), aboutData) || std::any_of(errors.begin(), errors.end(), refused))
        return;
    std::set<std::string> asked;
    forEachRun(document, sweep, [&](ReadConfig run) {
        const std::string data =
            fmt::format("{} {}", toJson(run.config)["data"].dump(), run.config.training.sequenceLength);
        if (!asked.insert(data).second)
            return;
        for (Error &error : dataErrors(run.config))
            addOnce(errors, std::move(error));
    });
}

} // namespace

ExperimentConfig parseExperiment(const ordered_json &source, const std::string &origin,
                                 const std::vector<Override> &overrides, const DataErrors &dataErrors)
{
    std::vector<Error> errors;
    const auto refuse = [&] {
        for (Error &error : errors)
            error.origin = origin;
        throw ConfigFailure(std::move(errors));
    };
    if (!source.is_object()) {
        errors.push_back(
            {"not an experiment", "", brief(source), "an object with schema, name and the fields to set", ""});
        refuse();
    }
    ordered_json document = source;
    applyOverrides(document, overrides, errors);
    checkKeys(document, {"sweep"}, errors);
    ordered_json base = document;
    base.erase("sweep");
    const ReadConfig read = readConfig(base, errors);
    requireHeader(document, read, errors);
    std::set<std::string> bad = read.bad;
    const std::vector<SweepAxis> sweep = readSweep(document, errors, bad);

    std::size_t runs = 1;
    for (const SweepAxis &axis : sweep)
        runs = std::min(runs * axis.values.size(), kMostRuns + 1);
    if (runs > kMostRuns) {
        errors.push_back({"too many runs", "sweep", fmt::format("more than {}", kMostRuns),
                          fmt::format("at most {} runs", kMostRuns), ""});
        refuse();
    }
    std::map<std::string, int> folders;
    // A group that is none takes no swept value: then runs are alike for that reason.
    const bool grouped = std::all_of(std::begin(kGroups), std::end(kGroups), [&](const char *group) {
        return !document.contains(group) || document[group].is_object();
    });
    forEachRun(document, sweep, [&](ReadConfig run) {
        run.bad.insert(bad.begin(), bad.end());
        checkRun(run, errors);
        if (run.given.count("data.path") && run.config.data.path.empty() && run.config.data.source != "text")
            addOnce(errors,
                    {"", "data.path", "\"\"", "the path of a text file", "Leave it out to train without a file."});
        if (grouped && ++folders[run.config.folder()] == 2)
            addOnce(errors, {"two runs would have the same folder", "sweep", run.config.folder(),
                             "values that differ in letters, digits, '.', '_' or '-'", ""});
    });
    if (!errors.empty()) {
        if (dataErrors)
            addDataErrors(document, sweep, bad, dataErrors, errors);
        refuse();
    }

    ExperimentConfig experiment;
    experiment.name = read.config.experiment;
    experiment.question = read.config.question;
    experiment.sweep = sweep;
    experiment.order = read.config.order;
    experiment.document = std::move(document);
    experiment.origin = origin;
    return experiment;
}

ExperimentConfig loadExperiment(const std::filesystem::path &file, const std::vector<Override> &overrides,
                                const DataErrors &dataErrors)
{
    return parseExperiment(readJsonFile(file), file.string(), overrides, dataErrors);
}

ExperimentConfig parseExperiment(const ordered_json &document, const std::string &origin,
                                 const std::vector<Override> &overrides)
{
    return parseExperiment(document, origin, overrides, {});
}

ExperimentConfig loadExperiment(const std::filesystem::path &file, const std::vector<Override> &overrides)
{
    return loadExperiment(file, overrides, {});
}

std::vector<RunConfig> expand(const ExperimentConfig &experiment)
{
    std::vector<RunConfig> runs;
    forEachRun(experiment.document, experiment.sweep, [&](ReadConfig read) { runs.push_back(std::move(read.config)); });
    return runs;
}

} // namespace sparsescope
