#include "core/data/random_stream.h"
#include "core/data/text_corpus.h"
#include "tests/core/data/fixtures.h"

#include <QTemporaryDir>
#include <QtTest>

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>

using namespace sparsescope;

namespace {

using Documents = std::vector<std::string>;

Documents split(const std::string &text, const std::string &separator)
{
    Documents documents;
    for (const std::string_view one : splitDocuments(text, separator)) {
        documents.emplace_back(one);
    }
    return documents;
}

/// Speeches of a number, and of letters that look random, so that no two windows of 30 bytes are alike.
std::string play(int documents)
{
    std::string text;
    for (int i = 0; i < documents; ++i) {
        text += fmt::format("SPEAKER {}:\nLine {} of it,\nand ", i % 7, i);
        for (int j = 0; j < 10 + i % 50; ++j) {
            text += static_cast<char>('a' + mixKey(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j)) % 26);
        }
        text += ".\n\n";
    }
    return text;
}

} // namespace

class tst_TextSource : public QObject {
    Q_OBJECT
private slots:
    void init();
    void documentsLieBetweenSeparators();
    void splitIsByDocument();
    void windowsStayOnTheirSide();
    void validationWindowsAreSpreadAndDoNotOverlap();
    void batchesArePure();
    void anyBytesAreTaken();
    void probeIsAValidationDocument();
    void needleInText();
    void badFiles();

private:
    RunConfig runOn(const std::string &text, int length, int batchSize = 4, std::uint64_t seed = 0);
    std::unique_ptr<QTemporaryDir> m_folder;
};

void tst_TextSource::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
}

RunConfig tst_TextSource::runOn(const std::string &text, int length, int batchSize, std::uint64_t seed)
{
    RunConfig config = runOf("text", length, batchSize, seed);
    config.data.path = m_folder->filePath("text.txt").toStdString();
    std::ofstream(config.data.path, std::ios::binary) << text;
    return config;
}

void tst_TextSource::documentsLieBetweenSeparators()
{
    QCOMPARE(split("a\nb\n\nc\n\n\n\nd\n", "\n\n"), (Documents{"a\nb", "c", "d"}));
    QCOMPARE(split("\n\na\n\n", "\n\n"), (Documents{"a"}));
    QCOMPARE(split("a\r\nb\r\n\r\nc\r\n", "\n\n"), (Documents{"a\r\nb", "c"}));
    QCOMPARE(split("a\nb\n\nc\nd\n", "\n"), (Documents{"a", "b\n\nc", "d"})); // a blank line is no separator here
    QCOMPARE(split("a<end>b<end><end>c", "<end>"), (Documents{"a", "b", "c"}));
    QCOMPARE(split("", "\n\n"), Documents{});
    QCOMPARE(split("\n\n\n", "\n\n"), Documents{});
    QCOMPARE(failureOf([] { splitDocuments("a", ""); }).where, std::string("data.separator"));
}

void tst_TextSource::splitIsByDocument()
{
    for (const int documents : {2, 3, 30, 199}) {
        for (const double share : {0.01, 0.1, 0.5}) {
            RunConfig config = runOn(play(documents), 8);
            config.data.validation = share;
            const TextCorpus corpus(config.data, 8, makeByteTokenizer());
            const auto count = [](const std::vector<std::uint16_t> &side) {
                return 1 + static_cast<int>(std::count(side.begin(), side.end(), 256));
            };
            const int held = count(corpus.validation());
            QCOMPARE(count(corpus.training()) + held, documents);
            QVERIFY(held >= share * documents - 1e-9 || held == documents - 1);
            QVERIFY(held == 1 || held - 1 < share * documents); // no more than asked for
            QCOMPARE(static_cast<int>(corpus.validationDocuments().size()), held);
            const std::vector<std::int32_t> tokens(corpus.validation().begin(), corpus.validation().end());
            const std::string text = play(documents);
            QVERIFY(text.ends_with(makeByteTokenizer()->decode(tokens) + "\n\n")); // the last documents, whole
            QVERIFY(text.starts_with(makeByteTokenizer()->decode({corpus.training().begin(), corpus.training().end()}) +
                                     "\n\n"));
        }
    }
}

