// Longer than 400 lines: all that one source promises is tested by one program.

#include "core/base/cost_model.h"
#include "core/data/random_stream.h"
#include "tests/core/data/fixtures.h"

#include <QElapsedTimer>
#include <QRegularExpression>
#include <QtTest>

#include <cmath>
#include <map>
#include <set>

using namespace sparsescope;

namespace {

/// The kinds that need no file.
std::vector<std::string> generatedKinds()
{
    std::vector<std::string> names;
    for (const DataSourceKind &kind : dataSourceKinds()) {
        if (kind.name != "text") {
            names.push_back(kind.name);
        }
    }
    return names;
}

std::set<std::vector<std::int64_t>> rowsOf(const Batch &batch)
{
    std::set<std::vector<std::int64_t>> rows;
    for (int b = 0; b < batch.rows; ++b) {
        const auto begin = batch.inputs.begin() + static_cast<std::ptrdiff_t>(b) * batch.length;
        rows.emplace(begin, begin + batch.length);
    }
    return rows;
}

} // namespace

class tst_DataSource : public QObject {
    Q_OBJECT
private slots:
    void theTableNamesEverySourceOfTheContract();
    void batchesArePure();
    void seedLengthAndBatchSizeChangeTheData();
    void validationIsDisjointAndTheSameForEverySeed();
    void tokensAndTargetsAreInRange();
    void probesAreExamplesOfTheValidationSide();
    void probeTexts();
    void needleStructure();
    void recallStructure();
    void selectiveCopyStructure();
    void bracketsStructure();
    void documentQuestionsStructure();
    void passkeyAtAnyLength();
    void answersGroupTheirTargets();
    void vocabularyIsKnownBeforehand();
    void noiseIsUniform();
    void badInput_data();
    void badInput();
    void orderHash();
    void speed();
};

void tst_DataSource::theTableNamesEverySourceOfTheContract()
{
    std::set<std::string> names;
    for (const DataSourceKind &kind : dataSourceKinds()) {
        QVERIFY(!kind.help.empty());
        QVERIFY(kind.options.is_object());
        names.insert(kind.name);
    }
    QCOMPARE(names, (std::set<std::string>{"stories", "text", "needle", "mqar", "noisy-recall", "selective-copy",
                                           "forgetting", "brackets", "document-questions", "noise"}));
}

void tst_DataSource::batchesArePure()
{
    for (const std::string &kind : generatedKinds()) {
        const auto one = makeDataSource(runOf(kind, 128));
        const auto two = makeDataSource(runOf(kind, 128));
        std::vector<Batch> forwards;
        for (int i = 0; i < 5; ++i) {
            forwards.push_back(one->training(i));
        }
        for (int i = 4; i >= 0; --i) {
            two->validation(i);
            QVERIFY2(same(two->training(i), forwards[static_cast<std::size_t>(i)]), kind.c_str());
            QVERIFY2(same(one->training(i), forwards[static_cast<std::size_t>(i)]), kind.c_str());
        }
        QVERIFY2(!same(forwards[0], forwards[1]), kind.c_str());
    }
}

void tst_DataSource::seedLengthAndBatchSizeChangeTheData()
{
    for (const std::string &kind : generatedKinds()) {
        const Batch base = makeDataSource(runOf(kind, 128, 4, 0))->training(0);
        QVERIFY2(rowsOf(base) != rowsOf(makeDataSource(runOf(kind, 128, 4, 1))->training(0)), kind.c_str());
        QVERIFY2(!rowsOf(makeDataSource(runOf(kind, 128, 8, 0))->training(0)).count(*rowsOf(base).begin()),
                 kind.c_str());
        const Batch longer = makeDataSource(runOf(kind, 130, 4, 0))->training(0);
        QVERIFY2(!std::equal(base.inputs.begin(), base.inputs.begin() + 128, longer.inputs.begin()), kind.c_str());
    }
}

