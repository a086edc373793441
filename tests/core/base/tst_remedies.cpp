#include "core/base/remedies.h"

#include <QFile>
#include <QRegularExpression>
#include <QTest>

using namespace sparsescope;

/// A terminal is told of options, a window of fields and buttons: it sends nobody to the command line.
class TestRemedies : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void cleanup() { writeFor(Reader::Terminal); }
    void eachReaderHasWords();
    void noMessageThatAWindowShowsNamesAnOption_data();
    void noMessageThatAWindowShowsNamesAnOption();
};

void TestRemedies::eachReaderHasWords()
{
    QCOMPARE(nameOf(Place::Layer), std::string("--layer"));
    QCOMPARE(wordsOf(Remedy::Elsewhere), std::string("Choose another --out."));
    for (int at = static_cast<int>(Place::Text); at <= static_cast<int>(Place::Out); ++at) {
        QVERIFY(QString::fromStdString(nameOf(static_cast<Place>(at))).startsWith("--"));
    }
    writeFor(Reader::Window);
    QCOMPARE(nameOf(Place::Layer), std::string("Layer"));
    QCOMPARE(wordsOf(Remedy::Elsewhere), std::string("Choose another folder."));
    for (int at = static_cast<int>(Place::Text); at <= static_cast<int>(Place::Out); ++at) {
        const QString name = QString::fromStdString(nameOf(static_cast<Place>(at)));
        QVERIFY2(!name.isEmpty() && !name.contains("--"), qPrintable(name));
    }
    for (int at = static_cast<int>(Remedy::GiveTokens); at <= static_cast<int>(Remedy::TrainAgain); ++at) {
        const QString words = QString::fromStdString(wordsOf(static_cast<Remedy>(at)));
        QVERIFY2(words.endsWith('.') && !words.contains("--"), qPrintable(words));
    }
}

/// Sources whose messages reach a window: what trains, looks at a text, and writes on.
void TestRemedies::noMessageThatAWindowShowsNamesAnOption_data()
{
    QTest::addColumn<QString>("file");
    for (const char *file : {"core/experiment/start_plan.cpp", "core/experiment/run_files.cpp", "core/train/device.cpp",
                             "core/train/generate_door.cpp", "core/probe/typed_text.cpp", "core/probe/look_door.cpp",
                             "core/base/checkpoint_folder.cpp", "core/model/inspect_door.cpp"}) {
        QTest::newRow(file) << file;
    }
}

void TestRemedies::noMessageThatAWindowShowsNamesAnOption()
{
    QFETCH(QString, file);
    QFile source(qEnvironmentVariable("SPARSESCOPE_SOURCE") + QLatin1Char('/') + file);
    QVERIFY2(source.open(QIODevice::ReadOnly), qPrintable(source.fileName()));
    const QString text = QString::fromUtf8(source.readAll());
    QVERIFY(text.contains("Place::") || text.contains("Remedy::")); // else the file need not stand here
    static const QRegularExpression option(QStringLiteral("\"[^\"\\n]*--[a-z][^\"\\n]*\""));
    const auto found = option.match(text);
    QVERIFY2(!found.hasMatch(), qPrintable(found.captured()));
}

QTEST_GUILESS_MAIN(TestRemedies)
#include "tst_remedies.moc"