void tst_TextSource::windowsStayOnTheirSide()
{
    const std::string text = play(200);
    const RunConfig config = runOn(text, 64, 16);
    const TextCorpus corpus(config.data, 64, makeByteTokenizer());
    const auto source = makeDataSource(config);
    const auto isIn = [](const Batch &batch, const std::vector<std::uint16_t> &side) {
        for (int b = 0; b < batch.rows; ++b) {
            const auto begin = batch.inputs.begin() + b * batch.length;
            const auto at = std::search(side.begin(), side.end(), begin, begin + batch.length);
            if (at == side.end() ||
                *(at + batch.length) != batch.targets[static_cast<std::size_t>((b + 1) * batch.length - 1)] ||
                !std::equal(begin + 1, begin + batch.length, batch.targets.begin() + b * batch.length)) {
                return false;
            }
        }
        return true;
    };
    for (int i = 0; i < 20; ++i) {
        QVERIFY(isIn(source->training(i), corpus.training()));
        QVERIFY(!isIn(source->training(i), corpus.validation()));
        QVERIFY(isIn(source->validation(i), corpus.validation()));
    }
}

void tst_TextSource::validationWindowsAreSpreadAndDoNotOverlap()
{
    // Distinct 4-byte numbers, so that a window tells where it lies.
    std::string text;
    for (int i = 0; i < 4000; ++i) {
        text += fmt::format("{:04d}", i) + (i % 100 == 99 ? "\n\n" : "");
    }
    RunConfig config = runOn(text, 16, 4);
    config.data.validation = 0.5;
    config.training.evalBatches = 8;
    const TextCorpus corpus(config.data, 16, makeByteTokenizer());
    const auto source = makeDataSource(config);
    std::vector<std::ptrdiff_t> starts;
    for (int i = 0; i < 8; ++i) {
        const Batch batch = source->validation(i);
        for (int b = 0; b < 4; ++b) {
            const auto begin = batch.inputs.begin() + b * 16;
            starts.push_back(std::search(corpus.validation().begin(), corpus.validation().end(), begin, begin + 16) -
                             corpus.validation().begin());
        }
    }
    QCOMPARE(starts.front(), std::ptrdiff_t{0});
    QCOMPARE(starts.back(), static_cast<std::ptrdiff_t>(corpus.validation().size()) - 17);
    std::ptrdiff_t nearest = 1 << 30, farthest = 0;
    for (std::size_t i = 1; i < starts.size(); ++i) {
        nearest = std::min(nearest, starts[i] - starts[i - 1]);
        farthest = std::max(farthest, starts[i] - starts[i - 1]);
    }
    QVERIFY(nearest >= 16);
    QVERIFY(farthest - nearest <= 1);
}

void tst_TextSource::batchesArePure()
{
    const std::string text = play(100);
    const auto one = makeDataSource(runOn(text, 32, 4, 7));
    const auto two = makeDataSource(runOn(text, 32, 4, 7));
    const auto other = makeDataSource(runOn(text, 32, 4, 8));
    const Batch later = two->training(9);
    two->validation(0);
    for (int i = 0; i < 10; ++i) {
        QVERIFY(same(one->training(i), two->training(i)));
        QVERIFY(!same(one->training(i), other->training(i)));
        QVERIFY(same(one->validation(i), other->validation(i)));
    }
    QVERIFY(same(later, one->training(9)));
}

void tst_TextSource::anyBytesAreTaken()
{
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes.push_back(static_cast<char>(i));
    }
    RunConfig config = runOn(bytes + "\n\n" + bytes, 100);
    const auto source = makeDataSource(config);
    const Batch batch = source->validation(0);
    QCOMPARE(batch.inputs[0], std::int64_t{0});
    QCOMPARE(source->bytesPerToken(), 1.0);
    QCOMPARE(source->vocabulary(), 257);
}

void tst_TextSource::probeIsAValidationDocument()
{
    const auto source = makeDataSource(runOn(play(200), 64));
    const Probe probe = source->probe("");
    QVERIFY2(probe.name.starts_with("validation document "), probe.name.c_str());
    QCOMPARE(probe.tokens.size(), std::size_t{64});
    QCOMPARE(makeByteTokenizer()->decode(probe.tokens).substr(0, 8), std::string("SPEAKER "));
    QCOMPARE(probe.targets[0], static_cast<std::int64_t>(probe.tokens[1]));
    QVERIFY(probe.targets[63] >= 0);
    QVERIFY(probe.needed.empty());
    QCOMPARE(source->probe("hello").tokens.size(), std::size_t{5});
}

