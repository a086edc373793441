#include "core/data/story_writer.h"
#include "tests/core/data/fixtures.h"

#include <QtTest>

#include <algorithm>
#include <cctype>
#include <set>
#include <unordered_set>

using namespace sparsescope;

namespace {

Story storyOf(int number, Split split, int facts = 4)
{
    RandomStream stream(5, split, number, 0);
    return writeStory(stream, split, facts);
}

std::string bytesOf(const std::vector<std::int64_t> &tokens, std::size_t begin, std::size_t end)
{
    std::string text;
    for (std::size_t i = begin; i < end; ++i) {
        text.push_back(tokens[i] == 256 ? '\n' : static_cast<char>(tokens[i]));
    }
    return text;
}

} // namespace

class tst_StoriesSource : public QObject {
    Q_OBJECT
private slots:
    void storiesAreReadableText();
    void callbacksRepeatWhatWasToldOnce();
    void callbacksNameWhatTheyAskFor();
    void factsCompete();
    void noStoryIsInBothSplits();
    void hardlyAnyValidationStringIsInTraining();
    void windowsCarryTheirNeededKeys();
    void shortWindowsWork();
};

void tst_StoriesSource::storiesAreReadableText()
{
    std::size_t longest = 0;
    std::size_t callbacks = 0;
    for (int i = 0; i < 300; ++i) {
        const Story story = storyOf(i, Split::Training);
        longest = std::max(longest, story.text.size());
        callbacks += story.callbacks.size();
        QVERIFY(story.text.size() > 200);
        QCOMPARE(story.text.find_first_of("{}"), std::string::npos); // every slot is filled
        QCOMPARE(story.text.find("  "), std::string::npos);
        for (const char c : story.text) {
            QVERIFY(c >= 0x20 && c < 0x7f);
        }
        QVERIFY(story.text.back() == '.');
        for (const char *wrong : {" a a", " a e", " a i", " a o", " a u"}) {
            const std::size_t at = story.text.find(wrong);
            QVERIFY2(at == std::string::npos, story.text.c_str());
        }
    }
    QVERIFY(longest < 4000);
    QVERIFY(callbacks > 300 * 3); // nearly every fact of the four comes back
    qInfo("%s", storyOf(3, Split::Validation).text.c_str());
}

void tst_StoriesSource::callbacksRepeatWhatWasToldOnce()
{
    for (int i = 0; i < 500; ++i) {
        const Story story = storyOf(i, i % 2 ? Split::Training : Split::Validation, 1 + i % 10);
        for (const Callback &callback : story.callbacks) {
            const auto size = static_cast<std::size_t>(callback.size);
            const std::string value = story.text.substr(static_cast<std::size_t>(callback.source), size);
            QCOMPARE(story.text.substr(static_cast<std::size_t>(callback.answer), size), value);
            QVERIFY(callback.answer - callback.source >= 50);
            QVERIFY(callback.answer - callback.source <= 500);
            // Before the answer it stands in exactly one place.
            const std::string before = story.text.substr(0, static_cast<std::size_t>(callback.answer));
            QCOMPARE(before.find(value), static_cast<std::size_t>(callback.source));
            QCOMPARE(before.rfind(value), static_cast<std::size_t>(callback.source));
        }
    }
}

// The sentence of the source and the sentence of the answer share what is asked for, and so the answer can be looked up.
void tst_StoriesSource::callbacksNameWhatTheyAskFor()
{
    const auto wordsOfSentence = [](const std::string &text, int at) {
        const std::size_t end = std::min(text.find_first_of(".", static_cast<std::size_t>(at)), text.size());
        std::size_t begin = static_cast<std::size_t>(at);
        int stops = 0;
        while (begin > 0 && stops < 1) {
            --begin;
            stops += text[begin] == '.';
        }
        std::set<std::string> words;
        std::string word;
        for (std::size_t i = begin; i <= end; ++i) { // the stop ends the last word
            if (i < end && std::isalpha(static_cast<unsigned char>(text[i]))) {
                word += text[i];
            } else if (!word.empty()) {
                words.insert(word);
                word.clear();
            }
        }
        return words;
    };
    const std::set<std::string> keyEnds = {
        "key",         "lantern",   "compass",    "ring",    "flute",    "map",          "coin",     "mirror",
        "dagger",      "bottle",    "spyglass",   "letter",  "locket",   "whistle",      "candle",   "ribbon",
        "button",      "drum",      "needle",     "crown",   "cat",      "mare",         "parrot",   "wolfhound",
        "goat",        "ferret",    "tortoise",   "rooster", "mule",     "falcon",       "pig",      "calf",
        "gate",        "door",      "drawbridge", "vault",   "tunnel",   "tower",        "landing",  "passage",
        "museum",      "treasury",  "house",      "chain",   "jars",     "candlesticks", "blankets", "hens",
        "nails",       "plates",    "sacks",      "turnips", "pebbles",  "shells",       "spoons",   "feathers",
        "grandmother", "baker",     "captain",    "miller",  "shepherd", "teacher",      "widow",    "tailor",
        "doctor",      "fisherman", "postman",    "piper"};
    int checked = 0;
    for (int i = 0; i < 200; ++i) {
        const Story story = storyOf(i, Split::Training);
        for (const Callback &callback : story.callbacks) {
            const std::set<std::string> told = wordsOfSentence(story.text, callback.source + callback.size - 1);
            // An answer may come one sentence after its question ("Where is the key?" asked Nils. It was ...).
            std::set<std::string> asked = wordsOfSentence(story.text, callback.answer);
            const std::size_t stop = story.text.rfind('.', static_cast<std::size_t>(callback.answer));
            asked.merge(wordsOfSentence(story.text, static_cast<int>(stop) - 1));
            bool shared = false;
            for (const std::string &word : told) {
                shared = shared || (keyEnds.count(word) && asked.count(word));
            }
            QVERIFY2(shared, story.text.c_str());
            ++checked;
        }
    }
    QVERIFY(checked > 600);
}