void tst_DataSource::validationIsDisjointAndTheSameForEverySeed()
{
    for (const std::string &kind : generatedKinds()) {
        const auto source = makeDataSource(runOf(kind, 128, 16, 0));
        const auto other = makeDataSource(runOf(kind, 128, 16, 99));
        std::set<std::vector<std::int64_t>> training;
        for (int i = 0; i < 50; ++i) {
            training.merge(rowsOf(source->training(i)));
        }
        QCOMPARE(training.size(), std::size_t{800}); // no window twice
        for (int i = 0; i < 10; ++i) {
            QVERIFY2(same(source->validation(i), other->validation(i)), kind.c_str());
            for (const std::vector<std::int64_t> &row : rowsOf(source->validation(i))) {
                QVERIFY2(!training.count(row), kind.c_str());
            }
        }
    }
}

void tst_DataSource::tokensAndTargetsAreInRange()
{
    for (const std::string &kind : generatedKinds()) {
        for (const int length : {127, 128}) {
            const auto source = makeDataSource(runOf(kind, length));
            const Batch batch = source->training(0);
            QCOMPARE(batch.rows, 4);
            QCOMPARE(batch.length, length);
            QCOMPARE(batch.inputs.size(), static_cast<std::size_t>(4 * length));
            QCOMPARE(batch.targets.size(), batch.inputs.size());
            int labels = 0;
            for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
                QVERIFY(batch.inputs[i] >= 0 && batch.inputs[i] < source->vocabulary());
                QVERIFY(batch.targets[i] >= -1 && batch.targets[i] < source->vocabulary());
                labels += batch.targets[i] >= 0;
            }
            QVERIFY(labels > 0);
            for (const NeededKeys &needed : batch.needed) {
                QVERIFY(!needed.keys.empty());
                QVERIFY(batch.targets[static_cast<std::size_t>(needed.row * length + needed.query)] >= 0);
                for (const int key : needed.keys) {
                    QVERIFY(key >= 0 && key <= needed.query);
                }
            }
            if (source->isTask()) { // each label of a task has its keys
                QCOMPARE(batch.needed.size(), static_cast<std::size_t>(labels));
                QCOMPARE(source->floor(), std::optional<double>(0.0));
                QVERIFY(source->chanceAccuracy().has_value());
            }
            for (std::int32_t id = 0; id < source->vocabulary(); ++id) {
                QVERIFY(!source->word(id).empty());
            }
        }
    }
}

void tst_DataSource::probesAreExamplesOfTheValidationSide()
{
    for (const std::string &kind : generatedKinds()) {
        const auto source = makeDataSource(runOf(kind, 128, 4, 0));
        const Probe probe = source->probe("");
        const Probe again = makeDataSource(runOf(kind, 128, 4, 5))->probe("");
        QCOMPARE(probe.tokens, again.tokens);
        QCOMPARE(probe.tokens.size(), std::size_t{128});
        QCOMPARE(probe.targets.size(), std::size_t{128});
        QCOMPARE(probe.words.size(), std::size_t{128});
        QVERIFY(!probe.name.empty());
        QCOMPARE(probe.needed.empty(), kind == "noise");
        QVERIFY(probe.needed.empty() || probe.needed.size() == 128);
        for (std::size_t t = 0; t < probe.needed.size(); ++t) {
            for (const int key : probe.needed[t]) {
                QVERIFY(key <= static_cast<int>(t));
                QCOMPARE(static_cast<std::int64_t>(probe.tokens[static_cast<std::size_t>(key)]) +
                             (kind == "brackets" ? source->vocabulary() / 2 : 0),
                         probe.targets[t]);
            }
        }
    }
}

void tst_DataSource::probeTexts()
{
    const auto stories = makeDataSource(runOf("stories", 8));
    const Probe shorter = stories->probe("abc");
    QCOMPARE(shorter.tokens, (std::vector<std::int32_t>{'a', 'b', 'c'}));
    QCOMPARE(shorter.targets, (std::vector<std::int64_t>{'b', 'c', -1}));
    const Probe longer = stories->probe("abcdefghijk");
    QCOMPARE(longer.tokens.size(), std::size_t{8});
    QCOMPARE(longer.targets.back(), std::int64_t{'i'});
    QCOMPARE(failureOf([&] { stories->probe("a"); }).where, std::string("probe.text"));

    const auto mqar = makeDataSource(runOf("mqar", 64));
    const Probe words = mqar->probe("K3 v1 _ K3");
    QCOMPARE(words.words, (std::vector<std::string>{"K3", "v1", "_", "K3"}));
    QCOMPARE(words.targets, (std::vector<std::int64_t>{-1, -1, -1, -1}));
    const Error error = failureOf([&] { mqar->probe("K3 hello"); });
    QCOMPARE(error.where, std::string("probe.text"));
    QCOMPARE(error.found, std::string("hello"));
    QCOMPARE(failureOf([&] { mqar->probe("  "); }).where, std::string("probe.text"));
}