void tst_TextSource::needleInText()
{
    const std::string text = play(200);
    RunConfig config = runOn(text, 128, 8);
    config.data.source = "needle";
    config.data.options = {{"filler", "text"}, {"pairs", 2}, {"queries", 1}};
    const auto source = makeDataSource(config);
    const Batch batch = source->training(0);
    std::string row;
    int keys = 0;
    for (int t = 0; t < 128; ++t) {
        keys += batch.inputs[static_cast<std::size_t>(t)] >= 256;
        row.push_back(batch.inputs[static_cast<std::size_t>(t)] < 256
                          ? static_cast<char>(batch.inputs[static_cast<std::size_t>(t)])
                          : '#');
    }
    QCOMPARE(keys, 3); // two pairs, one query: no separator is mistaken for a key
    QVERIFY2(row.find("SPEAKER ") != std::string::npos || row.find(" of it,") != std::string::npos, row.c_str());
    config.data.path = m_folder->filePath("missing.txt").toStdString();
    QCOMPARE(failureOf(config).where, std::string("data.path"));

    config.data.path.clear(); // without a file: generated stories, other ones on either side
    const auto withStories = makeDataSource(config);
    const Batch training = withStories->training(0);
    const Batch validation = withStories->validation(0);
    QVERIFY(!std::equal(training.inputs.begin(), training.inputs.begin() + 100, validation.inputs.begin()));
    QVERIFY(std::count(training.inputs.begin(), training.inputs.end(), ' ') > 8 * 128 / 20);
    QCOMPARE(std::count_if(training.inputs.begin(), training.inputs.end(), [](std::int64_t t) { return t >= 256; }),
             std::ptrdiff_t{8 * 3});
}

void tst_TextSource::badFiles()
{
    const auto check = [](const RunConfig &config, const char *where, const char *says) {
        const Error error = failureOf(config);
        QCOMPARE(error.where, std::string(where));
        QVERIFY2(error.text().find(says) != std::string::npos, error.text().c_str());
    };
    RunConfig config = runOn(play(50), 64);
    config.data.path = "";
    check(config, "data.path", "no text file given");
    config.data.path = m_folder->filePath("missing.txt").toStdString();
    check(config, "data.path", "file not found");
    config.data.path = m_folder->path().toStdString();
    check(config, "data.path", "a folder");
    config.data.path = "/dev/zero";
    check(config, "data.path", "not a regular file");
    std::string wide;
    for (const char letter : play(50))
        wide += {letter, '\0'};
    check(runOn(wide, 64), "data.path", "is no UTF-8 text");
    check(runOn("\xFF\xFE" + wide, 64), "data.path", "is UTF-16 text");
    check(runOn("", 64), "data.path", "file is empty");
    check(runOn("one document only", 4), "data.path", "1 document with");
    check(runOn("\n\n\n", 4), "data.path", "no document with");
    check(runOn("short\n\n" + std::string(500, 'x'), 64), "data.path", "the training side is shorter than one window");
    check(runOn(std::string(500, 'x') + "\n\nshort", 64), "data.path", "(5 tokens), allowed 65 tokens or more");
    check(runOn(std::string(500, 'x') + "\n\n" + std::string(64, 'y'), 64), "data.path", "65 tokens or more");
    QVERIFY(makeDataSource(runOn(std::string(65, 'x') + "\n\n" + std::string(65, 'y'), 64)) != nullptr);

    config = runOn(play(50), 64);
    config.data.validation = 0.6;
    check(config, "data.validation", "0.01 to 0.5");
    config = runOn(play(50), 64);
    config.data.tokenizer = "word";
    check(config, "data.tokenizer", "bytes");
    config = runOn(play(50), 64);
    config.data.options = {{"filler", "x"}};
    check(config, "data.options.filler", "unknown option");
    config = runOn(play(50), 64);
    config.data.separator = "";
    check(config, "data.separator", "empty separator");
    // A sparse file costs no disk, but would cost memory.
    config = runOn("x", 64);
    std::filesystem::resize_file(config.data.path, TextCorpus::kLargestFile + 1);
    check(config, "data.path", "too large");
}

QTEST_GUILESS_MAIN(tst_TextSource)
#include "tst_text_source.moc"
