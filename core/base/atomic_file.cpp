#include "core/base/atomic_file.h"

#include "core/base/safetensors.h"
#include "core/base/storage_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace sparsescope {

namespace {

constexpr const char *kTemporarySuffix = ".tmp";
constexpr std::size_t kLargestWrite = std::size_t{1} << 30; // a single write() takes a little less than 2 GiB

std::string remedyFor(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
        return "The disk is full: make room and try again.";
    case ENOENT:
    case ENOTDIR:
        return "The folder is gone: make it again, or choose another one.";
    case EACCES:
    case EPERM:
    case EROFS:
        return "The folder cannot be written: change its permissions, or choose another one.";
    case ENAMETOOLONG:
        return "Choose a shorter name: most file systems allow 255 bytes.";
    default:
        return "Check the disk, then try again.";
    }
}

std::filesystem::path folderOf(const std::filesystem::path &file)
{
    return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

void syncPath(const std::filesystem::path &path, int flags)
{
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
    if (descriptor < 0)
        throwFileFailure("cannot open", path, errno);
    const int result = ::fsync(descriptor);
    const int code = errno;
    ::close(descriptor);
    // Some file systems know no fsync of a folder (EINVAL); there is nothing more to be done there.
    if (result != 0 && code != EINVAL)
        throwFileFailure("cannot write to the disk", path, code);
}

} // namespace

void throwFileFailure(const std::string &what, const std::filesystem::path &file, int code)
{
    throw StorageFailure({what, file.string(), std::strerror(code), {}, remedyFor(code)});
}

void syncFile(const std::filesystem::path &file) { syncPath(file, O_RDONLY); }

void syncFolder(const std::filesystem::path &folder) { syncPath(folder, O_RDONLY | O_DIRECTORY); }

void makeFolder(const std::filesystem::path &folder)
{
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    // Absent parents are made too: what still is "no such folder" is a file system that takes none, such as /proc.
    if (code == std::errc::no_such_file_or_directory)
        throw StorageFailure({"cannot make the folder", folder.string(), code.message(), "", "Choose another place."});
    if (code)
        throwFileFailure("cannot make the folder", folder, code.value());
}

AtomicFile::AtomicFile(std::filesystem::path file)
    : m_file(std::move(file))
{
    static std::atomic<unsigned> counter{0};
    m_temporary = folderOf(m_file) /
                  fmt::format(".{}.{}-{}{}", m_file.filename().string(), ::getpid(), counter++, kTemporarySuffix);
    m_descriptor = ::open(m_temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (m_descriptor < 0)
        throwFileFailure("cannot write the file", m_file, errno);
}

AtomicFile::~AtomicFile()
{
    if (m_descriptor >= 0)
        ::close(m_descriptor);
    if (!m_temporary.empty())
        ::unlink(m_temporary.c_str());
}

void AtomicFile::write(const void *data, std::size_t bytes)
{
    const char *next = static_cast<const char *>(data);
    while (bytes > 0) {
        const ssize_t written = ::write(m_descriptor, next, std::min(bytes, kLargestWrite));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            throwFileFailure("cannot write the file", m_file, errno);
        next += written;
        bytes -= static_cast<std::size_t>(written);
    }
}

void AtomicFile::commit()
{
    if (::fsync(m_descriptor) != 0)
        throwFileFailure("cannot write the file", m_file, errno);
    const int descriptor = std::exchange(m_descriptor, -1);
    if (::close(descriptor) != 0) // on network file systems a full disk may show only here
        throwFileFailure("cannot write the file", m_file, errno);
    if (::rename(m_temporary.c_str(), m_file.c_str()) != 0)
        throwFileFailure("cannot replace the file", m_file, errno);
    m_temporary.clear();
    syncFolder(folderOf(m_file));
}

bool isTemporaryName(const std::filesystem::path &file)
{
    const std::string name = file.filename().string();
    const std::string suffix = kTemporarySuffix;
    return name.size() > suffix.size() + 1 && name.front() == '.' &&
           name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

void writeFileAtomically(const std::filesystem::path &file, const std::string &content)
{
    AtomicFile output(file);
    output.write(content.data(), content.size());
    output.commit();
}

} // namespace sparsescope
