#include "core/base/error.h"
#include "core/base/run_lock.h"

#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QTest>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

nlohmann::json readJson(const fs::path &file)
{
    std::ifstream input(file);
    return nlohmann::json::parse(input);
}

void age(const fs::path &file, int seconds)
{
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::seconds(seconds));
}

} // namespace

class tst_RunLock : public QObject {
    Q_OBJECT
private slots:
    void init();
    void oneHolderAtATime();
    void aForeignHostIsBelievedForThirtySeconds();
    void aDeadProcessHereIsStaleAtOnce();
    void aReusedProcessNumberIsToldApart();
    void anUnreadableLockIsJudgedByItsAge();
    void aTakenOverRunIsNoticed();
    void aRemovedLockIsMadeAgain();
    void theHeartBeats();
    void ofManyThreadsOneWins();

private:
    fs::path m_path, m_lock;
    std::unique_ptr<QTemporaryDir> m_folder;
};

void tst_RunLock::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    m_path = m_folder->path().toStdString();
    m_lock = m_path / "run.lock";
}

void tst_RunLock::oneHolderAtATime()
{
    QVERIFY(!lockHolder(m_path));
    {
        RunLock lock(m_path);
        QCOMPARE(lockHolder(m_path)->process, static_cast<long>(getpid()));
        try {
            RunLock second(m_path);
            QFAIL("two hold the lock");
        } catch (const Failure &failure) {
            QVERIFY(failure.error().text().find("process " + std::to_string(getpid()) + " on host") !=
                    std::string::npos);
        }
        lock.confirm();
        QCOMPARE(std::distance(fs::directory_iterator(m_path), {}),
                 std::ptrdiff_t{1}); // nothing but the lock is left behind
    }
    QVERIFY(!fs::exists(m_lock));
    RunLock again(m_path);
}

void tst_RunLock::aForeignHostIsBelievedForThirtySeconds()
{
    std::ofstream(m_lock) << R"({"host": "elsewhere", "process": 1, "token": "x", "machine": "y", "started": "z"})";
    QCOMPARE(lockHolder(m_path)->host, std::string("elsewhere"));
    QVERIFY_EXCEPTION_THROWN(RunLock{m_path}, Failure);
    age(m_lock, 29);
    QVERIFY(lockHolder(m_path));
    age(m_lock, 31);
    QVERIFY(!lockHolder(m_path));
    RunLock lock(m_path);
    QCOMPARE(lockHolder(m_path)->process, static_cast<long>(getpid()));
}

void tst_RunLock::aDeadProcessHereIsStaleAtOnce()
{
    const pid_t child = fork();
    if (child == 0) {
        auto *lock = new RunLock(m_path);
        Q_UNUSED(lock);
        pause();
    }
    QTRY_VERIFY(lockHolder(m_path));
    QCOMPARE(lockHolder(m_path)->process, static_cast<long>(child));
    QVERIFY_EXCEPTION_THROWN(RunLock{m_path}, Failure);
    kill(child, SIGKILL);
    QTRY_VERIFY(!lockHolder(m_path)); // dead, although nobody has asked for its status yet
    waitpid(child, nullptr, 0);
    QVERIFY(!lockHolder(m_path));
    RunLock lock(m_path);
}

void tst_RunLock::aReusedProcessNumberIsToldApart()
{
    auto lock = std::make_unique<RunLock>(m_path);
    auto content = readJson(m_lock);
    lock.reset();
    content["started"] = "1"; // a process of this number that began at another time
    std::ofstream(m_lock) << content;
    QVERIFY(!lockHolder(m_path));
}

void tst_RunLock::anUnreadableLockIsJudgedByItsAge()
{
    for (const char *text : {"", "{", "[1]", "{\"host\": 5, \"process\": \"x\"}"}) {
        std::ofstream(m_lock) << text;
        QVERIFY2(lockHolder(m_path), text);
        age(m_lock, 31);
        QVERIFY2(!lockHolder(m_path), text);
    }
}

void tst_RunLock::aTakenOverRunIsNoticed()
{
    RunLock lock(m_path);
    fs::remove(m_lock);
    std::ofstream(m_lock) << R"({"host": "elsewhere", "process": 7, "token": "x"})";
    try {
        lock.confirm();
        QFAIL("went on beside another writer");
    } catch (const Failure &failure) {
        QVERIFY(failure.error().text().find("taken over by process 7 on host elsewhere") != std::string::npos);
    }
    age(m_lock, 31);
    lock.confirm(); // the other one has died
    QCOMPARE(lockHolder(m_path)->process, static_cast<long>(getpid()));
    std::ofstream(m_lock) << R"({"host": "elsewhere", "process": 7, "token": "x"})";
}

void tst_RunLock::aRemovedLockIsMadeAgain()
{
    RunLock lock(m_path);
    fs::remove(m_lock);
    lock.confirm();
    QVERIFY(fs::exists(m_lock));
}

void tst_RunLock::theHeartBeats()
{
    RunLock lock(m_path);
    age(m_lock, 40);
    QVERIFY(!lockHolder(m_path));
    QTRY_VERIFY_WITH_TIMEOUT(lockHolder(m_path), 8000); // although nothing was called
}

void tst_RunLock::ofManyThreadsOneWins()
{
    for (int round = 0; round < 40; ++round) {
        if (round % 2 == 1) { // with a stale lock in the way
            std::ofstream(m_lock) << R"({"host": "elsewhere", "process": 7, "token": "x"})";
            age(m_lock, 31);
        }
        std::atomic<int> winners{0};
        std::vector<std::unique_ptr<RunLock>> locks(24);
        {
            std::vector<std::jthread> threads;
            for (auto &slot : locks) {
                threads.emplace_back([&] {
                    try {
                        slot = std::make_unique<RunLock>(m_path);
                        ++winners;
                    } catch (const Failure &) {
                    }
                });
            }
        }
        QCOMPARE(winners.load(), 1);
    }
}

QTEST_GUILESS_MAIN(tst_RunLock)
#include "tst_run_lock.moc"
