#include "core/base/needle_table.h"

#include "core/base/error.h"

#include <QtTest>

#include <cmath>

using namespace sparsescope;

namespace {

NeedleRow rowOf(std::int64_t length, const std::string &positions, std::int64_t exact)
{
    NeedleRow row;
    row.length = length;
    row.keys = "32";
    row.topK = 32;
    row.positions = positions;
    row.yarnFactor = positions == "yarn" ? static_cast<double>(length) / 128 : 1;
    row.examples = 10;
    row.depths = {{20, exact}, {20, 20}};
    row.tokens = 120;
    row.tokensRight = 100;
    row.found = {0.25, 0.75};
    row.foundChance = 0.125;
    row.secondsPerExample = 0.5;
    return row;
}

NeedleTable tableOf(std::uint64_t seed, std::int64_t exact)
{
    NeedleTable table;
    table.run = "seq_128/sparse/seed_" + std::to_string(seed);
    table.family = "sparse";
    table.selector = "lightning";
    table.seed = seed;
    table.step = 800;
    table.trainedLength = 128;
    table.shortest = 64;
    table.haystack = "text";
    table.device = "CPU";
    table.precision = "fp32";
    table.digits = 3;
    table.exactChance = 0.001;
    table.rows = {rowOf(256, "plain", exact), rowOf(128, "plain", 20), rowOf(256, "yarn", 1)};
    return table;
}

Error failureOf(const nlohmann::ordered_json &document)
{
    try {
        needleFromJson(document, "file");
    } catch (const Failure &failure) {
        return failure.error();
    }
    return {"nothing was thrown", "", "", "", ""};
}

} // namespace

class tst_NeedleTable : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void wilson_data();
    void wilson();
    void comesBackFromJson();
    void damageIsNamed_data();
    void damageIsNamed();
    void panelsSumTheSeeds();
    void whatDidNotFitIsSaid();
    void csvHasARowADepth();
    void laterRowsJoinEarlierOnes();
};

void tst_NeedleTable::wilson_data()
{
    QTest::addColumn<double>("hits");
    QTest::addColumn<double>("trials");
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("high");
    // Newcombe, Statistics in Medicine 17 (1998), table I: method 3.
    QTest::newRow("81 of 263") << 81.0 << 263.0 << 0.2553 << 0.3662;
    QTest::newRow("15 of 148") << 15.0 << 148.0 << 0.0624 << 0.1605;
    QTest::newRow("0 of 20") << 0.0 << 20.0 << 0.0 << 0.1611;
    QTest::newRow("1 of 29") << 1.0 << 29.0 << 0.0061 << 0.1718;
    QTest::newRow("all of 20") << 20.0 << 20.0 << 0.8389 << 1.0;
    QTest::newRow("none") << 0.0 << 0.0 << 0.0 << 1.0;
}

void tst_NeedleTable::wilson()
{
    QFETCH(double, hits);
    QFETCH(double, trials);
    QFETCH(double, low);
    QFETCH(double, high);
    const Interval interval = wilsonInterval(hits, trials);
    QVERIFY2(std::abs(interval.low - low) < 5.1e-5, qPrintable(QString::number(interval.low)));
    QVERIFY2(std::abs(interval.high - high) < 5.1e-5, qPrintable(QString::number(interval.high)));
}

void tst_NeedleTable::comesBackFromJson()
{
    NeedleTable table = tableOf(1, 7);
    table.rows[0].peakBytes = 1e9;
    table.rows[1].keys.clear();
    table.rows[1].topK = 0;
    table.rows[1].found.clear();
    table.rows[1].foundChance.reset();
    table.rows[2].depths.clear();
    table.rows[2].problem = "not enough GPU memory";
    const nlohmann::ordered_json document = toJson(table);
    const NeedleTable back = needleFromJson(nlohmann::ordered_json::parse(document.dump()), "file");
    QCOMPARE(toJson(back).dump(), document.dump());
    QCOMPARE(back.rows[0].exact(), std::int64_t{27});
    QCOMPARE(back.group(), std::string("seq_128/sparse"));
    QVERIFY(document["rows"][2]["ci95"].is_null());
}

void tst_NeedleTable::damageIsNamed_data()
{
    QTest::addColumn<QString>("pointer");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("place");
    QTest::newRow("schema") << "/schema"
                            << "2"
                            << "schema";
    QTest::newRow("type") << "/rows/0/length"
                          << "\"long\""
                          << "rows[0].length";
    QTest::newRow("negative") << "/rows/1/depths/0/answers"
                              << "-1"
                              << "rows[1].depths[0].answers";
    QTest::newRow("more right than asked") << "/rows/0/depths/1/exact"
                                           << "21"
                                           << "rows[0].depths[1].exact";
}

