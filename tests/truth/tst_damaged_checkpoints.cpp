#include "core/model/inspect_door.h"
#include "tests/truth/checkpoint_damages.h"
#include "tests/truth/truth_support.h"

#include <QTemporaryDir>
#include <QtTest>

#include <memory>

#include <sys/resource.h>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kAllowance = std::size_t{256} << 20; ///< of address space, beyond what the process has
/// KiB of memory: a config.json may have 16 MiB, and text grows by doubling. An instrumented program keeps what it freed.
#if defined(__SANITIZE_ADDRESS__)
constexpr long kPeakGrowth = 256 << 10;
#else
constexpr long kPeakGrowth = 64 << 10;
#endif

std::size_t addressSpace()
{
    std::ifstream stream("/proc/self/statm");
    std::size_t pages = 0;
    stream >> pages;
    return pages * 4096;
}

/// While it lives, taking much memory throws std::bad_alloc. Instrumented programs need their address space themselves.
class MemoryLimit {
public:
    MemoryLimit()
    {
        ::getrlimit(RLIMIT_AS, &m_before);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        rlimit limit = m_before;
        limit.rlim_cur = addressSpace() + kAllowance;
        ::setrlimit(RLIMIT_AS, &limit);
#endif
    }
    ~MemoryLimit() { ::setrlimit(RLIMIT_AS, &m_before); }
    MemoryLimit(const MemoryLimit &) = delete;
    MemoryLimit &operator=(const MemoryLimit &) = delete;

private:
    rlimit m_before = {};
};

long peakMemory()
{
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

} // namespace

/// Several hundred checkpoints, each damaged in one way: every one is refused in words that name file and tensor or field,
/// without a crash and without memory for what the file merely claims.
class tst_DamagedCheckpoints : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void isRefusedInWords_data();
    void isRefusedInWords();
    void manyWereTried();

private:
    std::vector<std::unique_ptr<truth::DamageCatalogue>> m_catalogues;
    std::vector<fs::path> m_folders;
    int m_tried = 0;
};

void tst_DamagedCheckpoints::initTestCase()
{
    m_folders = truth::entries("hf-");
    QVERIFY(!m_folders.empty());
    for (std::size_t i = 0; i < m_folders.size(); ++i) {
        m_catalogues.push_back(std::make_unique<truth::DamageCatalogue>(m_folders[i], static_cast<unsigned>(i + 1)));
        QVERIFY2(truth::refusal(m_folders[i]).isEmpty(), "the undamaged one is refused"); // and the library is warm
    }
}

void tst_DamagedCheckpoints::isRefusedInWords_data()
{
    QTest::addColumn<int>("folder");
    QTest::addColumn<int>("damage");
    for (std::size_t i = 0; i < m_catalogues.size(); ++i) {
        for (std::size_t j = 0; j < m_catalogues[i]->damages.size(); ++j) {
            QTest::addRow("%s: %s", m_folders[i].filename().c_str(), m_catalogues[i]->damages[j].name.c_str())
                << static_cast<int>(i) << static_cast<int>(j);
        }
    }
}

void tst_DamagedCheckpoints::isRefusedInWords()
{
    QFETCH(int, folder);
    QFETCH(int, damage);
    QTemporaryDir place;
    const fs::path target = fs::path(place.path().toStdString()) / "checkpoint";
    fs::create_directory(target);
    for (const char *file : {"config.json", "model.safetensors"}) {
        fs::copy_file(m_folders[folder] / file, target / file);
        fs::permissions(target / file, fs::perms::owner_all);
    }
    const truth::Damage &what = m_catalogues[folder]->damages[damage];
    what.apply(target);
    const long peak = peakMemory(); // damaging takes memory of its own
    QString words;
    {
        const MemoryLimit limit;
        words = truth::refusal(target);
        try {
            inspectCheckpoint(target);
        } catch (const Failure &) {
        } catch (const ConfigFailure &) {
        }
    }
    QVERIFY2(!words.isEmpty(), "it opens");
    for (const std::string &word : what.words) {
        QVERIFY2(words.contains(QString::fromStdString(word)),
                 qPrintable(QString::fromStdString(word) + " is not in: " + words));
    }
    QVERIFY2(peakMemory() - peak < kPeakGrowth, qPrintable(QString("%1 KiB more").arg(peakMemory() - peak)));
    ++m_tried;
}

void tst_DamagedCheckpoints::manyWereTried()
{
    int all = 0;
    for (const auto &catalogue : m_catalogues) {
        all += static_cast<int>(catalogue->damages.size());
    }
    qInfo("%d of %d damaged checkpoints refused in words", m_tried, all);
    QCOMPARE(m_tried, all);
    QVERIFY(all >= 33 * static_cast<int>(m_folders.size()));
}

QTEST_GUILESS_MAIN(tst_DamagedCheckpoints)
#include "tst_damaged_checkpoints.moc"
