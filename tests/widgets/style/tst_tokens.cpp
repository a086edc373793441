#include "tests/widgets/colour_vision.h"
#include "widgets/style/colour_maps.h"
#include "widgets/style/marks.h"
#include "widgets/style/tokens.h"

#include <QtTest>

using namespace sparsescope;
using test::kVisions;
using test::Vision;

/// Colours that are to be told apart can be, by everybody; what is drawn with them stands out from its ground.
class tst_Tokens : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void coloursAreToldApart_data();
    void coloursAreToldApart();
    void marksStandOut();
    void wordsInAColourCanBeRead();
    void mapsGrowLighterForEverybody();
};

namespace {

constexpr double kApart = 12; ///< five differences that are just noticed

const std::pair<const char *, Theme> kThemes[] = {{"light", Theme::Light}, {"dark", Theme::Dark}};

} // namespace

void tst_Tokens::coloursAreToldApart_data()
{
    QTest::addColumn<QList<QColor>>("colours");
    QTest::addColumn<double>("least");
    for (const auto &[theme, kind] : kThemes) {
        const Tokens &t = tokens(kind);
        QTest::addRow("families, %s", theme) << QList<QColor>{t.classic, t.dsa, t.mhla, t.mhlaSparse} << kApart;
        QTest::addRow("indexer heads, %s", theme) << QList<QColor>(t.heads.begin(), t.heads.end()) << kApart;
        QTest::addRow("key states, %s", theme)
            << QList<QColor>{t.selectedNeeded, t.selectedLittle, t.missed, t.panel} << kApart;
        // The future is hatched besides, and nothing else is above the diagonal.
        QTest::addRow("a fault among future keys, %s", theme)
            << QList<QColor>{t.futureSelected, t.future, t.panel} << 7.0;
    }
}

void tst_Tokens::coloursAreToldApart()
{
    QFETCH(QList<QColor>, colours);
    QFETCH(double, least);
    for (const Vision vision : kVisions) {
        for (const QColor &one : colours) {
            for (const QColor &other : colours) {
                const double found = test::distance(seen(one, vision), seen(other, vision));
                QVERIFY2(one == other || found >= least, qPrintable(QStringLiteral("%1 and %2: %3, vision %4")
                                                                        .arg(one.name(), other.name())
                                                                        .arg(found)
                                                                        .arg(static_cast<int>(vision))));
            }
        }
    }
}

void tst_Tokens::marksStandOut()
{
    for (const auto &[theme, kind] : kThemes) {
        const Tokens &t = tokens(kind);
        const std::pair<const char *, QColor> marks[] = {{"classic", t.classic},
                                                         {"DSA", t.dsa},
                                                         {"MHLA", t.mhla},
                                                         {"MHLA+DSA", t.mhlaSparse},
                                                         {"selected, needed", t.selectedNeeded},
                                                         {"selected, little weight", t.selectedLittle},
                                                         {"missed", t.missed},
                                                         {"future, selected", t.futureSelected},
                                                         {"accent", t.accent},
                                                         {"passed", t.passed},
                                                         {"check", t.check},
                                                         {"failed", t.failed},
                                                         {"chance", t.chance},
                                                         {"cursor", t.cursor},
                                                         {"head 0", t.heads[0]},
                                                         {"head 1", t.heads[1]},
                                                         {"head 2", t.heads[2]},
                                                         {"head 3", t.heads[3]}};
        for (const auto &[name, colour] : marks) {
            const double found = contrast(colour, t.panel);
            QVERIFY2(
                found >= 3,
                qPrintable(QStringLiteral("%1, %2: %3").arg(QLatin1String(name), QLatin1String(theme)).arg(found)));
        }
    }
}

void tst_Tokens::wordsInAColourCanBeRead()
{
    QCOMPARE(contrast(Qt::black, Qt::white), 21.0);
    for (const auto &[theme, kind] : kThemes) {
        const Tokens &t = tokens(kind);
        for (const Family family : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
            const QColor words = wordsColour(familyColour(family, t), t);
            QVERIFY2(contrast(words, t.panel) >= 4.5, theme);
            // Still that family's, not another's.
            const auto from = [&](Family other) {
                return test::distance(seen(words, Vision::Usual), seen(familyColour(other, t), Vision::Usual));
            };
            for (const Family other : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
                QVERIFY(other == family || from(family) < from(other));
            }
        }
    }
}

void tst_Tokens::mapsGrowLighterForEverybody()
{
    for (const ColourMapName name :
         {ColourMapName::Cividis, ColourMapName::Viridis, ColourMapName::Magma, ColourMapName::Grey}) {
        for (const Vision vision : kVisions) {
            double before = -1;
            for (int i = 0; i <= 16; ++i) {
                const test::LinearRgb c =
                    seen(QColor::fromRgb(colourTable(name)[static_cast<std::size_t>(std::min(255, 16 * i))]), vision);
                const double lightness = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
                QVERIFY2(lightness > before, qPrintable(QString::number(i)));
                before = lightness;
            }
        }
    }
}

QTEST_APPLESS_MAIN(tst_Tokens)
#include "tst_tokens.moc"
