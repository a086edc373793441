#include "widgets/state/window_words.h"

#include <QFile>
#include <QRegularExpression>
#include <QTest>

using namespace sparsescope;

/// A window sends nobody to the command line.
class tst_WindowWords : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void optionsGoByTheirNames_data();
    void optionsGoByTheirNames();
    void noMessageThatAWindowShowsNamesAnOption_data();
    void noMessageThatAWindowShowsNamesAnOption();
};

void tst_WindowWords::optionsGoByTheirNames_data()
{
    QTest::addColumn<QString>("said");
    QTest::addColumn<QString>("shown");
    QTest::newRow("none") << "cannot write the file"
                          << "cannot write the file";
    QTest::newRow("place") << "--count: got 0, allowed 1 or more."
                           << "New tokens: got 0, allowed 1 or more.";
    QTest::newRow("end") << "Give token ids instead: --tokens, or --ids of forward."
                         << "Give token ids instead.";
    QTest::newRow("remedy") << "is not empty. Use --resume to go on with it, or another --out."
                            << "is not empty. Resume it, or choose another folder.";
    QTest::newRow("path") << "a--out/b--text is gone"
                          << "a--out/b--text is gone";
    QTest::newRow("longer word") << "--outside"
                                 << "--outside";
}

void tst_WindowWords::optionsGoByTheirNames()
{
    QFETCH(QString, said);
    QFETCH(QString, shown);
    QCOMPARE(windowWords(said), shown);
}

/// Sources whose messages reach a window: what trains, looks at a text, and writes on.
void tst_WindowWords::noMessageThatAWindowShowsNamesAnOption_data()
{
    QTest::addColumn<QString>("file");
    for (const char *file :
         {"core/experiment/start_plan.cpp", "core/experiment/run_files.cpp", "core/train/device.cpp",
          "core/train/generate_door.cpp", "core/probe/typed_text.cpp", "core/probe/text_reader.h",
          "core/probe/look_door.cpp", "core/base/checkpoint_folder.cpp", "core/model/inspect_door.cpp"}) {
        QTest::newRow(file) << file;
    }
}

void tst_WindowWords::noMessageThatAWindowShowsNamesAnOption()
{
    QFETCH(QString, file);
    QFile source(qEnvironmentVariable("SPARSESCOPE_SOURCE") + QLatin1Char('/') + file);
    QVERIFY2(source.open(QIODevice::ReadOnly), qPrintable(source.fileName()));
    QString text = QString::fromUtf8(source.readAll());
    static const QRegularExpression joined(QStringLiteral("\"\\s*\\n\\s*\"")),
        literal(QStringLiteral("\"([^\"\\n]*)\""));
    text.remove(joined); // a literal of several lines is one
    int messages = 0;
    for (auto at = literal.globalMatch(text); at.hasNext();) {
        const QString message = at.next().captured(1);
        if (message.contains(QLatin1String("--"))) {
            ++messages;
            QVERIFY2(!windowWords(message).contains(QLatin1String("--")), qPrintable(windowWords(message)));
        }
    }
    QVERIFY(messages > 0); // else the file need not stand here
}

QTEST_GUILESS_MAIN(tst_WindowWords)
#include "tst_window_words.moc"
