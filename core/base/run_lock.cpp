#include "core/base/run_lock.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sparsescope {

namespace {

constexpr std::chrono::seconds kHeartbeat{5};
constexpr std::size_t kLargestLock = 4096;

struct LockFile {
    std::string host, token, machine, started;
    long process = 0;
    double age = 0; ///< seconds since the last heartbeat
};

std::string firstLine(const char *file)
{
    std::ifstream input(file);
    std::string line;
    std::getline(input, line);
    return line;
}

/// Process numbers mean something only within one boot and one process namespace.
std::string machineName()
{
    std::array<char, 128> name = {};
    const ssize_t length = ::readlink("/proc/self/ns/pid", name.data(), name.size());
    return firstLine("/proc/sys/kernel/random/boot_id") + " " +
           std::string(name.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
}

/// When the process began, so that a reused process number is told apart; empty when there is no such process.
std::string startOf(long process)
{
    const std::string line = firstLine(fmt::format("/proc/{}/stat", process).c_str());
    const std::size_t name = line.rfind(')'); // the name before it may hold anything
    if (name == std::string::npos)
        return {};
    std::istringstream fields(line.substr(name + 1));
    std::string field;
    for (int i = 3; i <= 22 && fields >> field; ++i) {
        if (i == 3 && (field == "Z" || field == "X"))
            return {}; // dead, not yet buried by its parent
    }
    return field;
}

std::string hostName()
{
    std::array<char, 256> name = {};
    ::gethostname(name.data(), name.size() - 1);
    return name.data();
}

std::optional<LockFile> readLock(const std::filesystem::path &file)
{
    struct stat status = {};
    if (::stat(file.c_str(), &status) != 0)
        return std::nullopt;
    LockFile lock;
    timespec now = {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    lock.age = static_cast<double>(now.tv_sec - status.st_mtim.tv_sec) +
               1e-9 * static_cast<double>(now.tv_nsec - status.st_mtim.tv_nsec);
    std::ifstream input(file, std::ios::binary);
    std::string text(kLargestLock, '\0');
    input.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(input.gcount()));
    // A lock that cannot be understood is judged by its age alone.
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_object()) {
        const auto word = [&](const char *key) {
            return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string();
        };
        lock.host = word("host");
        lock.token = word("token");
        lock.machine = word("machine");
        lock.started = word("started");
        if (json.contains("process") && json["process"].is_number_integer())
            lock.process = json["process"].get<long>();
    }
    return lock;
}

bool isAlive(const LockFile &lock)
{
    if (lock.age > static_cast<double>(kLockStaleAfter.count()))
        return false;
    const bool sameMachine = lock.process > 0 && lock.machine == machineName();
    return !sameMachine || startOf(lock.process) == lock.started;
}

LockHolder holderOf(const LockFile &lock) { return {lock.host, lock.process}; }

/// The right to move a stale lock away: of all that found it stale one has it, as long as this lives. Without it a slow one
/// could move the lock that a quick one has put there meanwhile, and a third would find the place empty.
class TakeOver {
public:
    explicit TakeOver(const std::filesystem::path &file)
        : m_descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC))
    {
        struct stat mine = {}, there = {};
        m_granted = m_descriptor >= 0 && (::flock(m_descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
                    ::fstat(m_descriptor, &mine) == 0 && ::stat(file.c_str(), &there) == 0 &&
                    mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
    }
    ~TakeOver()
    {
        if (m_descriptor >= 0)
            ::close(m_descriptor);
    }
    TakeOver(const TakeOver &) = delete;
    TakeOver &operator=(const TakeOver &) = delete;

    bool granted() const { return m_granted; }

private:
    int m_descriptor;
    bool m_granted = false; ///< also where the file system knows no such locks
};

} // namespace

std::string LockHolder::text() const
{
    return process > 0 ? fmt::format("process {} on host {}", process, host.empty() ? "unknown" : host)
                       : "an unknown process";
}

std::optional<LockHolder> lockHolder(const std::filesystem::path &folder)
{
    const auto lock = readLock(folder / "run.lock");
    return lock && isAlive(*lock) ? std::optional(holderOf(*lock)) : std::nullopt;
}

