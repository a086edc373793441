#include "core/base/error.h"
#include "core/base/run_store.h"
#include "core/model/hf_weights.h"
#include "core/train/generate_door.h"
#include "tests/core/model/small_models.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

const std::string kPrompt = "The key of the red door is 7. ";

} // namespace

/// A stored checkpoint writes on, and what it did can be looked at.
class tst_GenerateDoor : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void theRunShowsWhatWasSelected();
    void stopsWhenAskedAndKeepsWhatHasCome();
    void refusals_data();
    void refusals();

private:
    fs::path place(const char *name) const { return fs::path(m_place.path().toStdString()) / name; }
    GenerateRequest request() const
    {
        GenerateRequest request;
        request.checkpoint = place("model");
        request.text = kPrompt;
        request.count = 12;
        request.device = "cpu";
        return request;
    }
    QTemporaryDir m_place;
};

void tst_GenerateDoor::initTestCase()
{
    ModelOptions options = sparsescope::testing::smallOptions("mhla_sparse");
    options.vocabulary = 256;
    saveCheckpoint(Transformer(options), place("model"));
}

void tst_GenerateDoor::theRunShowsWhatWasSelected()
{
    GenerateRequest asked = request();
    asked.run = place("run");
    std::vector<GeneratedToken> made;
    asked.onToken = [&](const GeneratedToken &token) {
        made.push_back(token);
        return true;
    };
    const GenerateSummary summary = generateText(asked);
    QCOMPARE(made.size(), std::size_t{12});
    QCOMPARE(summary.prompt, static_cast<int>(kPrompt.size()));
    QCOMPARE(summary.tokens.size(), kPrompt.size() + 12);
    QVERIFY(!summary.ended);
    QVERIFY(summary.tokensPerSecond > 0);
    std::string bytes;
    for (const GeneratedToken &token : made) {
        bytes += static_cast<char>(token.token);
    }
    QCOMPARE(summary.text, bytes);

    const RunReader reader(asked.run);
    QVERIFY(reader.state() == RunState::Finished);
    QCOMPARE(reader.snapshots().back().step, std::int64_t{12});
    const Snapshot last = readSnapshot(reader.snapshots().back().file);
    QCOMPARE(last.tokens, summary.tokens);
    for (const GeneratedToken &token : made) {
        QCOMPARE(token.keys.size(), last.layers.size());
        for (std::size_t layer = 0; layer < last.layers.size(); ++layer) {
            std::vector<std::int32_t> keys;
            for (int s = 0; s < last.length(); ++s) {
                if (last.layers[layer].isSelected(token.position - 1, s, last.length())) {
                    keys.push_back(s);
                }
            }
            QCOMPARE(token.keys[layer], keys);
        }
    }
}

void tst_GenerateDoor::stopsWhenAskedAndKeepsWhatHasCome()
{
    GenerateRequest asked = request();
    asked.run = place("stopped");
    int left = 3;
    asked.onToken = [&](const GeneratedToken &) { return --left > 0; };
    const GenerateSummary summary = generateText(asked);
    QCOMPARE(summary.tokens.size(), kPrompt.size() + 3);
    const RunReader reader(asked.run);
    QVERIFY(reader.state() == RunState::Finished);
    QCOMPARE(readSnapshot(reader.snapshots().back().file).tokens, summary.tokens);
}

void tst_GenerateDoor::refusals_data()
{
    QTest::addColumn<QString>("field");
    QTest::newRow("no prompt") << "--text";
    QTest::newRow("token outside") << "--tokens";
    QTest::newRow("nothing to write") << "--count";
    QTest::newRow("cold below zero") << "--temperature";
    QTest::newRow("folder in use") << "--run";
}

void tst_GenerateDoor::refusals()
{
    QFETCH(QString, field);
    GenerateRequest asked = request();
    if (field == "--text") {
        asked.text.clear();
    } else if (field == "--tokens") {
        asked.text.clear();
        asked.tokens = {3, 256};
    } else if (field == "--count") {
        asked.count = 0;
    } else if (field == "--temperature") {
        asked.temperature = -1;
    } else {
        asked.run = place("model");
    }
    QStringList places;
    try {
        generateText(asked);
    } catch (const ConfigFailure &failure) {
        for (const Error &error : failure.errors()) {
            places << QString::fromStdString(error.where);
        }
    }
    QCOMPARE(places, QStringList{field});
}

QTEST_GUILESS_MAIN(tst_GenerateDoor)
#include "tst_generate_door.moc"
