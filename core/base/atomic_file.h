#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace sparsescope {

/// Throws StorageFailure for a failed system call on a file; `code` is its errno. The remedy follows from the code.
[[noreturn]] void throwFileFailure(const std::string &what, const std::filesystem::path &file, int code);

/// Makes what was written to the file, or the entries of the folder, survive a power loss. Throws Failure.
void syncFile(const std::filesystem::path &file);
void syncFolder(const std::filesystem::path &folder);
/// Makes the folder with its parents; throws Failure.
void makeFolder(const std::filesystem::path &folder);

/// A file that appears whole or not at all: written under a temporary name in the same folder, fsynced, renamed.
/// Without commit() the temporary file is removed and the old file stays. All methods throw Failure.
class AtomicFile {
public:
    explicit AtomicFile(std::filesystem::path file);
    ~AtomicFile();
    AtomicFile(const AtomicFile &) = delete;
    AtomicFile &operator=(const AtomicFile &) = delete;

    void write(const void *data, std::size_t bytes);
    void commit();

private:
    std::filesystem::path m_file;
    std::filesystem::path m_temporary;
    int m_descriptor = -1;
};

/// Is this the name of a temporary file that a killed process left behind?
bool isTemporaryName(const std::filesystem::path &file);

} // namespace sparsescope
