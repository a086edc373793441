#include "app/cli/stored_files.h"

#include "app/cli/output.h"
#include "core/base/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sparsescope {
namespace {

namespace fs = std::filesystem;

/// A checkpoint lies in <run>/checkpoints/<step>.
bool isCheckpointOfARun(const fs::path &subject)
{
    return fs::exists(subject / "config.json") && fs::exists(subject / "trainer.json");
}

/// Folders with an experiment.json from `subject` down to the runs.
std::set<fs::path> experimentsOf(const std::vector<fs::path> &runs, const fs::path &subject)
{
    std::set<fs::path> folders;
    const fs::path top = (subject / "").parent_path(); // without a slash at its end
    for (const fs::path &run : runs) {
        for (fs::path place = run; place != top && place.has_relative_path();) {
            place = place.parent_path();
            if (fs::exists(place / "experiment.json"))
                folders.insert(place);
        }
    }
    return folders;
}

std::string counted(int count, const char *what) { return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s"); }

} // namespace

StoredFiles::StoredFiles(const fs::path &subject)
{
    if (isCheckpointOfARun(subject)) {
        m_checkpoint = subject;
        open(fs::absolute(subject).lexically_normal().parent_path().parent_path());
        return;
    }
    if (std::optional<Error> error =
            notAFolder(subject, "the folder of an experiment, of a run or of one of its checkpoints"))
        throw ConfigFailure({std::move(*error)});
    const std::vector<fs::path> folders = findRuns(subject);
    for (const fs::path &experiment : experimentsOf(folders, subject)) {
        ++m_experiments;
        if (std::optional<Error> damage = experimentDamage(experiment))
            m_experimentDamages.push_back(std::move(*damage));
    }
    for (const fs::path &run : folders)
        open(run);
}

void StoredFiles::open(const fs::path &run)
{
    try {
        RunReader reader = RunReader::verified(run);
        m_examined.push_back({run, m_checkpoint ? examineCheckpoint(reader, *m_checkpoint) : examineRun(reader)});
        m_files.add(m_examined.back().files);
        m_runs.push_back(std::move(reader));
    } catch (const Failure &failure) {
        m_unreadable.emplace(run, failure.error());
    }
}

bool StoredFiles::anyUnusable() const
{
    return !m_unreadable.empty() || std::any_of(m_runs.begin(), m_runs.end(), [&](const RunReader &run) {
        const std::vector<CheckpointInfo> checkpoints = run.checkpoints();
        if (m_checkpoint)
            return isDamaged(*m_checkpoint);
        return !checkpoints.empty() && isDamaged(checkpoints.back().folder);
    });
}

void StoredFiles::tellDamages(Output &output) const
{
    for (const Error &error : m_experimentDamages)
        output.error(error);
    for (const auto &[run, error] : m_unreadable)
        output.error(error);
    for (const std::vector<Error> *errors : {&m_files.damages, &m_files.absent}) {
        for (const Error &error : *errors)
            output.error(error);
    }
}

std::vector<std::string> StoredFiles::damagesOfRuns() const
{
    std::vector<std::string> texts;
    for (const std::vector<Error> *errors : {&m_files.damages, &m_files.absent}) {
        for (const Error &error : *errors)
            texts.push_back(error.text());
    }
    return texts;
}

void StoredFiles::tellRead(Output &output) const
{
    std::vector<std::string> notRead = m_files.notRead;
    for (const auto &[run, error] : m_unreadable)
        notRead.push_back(run.string() + ": its snapshots and checkpoints, because the run itself cannot be read");
    output.data()["files"] = {{"experiments", m_experiments},
                              {"runs", m_runs.size()},
                              {"snapshots", m_files.snapshots},
                              {"checkpoints", m_files.checkpoints},
                              {"bytes", m_files.bytes},
                              {"without_checksums", m_files.withoutChecksums},
                              {"not_read", notRead}};
    output.line(fmt::format("Files read whole: {} of an experiment, description and database of {}, {}, {} ({:.1f} MB "
                            "of numbers).",
                            counted(m_experiments, "file"), counted(static_cast<int>(m_runs.size()), "run"),
                            counted(m_files.snapshots, "snapshot"), counted(m_files.checkpoints, "checkpoint"),
                            static_cast<double>(m_files.bytes) / 1e6));
    if (m_files.withoutChecksums > 0)
        output.line(fmt::format("{} of an older version without checksums among them: that numbers were overwritten "
                                "by others would not show.",
                                counted(m_files.withoutChecksums, "file")));
    for (const std::string &sentence : notRead)
        output.line("Not read: " + sentence + ".");
}

} // namespace sparsescope