void tst_DataSource::needleStructure()
{
    RandomStream random(11, Split::Training, 0, 0);
    for (int round = 0; round < 60; ++round) {
        const int digits = 1 + static_cast<int>(random.below(5));
        const int pairs = 1 + static_cast<int>(random.below(9));
        const int queries = 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(pairs)));
        const int keys = pairs + static_cast<int>(random.below(20));
        const int w = 1 + digits;
        const int length = (pairs + queries) * w + static_cast<int>(random.below(100));
        const std::string filler = random.below(2) ? "random" : "constant";
        const auto source = makeDataSource(
            runOf("needle", length, 3, static_cast<std::uint64_t>(round),
                  {{"digits", digits}, {"pairs", pairs}, {"queries", queries}, {"keys", keys}, {"filler", filler}}));
        QCOMPARE(source->vocabulary(), 256 + keys);
        QCOMPARE(source->chanceAccuracy(), std::optional<double>(0.1));
        const Batch batch = round % 2 ? source->training(round) : source->validation(round);
        const int body = length - queries * w;
        std::vector<int> neededAt(batch.inputs.size(), -1);
        for (const NeededKeys &needed : batch.needed) {
            QCOMPARE(needed.keys.size(), std::size_t{1});
            neededAt[static_cast<std::size_t>(needed.row * length + needed.query)] = needed.keys[0];
        }
        for (int b = 0; b < batch.rows; ++b) {
            const auto row = [&](int t) { return batch.inputs[static_cast<std::size_t>(b * length + t)]; };
            const auto target = [&](int t) { return batch.targets[static_cast<std::size_t>(b * length + t)]; };
            std::map<std::int64_t, int> places; // key -> place in the body
            for (int t = 0; t < body; ++t) {
                QCOMPARE(target(t), std::int64_t{-1});
                if (row(t) >= 256) {
                    QCOMPARE(t % w, 0);
                    QVERIFY(places.emplace(row(t), t).second); // each key once
                    for (int d = 1; d <= digits; ++d) {
                        QVERIFY(row(t + d) >= '0' && row(t + d) <= '9');
                    }
                }
            }
            QCOMPARE(static_cast<int>(places.size()), pairs);
            std::set<std::int64_t> asked;
            for (int q = 0; q < queries; ++q) {
                const int begin = body + q * w;
                QVERIFY(places.count(row(begin)));
                QVERIFY(asked.insert(row(begin)).second);
                for (int d = 1; d <= digits; ++d) {
                    const int needed = neededAt[static_cast<std::size_t>(b * length + begin + d - 1)];
                    QCOMPARE(needed, places[row(begin)] + d);
                    QCOMPARE(target(begin + d - 1), row(needed));
                    QCOMPARE(target(begin + d - 1), row(begin + d)); // the next token
                }
                QCOMPARE(target(begin + digits), std::int64_t{-1});
            }
        }
    }
}

