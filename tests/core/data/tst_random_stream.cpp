#include "core/data/random_stream.h"

#include <QtTest>

#include <set>

using namespace sparsescope;

class tst_RandomStream : public QObject {
    Q_OBJECT
private slots:
    void philoxGivesThePublishedValues();
    void streamsShareNoBlock();
    void belowIsUniformAndInRange();
    void distinctDrawsWithoutRepetition();
    void valuesAreFixedForGood();
};

// Known answers published with the Random123 library.
void tst_RandomStream::philoxGivesThePublishedValues()
{
    using Block = std::array<std::uint32_t, 4>;
    QCOMPARE(philoxBlock({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    const std::uint32_t all = 0xffffffff;
    QCOMPARE(philoxBlock({all, all, all, all}, {all, all}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    QCOMPARE(philoxBlock({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
             (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

void tst_RandomStream::streamsShareNoBlock()
{
    std::set<std::pair<std::uint64_t, std::uint64_t>> blocks;
    int drawn = 0;
    for (const Split split : {Split::Training, Split::Validation}) {
        for (std::int64_t index : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1} << 40}) {
            for (std::uint32_t row = 0; row < 16; ++row) {
                RandomStream stream(7, split, index, row);
                for (int i = 0; i < 64; ++i, ++drawn) {
                    const std::uint64_t first = stream.next64();
                    blocks.insert({first, stream.next64()});
                }
            }
        }
    }
    QCOMPARE(static_cast<int>(blocks.size()), drawn);
}

void tst_RandomStream::belowIsUniformAndInRange()
{
    RandomStream stream(1, Split::Training, 0, 0);
    std::array<int, 10> counts{};
    for (int i = 0; i < 100000; ++i) {
        const std::uint64_t value = stream.below(10);
        QVERIFY(value < 10);
        ++counts[value];
    }
    for (const int count : counts) {
        QVERIFY2(std::abs(count - 10000) < 500, qPrintable(QString::number(count))); // 5 standard deviations
    }
    QCOMPARE(stream.below(1), std::uint64_t{0});
    double sum = 0;
    for (int i = 0; i < 10000; ++i) {
        const double value = stream.unit();
        QVERIFY(value >= 0.0 && value < 1.0);
        sum += value;
    }
    QVERIFY(std::abs(sum / 10000 - 0.5) < 0.02);
}

void tst_RandomStream::distinctDrawsWithoutRepetition()
{
    RandomStream stream(2, Split::Training, 0, 0);
    for (int n = 1; n < 40; ++n) {
        const std::vector<int> drawn = stream.distinct(n, n);
        const std::set<int> all(drawn.begin(), drawn.end());
        QCOMPARE(static_cast<int>(all.size()), n);
        QCOMPARE(*all.begin(), 0);
        QCOMPARE(*all.rbegin(), n - 1);
    }
}

// A change of these numbers would silently change every generated data set.
void tst_RandomStream::valuesAreFixedForGood()
{
    RandomStream stream(0, Split::Training, 0, 0);
    QCOMPARE(stream.next64(), std::uint64_t{0x6627e8d5e169c58d});
    QCOMPARE(stream.next64(), std::uint64_t{0xbc57ac4c9b00dbd8});
    QCOMPARE(hashText("a"), std::uint64_t{0xaf63dc4c8601ec8c}); // published value of FNV-1a
}

QTEST_GUILESS_MAIN(tst_RandomStream)
#include "tst_random_stream.moc"
