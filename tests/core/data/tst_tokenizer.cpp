#include "core/data/tokenizer.h"
#include "tests/core/data/fixtures.h"

#include <QtTest>

#include <set>

using namespace sparsescope;

class tst_Tokenizer : public QObject {
    Q_OBJECT
private slots:
    void everyByteComesBack();
    void wordsArePrintable();
    void separatorDecodesToABlankLine();
    void unknownTokenizerIsNamed();
};

void tst_Tokenizer::everyByteComesBack()
{
    const auto tokenizer = makeByteTokenizer();
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all.push_back(static_cast<char>(i));
    }
    const std::vector<std::int32_t> ids = tokenizer->encode(all);
    QCOMPARE(ids.size(), std::size_t{256});
    for (int i = 0; i < 256; ++i) {
        QCOMPARE(ids[static_cast<std::size_t>(i)], i);
    }
    QCOMPARE(tokenizer->decode(ids), all);
    QCOMPARE(tokenizer->vocabulary(), 257);
    QCOMPARE(tokenizer->separator(), 256);
    QCOMPARE(tokenizer->encode(""), std::vector<std::int32_t>());
}

void tst_Tokenizer::wordsArePrintable()
{
    const auto tokenizer = makeByteTokenizer();
    QCOMPARE(tokenizer->word('a'), std::string("a"));
    QCOMPARE(tokenizer->word(' '), std::string(" "));
    QCOMPARE(tokenizer->word('\n'), std::string("¶"));
    QCOMPARE(tokenizer->word('\t'), std::string("→"));
    QCOMPARE(tokenizer->word(0), std::string("\\x00"));
    QCOMPARE(tokenizer->word(1), std::string("\\x01"));
    QCOMPARE(tokenizer->word(0x7f), std::string("\\x7F"));
    QCOMPARE(tokenizer->word(0xe4), std::string("\\xE4"));
    QCOMPARE(tokenizer->word(256), std::string("⏎⏎"));
    QCOMPARE(tokenizer->word(300), std::string("?300"));
    QCOMPARE(tokenizer->word(-1), std::string("?-1"));
    std::set<std::string> words;
    for (int i = 0; i < 257; ++i) {
        const std::string word = tokenizer->word(i);
        QVERIFY(!word.empty());
        QVERIFY(static_cast<unsigned char>(word[0]) >= 0x20);
        words.insert(word);
    }
    QCOMPARE(words.size(), std::size_t{257});
}

void tst_Tokenizer::separatorDecodesToABlankLine()
{
    QCOMPARE(makeByteTokenizer()->decode({'a', 256, 'b', 999}), std::string("a\n\nb"));
}

void tst_Tokenizer::unknownTokenizerIsNamed()
{
    DataConfig data;
    data.tokenizer = "byte";
    const Error error = failureOf([&] { makeTokenizer(data); });
    QCOMPARE(error.where, std::string("data.tokenizer"));
    QCOMPARE(error.found, std::string("byte"));
    QVERIFY(error.allowed.starts_with("bytes"));
}

QTEST_GUILESS_MAIN(tst_Tokenizer)
#include "tst_tokenizer.moc"