void tst_DataSource::recallStructure()
{
    struct Case {
        const char *source;
        nlohmann::json options;
        int pairs, keys, updates;
    };
    const Case cases[] = {{"mqar", {{"pairs", 5}, {"keys", 9}}, 5, 9, 1},
                          {"mqar", {{"pairs", 9}, {"keys", 9}}, 9, 9, 1},
                          {"noisy-recall", {{"pairs", 5}, {"keys", 9}, {"noise", 0.6}, {"distractors", 4}}, 5, 9, 1},
                          {"noisy-recall", {{"pairs", 5}, {"keys", 9}, {"noise", 0.0}}, 5, 9, 1},
                          {"forgetting", {{"pairs", 4}, {"keys", 9}, {"updates", 3}}, 4, 9, 3}};
    for (const Case &one : cases) {
        const int length = 61;
        const Batch batch = makeDataSource(runOf(one.source, length, 32, 3, one.options))->training(0);
        for (int b = 0; b < batch.rows; ++b) {
            const auto row = [&](int t) { return batch.inputs[static_cast<std::size_t>(b * length + t)]; };
            std::map<std::int64_t, int> writes;
            std::map<std::int64_t, int> lastValueAt;
            std::map<std::int64_t, std::set<std::int64_t>> values;
            int queries = 0;
            int distractors = 0;
            for (int t = 0; t < length; ++t) {
                const std::int64_t target = batch.targets[static_cast<std::size_t>(b * length + t)];
                if (target >= 0) {
                    ++queries;
                    QCOMPARE(t % 2, 0);
                    QVERIFY(t + 1 == length || row(t + 1) == 0);
                    QVERIFY(lastValueAt.count(row(t)));
                    QCOMPARE(target, row(lastValueAt[row(t)]));
                    QCOMPARE(writes[row(t)], one.updates);
                    lastValueAt.erase(row(t)); // each key is asked once
                } else if (row(t) >= 1 && row(t) <= one.keys) {
                    QVERIFY(queries == 0);
                    ++writes[row(t)];
                    lastValueAt[row(t)] = t + 1;
                    QVERIFY(row(t + 1) > one.keys && row(t + 1) <= 2 * one.keys);
                    QVERIFY(values[row(t)].insert(row(t + 1)).second);
                }
                distractors += row(t) > 2 * one.keys;
            }
            QCOMPARE(queries, one.pairs);
            QCOMPARE(static_cast<int>(writes.size()), one.pairs);
            const double noise = one.options.value("noise", 0.0);
            QCOMPARE(distractors, static_cast<int>(std::lround(10 * noise / (1 - noise))));
        }
        for (const NeededKeys &needed : batch.needed) {
            QCOMPARE(batch.inputs[static_cast<std::size_t>(needed.row * length + needed.keys.at(0))],
                     batch.targets[static_cast<std::size_t>(needed.row * length + needed.query)]);
            QCOMPARE(batch.inputs[static_cast<std::size_t>(needed.row * length + needed.keys.at(0) - 1)],
                     batch.inputs[static_cast<std::size_t>(needed.row * length + needed.query)]);
        }
    }
}

void tst_DataSource::selectiveCopyStructure()
{
    const int length = 40;
    const int copies = 6;
    const Batch batch =
        makeDataSource(runOf("selective-copy", length, 16, 0, {{"copies", copies}, {"symbols", 5}}))->training(1);
    for (int b = 0; b < batch.rows; ++b) {
        std::vector<std::int64_t> symbols, repeated;
        for (int t = 0; t < length; ++t) {
            const std::int64_t token = batch.inputs[static_cast<std::size_t>(b * length + t)];
            const std::int64_t target = batch.targets[static_cast<std::size_t>(b * length + t)];
            if (t < length - copies && token != 0) {
                symbols.push_back(token);
            }
            QCOMPARE(token == 1, t == length - copies);
            QCOMPARE(target >= 0, t >= length - copies);
            if (target >= 0) {
                repeated.push_back(target);
                QVERIFY(t + 1 == length || batch.inputs[static_cast<std::size_t>(b * length + t + 1)] == target);
            }
        }
        QCOMPARE(static_cast<int>(symbols.size()), copies);
        QCOMPARE(repeated, symbols);
    }
}

void tst_DataSource::bracketsStructure()
{
    for (const int length : {40, 41}) {
        const int types = 3;
        const int depth = 4;
        const Batch batch =
            makeDataSource(runOf("brackets", length, 32, 0, {{"types", types}, {"depth", depth}}))->training(0);
        std::map<std::pair<int, int>, int> keyOf;
        for (const NeededKeys &needed : batch.needed) {
            keyOf[{needed.row, needed.query}] = needed.keys.at(0);
        }
        for (int b = 0; b < batch.rows; ++b) {
            std::vector<int> open;
            for (int t = 0; t < length; ++t) {
                const std::int64_t token = batch.inputs[static_cast<std::size_t>(b * length + t)];
                if (token < types) {
                    open.push_back(t);
                    QVERIFY(static_cast<int>(open.size()) <= depth);
                    QVERIFY(t == 0 || batch.targets[static_cast<std::size_t>(b * length + t - 1)] == -1);
                    continue;
                }
                QVERIFY(!open.empty());
                QCOMPARE(token - types, batch.inputs[static_cast<std::size_t>(b * length + open.back())]);
                QCOMPARE(batch.targets[static_cast<std::size_t>(b * length + t - 1)], token);
                QCOMPARE(keyOf.at({b, t - 1}), open.back());
                open.pop_back();
            }
            QCOMPARE(static_cast<int>(open.size()), length % 2);
        }
    }
}

