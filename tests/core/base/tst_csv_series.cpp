#include "core/base/csv_series.h"
#include "core/base/error.h"

#include <QTemporaryDir>
#include <QtTest>

#include <fstream>

using namespace sparsescope;

class tst_CsvSeries : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void readsCurves();
    void separatorsAndQuotes();
    void saysWhichCellsAreNoNumbers();
    void refuses_data();
    void refuses();

private:
    std::filesystem::path file(const std::string &text)
    {
        const std::filesystem::path path = m_folder.filePath("table.csv").toStdString();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    QTemporaryDir m_folder;
};

void tst_CsvSeries::readsCurves()
{
    const CsvSeries read = readCsvSeries(
        file("\xEF\xBB\xBFstep,loss,val_loss,my metric\r\n10,3.5,,1\r\n1,4,5.25,nan\r\n\r\n10,3.25,2e0,\r\n"));
    QCOMPARE(read.series.size(), std::size_t{3});
    const Series &train = read.series.at("train.loss");
    QCOMPARE(train.size(), std::size_t{2});
    QCOMPARE(train[0].x, 1.0);
    QCOMPARE(train[1].y, 3.25); // the later row of that step
    QCOMPARE(read.series.at("val.loss")[1].y, 2.0);
    QCOMPARE(read.series.at("my_metric").size(), std::size_t{1});
    QCOMPARE(read.lastStep, std::int64_t{10});
}

void tst_CsvSeries::separatorsAndQuotes()
{
    QCOMPARE(readCsvSeries(file("\"val.loss\";\"step\"\n\"1.5\";\"2\"\n")).series.at("val.loss")[0].y, 1.5);
    QCOMPARE(readCsvSeries(file("step\tval.loss\n2\t1.5")).series.at("val.loss")[0].x, 2.0);
}

void tst_CsvSeries::saysWhichCellsAreNoNumbers()
{
    try {
        readCsvSeries(file("step,loss\n1,high\n-2,3\n3,4,5\nx,1\n"));
        QFAIL("took text for numbers");
    } catch (const ConfigFailure &failure) {
        QCOMPARE(failure.errors().size(), std::size_t{4});
        QVERIFY(failure.errors()[0].where.ends_with("table.csv, line 2, column loss"));
        QCOMPARE(failure.errors()[0].found, std::string("\"high\""));
        QVERIFY(failure.errors()[1].where.ends_with("line 3, column step"));
    }
    std::string many = "step,loss\n";
    for (int row = 0; row < 1000; ++row) {
        many += "1,no\n";
    }
    try {
        readCsvSeries(file(many));
        QFAIL("took text for numbers");
    } catch (const CsvFailure &failure) {
        QCOMPARE(failure.errors().size(), std::size_t{10});
        QCOMPARE(failure.lines(), std::size_t{0}); // nothing to open
    }
    const auto table = file("step,loss\n1,5\n2,4\n3,n/a\n4,3\n");
    try {
        readCsvSeries(table);
        QFAIL("took text for a number");
    } catch (const CsvFailure &failure) {
        QCOMPARE(failure.lines(), std::size_t{3});
        const CsvSeries read = readCsvSeries(table, failure.lines());
        QCOMPARE(read.series.at("train.loss").size(), std::size_t{2});
        QCOMPARE(read.lastStep, std::int64_t{2});
    }
}

void tst_CsvSeries::refuses_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("no step") << QByteArray("a,b\n1,2\n");
    QTest::newRow("no metric") << QByteArray("step\n1\n");
    QTest::newRow("no value") << QByteArray("step,loss\n1,\n");
    QTest::newRow("bytes") << QByteArray("\x00\xff\xfe\x01", 4);
}

void tst_CsvSeries::refuses()
{
    QFETCH(QByteArray, text);
    QVERIFY_EXCEPTION_THROWN(readCsvSeries(file(text.toStdString())), Failure);
    QVERIFY_EXCEPTION_THROWN(readCsvSeries("/nowhere/table.csv"), Failure);
}

QTEST_APPLESS_MAIN(tst_CsvSeries)
#include "tst_csv_series.moc"
