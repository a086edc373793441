#include "tests/journey/live_window.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/plots/atlas_view.h"
#include "widgets/plots/token_strip.h"
#include "widgets/state/run_data.h"
#include "widgets/style/dialogs.h"

#include <QPlainTextEdit>
#include <QSpinBox>

#include <filesystem>
#include <memory>
#include <set>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

constexpr int kTopK = 8;      ///< of the model
constexpr int kLongest = 128; ///< tokens that it was made for

fs::path checkpoint()
{
    return fs::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) / "tests/truth/hf-deepseek_v32";
}

} // namespace

/// A person has a checkpoint before them and lets it write on: sees for every new token which keys it was made from, stops it,
/// is told what is wrong with a prompt, and takes the text to the Inspect page.
class tst_ContinueText : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LiveWindow::prepare(); }
    void init();
    void cleanup() { m_window.reset(); }
    void everyNewTokenShowsItsKeys();
    void canBeStoppedAndLeavesNothing();
    void aWrongPromptIsExplained();
    void whatOughtToBeKnownStandsBesideTheText();
    void idsAreAskedForWhereNoTextIsRead();

private:
    template <class T>
    T *part(const char *name) const
    {
        return m_window->child<T>(name);
    }
    void press(const char *name) const { QTest::mouseClick(part<QPushButton>(name), Qt::LeftButton); }
    /// Into the dialog: the prompt as ids.
    void ask(const QString &ids, int count) const;
    bool ended() const
    {
        return QTest::qWaitFor([&] { return part<QPushButton>("continuationInspect")->isEnabled(); }, 20000);
    }
    std::set<int> filled(int query) const;

    std::unique_ptr<test::LiveWindow> m_window;
};

void tst_ContinueText::init()
{
    m_window = std::make_unique<test::LiveWindow>();
    m_window->open();
    // What a checkpoint saw is a run without weights of its own: it is the checkpoint that writes on.
    dialogs::setNextPath(QString::fromStdString(checkpoint().string()));
    m_window->click("openButton");
    QTRY_VERIFY(part<QPlainTextEdit>("checkpointText") != nullptr &&
                part<QPlainTextEdit>("checkpointText")->isVisible());
    QTest::keyClicks(part<QPlainTextEdit>("checkpointText"), "1 2 3 4 5 6 7 8 9 10 11 12");
    press("checkpointLook");
    QTRY_VERIFY_WITH_TIMEOUT((*m_window)->currentRun() != nullptr && (*m_window)->inspectPage()->settled(), 20000);
    QTRY_VERIFY(part<QDialog>("checkpointDialog") == nullptr);
    (*m_window)->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window->get()));
    QTest::keyClick(m_window->get(), Qt::Key_G, Qt::ControlModifier);
    QTRY_VERIFY(part<QDialog>("continuationDialog") != nullptr && part<QDialog>("continuationDialog")->isVisible());
}

void tst_ContinueText::ask(const QString &ids, int count) const
{
    part<QComboBox>("continuationReading")->setCurrentText("Token ids");
    auto *prompt = part<QPlainTextEdit>("continuationPrompt");
    prompt->selectAll();
    QTest::keyClicks(prompt, ids);
    part<QSpinBox>("continuationCount")->setValue(count);
    press("continuationStart");
}

std::set<int> tst_ContinueText::filled(int query) const
{
    const auto *strip = part<TokenStrip>("continuationStrip");
    std::set<int> keys;
    for (int key = 0; key <= query; ++key) {
        if (strip->stateOf(key) == KeyState::SelectedLittle) {
            keys.insert(key);
        }
    }
    return keys;
}

void tst_ContinueText::everyNewTokenShowsItsKeys()
{
    ask("5, 17, 3", 20);
    QVERIFY(ended());
    auto *strip = part<TokenStrip>("continuationStrip");
    QVERIFY(!strip->tokenRect(22).isEmpty() && strip->tokenRect(23).isEmpty());
    QCOMPARE(filled(21).size(), std::size_t{kTopK}); // the newest token's, without a click
    QVERIFY2(part<QLabel>("continuationToken")->text().startsWith("Token 22: "),
             qPrintable(part<QLabel>("continuationToken")->text()));
    QCOMPARE(part<QLabel>("continuationKeys")->text(), QString("Made from 8 of the 22 tokens before it, filled"));

    part<QComboBox>("continuationLayer")->setCurrentIndex(1);
    QTest::mouseClick(strip, Qt::LeftButton, Qt::NoModifier, strip->tokenRect(15).center());
    const std::set<int> keys = filled(15);
    QCOMPARE(keys.size(), std::size_t{kTopK});
    QVERIFY(part<QLabel>("continuationToken")->text().startsWith("Token 16: "));

    const RunData *before = (*m_window)->currentRun();
    press("continuationInspect");
    QTRY_VERIFY_WITH_TIMEOUT((*m_window)->currentRun() != before, 20000);
    QVERIFY((*m_window)->page() == Page::Inspect);
    auto *atlas = part<AtlasView>("atlasView");
    QTRY_VERIFY_WITH_TIMEOUT(
        atlas->picture() && atlas->picture()->complete && atlas->picture()->request.snapshot->length() == 23, 20000);
    const Snapshot &snapshot = *atlas->picture()->request.snapshot;
    std::set<int> selected;
    for (int key = 0; key <= 15; ++key) {
        if (snapshot.layers.at(1).isSelected(15, key, 23)) {
            selected.insert(key);
        }
    }
    QVERIFY(selected == keys);
    // It belongs to the window now: closing the dialog leaves it.
    const fs::path folder = (*m_window)->currentRun()->folder();
    press("continuationClose");
    QTRY_VERIFY(part<QDialog>("continuationDialog") == nullptr);
    QVERIFY(fs::exists(folder / "run.json"));
}

