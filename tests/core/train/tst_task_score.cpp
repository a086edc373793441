#include "core/train/task_score.h"

#include <QTest>

#include <map>
#include <string>

using namespace sparsescope;

/// Two rows of 16 tokens: an answer of two labels whose key lies near and one far back; in the second row one of one label.
class tst_TaskScore : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init();
    void tokensAndAnswers();
    void unlabelledPlacesDoNotCount();
    void nothingWithoutAnswers();

private:
    void label(int row, int query, int key, int answer, bool right);
    std::map<std::string, double> scored(std::optional<double> chance = 0.1) const;

    LabelLosses m_losses;
    Batch m_batch;
};

void tst_TaskScore::init()
{
    m_batch = {2, 16, {}, {}, {}};
    m_losses = {16, std::vector<std::int64_t>(32, -1), std::vector<double>(32, 0), std::vector<std::uint8_t>(32, 0)};
    label(0, 10, 9, 0, true); // one token back: first quarter of the window
    label(0, 11, 8, 0, true);
    label(0, 14, 0, 1, true); // fourteen back: last quarter
    label(0, 15, 1, 1, false);
    label(1, 12, 4, 0, false); // eight back: third quarter
}

void tst_TaskScore::label(int row, int query, int key, int answer, bool right)
{
    m_batch.needed.push_back({row, query, {key}, answer});
    m_losses.labels[m_losses.place(row, query)] = 5;
    m_losses.right[m_losses.place(row, query)] = right ? 1 : 0;
}

std::map<std::string, double> tst_TaskScore::scored(std::optional<double> chance) const
{
    TaskScore score;
    score.add(m_losses, m_batch);
    std::map<std::string, double> result;
    for (const Scalar &scalar : score.scalars(chance)) {
        result[scalar.metric] = scalar.value;
    }
    return result;
}

void tst_TaskScore::tokensAndAnswers()
{
    const std::map<std::string, double> score = scored();
    QCOMPARE(score.at("val.exact"), 1.0 / 3);
    QCOMPARE(score.at("val.exact.chance"), (0.01 + 0.01 + 0.1) / 3);
    QCOMPARE(score.at("val.accuracy.distance/0"), 1.0);
    QCOMPARE(score.at("val.exact.distance/0"), 1.0);
    QVERIFY(!score.count("val.exact.distance/1"));
    QCOMPARE(score.at("val.accuracy.distance/2"), 0.0);
    QCOMPARE(score.at("val.accuracy.distance/3"), 0.5);
    QCOMPARE(score.at("val.exact.distance/3"), 0.0);
    QVERIFY(!scored(std::nullopt).count("val.exact.chance"));
}

void tst_TaskScore::unlabelledPlacesDoNotCount()
{
    m_batch.needed.push_back({1, 3, {1}, 1}); // a known key without a label
    QCOMPARE(scored().at("val.exact"), 1.0 / 3);
}

void tst_TaskScore::nothingWithoutAnswers()
{
    m_batch.needed.clear();
    QVERIFY(scored().empty());
}

QTEST_GUILESS_MAIN(tst_TaskScore)
#include "tst_task_score.moc"