// Reads the documents back from the tokens alone: facts, questions, answers and their places.
void tst_DataSource::documentQuestionsStructure()
{
    struct Case {
        int length, facts, questions, documents;
    };
    for (const Case &one : {Case{127, 4, 2, 2}, {200, 1, 1, 1}, {512, 6, 3, 4}, {1000, 20, 20, 20}}) {
        const nlohmann::json options = {
            {"facts", one.facts}, {"questions", one.questions}, {"documents", one.documents}};
        const auto source = makeDataSource(runOf("document-questions", one.length, 8, 2, options));
        for (const Batch &batch : {source->training(3), source->validation(1)}) {
            std::map<std::pair<int, int>, int> keyOf, answerOf;
            for (const NeededKeys &needed : batch.needed) {
                QCOMPARE(needed.keys.size(), std::size_t{1});
                keyOf[{needed.row, needed.query}] = needed.keys[0];
                answerOf[{needed.row, needed.query}] = needed.answer;
            }
            for (int b = 0; b < batch.rows; ++b) {
                std::string text;
                int separators = 0;
                for (int t = 0; t < one.length; ++t) {
                    const std::int64_t token = batch.inputs[static_cast<std::size_t>(b * one.length + t)];
                    separators += token == 256;
                    text += token == 256 ? '\n' : static_cast<char>(token);
                }
                QCOMPARE(separators, one.documents);
                const std::size_t tail = text.rfind('\n') + 1;
                const QString documents = QString::fromStdString(text.substr(0, tail));
                static const QRegularExpression fact("([A-Z][a-z]+'s [a-z]+) is ([a-z]{3})\\. ");
                std::map<std::string, std::pair<std::string, int>> told; // subject -> value and its place
                for (auto match = fact.globalMatch(documents); match.hasNext();) {
                    const auto found = match.next();
                    QVERIFY(told.emplace(found.captured(1).toStdString(),
                                         std::pair(found.captured(2).toStdString(), found.capturedStart(2)))
                                .second);
                }
                QCOMPARE(static_cast<int>(told.size()), one.facts);
                static const QRegularExpression question("([A-Z][a-z]+'s [a-z]+)\\? ([a-z]{3})\\.");
                std::set<std::string> asked;
                std::set<int> labelled;
                for (auto match = question.globalMatch(QString::fromStdString(text.substr(tail))); match.hasNext();) {
                    const auto found = match.next();
                    const std::string subject = found.captured(1).toStdString();
                    QVERIFY(told.count(subject));
                    QCOMPARE(found.captured(2).toStdString(), told[subject].first);
                    for (int letter = 0; letter < 3; ++letter) {
                        const int query = static_cast<int>(tail + found.capturedStart(2)) + letter - 1;
                        QCOMPARE(batch.targets[static_cast<std::size_t>(b * one.length + query)],
                                 std::int64_t{told[subject].first[static_cast<std::size_t>(letter)]});
                        QCOMPARE(keyOf.at({b, query}), told[subject].second + letter);
                        QCOMPARE(answerOf.at({b, query}), static_cast<int>(asked.size()));
                        labelled.insert(query);
                    }
                    QVERIFY(asked.insert(subject).second);
                }
                QCOMPARE(static_cast<int>(asked.size()), one.questions);
                for (int t = 0; t < one.length; ++t) {
                    QCOMPARE(batch.targets[static_cast<std::size_t>(b * one.length + t)] >= 0, labelled.count(t) > 0);
                }
            }
        }
    }
}