void tst_ContinueText::whatOughtToBeKnownStandsBesideTheText()
{
    auto *notices = part<QLabel>("continuationNotices");
    ask("5, 17, 3", 4);
    QVERIFY(ended());
    QVERIFY2(!notices->isVisible(), qPrintable(notices->text()));
    ask("5, 17, 3", kLongest); // beyond what the model was made for
    QVERIFY(ended());
    QVERIFY(notices->isVisible());
    QVERIFY2(notices->text().startsWith("Notice: ") && notices->text().contains("max_position_embeddings: "),
             qPrintable(notices->text()));
    ask("5, x", 4); // of the answer before
    QVERIFY(part<QLabel>("continuationFault")->isVisible() && !notices->isVisible());
}

void tst_ContinueText::idsAreAskedForWhereNoTextIsRead()
{
    // By now it has been asked: a vocabulary of 260 kinds is none of bytes.
    QTRY_COMPARE(part<QComboBox>("continuationReading")->currentText(), QStringLiteral("Token ids"));
    auto *prompt = part<QPlainTextEdit>("continuationPrompt");
    QCOMPARE(prompt->toPlainText(), QStringLiteral("1, 2, 3, 4, 5, 6, 7, 8"));
    QVERIFY2(prompt->placeholderText().contains(QLatin1String("0 to 259")), qPrintable(prompt->placeholderText()));
    const auto *reading = part<QComboBox>("continuationReading");
    QCOMPARE(reading->count(), 1); // text is not offered, and it is said why
    QVERIFY2(reading->toolTip().contains(QLatin1String("260 kinds")), qPrintable(reading->toolTip()));
    // An id that it does not have is named in words of the window.
    prompt->selectAll();
    QTest::keyClicks(prompt, "260");
    press("continuationStart");
    auto *fault = part<QLabel>("continuationFault");
    QTRY_VERIFY(fault->isVisible());
    QVERIFY2(fault->text().startsWith(QLatin1String("Token outside of the vocabulary: ")) ||
                 fault->text().startsWith(QLatin1String("Token ids: ")),
             qPrintable(fault->text()));
    QVERIFY2(!fault->text().contains(QLatin1String("--")), qPrintable(fault->text()));
}

void tst_ContinueText::canBeStoppedAndLeavesNothing()
{
    const auto folders = [&] {
        return std::distance(fs::directory_iterator(m_window->options().out), fs::directory_iterator());
    };
    const auto before = folders();
    ask("5, 17, 3", 100000);
    auto *strip = part<TokenStrip>("continuationStrip");
    QTRY_VERIFY_WITH_TIMEOUT(!strip->tokenRect(6).isEmpty(), 20000);
    QCOMPARE(part<QPushButton>("continuationStart")->text(), QString("Stop"));
    press("continuationStart");
    QVERIFY(ended());
    QVERIFY(strip->tokenRect(5000).isEmpty());
    QCOMPARE(part<QPushButton>("continuationStart")->text(), QString("Continue the text"));
    QTest::keyClick(part<QDialog>("continuationDialog"), Qt::Key_Escape);
    QTRY_VERIFY(part<QDialog>("continuationDialog") == nullptr);
    QCOMPARE(folders(), before);
}

void tst_ContinueText::aWrongPromptIsExplained()
{
    auto *fault = part<QLabel>("continuationFault");
    ask("5, 9999", 4);
    QTRY_VERIFY(fault->isVisible());
    QVERIFY2(fault->text().contains("9999") && fault->text().contains("0 to 259"), qPrintable(fault->text()));
    ask("5, door", 4);
    QVERIFY2(fault->text().contains("door"), qPrintable(fault->text()));
    QVERIFY(!part<QPushButton>("continuationInspect")->isEnabled());
    ask("5, 17", 4); // and goes on with a right one
    QVERIFY(ended());
    QVERIFY(!fault->isVisible());
}

QTEST_MAIN(tst_ContinueText)
#include "tst_continue_text.moc"
