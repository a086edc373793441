#include "widgets/plots/cut_shapes.h"

#include <QTest>

#include <cmath>

using namespace sparsescope;

class tst_CutShapes : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aLineEndsAtTheEdges();
    void aGapPartsALine();
    void aBandKeepsWhatLiesInside();
    void whatLiesOutsideIsGone();

private:
    const QRectF m_box{0, 0, 10, 10};
};

void tst_CutShapes::aLineEndsAtTheEdges()
{
    const auto pieces = piecesInside({{-5, 5}, {5, 5}, {5, 15}, {8, 15}, {8, 2}}, m_box);
    QCOMPARE(pieces.size(), 2);
    QCOMPARE(pieces[0], (QVector<QPointF>{{0, 5}, {5, 5}, {5, 10}}));
    QCOMPARE(pieces[1], (QVector<QPointF>{{8, 10}, {8, 2}}));
}

void tst_CutShapes::aGapPartsALine()
{
    const auto pieces = piecesInside({{1, 1}, {2, 2}, {3, std::nan("")}, {4, 4}, {5, 5}}, m_box);
    QCOMPARE(pieces.size(), 2);
    QCOMPARE(pieces[1], (QVector<QPointF>{{4, 4}, {5, 5}}));
}

void tst_CutShapes::aBandKeepsWhatLiesInside()
{
    const QPolygonF band = partInside(QPolygonF({{2, -20}, {8, 4}, {8, 30}, {2, 30}}), m_box);
    QCOMPARE(band.boundingRect(), QRectF(2, 0, 6, 10));
    QVERIFY(band.containsPoint({7, 9}, Qt::OddEvenFill));
    QVERIFY(!band.containsPoint({7.9, 1}, Qt::OddEvenFill)); // above the edge from (2, -20) to (8, 4)
}

void tst_CutShapes::whatLiesOutsideIsGone()
{
    QVERIFY(partInside(QPolygonF({{2, 20}, {8, 20}, {8, 30}}), m_box).isEmpty());
    QVERIFY(piecesInside({{-5, -5}, {15, -5}}, m_box).isEmpty());
}

QTEST_MAIN(tst_CutShapes)
#include "tst_cut_shapes.moc"