// With several facts in the air the last one told is mostly not the one asked for.
void tst_StoriesSource::factsCompete()
{
    int answers = 0;
    int latest = 0;
    for (int i = 0; i < 500; ++i) {
        const Story story = storyOf(i, Split::Training);
        for (const Callback &callback : story.callbacks) {
            int last = -1;
            for (const Callback &other : story.callbacks) {
                if (other.source < callback.answer) {
                    last = std::max(last, other.source);
                }
            }
            ++answers;
            latest += last == callback.source;
        }
    }
    QVERIFY2(latest < 0.7 * answers, qPrintable(QString("%1 of %2").arg(latest).arg(answers)));
}

void tst_StoriesSource::noStoryIsInBothSplits()
{
    std::set<std::string> training;
    for (int i = 0; i < 2000; ++i) {
        const std::string one = storyOf(i, Split::Training).text;
        QVERIFY(splitOfStory(one) == Split::Training);
        training.insert(one);
        QVERIFY(splitOfStory(storyOf(i, Split::Validation).text) == Split::Validation);
    }
    QCOMPARE(training.size(), std::size_t{2000});
}

// The gate of EXPERIMENTS.md section 4: at most 1 % of the 64-byte strings of validation occur in training.
void tst_StoriesSource::hardlyAnyValidationStringIsInTraining()
{
    const auto source = makeDataSource(runOf("stories", 256, 16));
    std::unordered_set<std::string> seen;
    for (int i = 0; i < 150; ++i) {
        const Batch batch = source->training(i);
        for (std::size_t at = 0; at + 64 <= batch.inputs.size(); ++at) {
            seen.insert(bytesOf(batch.inputs, at, at + 64));
        }
    }
    int found = 0;
    int all = 0;
    for (int i = 0; i < 8; ++i) {
        const Batch batch = source->validation(i);
        for (int b = 0; b < batch.rows; ++b) {
            for (std::size_t t = 0; t + 64 <= 256; ++t, ++all) {
                const std::size_t at = static_cast<std::size_t>(b) * 256 + t;
                found += static_cast<int>(seen.count(bytesOf(batch.inputs, at, at + 64)));
            }
        }
    }
    qInfo("%d of %d strings of 64 bytes, after %zu of training", found, all, seen.size());
    QVERIFY(found <= all / 100);
}

void tst_StoriesSource::windowsCarryTheirNeededKeys()
{
    const auto source = makeDataSource(runOf("stories", 512, 16));
    QCOMPARE(source->vocabulary(), 257);
    QVERIFY(!source->isTask());
    int needed = 0;
    int separators = 0;
    for (int i = 0; i < 20; ++i) {
        const Batch batch = source->training(i);
        for (std::size_t t = 0; t < batch.inputs.size(); ++t) {
            QVERIFY(batch.targets[t] >= 0);
            if (t % 512 != 511) {
                QCOMPARE(batch.targets[t], batch.inputs[t + 1]);
            }
            separators += batch.inputs[t] == 256;
        }
        for (const NeededKeys &one : batch.needed) {
            QCOMPARE(one.keys.size(), std::size_t{1});
            const int distance = one.query + 1 - one.keys[0];
            QVERIFY(distance >= 50 && distance <= 500);
            const auto at = [&](int t) { return static_cast<std::size_t>(one.row * 512 + t); };
            QCOMPARE(batch.inputs[at(one.keys[0])], batch.targets[at(one.query)]);
            // Source and answer lie in one story.
            for (int t = one.keys[0]; t <= one.query; ++t) {
                QVERIFY(batch.inputs[at(t)] != 256);
            }
            ++needed;
        }
    }
    QVERIFY(separators > 50);
    QVERIFY(needed > 20 * 16 * 10);
}

void tst_StoriesSource::shortWindowsWork()
{
    for (const int length : {2, 3, 17, 64}) {
        const Batch batch = makeDataSource(runOf("stories", length))->training(0);
        QCOMPARE(batch.inputs.size(), static_cast<std::size_t>(4 * length));
        QVERIFY(std::all_of(batch.targets.begin(), batch.targets.end(), [](std::int64_t t) { return t >= 0; }));
    }
}

QTEST_GUILESS_MAIN(tst_StoriesSource)
#include "tst_stories_source.moc"
