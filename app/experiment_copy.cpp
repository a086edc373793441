#include "app/experiment_copy.h"

#include "core/base/atomic_file.h"
#include "widgets/state/number_text.h"

#include <cstdint>
#include <string>
#include <system_error>

namespace sparsescope {

namespace {

namespace fs = std::filesystem;

struct File {
    fs::path path; ///< below the experiment's folder
    std::uintmax_t bytes = 0;
};

/// What a run consists of: no lock of a writer that is gone, nothing that it left half written.
std::vector<File> filesOf(const fs::path &folder)
{
    std::vector<File> files;
    for (const fs::directory_entry &entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file() && entry.path().filename() != "run.lock" && !isTemporaryName(entry.path())) {
            files.push_back({fs::relative(entry.path(), folder), entry.file_size()});
        }
    }
    return files;
}

bool liesIn(const fs::path &path, const fs::path &folder)
{
    const fs::path way = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
    return !way.empty() && *way.begin() != "..";
}

/// Under a name that no reader takes for a run, until all of it is there.
class HalfFolder {
public:
    explicit HalfFolder(fs::path path)
        : m_path(std::move(path))
    {}
    ~HalfFolder()
    {
        std::error_code ignored;
        fs::remove_all(m_path, ignored);
    }
    HalfFolder(const HalfFolder &) = delete;
    HalfFolder &operator=(const HalfFolder &) = delete;

    void become(const fs::path &whole) const
    {
        fs::rename(m_path, whole);
        syncFolder(whole.parent_path());
    }

private:
    fs::path m_path;
};

} // namespace

CopiedExperiment copyExperiment(const fs::path &folder, const fs::path &out)
{
    const fs::path target = out / folder.filename();
    try {
        if (liesIn(out, folder)) {
            throw Failure(
                {"an experiment cannot be copied into itself", out.string(), "", "", "Choose another folder."});
        }
        if (fs::exists(target)) {
            throw Failure(
                {"there is something of that name already", target.string(), "", "", "Choose another folder."});
        }
        const std::vector<File> files = filesOf(folder);
        std::uintmax_t bytes = 0;
        for (const File &file : files) {
            bytes += file.bytes;
        }
        makeFolder(out);
        if (const std::uintmax_t room = fs::space(out).available; room <= bytes) {
            throw Failure({"not enough room", out.string(),
                           bytesText(static_cast<double>(room)).toStdString() + " free, " +
                               bytesText(static_cast<double>(bytes)).toStdString() + " needed",
                           "", "Choose a folder on another disk."});
        }
        const fs::path half = out / ("." + folder.filename().string() + ".copy.tmp");
        const HalfFolder guard(half);
        fs::remove_all(half); // of a copy that was cut off
        for (const File &file : files) {
            makeFolder((half / file.path).parent_path());
            fs::copy_file(folder / file.path, half / file.path);
            syncFile(half / file.path);
        }
        guard.become(target);
    } catch (const fs::filesystem_error &error) {
        throwFileFailure("cannot copy", error.path2().empty() ? error.path1() : error.path2(), error.code().value());
    }
    std::vector<std::string> damaged; // each is told of where it is opened
    return {target, readRuns(target, damaged)};
}

} // namespace sparsescope
