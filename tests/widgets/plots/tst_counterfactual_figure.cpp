#include "widgets/plots/counterfactual_figure.h"

#include "tests/journey/drawn_text.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QImage>
#include <QPainter>
#include <QTest>

using namespace sparsescope;

/// Two seeds, two selectors, two numbers of keys.
class tst_CounterfactualFigure : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyRunIsARowOfTheData();
    void everyLengthIsABlock();
    void textShowsTheLossOverDense();
    void aDotStandsAtItsValue_data();
    void aDotStandsAtItsValue();

private:
    static Counterfactual table(int seed, std::optional<double> learned);
    static CounterfactualFigure figure(const std::vector<Counterfactual> &tables)
    {
        return {tables, "recall", "seq_64/sparse", "Which selector finds it? All of them are asked."};
    }
};

Counterfactual tst_CounterfactualFigure::table(int seed, std::optional<double> learned)
{
    Counterfactual result;
    result.run = "seq_64/sparse/seed_" + std::to_string(seed);
    result.length = 64;
    if (learned) {
        result.denseExact = 0.9;
        result.exactChance = 0.001;
    }
    for (const int k : {4, 8}) {
        CounterfactualRow row;
        row.selector = "lightning";
        row.title = "Learned";
        row.topK = k;
        row.increase = 0.25 / k;
        row.exact = learned;
        result.rows.push_back(row);
        row.selector = "random";
        row.title = "Random";
        row.increase = 3.2;
        if (learned) {
            row.exact = 0.0;
        }
        result.rows.push_back(row);
    }
    return result;
}

void tst_CounterfactualFigure::everyRunIsARowOfTheData()
{
    const QStringList lines = figure({table(0, 0.5), table(1, 0.625)}).csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 1 + 2 * 3 * 2); // k, lines with dense attention, runs
    QCOMPARE(lines[0], QString("run,selector,top_k,exact_answers"));
    QVERIFY(lines.contains("seq_64/sparse/seed_1,lightning,8,0.625"));
    QVERIFY(lines.contains("seq_64/sparse/seed_0,dense,4,0.9"));
}

void tst_CounterfactualFigure::everyLengthIsABlock()
{
    std::vector<Counterfactual> tables{table(0, 0.5), table(0, 0.25)};
    tables[1].run = "seq_128/sparse/seed_0";
    tables[1].length = 128;
    const CounterfactualFigure both = figure(tables), one = figure({tables[0]});
    QVERIFY(both.figureSize().height() > one.figureSize().height() + 100);
    const QStringList lines = both.csv().split('\n', Qt::SkipEmptyParts);
    QVERIFY(lines.contains("seq_64/sparse/seed_0,lightning,8,0.5"));
    QVERIFY(lines.contains("seq_128/sparse/seed_0,lightning,8,0.25"));
    test::TextRecorder recorder(both.figureSize().toSize());
    QPainter painter(&recorder);
    both.paintFigure(painter, both.figureSize(), tokens(Theme::Light));
    painter.end();
    QStringList texts;
    for (const test::DrawnText &drawn : recorder.texts()) {
        texts << drawn.text;
    }
    QVERIFY(texts.contains("L = 64") && texts.contains("L = 128"));
    QCOMPARE(texts.count("k = 4"), 2);
}

void tst_CounterfactualFigure::textShowsTheLossOverDense()
{
    const QStringList lines = figure({table(0, std::nullopt)}).csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines[0], QString("run,selector,top_k,loss_over_dense"));
    QVERIFY(lines.contains("seq_64/sparse/seed_0,lightning,4,0.0625"));
    QVERIFY(lines.contains("seq_64/sparse/seed_0,dense,8,0"));
}

void tst_CounterfactualFigure::aDotStandsAtItsValue_data()
{
    QTest::addColumn<double>("low");
    QTest::addColumn<double>("high");
    QTest::newRow("far apart") << 0.2 << 0.8;
    QTest::newRow("at the ends") << 0.0 << 1.0;
}

/// The outermost pixels of the learned selector's colour in its row of the first column are its two dots.
void tst_CounterfactualFigure::aDotStandsAtItsValue()
{
    QFETCH(double, low);
    QFETCH(double, high);
    const CounterfactualFigure drawn = figure({table(0, low), table(1, high)});
    QImage image(drawn.figureSize().toSize(), QImage::Format_RGB32);
    const Tokens &t = tokens(Theme::Light);
    {
        QPainter painter(&image);
        drawn.paintFigure(painter, image.size(), t);
    }
    const int column = 28 + 118, width = 236 - 52, y = 112 + 28 + 14; // the row below that of dense attention
    int first = -1, last = -1;
    for (int x = column - 6; x < column + width + 6; ++x) {
        if (image.pixelColor(x, y) == t.dsa) {
            first = first < 0 ? x : first;
            last = x;
        }
    }
    QVERIFY(std::abs(first - (column + low * width)) <= 5);
    QVERIFY(std::abs(last - (column + high * width)) <= 5);
}

QTEST_MAIN(tst_CounterfactualFigure)
#include "tst_counterfactual_figure.moc"
