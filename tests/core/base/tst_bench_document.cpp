#include "core/base/bench_document.h"
#include "core/base/error.h"

#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>
#include <fstream>

using namespace sparsescope;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Stored measurements: those that come with the program are read whole, damaged ones are named.
class tst_BenchDocument : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsEveryStoredMeasurement();
    void readsWhatWasWritten();
    void refusesDamage_data();
    void refusesDamage();

private:
    fs::path written(const Json &document) const
    {
        const fs::path file = m_place.filePath("bench.json").toStdString();
        std::ofstream(file) << document.dump();
        return file;
    }
    static Json sample()
    {
        return Json::parse(
            R"({"schema": 1, "bench": "attention", "gpu": true, "indexer": "4x64", "direction": "forward",
            "machine": {"device": "cuda:0", "name": "Card", "clock_mhz": 1980, "copy_bytes_per_s": 3e12,
                        "bf16_flops_per_s": 8e14},
            "method": {"rounds": 7},
            "rows": [{"op": "attention core forward", "shape": {"batch": 1, "queries": 4096, "keys": 4096, "k": 2048,
                      "heads": 128, "width": 576}, "equals_reference": true, "bytes": 10, "flops": 20, "floor_us": null,
                      "timings": [{"name": "ours", "backend": "parts", "us": 200, "us_quartiles": [190, 210],
                                   "peak_bytes": null},
                                  {"name": "torch.sdpa", "backend": "cuDNN", "us": 100, "us_quartiles": [99, 101],
                                   "peak_bytes": 5}]}]})");
    }
    QTemporaryDir m_place;
};

void tst_BenchDocument::readsEveryStoredMeasurement()
{
    const fs::path folder =
        fs::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) / "experiments/results/bench";
    int files = 0;
    for (const fs::directory_entry &entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() != ".json") {
            continue;
        }
        ++files;
        QVERIFY(looksLikeBench(entry.path()));
        const BenchDocument document = readBench(entry.path());
        QVERIFY(!document.machine.empty() && document.flopsPerSecond.value_or(0) > 1e12);
        for (const MeasuredRow &row : document.rows) {
            QVERIFY2(row.right, row.op.c_str());
            QVERIFY(!row.timings.empty() && row.keys >= 1 && row.bytes > 0);
        }
    }
    QVERIFY(files >= 8);
}

void tst_BenchDocument::readsWhatWasWritten()
{
    const BenchDocument document = readBench(written(sample()));
    QCOMPARE(document.subject, std::string("attention"));
    QCOMPARE(document.indexer, std::string("4x64"));
    QCOMPARE(document.rounds, 7);
    QCOMPARE(document.rows.size(), std::size_t{1});
    const MeasuredRow &row = document.rows.front();
    QCOMPARE(row.k.value_or(0), std::int64_t{2048});
    QVERIFY(!row.floorMicroseconds.has_value());
    QCOMPARE(row.timings.at(0).spread(), 0.1);
    QCOMPARE(row.timings.at(1).name, std::string("torch.sdpa"));
    QVERIFY(!row.timings.at(0).peakBytes && row.timings.at(1).peakBytes.value_or(0) == 5);
}

void tst_BenchDocument::refusesDamage_data()
{
    QTest::addColumn<QString>("patch");
    QTest::addColumn<QString>("place");
    QTest::newRow("later schema") << R"([{"op": "replace", "path": "/schema", "value": 2}])"
                                  << "schema";
    QTest::newRow("no rows") << R"([{"op": "replace", "path": "/rows", "value": []}])"
                             << "rows";
    QTest::newRow("no machine") << R"([{"op": "remove", "path": "/machine"}])"
                                << "machine";
    QTest::newRow("words for a time") << R"([{"op": "replace", "path": "/rows/0/timings/1/us", "value": "fast"}])"
                                      << "rows[0].timings[1].us";
    QTest::newRow("no time at all") << R"([{"op": "replace", "path": "/rows/0/timings/0/us", "value": 0}])"
                                    << "rows[0].timings[0].us";
    QTest::newRow("one quartile") << R"([{"op": "replace", "path": "/rows/0/timings/0/us_quartiles", "value": [1]}])"
                                  << "rows[0].timings[0].us_quartiles";
    QTest::newRow("no timings") << R"([{"op": "replace", "path": "/rows/0/timings", "value": []}])"
                                << "rows[0].timings";
}

void tst_BenchDocument::refusesDamage()
{
    QFETCH(QString, patch);
    QFETCH(QString, place);
    const fs::path file = written(sample().patch(Json::parse(patch.toStdString())));
    try {
        readBench(file);
        QFAIL("accepted");
    } catch (const Failure &failure) {
        const QString words = failure.what();
        QVERIFY2(words.contains(place) && words.contains("bench.json"), qPrintable(words));
    }
}

QTEST_GUILESS_MAIN(tst_BenchDocument)
#include "tst_bench_document.moc"