// One number under one key in a haystack of any length: the passkey test.
void tst_DataSource::passkeyAtAnyLength()
{
    const nlohmann::json options = {{"pairs", 1}, {"queries", 1}, {"digits", 5}, {"keys", 1}, {"filler", "random"}};
    for (const int length : {12, 4096, 131072}) {
        const auto source = makeDataSource(runOf("needle", length, 1, 0, options));
        std::set<int> quarters;
        for (int index = 0; index < 12; ++index) {
            const Batch batch = source->validation(index);
            QCOMPARE(batch.needed.size(), std::size_t{5});
            const auto place = std::find(batch.inputs.begin(), batch.inputs.end(), 256) - batch.inputs.begin();
            for (int d = 0; d < 5; ++d) {
                const NeededKeys &needed = batch.needed[static_cast<std::size_t>(d)];
                QCOMPARE(needed.query, length - 6 + d);
                QCOMPARE(needed.keys[0], static_cast<int>(place) + 1 + d);
                QCOMPARE(batch.targets[static_cast<std::size_t>(needed.query)],
                         batch.inputs[static_cast<std::size_t>(needed.keys[0])]);
            }
            quarters.insert(static_cast<int>(4 * place / length));
        }
        QVERIFY(length < 100 || quarters.size() >= 3); // not always in the same place
    }
}

void tst_DataSource::answersGroupTheirTargets()
{
    const auto answers = [](const char *source, const nlohmann::json &options = nlohmann::json::object()) {
        const Batch batch = makeDataSource(runOf(source, 128, 1, 0, options))->training(0);
        std::map<int, int> sizes; // answer -> targets
        for (const NeededKeys &needed : batch.needed) {
            ++sizes[needed.answer];
        }
        std::vector<int> result;
        for (const auto &[answer, size] : sizes) {
            result.push_back(size);
        }
        return result;
    };
    QCOMPARE(answers("needle"), (std::vector<int>{3, 3, 3, 3}));
    QCOMPARE(answers("mqar"), std::vector<int>(8, 1));
    QCOMPARE(answers("forgetting"), std::vector<int>(4, 1));
    QCOMPARE(answers("selective-copy"), std::vector<int>{8});
    QCOMPARE(answers("document-questions"), (std::vector<int>{3, 3}));
    const std::vector<int> brackets = answers("brackets");
    QCOMPARE(brackets, std::vector<int>(64, 1)); // half of an even length closes
}

void tst_DataSource::vocabularyIsKnownBeforehand()
{
    for (const std::string &kind : generatedKinds()) {
        QCOMPARE(expectedVocabulary(runOf(kind, 128)), makeDataSource(runOf(kind, 128))->vocabulary());
    }
    const RunConfig run = runOf("noisy-recall", 128, 4, 0, {{"keys", 20}, {"distractors", 3}});
    QCOMPARE(expectedVocabulary(run), makeDataSource(run)->vocabulary());
}

void tst_DataSource::noiseIsUniform()
{
    const auto source = makeDataSource(runOf("noise", 256, 64, 0, {{"vocabulary", 16}}));
    QCOMPARE(source->vocabulary(), 16);
    QCOMPARE(source->floor(), std::optional<double>(std::log(16.0)));
    QVERIFY(!source->isTask());
    const Batch batch = source->training(0);
    std::array<int, 16> counts{};
    for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
        ++counts[static_cast<std::size_t>(batch.inputs[i])];
        if (i % 256 != 255) {
            QCOMPARE(batch.targets[i], batch.inputs[i + 1]);
        }
    }
    for (const int count : counts) {
        QVERIFY(std::abs(count - 1024) < 160); // 5 standard deviations
    }
}

