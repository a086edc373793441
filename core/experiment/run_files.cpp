#include "core/experiment/run_files.h"

#include "core/base/remedies.h"
#include "core/base/stored_json.h"
#include "core/train/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

bool isThere(const fs::path &place)
{
    std::error_code code;
    return fs::exists(place, code);
}

/// The files of numbers that a checkpoint lacks.
std::vector<fs::path> lacking(const fs::path &checkpoint)
{
    std::vector<fs::path> files;
    if (!isThere(checkpoint))
        return {checkpoint};
    if (!isThere(checkpoint / "model.safetensors") && !isThere(checkpoint / "model.safetensors.index.json"))
        files.push_back(checkpoint / "model.safetensors");
    if (!isThere(checkpoint / "trainer.safetensors"))
        files.push_back(checkpoint / "trainer.safetensors");
    return files;
}

void lookAt(const fs::path &checkpoint, RunFiles &files)
{
    const std::vector<fs::path> absent = lacking(checkpoint);
    // No file at all is named by its folder.
    const auto isAbsent = [&](const Error &error) {
        return std::any_of(absent.begin(), absent.end(), [&](const fs::path &file) {
            return error.where == file.string() ||
                   (file.filename() == "model.safetensors" && error.where == checkpoint.string());
        });
    };
    CheckpointLook look = lookAtCheckpoint(checkpoint);
    ++files.checkpoints;
    files.bytes += look.bytes;
    files.withoutChecksums += look.withoutChecksums;
    if (!look.damages.empty())
        files.damagedCheckpoints.insert(checkpoint);
    for (const Error &error : look.damages)
        (isAbsent(error) ? files.absent : files.damages).push_back(error);
}

void lookAt(const CheckpointInfo &checkpoint, RunFiles &files) { lookAt(checkpoint.folder, files); }

void lookAt(const SnapshotInfo &snapshot, RunFiles &files)
{
    ++files.snapshots;
    try {
        std::error_code code;
        files.bytes += fs::file_size(snapshot.file, code);
        files.withoutChecksums += readSnapshot(snapshot.file).checksums ? 0 : 1;
    } catch (const Failure &failure) {
        files.damages.push_back(failure.error());
    }
}

/// Both kinds alike: of what the database names, what is there is looked at. All of a kind may have been left behind on
/// purpose, say when only the numbers were copied; one alone may not. `rows` asks the database again, because a run that goes
/// on removes old ones.
template <class Rows, class Place>
void lookAtAll(const char *kind, const RunReader &run, const Rows &rows, const Place &placeOf, RunFiles &files)
{
    const auto named = rows();
    const bool any = std::any_of(named.begin(), named.end(), [&](const auto &row) { return isThere(placeOf(row)); });
    if (!named.empty() && !any) {
        files.notRead.push_back(fmt::format("{}: {} {}{} that run.sqlite names {} not there", run.folder().string(),
                                            named.size(), kind, named.size() == 1 ? "" : "s",
                                            named.size() == 1 ? "is" : "are"));
        return;
    }
    for (const auto &row : named) {
        RunFiles one;
        if (isThere(placeOf(row)))
            lookAt(row, one);
        else
            one.absent.push_back({std::string(kind) + " is missing",
                                  placeOf(row).string(),
                                  {},
                                  {},
                                  fmt::format("run.sqlite names it: restore it from a copy. The other {}s and what was "
                                              "measured are not touched.",
                                              kind)});
        const auto same = [&](const auto &other) { return other.step == row.step; };
        const auto now = one.damages.empty() && one.absent.empty() ? named : rows();
        if (std::none_of(now.begin(), now.end(), same))
            continue;
        files.add(one);
    }
}

/// What lies beside the files that the database names, left there by a process that was ended, or by hand.
void addStrangers(const RunReader &run, const std::set<fs::path> &named, RunFiles &files)
{
    constexpr std::size_t kMostNames = 3;
    std::vector<std::string> names;
    for (const char *place : {"snapshots", "checkpoints"}) {
        std::error_code code;
        for (const auto &entry : fs::directory_iterator(run.folder() / place, code)) {
            if (!named.count(entry.path()))
                names.push_back(entry.path().lexically_relative(run.folder()).string());
        }
    }
    if (names.empty())
        return;
    std::sort(names.begin(), names.end());
    const std::size_t all = names.size();
    names.resize(std::min(all, kMostNames));
    files.notRead.push_back(fmt::format("{}: {}{}, which run.sqlite does not name", run.folder().string(),
                                        fmt::join(names, ", "),
                                        all > kMostNames ? fmt::format(" and {} more", all - kMostNames) : ""));
}

} // namespace

void RunFiles::add(const RunFiles &more)
{
    damages.insert(damages.end(), more.damages.begin(), more.damages.end());
    absent.insert(absent.end(), more.absent.begin(), more.absent.end());
    damagedCheckpoints.insert(more.damagedCheckpoints.begin(), more.damagedCheckpoints.end());
    snapshots += more.snapshots;
    checkpoints += more.checkpoints;
    withoutChecksums += more.withoutChecksums;
    bytes += more.bytes;
    notRead.insert(notRead.end(), more.notRead.begin(), more.notRead.end());
}

RunFiles examineRun(const RunReader &run)
{
    RunFiles files;
    const auto snapshots = [&] { return run.snapshots(); };
    const auto checkpoints = [&] { return run.recordedCheckpoints(); };
    std::set<fs::path> named;
    for (const SnapshotInfo &snapshot : snapshots())
        named.insert(snapshot.file);
    for (const CheckpointInfo &checkpoint : checkpoints())
        named.insert(checkpoint.folder);
    lookAtAll(
        "snapshot", run, snapshots, [](const SnapshotInfo &row) { return row.file; }, files);
    lookAtAll(
        "checkpoint", run, checkpoints, [](const CheckpointInfo &row) { return row.folder; }, files);
    addStrangers(run, named, files);
    return files;
}

RunFiles examineCheckpoint(const RunReader &run, const fs::path &checkpoint)
{
    RunFiles files;
    lookAt(checkpoint, files);
    files.notRead.push_back(fmt::format("{}: its snapshots and other checkpoints", run.folder().string()));
    return files;
}

std::vector<fs::path> notKept(const RunReader &run)
{
    std::vector<fs::path> files;
    for (const SnapshotInfo &snapshot : run.snapshots()) {
        if (!isThere(snapshot.file))
            files.push_back(snapshot.file);
    }
    for (const CheckpointInfo &checkpoint : run.recordedCheckpoints()) {
        for (fs::path &file : lacking(checkpoint.folder))
            files.push_back(std::move(file));
    }
    return files;
}

std::optional<Error> experimentDamage(const fs::path &experimentFolder)
{
    const fs::path file = experimentFolder / "experiment.json";
    if (!isThere(file))
        return std::nullopt;
    try {
        expand(parseExperiment(readStoredJson(file, wordsOf(Remedy::TrainAgain)), file.string(), {}));
    } catch (const Failure &failure) {
        return failure.error();
    } catch (const ConfigFailure &failure) {
        Error error = failure.errors().front();
        if (error.origin.empty() && error.where.find(file.string()) == std::string::npos)
            error.origin = file.string();
        return error;
    }
    return std::nullopt;
}

} // namespace sparsescope
