#include "core/data/needle_examples.h"
#include "tests/core/data/fixtures.h"

#include <QtTest>

#include <map>
#include <set>

using namespace sparsescope;

/// Needles at chosen depths, and training examples of many lengths.
class tst_NeedleExamples : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyDepthIsAskedEquallyOften_data();
    void everyDepthIsAskedEquallyOften();
    void anExampleIsItsNumberAlone();
    void refusesWhatCannotBe();
    void shorterTrainingExamples();
    void withoutShorterOnesNothingChanges();
};

void tst_NeedleExamples::everyDepthIsAskedEquallyOften_data()
{
    QTest::addColumn<int>("length");
    QTest::addColumn<int>("depths");
    QTest::addColumn<int>("pairs");
    QTest::newRow("ten depths") << 512 << 10 << 4;
    QTest::newRow("uneven parts") << 333 << 7 << 4;
    QTest::newRow("more entries than depths") << 256 << 3 << 5;
    QTest::newRow("one depth") << 64 << 1 << 4;
    QTest::newRow("long") << 16384 << 10 << 4;
}

void tst_NeedleExamples::everyDepthIsAskedEquallyOften()
{
    QFETCH(int, length);
    QFETCH(int, depths);
    QFETCH(int, pairs);
    const RunConfig run = runOf("needle", length, 4, 0, {{"pairs", pairs}, {"queries", pairs}, {"filler", "random"}});
    const NeedleExamples examples(run, depths);
    const int tail = examples.tail(), body = length - tail;
    QCOMPARE(tail, pairs * 4);
    QCOMPARE(examples.digits(), 3);
    const Batch batch = examples.batch(0, depths);
    QCOMPARE(batch.inputs.size(), static_cast<std::size_t>(depths * length));
    std::map<int, int> asked; // by depth
    std::map<std::pair<int, int>, std::set<int>> depthsOfAnswer;
    for (const NeededKeys &needed : batch.needed) {
        const int key = needed.keys.front();
        const auto at = [&](int t) { return batch.inputs[static_cast<std::size_t>(needed.row * length + t)]; };
        QVERIFY(needed.query >= body && key < body);
        QCOMPARE(at(key), batch.targets[static_cast<std::size_t>(needed.row * length + needed.query)]);
        const int depth = examples.depthOf(key);
        QVERIFY(depth >= 0 && depth < depths);
        // The part that it lies in by its place, give or take the entry that a border cuts.
        QVERIFY(std::abs(static_cast<double>(key) / body * depths - (depth + 0.5)) <= 0.5 + 8.0 * depths / body);
        depthsOfAnswer[{needed.row, needed.answer}].insert(depth);
    }
    for (const auto &[answer, of] : depthsOfAnswer) {
        QCOMPARE(of.size(), std::size_t{1});
        ++asked[*of.begin()];
    }
    QCOMPARE(static_cast<int>(asked.size()), depths);
    for (const auto &[depth, count] : asked) {
        QCOMPARE(count, pairs);
    }
}

void tst_NeedleExamples::anExampleIsItsNumberAlone()
{
    const NeedleExamples examples(runOf("needle", 128, 4, 0), 10);
    const Batch all = examples.batch(0, 6);
    // Neither how many go together, nor the seed or the batch size of the run.
    const Batch some = NeedleExamples(runOf("needle", 128, 9, 5), 10).batch(3, 2);
    QVERIFY(std::equal(some.inputs.begin(), some.inputs.end(), all.inputs.begin() + 3 * 128));
    QVERIFY(!std::equal(all.inputs.begin(), all.inputs.begin() + 128, all.inputs.begin() + 128));
    const auto source = makeDataSource(runOf("needle", 128, 4, 0));
    QVERIFY(source->validation(0).inputs != examples.batch(0, 4).inputs);
}

void tst_NeedleExamples::refusesWhatCannotBe()
{
    const auto failure = [](const RunConfig &run, int depths) {
        return failureOf([&] { NeedleExamples(run, depths); });
    };
    QCOMPARE(failure(runOf("mqar", 64), 4).where, std::string("data.source"));
    QCOMPARE(failure(runOf("needle", 64), 13).where, std::string("--depths")); // 12 slots
    QCOMPARE(failure(runOf("needle", 64), 13).allowed, std::string("1 to 12"));
    QCOMPARE(failure(runOf("needle", 64), 0).where, std::string("--depths"));
    QCOMPARE(failure(runOf("needle", 16), 1).where, std::string("training.sequence_length"));
}

void tst_NeedleExamples::shorterTrainingExamples()
{
    constexpr int kLength = 256, kShortest = 40, kRows = 400, kTail = 16;
    const auto source =
        makeDataSource(runOf("needle", kLength, kRows, 0, {{"shortest", kShortest}, {"filler", "random"}}));
    const auto windows = [&](const Batch &batch) {
        std::vector<int> ends(kRows, 0); // of the questions
        for (const NeededKeys &needed : batch.needed) {
            int &end = ends[static_cast<std::size_t>(needed.row)];
            end = std::max(end, needed.query + 2); // the last digit stands behind where it is asked
        }
        return ends;
    };
    const Batch batch = source->training(0);
    int below = 0, shortest = kLength, longest = 0;
    const std::vector<int> ends = windows(batch);
    for (int b = 0; b < kRows; ++b) {
        const int end = ends[static_cast<std::size_t>(b)];
        shortest = std::min(shortest, end);
        longest = std::max(longest, end);
        below += end < 101 ? 1 : 0; // the geometric middle of 40 and 256
        for (int t = end; t < kLength; ++t) {
            QCOMPARE(batch.inputs[static_cast<std::size_t>(b * kLength + t)], std::int64_t{'.'});
            QCOMPARE(batch.targets[static_cast<std::size_t>(b * kLength + t)], std::int64_t{-1});
        }
    }
    QVERIFY(shortest >= kShortest && shortest < kShortest + 5);
    QVERIFY(longest > kLength - 10 && longest <= kLength);
    QVERIFY2(std::abs(below - kRows / 2) < 40, qPrintable(QString::number(below))); // 4 sd
    for (const NeededKeys &needed : batch.needed) {
        QVERIFY(needed.keys.front() < ends[static_cast<std::size_t>(needed.row)] - kTail);
    }
    for (const int end : windows(source->validation(0))) {
        QCOMPARE(end, kLength);
    }
    QCOMPARE(failureOf([] {
                 makeDataSource(runOf("needle", 64, 4, 0, {{"shortest", 31}}));
             }).where,
             std::string("data.options.shortest"));
    QCOMPARE(failureOf([] {
                 makeDataSource(runOf("needle", 64, 4, 0, {{"shortest", 65}}));
             }).where,
             std::string("data.options.shortest"));
}

/// What was trained before the option was there is trained on the same batches.
void tst_NeedleExamples::withoutShorterOnesNothingChanges()
{
    const auto plain = makeDataSource(runOf("needle", 128, 4, 3)),
               named = makeDataSource(runOf("needle", 128, 4, 3, {{"shortest", 0}}));
    QCOMPARE(dataOrderHash(*plain, 10), dataOrderHash(*named, 10));
    const auto mixed = makeDataSource(runOf("needle", 128, 4, 3, {{"shortest", 64}}));
    QVERIFY(dataOrderHash(*plain, 10) != dataOrderHash(*mixed, 10));
}

QTEST_GUILESS_MAIN(tst_NeedleExamples)
#include "tst_needle_examples.moc"