void tst_DataSource::badInput_data()
{
    QTest::addColumn<QString>("source");
    QTest::addColumn<QString>("options");
    QTest::addColumn<int>("length");
    QTest::addColumn<QString>("where");
    QTest::addColumn<QString>("says");
    QTest::newRow("unknown source") << "needel"
                                    << "{}" << 64 << "data.source"
                                    << "\"needle\"";
    QTest::newRow("unknown option") << "needle"
                                    << R"({"piars": 3})" << 64 << "data.options.piars"
                                    << "\"pairs\"";
    QTest::newRow("option of another source") << "mqar"
                                              << R"({"filler": "text"})" << 64 << "data.options.filler"
                                              << "keys or pairs";
    QTest::newRow("no options at all") << "stories"
                                       << R"({"a": 1})" << 64 << "data.options.a"
                                       << "facts";
    QTest::newRow("not an object") << "needle"
                                   << "[1]" << 64 << "data.options"
                                   << "an object";
    QTest::newRow("not a number") << "needle"
                                  << R"({"pairs": "four"})" << 64 << "data.options.pairs"
                                  << "1 to 4096";
    QTest::newRow("not whole") << "needle"
                               << R"({"pairs": 2.5})" << 64 << "data.options.pairs"
                               << "2.5";
    QTest::newRow("too small") << "needle"
                               << R"({"digits": 0})" << 64 << "data.options.digits"
                               << "got 0";
    QTest::newRow("huge") << "needle"
                          << R"({"digits": 18446744073709551615})" << 64 << "data.options.digits"
                          << "1 to 64";
    QTest::newRow("unknown filler") << "needle"
                                    << R"({"filler": "txt"})" << 64 << "data.options.filler"
                                    << "\"text\"";
    QTest::newRow("more queries than pairs") << "needle"
                                             << R"({"queries": 5})" << 64 << "data.options.queries"
                                             << "1 to 4";
    QTest::newRow("fewer keys than pairs") << "needle"
                                           << R"({"keys": 3})" << 64 << "data.options.keys"
                                           << "4 or more";
    QTest::newRow("needle too short") << "needle"
                                      << "{}" << 31 << "training.sequence_length"
                                      << "32 or more";
    QTest::newRow("mqar too short") << "mqar"
                                    << "{}" << 30 << "training.sequence_length"
                                    << "31 or more";
    QTest::newRow("mqar keys") << "mqar"
                               << R"({"keys": 7})" << 64 << "data.options.keys"
                               << "8 or more";
    QTest::newRow("noise share") << "noisy-recall"
                                 << R"({"noise": 1.0})" << 64 << "data.options.noise"
                                 << "0 to 0.95";
    QTest::newRow("copy too short") << "selective-copy"
                                    << "{}" << 15 << "training.sequence_length"
                                    << "16 or more";
    QTest::newRow("brackets") << "brackets"
                              << R"({"types": 0})" << 64 << "data.options.types"
                              << "1 to 1024";
    QTest::newRow("more questions than facts") << "document-questions"
                                               << R"({"questions": 5})" << 128 << "data.options.questions"
                                               << "1 to 4";
    QTest::newRow("documents too short") << "document-questions"
                                         << "{}" << 117 << "training.sequence_length"
                                         << "118 or more";
    QTest::newRow("noise vocabulary") << "noise"
                                      << R"({"vocabulary": 1})" << 64 << "data.options.vocabulary"
                                      << "2 to 65536";
    QTest::newRow("length") << "stories"
                            << "{}" << 1 << "training.sequence_length"
                            << "2 to 131072";
}

void tst_DataSource::badInput()
{
    QFETCH(QString, source);
    QFETCH(QString, options);
    QFETCH(int, length);
    QFETCH(QString, where);
    QFETCH(QString, says);
    const Error error =
        failureOf(runOf(source.toStdString(), length, 4, 0, nlohmann::json::parse(options.toStdString())));
    QCOMPARE(QString::fromStdString(error.where), where);
    QVERIFY2(QString::fromStdString(error.text()).contains(says), error.text().c_str());
}

void tst_DataSource::orderHash()
{
    const auto hash = [](int batches, std::uint64_t seed) {
        return dataOrderHash(*makeDataSource(runOf("needle", 64, 4, seed)), batches);
    };
    QCOMPARE(hash(20, 0), hash(20, 0));
    QVERIFY(hash(20, 0) != hash(20, 1));
    QVERIFY(hash(20, 0) != hash(21, 0));
}

void tst_DataSource::speed()
{
    for (const std::string &kind : generatedKinds()) {
        const auto source = makeDataSource(runOf(kind, 256, 16));
        QElapsedTimer timer;
        timer.start();
        std::int64_t sum = 0;
        for (int i = 0; i < 50; ++i) {
            sum += source->training(i).inputs[0];
        }
        qInfo("%s: %.3f ms a batch of 16 x 256 (%lld)", kind.c_str(), static_cast<double>(timer.nsecsElapsed()) / 50e6,
              static_cast<long long>(sum));
    }
}

QTEST_GUILESS_MAIN(tst_DataSource)
#include "tst_data_source.moc"
