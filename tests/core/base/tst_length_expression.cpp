#include "core/base/error.h"
#include "core/base/length_expression.h"

#include <QtTest>

#include <limits>

using namespace sparsescope;

class tst_length_expression : public QObject {
    Q_OBJECT
private slots:
    void values_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<qint64>("length");
        QTest::addColumn<qint64>("value");
        QTest::newRow("number") << "32" << qint64(128) << qint64(32);
        QTest::newRow("L") << "L" << qint64(128) << qint64(128);
        QTest::newRow("half") << "L/2" << qint64(128) << qint64(64);
        QTest::newRow("floored") << "L/3" << qint64(128) << qint64(42);
        QTest::newRow("three quarters") << "3*L/4" << qint64(10) << qint64(7);
        QTest::newRow("exact, not rounded on the way") << "L/3*3" << qint64(128) << qint64(128);
        QTest::newRow("at least one") << "L/1000" << qint64(2) << qint64(1);
        QTest::newRow("over L") << "4096/L" << qint64(256) << qint64(16);
        QTest::newRow("blanks") << " L / 8 " << qint64(64) << qint64(8);
        QTest::newRow("saturates") << "L*L*L*L*L*L*L*L" << qint64(131072) << qint64(std::numeric_limits<qint64>::max());
        QTest::newRow("L cancels") << "L/L" << qint64(7) << qint64(1);
    }
    void values()
    {
        QFETCH(QString, text);
        QFETCH(qint64, length);
        QFETCH(qint64, value);
        QCOMPARE(qint64(LengthExpression(text.toStdString()).evaluate(length)), value);
    }
    void refused_data()
    {
        QTest::addColumn<QString>("text");
        for (const char *text : {"", "L/", "/L", "L/0", "0", "-1", "1.5", "l/2", "L+1", "L L", "2L", "L//2",
                                 "99999999999", "L*L*L*L*L*L*L*L*L", "(L)"})
            QTest::newRow(text) << text;
    }
    void refused()
    {
        QFETCH(QString, text);
        try {
            LengthExpression expression(text.toStdString());
            QFAIL("accepted");
        } catch (const Failure &failure) {
            QCOMPARE(QString::fromStdString(failure.error().found), "\"" + text + "\"");
        }
    }
    void printsAsWritten()
    {
        QCOMPARE(LengthExpression(std::int64_t(32)).text(), std::string("32"));
        QVERIFY(LengthExpression(std::int64_t(32)).isNumber());
        QVERIFY(!LengthExpression("L/8").isNumber());
        QCOMPARE(LengthExpression("L/8").text(), std::string("L/8"));
        QVERIFY(LengthExpression() == LengthExpression("L"));
    }
};

QTEST_GUILESS_MAIN(tst_length_expression)
#include "tst_length_expression.moc"
