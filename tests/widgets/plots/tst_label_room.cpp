#include "widgets/plots/label_room.h"

#include "widgets/plots/stage_names.h"
#include "widgets/style/fonts.h"

#include <QFontMetricsF>
#include <QRandomGenerator>
#include <QTest>

#include <cmath>

using namespace sparsescope;

class tst_LabelRoom : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theFirstFreePlaceIsTaken();
    void wordsStayInside();
    void leastCoveredWhereNothingIsFree();
    void whatIsTakenEqualsBruteForce();
    void stagesAreNamed_data();
    void stagesAreNamed();
};

void tst_LabelRoom::theFirstFreePlaceIsTaken()
{
    LabelRoom room(QRectF(10, 10, 300, 100));
    room.addStroke({10, 20}, {310, 20}); // along the top
    const QSizeF size(60, 16);
    const std::vector<QPointF> places{{100, 12}, {100, 40}, {100, 70}};
    QCOMPARE(room.place(size, places).topLeft(), QPointF(100, 40));
    QCOMPARE(room.place(size, places).topLeft(), QPointF(100, 70)); // the words before are in the way
}

void tst_LabelRoom::wordsStayInside()
{
    LabelRoom room(QRectF(10, 10, 300, 100));
    const QRectF box = room.place({80, 16}, {{290, 105}});
    QVERIFY(room.area().contains(box));
}

void tst_LabelRoom::leastCoveredWhereNothingIsFree()
{
    LabelRoom room(QRectF(0, 0, 90, 30));
    for (int x = 0; x < 60; x += 3) {
        room.addStroke({x + 1.0, 0}, {x + 1.0, 29});
    }
    room.addStroke({61, 0}, {61, 29});
    const QRectF box = room.place({40, 16}, {{0, 5}, {20, 5}, {49, 5}});
    QCOMPARE(box.left(), 49.0);
}

void tst_LabelRoom::whatIsTakenEqualsBruteForce()
{
    QRandomGenerator random(7);
    const auto any = [&](double from, double to) { return from + random.generateDouble() * (to - from); };
    for (int trial = 0; trial < 40; ++trial) {
        const QRectF area(any(0, 20), any(0, 20), 240, 120);
        LabelRoom room(area);
        std::vector<std::pair<QPointF, QPointF>> strokes;
        for (int i = 0; i < 6; ++i) {
            strokes.push_back({{any(-40, 300), any(-40, 200)}, {any(-40, 300), any(-40, 200)}});
            room.addStroke(strokes.back().first, strokes.back().second);
        }
        for (int i = 0; i < 20; ++i) {
            const QRectF box(any(area.left(), area.right() - 60), any(area.top(), area.bottom() - 16), 60, 16);
            bool crossed = false;
            for (const auto &[from, to] : strokes) {
                for (int part = 0; part <= 2000; ++part) {
                    crossed = crossed || box.contains(from + (to - from) * (part / 2000.0));
                }
            }
            QVERIFY(!crossed || room.taken(box) > 0);
            if (room.taken(box) > 0) { // a cell's width farther out at most
                bool near = false;
                for (const auto &[from, to] : strokes) {
                    for (int part = 0; part <= 2000; ++part) {
                        near = near || box.adjusted(-6, -6, 6, 6).contains(from + (to - from) * (part / 2000.0));
                    }
                }
                QVERIFY(near);
            }
        }
    }
}

void tst_LabelRoom::stagesAreNamed_data()
{
    QTest::addColumn<double>("boundary");
    QTest::addColumn<QStringList>("names");
    const double word = QFontMetricsF(uiFont(11)).horizontalAdvance(QStringLiteral("Sparse"));
    QTest::newRow("room for both") << 200.0 << QStringList{"Dense training", "Indexer warm-up, then sparse training"};
    QTest::newRow("room for one of two") << 340.0 << QStringList{"Dense training", "Sparse training"};
    QTest::newRow("room for a word") << 500.0 - word - 8 << QStringList{"Dense training", "Sparse"};
    QTest::newRow("no room beside its line") << 496.0 << QStringList{"Dense training", "Sparse"};
    QTest::newRow("not in sight") << 700.0 << QStringList{"Dense training"};
}

void tst_LabelRoom::stagesAreNamed()
{
    QFETCH(double, boundary);
    QFETCH(QStringList, names);
    const std::vector<PlotStage> stages{{0, boundary, QStringLiteral("Dense training"), true},
                                        {boundary, boundary, QStringLiteral("Indexer warm-up"), false},
                                        {boundary, 900, QStringLiteral("Sparse training"), false}};
    const std::vector<StageName> found = stageNames(
        stages, [](double x) { return x; }, 0, 500, uiFont(11));
    QStringList texts;
    double before = 0;
    for (const StageName &name : found) {
        texts << name.text;
        QVERIFY2(name.left >= before && name.left + name.width <= 500.5, qPrintable(name.text));
        before = name.left + name.width;
    }
    QCOMPARE(texts, names);
}

QTEST_MAIN(tst_LabelRoom)
#include "tst_label_room.moc"
