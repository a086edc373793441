#include "widgets/plots/needle_figure.h"

#include "widgets/style/colour_maps.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QImage>
#include <QPainter>
#include <QTemporaryDir>
#include <QTest>

using namespace sparsescope;

namespace {

NeedleRow rowOf(std::int64_t length, const std::string &positions, std::int64_t first)
{
    NeedleRow row;
    row.length = length;
    row.keys = "32";
    row.topK = 32;
    row.positions = positions;
    row.depths = {{10, first}, {10, 0}, {0, 0}};
    row.found = {0.5};
    return row;
}

NeedleTable tableOf(std::uint64_t seed, std::int64_t first)
{
    NeedleTable table;
    table.run = "seq_128/sparse/seed_" + std::to_string(seed);
    table.family = "sparse";
    table.selector = "lightning";
    table.seed = seed;
    table.trainedLength = 128;
    table.haystack = "text";
    table.exactChance = 0.001;
    table.rows = {rowOf(128, "plain", 10), rowOf(131072, "plain", first), rowOf(131072, "yarn", 10)};
    return table;
}

NeedleFigure figure(std::int64_t first)
{
    return {{tableOf(0, first), tableOf(1, first)}, "needle-length", "Is the needle found? In ever longer haystacks."};
}

} // namespace

class tst_NeedleFigure : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyCellIsARowOfTheData();
    void aCellHasTheColourOfItsShare();
    void wordsAreWordsInAnSvg();
};

void tst_NeedleFigure::everyCellIsARowOfTheData()
{
    const QStringList lines = figure(4).csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 1 + 3 * 2); // nothing was asked in the third part
    QCOMPARE(lines[0], QString("panel,length,top_k,depth,answers,exact,share,low,high"));
    QVERIFY2(lines[3].startsWith("\"DSA, k 32\",131072,32,0,20,8,0.4,"), qPrintable(lines[3]));
    QVERIFY2(lines[5].startsWith("\"DSA, k 32, YaRN\",131072,32,0,20,20,1,"), qPrintable(lines[5]));
}

/// The first cell of the second row, in a corner that no digit reaches.
void tst_NeedleFigure::aCellHasTheColourOfItsShare()
{
    for (const int first : {0, 4, 10}) {
        const NeedleFigure drawn = figure(first);
        QImage image(drawn.figureSize().toSize(), QImage::Format_RGB32);
        {
            QPainter painter(&image);
            drawn.paintFigure(painter, image.size(), tokens(Theme::Light));
        }
        const QPoint corner(28 + 64 + 2, 122 + 44 + 26 + 2);
        const ColourScale scale{ColourMapName::Cividis, false, 0, 1};
        const ColourTable &colours = colourTable(scale.map);
        QCOMPARE(image.pixelColor(corner).name(),
                 QColor::fromRgb(colours[static_cast<std::size_t>(scale.index(first / 10.0))]).name());
    }
}

void tst_NeedleFigure::wordsAreWordsInAnSvg()
{
    const QTemporaryDir folder;
    const QString file = folder.filePath("needle.svg");
    exportFigure(figure(4), file, {});
    QFile svg(file);
    QVERIFY(svg.open(QIODevice::ReadOnly));
    const QByteArray drawn = svg.readAll();
    for (const char *word : {"DSA, k 32, YaRN", "131,072", "Depth of the key", "Is the needle found?"})
        QVERIFY2(drawn.contains(word), word);
}

QTEST_MAIN(tst_NeedleFigure)
#include "tst_needle_figure.moc"