RunLock::RunLock(const std::filesystem::path &folder)
    : m_file(folder / "run.lock")
{
    std::random_device random;
    m_token = fmt::format("{:08x}{:08x}", random(), random());
    const long process = ::getpid();
    m_content = nlohmann::ordered_json{{"host", hostName()},
                                       {"process", process},
                                       {"token", m_token},
                                       {"machine", machineName()},
                                       {"started", startOf(process)}}
                    .dump() +
                "\n";
    take();
    m_heart = std::jthread([this](std::stop_token stop) {
        std::unique_lock lock(m_mutex);
        while (!m_wake.wait_for(lock, stop, kHeartbeat, [] { return false; }) && !stop.stop_requested())
            beat();
    });
}

RunLock::~RunLock()
{
    m_heart.request_stop();
    m_heart.join();
    if (isOurs())
        ::unlink(m_file.c_str());
}

bool RunLock::isOurs() const
{
    const auto lock = readLock(m_file);
    return lock && lock->token == m_token;
}

void RunLock::take()
{
    // Written aside, then linked: the lock appears whole, and only where there was none. Works on network file systems.
    const std::filesystem::path aside = m_file.parent_path() / fmt::format(".run.lock.{}.tmp", m_token);
    const int descriptor = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0)
        throwFileFailure("cannot lock the run", m_file, errno);
    const bool written =
        ::write(descriptor, m_content.data(), m_content.size()) == static_cast<ssize_t>(m_content.size());
    const int code = errno;
    ::close(descriptor);
    struct Remove {
        const std::filesystem::path &file;
        ~Remove() { ::unlink(file.c_str()); }
    } remove{aside};
    if (!written)
        throwFileFailure("cannot lock the run", m_file, code == 0 ? ENOSPC : code);

    constexpr int kAttempts = 10;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        if (attempt > 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(attempt));
        if (::link(aside.c_str(), m_file.c_str()) == 0)
            return;
        if (errno != EEXIST)
            throwFileFailure("cannot lock the run", m_file, errno);
        const auto other = readLock(m_file);
        if (!other)
            continue; // released in this moment
        if (isAlive(*other))
            throw Failure(
                {"run is being written by " + holderOf(*other).text(),
                 m_file.parent_path().string(),
                 {},
                 {},
                 "Wait for it, or stop that process; its lock ends by itself 30 s after its last sign of life."});
        const TakeOver takeOver(m_file);
        const auto still = readLock(m_file);
        if (!takeOver.granted() || !still || still->token != other->token || isAlive(*still))
            continue;
        // Its owner may have come back to life and gone: a lock that is not the stale one goes back to whoever it belongs to.
        const std::filesystem::path stale = m_file.parent_path() / fmt::format(".run.lock.{}.stale.tmp", m_token);
        if (::rename(m_file.c_str(), stale.c_str()) != 0)
            continue;
        const auto moved = readLock(stale);
        if (moved && moved->token != other->token && ::link(stale.c_str(), m_file.c_str()) != 0 && errno != EEXIST)
            throwFileFailure("cannot lock the run", m_file, errno);
        ::unlink(stale.c_str());
    }
    throw Failure({"cannot lock the run", m_file.string(), {}, {}, "Several processes want it at once: try again."});
}

void RunLock::beat() const
{
    if (isOurs())
        ::utimensat(AT_FDCWD, m_file.c_str(), nullptr, 0);
}

void RunLock::confirm()
{
    const auto lock = readLock(m_file);
    if (lock && lock->token == m_token)
        return;
    if (lock && isAlive(*lock))
        throw Failure(
            {"run has been taken over by " + holderOf(*lock).text(),
             m_file.parent_path().string(),
             {},
             {},
             "This process gave no sign of life for 30 s, so the other one went on with the run: stop one of them."});
    if (!std::filesystem::exists(m_file.parent_path()))
        throwFileFailure("cannot write the run", m_file.parent_path(), ENOENT);
    take(); // the lock was removed by hand, or whoever took it has died
}

} // namespace sparsescope
