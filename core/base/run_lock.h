#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace sparsescope {

constexpr std::chrono::seconds kLockStaleAfter{30};

struct LockHolder {
    std::string host;
    long process = 0;
    std::string text() const; ///< "process 1234 on host gpu7"
};

/// Who holds the run of this folder: absent when nobody does, when the heartbeat is older than 30 s, or when the process
/// ran on this machine and is gone.
std::optional<LockHolder> lockHolder(const std::filesystem::path &folder);

/// The right to write a run: the file run.lock. Its modification time is the heartbeat, renewed every few seconds by a
/// thread, so that a long step does not look like a death.
class RunLock {
public:
    /// Throws Failure naming the holder when somebody alive holds it; takes a stale one over.
    explicit RunLock(const std::filesystem::path &folder);
    ~RunLock(); ///< removes the file when it is still ours
    RunLock(const RunLock &) = delete;
    RunLock &operator=(const RunLock &) = delete;

    /// Throws Failure when another process has taken the run over (this one was asleep for too long) or the folder is gone.
    void confirm();

private:
    bool isOurs() const;
    void take();
    void beat() const;

    std::filesystem::path m_file;
    std::string m_token;
    std::string m_content;
    std::mutex m_mutex;
    std::condition_variable_any m_wake;
    std::jthread m_heart; // last: it ends before anything it uses
};

} // namespace sparsescope