void tst_NeedleTable::damageIsNamed()
{
    QFETCH(QString, pointer);
    QFETCH(QString, value);
    QFETCH(QString, place);
    nlohmann::ordered_json document = toJson(tableOf(0, 5));
    document[nlohmann::ordered_json::json_pointer(pointer.toStdString())] =
        nlohmann::ordered_json::parse(value.toStdString());
    const Error error = failureOf(document);
    QVERIFY2(error.text().find("file") != std::string::npos, error.text().c_str());
    QVERIFY2(error.text().find(place.toStdString()) != std::string::npos, error.text().c_str());
}

void tst_NeedleTable::panelsSumTheSeeds()
{
    const std::vector<NeedleTable> tables{tableOf(0, 5), tableOf(1, 10)};
    const std::vector<NeedlePanel> panels = needlePanels(tables);
    QCOMPARE(panels.size(), std::size_t{2});
    QCOMPARE(panels[0].title, std::string("DSA, k 32"));
    QCOMPARE(panels[1].title, std::string("DSA, k 32, YaRN"));
    QCOMPARE(panels[0].rows.size(), std::size_t{2});
    QCOMPARE(panels[0].rows[0].length, std::int64_t{128}); // by length, however they were asked
    const NeedlePanelRow &row = panels[0].rows[1];
    QCOMPARE(row.answers(), std::int64_t{80});
    QCOMPARE(row.exact(), std::int64_t{5 + 10 + 40});
    QCOMPARE(row.depths[0].exact, std::int64_t{15});
    QCOMPARE(row.exactBySeed, (std::vector<double>{25.0 / 40, 30.0 / 40}));
    QCOMPARE(row.foundBest, (std::vector<double>{0.75, 0.75}));
    QCOMPARE(row.interval().low, wilsonInterval(55, 80).low);
}

void tst_NeedleTable::whatDidNotFitIsSaid()
{
    NeedleTable table = tableOf(3, 5);
    table.rows[0].depths.clear();
    table.rows[0].problem = "not enough GPU memory";
    const std::vector<NeedlePanel> panels = needlePanels({tableOf(0, 5), table});
    QCOMPARE(panels[0].problems, (std::vector<std::string>{"seed 3, L 256: not enough GPU memory"}));
    QCOMPARE(panels[0].rows[1].seeds, (std::vector<std::uint64_t>{0}));
    // A run of another group is another panel, and both are told apart.
    NeedleTable other = tableOf(0, 5);
    other.run = "seq_64/sparse/seed_0";
    const std::vector<NeedlePanel> apart = needlePanels({tableOf(0, 5), other});
    QCOMPARE(apart.size(), std::size_t{4});
    QCOMPARE(apart[0].title, std::string("DSA, k 32, seq_128/sparse"));
}

void tst_NeedleTable::csvHasARowADepth()
{
    const QStringList lines =
        QString::fromStdString(needleCsv({tableOf(0, 5)})).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 1 + 3 * 3);
    const QStringList names = lines[0].split(','), all = lines[3].split(',');
    QCOMPARE(names.size(), all.size());
    QCOMPARE(all[names.indexOf("depth")], QString("all"));
    QCOMPARE(all[names.indexOf("answers")], QString("40"));
    QCOMPARE(all[names.indexOf("share")].toDouble(), 25.0 / 40);
    QCOMPARE(all[names.indexOf("low")].toDouble(), wilsonInterval(25, 40).low);
    QCOMPARE(all[names.indexOf("found_best_layer")], QString("0.75"));
}

void tst_NeedleTable::laterRowsJoinEarlierOnes()
{
    const NeedleTable earlier = tableOf(0, 5);
    NeedleTable fresh = tableOf(0, 9);
    fresh.rows = {rowOf(512, "plain", 3), rowOf(256, "plain", 9)};
    const NeedleTable both = merged(earlier, fresh);
    QCOMPARE(both.rows.size(), std::size_t{4});
    QStringList shown;
    for (const NeedleRow &row : both.rows)
        shown +=
            QString("%1 %2 %3").arg(QString::fromStdString(row.positions)).arg(row.length).arg(row.depths[0].exact);
    QCOMPARE(shown, (QStringList{"plain 128 20", "plain 256 9", "plain 512 3", "yarn 256 1"}));
    // Of other weights nothing is kept, nor of other depths.
    fresh.step = 900;
    QCOMPARE(merged(earlier, fresh).rows.size(), std::size_t{2});
    fresh.step = earlier.step;
    for (NeedleRow &row : fresh.rows)
        row.depths.push_back({20, 1});
    QCOMPARE(merged(earlier, fresh).rows.size(), std::size_t{2});
}

QTEST_GUILESS_MAIN(tst_NeedleTable)
#include "tst_needle_table.moc"
