#include "app/preferences_dialog.h"
#include "app/text_size.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QLabel>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>

using namespace sparsescope;

/// Who needs larger text gets it, by the preferences or by the desktop's setting, and everything grows along.
class tst_TextSize : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, m_folder.path());
        applyTheme(*qApp, Theme::Light);
    }
    void growsByAllThatIsAsked_data();
    void growsByAllThatIsAsked();
    void thePreferencesSayWhen();

private:
    QTemporaryDir m_folder;
};

void tst_TextSize::growsByAllThatIsAsked_data()
{
    QTest::addColumn<int>("chosen");
    QTest::addColumn<QByteArray>("dpi");
    QTest::addColumn<QByteArray>("scale");
    QTest::addColumn<QByteArray>("grown");
    const QByteArray none;
    QTest::newRow("nothing") << 100 << none << none << none;
    QTest::newRow("chosen") << 150 << none << none << QByteArray("1.5");
    QTest::newRow("text of the desktop, 125 %") << 100 << QByteArray("120") << none << QByteArray("1.25");
    QTest::newRow("text of the desktop, 200 %") << 100 << QByteArray("192") << none << QByteArray("2");
    QTest::newRow("with a scale") << 100 << none << QByteArray("2") << QByteArray("2");
    QTest::newRow("all of them") << 125 << QByteArray("144") << QByteArray("2") << QByteArray("3.75");
    QTest::newRow("more than helps") << 200 << QByteArray("192") << QByteArray("4") << QByteArray("4");
    QTest::newRow("a setting that is none") << 7 << none << none << none;
    QTest::newRow("words") << 100 << QByteArray("large") << none << none;
}

void tst_TextSize::growsByAllThatIsAsked()
{
    QFETCH(int, chosen);
    QFETCH(QByteArray, dpi);
    QFETCH(QByteArray, scale);
    QFETCH(QByteArray, grown);
    chooseTextSize(chosen);
    const auto set = [](const char *name, const QByteArray &value) {
        value.isEmpty() ? qunsetenv(name) : qputenv(name, value);
    };
    set("QT_FONT_DPI", dpi);
    set("QT_SCALE_FACTOR", scale);
    enlargeAsChosen();
    QCOMPARE(qgetenv("QT_SCALE_FACTOR"), grown);
    QVERIFY(qgetenv("QT_FONT_DPI").toDouble() == 0); // text does not grow twice
    set("QT_FONT_DPI", {});
    set("QT_SCALE_FACTOR", {});
}

void tst_TextSize::thePreferencesSayWhen()
{
    PreferencesDialog dialog({});
    dialog.setAttribute(Qt::WA_DeleteOnClose, false);
    dialog.show();
    auto *size = dialog.findChild<QComboBox *>("textSizeCombo");
    QCOMPARE(size->currentText(), QString("100 %"));
    int wanted = 0;
    connect(&dialog, &PreferencesDialog::changed, this, [&](const Preferences &all) { wanted = all.textSize; });
    const auto saysWhen = [&] {
        for (const QLabel *label : dialog.findChildren<QLabel *>()) {
            if (label->isVisible() && label->text() == QLatin1String("from the next start on")) {
                return true;
            }
        }
        return false;
    };
    QVERIFY(!saysWhen());
    size->setFocus();
    QTest::keyClick(size, Qt::Key_Down);
    QCOMPARE(wanted, 125);
    QVERIFY(saysWhen());
    QTest::keyClick(size, Qt::Key_Up);
    QCOMPARE(wanted, 100);
    QVERIFY(!saysWhen());
}

QTEST_MAIN(tst_TextSize)
#include "tst_text_size.moc"
