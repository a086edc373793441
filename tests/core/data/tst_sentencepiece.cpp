#include "core/base/error.h"
#include "core/data/tokenizer.h"

#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

fs::path vectors()
{
    return fs::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) / "tests/truth/sentencepiece";
}

nlohmann::json models() { return nlohmann::json::parse(std::ifstream(vectors() / "vectors.json")); }

} // namespace

/// Models that SentencePiece's own trainer wrote; the ids of every text are those of its own encoder.
class tst_SentencePiece : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void encodesAsItsLibrary_data();
    void encodesAsItsLibrary();
    void wordsAndTextComeBack();
    void damagedModelsAreRefused();
};

void tst_SentencePiece::encodesAsItsLibrary_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QList<int>>("ids");
    for (const auto &model : models()) {
        const std::string name = model.at("model");
        for (const auto &entry : model.at("texts")) {
            const std::string text = entry.at("text");
            const auto ids = entry.at("ids").get<std::vector<int>>();
            QTest::addRow("%s: %s", name.c_str(), text.c_str())
                << QString::fromStdString(name) << QByteArray::fromStdString(text)
                << QList<int>(ids.begin(), ids.end());
        }
    }
}

void tst_SentencePiece::encodesAsItsLibrary()
{
    QFETCH(QString, model);
    QFETCH(QByteArray, text);
    QFETCH(QList<int>, ids);
    const std::unique_ptr<Tokenizer> tokenizer = makeSentencePieceTokenizer(vectors() / model.toStdString());
    const std::vector<std::int32_t> found = tokenizer->encode(text.toStdString());
    QCOMPARE(QList<int>(found.begin(), found.end()), ids);
}

void tst_SentencePiece::wordsAndTextComeBack()
{
    for (const auto &model : models()) {
        const std::unique_ptr<Tokenizer> tokenizer =
            makeSentencePieceTokenizer(vectors() / model.at("model").get<std::string>());
        QCOMPARE(tokenizer->vocabulary(), model.at("pieces").get<int>());
        const std::string text = "The key of room 77, and then the lamp remembers the river";
        const std::vector<std::int32_t> ids = tokenizer->encode(text);
        const std::string back = tokenizer->decode(ids);
        QCOMPARE(QString::fromStdString(back).trimmed(), QString::fromStdString(text));
        std::string words;
        for (const std::int32_t id : ids) {
            QVERIFY(!tokenizer->word(id).empty());
            words += tokenizer->word(id);
        }
        QCOMPARE(QString::fromStdString(words).trimmed(), QString::fromStdString(text));
        QCOMPARE(tokenizer->word(100000), std::string("?100000"));
    }
    // What no piece covers is there as bytes, and readable as such.
    const std::unique_ptr<Tokenizer> bytes = makeSentencePieceTokenizer(vectors() / "bpe-bytes.model");
    QCOMPARE(bytes->decode(bytes->encode("a 龍")), std::string("a 龍"));
    QCOMPARE(bytes->word(bytes->encode("龍").back()), std::string("\\x8D"));
}

void tst_SentencePiece::damagedModelsAreRefused()
{
    QTemporaryDir folder;
    const fs::path file = fs::path(folder.path().toStdString()) / "cut.model";
    for (const auto &[model, stride] : {std::pair("unigram-bytes.model", 7), std::pair("unigram.model", 3001)}) {
        std::ifstream stream(vectors() / model, std::ios::binary);
        const std::string whole((std::istreambuf_iterator<char>(stream)), {});
        QVERIFY(whole.size() > 5000);
        std::size_t refused = 0, cut = 0;
        for (std::size_t size = 0; size < whole.size(); size += static_cast<std::size_t>(stride)) {
            std::ofstream(file, std::ios::binary) << whole.substr(0, size);
            ++cut;
            try {
                makeSentencePieceTokenizer(file)->encode("The ﬁrst door"); // cut between two fields: a smaller model
            } catch (const Failure &failure) {
                ++refused;
                QVERIFY2(std::string(failure.what()).find("cut.model") != std::string::npos, failure.what());
            }
        }
        QVERIFY2(refused > cut / 2, qPrintable(QString("%1 of %2").arg(refused).arg(cut)));
        for (std::size_t at = 0; at < whole.size(); at += static_cast<std::size_t>(stride)) {
            std::string damaged = whole; // any byte may be wrong: no crash, and no id that is none
            damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
            std::ofstream(file, std::ios::binary) << damaged;
            try {
                const std::unique_ptr<Tokenizer> tokenizer = makeSentencePieceTokenizer(file);
                for (const std::int32_t id : tokenizer->encode("The ﬁrst door  ㎏")) {
                    QVERIFY(id >= 0 && id < tokenizer->vocabulary());
                }
            } catch (const Failure &failure) {
                QVERIFY(std::string(failure.what()).find("cut.model") != std::string::npos);
            }
        }
    }
    QVERIFY_EXCEPTION_THROWN(makeSentencePieceTokenizer("nowhere.model"), Failure);
}

QTEST_GUILESS_MAIN(tst_SentencePiece)
#include "tst_sentencepiece.moc"
