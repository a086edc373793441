#include "core/data/story_writer.h"

#include "core/data/story_words.h"

#include <cctype>
#include <utility>

namespace sparsescope {

namespace {

struct Fact {
    const FactKind *kind = nullptr;
    std::string key;
    std::string value;
    int source = -1; ///< where the value stands; -1: not told yet
};

class Writer {
public:
    Writer(RandomStream &stream, int facts)
        : m_stream(stream)
    {
        const std::vector<std::string> &names = storyWords("name");
        const std::vector<int> chosen = m_stream.distinct(3, static_cast<int>(names.size()));
        m_hero = names[static_cast<std::size_t>(chosen[0])];
        m_friend = names[static_cast<std::size_t>(chosen[1])];
        m_other = names[static_cast<std::size_t>(chosen[2])];
        inventFacts(facts);
    }

    /// Everything but the last sentence.
    Story body()
    {
        append(expand(m_stream.pick(storyOpenings()), nullptr));
        std::vector<Fact *> untold;
        for (Fact &fact : m_facts) {
            untold.push_back(&fact);
        }
        std::vector<Fact *> told;
        while (!untold.empty() || !told.empty()) {
            const std::uint64_t turn = m_stream.below(10);
            if (turn < 4 && !untold.empty()) {
                state(*untold.back());
                told.push_back(untold.back());
                untold.pop_back();
            } else if (turn < 8 && !told.empty()) {
                const std::size_t i = m_stream.below(told.size());
                if (ask(*told[i])) {
                    told.erase(told.begin() + static_cast<std::ptrdiff_t>(i));
                }
            } else {
                append(expand(m_stream.pick(storyFillers()), nullptr));
            }
        }
        return std::move(m_story);
    }

    std::string closing() { return expand(m_stream.pick(storyClosings()), nullptr).text; }

private:
    struct Sentence {
        std::string text;
        int valueAt = -1;
    };

    /// Keys and values of a story differ from each other, so that each question has one answer.
    void inventFacts(int count)
    {
        // Two kinds a story: facts of one kind compete for the same question.
        const std::vector<int> kinds = m_stream.distinct(2, static_cast<int>(storyFacts().size()));
        while (static_cast<int>(m_facts.size()) < count) {
            Fact fact;
            fact.kind = &storyFacts()[static_cast<std::size_t>(kinds[m_stream.below(2)])];
            fact.key = expand(fact.kind->key, nullptr).text;
            fact.value = expand(fact.kind->value, nullptr).text;
            bool fresh = true;
            for (const Fact &other : m_facts) {
                fresh = fresh && other.key != fact.key && other.value != fact.value;
            }
            if (fresh) {
                m_facts.push_back(std::move(fact));
            }
        }
    }

    void state(Fact &fact)
    {
        const Sentence sentence = expand(m_stream.pick(fact.kind->statement), &fact);
        fact.source = append(sentence) + sentence.valueAt;
    }

    /// Asks for a fact; false when it was told too recently. One told too long ago is dropped unasked.
    bool ask(const Fact &fact)
    {
        const Sentence sentence = expand(m_stream.pick(fact.kind->question), &fact);
        const int answer = nextBegin() + sentence.valueAt;
        if (answer - fact.source < kNearestCallback) {
            return false;
        }
        if (answer - fact.source <= kFarthestCallback) {
            append(sentence);
            m_story.callbacks.push_back({fact.source, answer, static_cast<int>(fact.value.size())});
        }
        return true;
    }

    int nextBegin() const { return static_cast<int>(m_story.text.size()) + (m_story.text.empty() ? 0 : 1); }

    /// Where the sentence begins in the story.
    int append(const Sentence &sentence)
    {
        const int begin = nextBegin();
        if (begin > 0) {
            m_story.text += ' ';
        }
        m_story.text += sentence.text;
        return begin;
    }

    Sentence expand(const Pattern &pattern, const Fact *fact)
    {
        Sentence sentence;
        for (const Pattern::Piece &piece : pattern.pieces()) {
            sentence.text += piece.literal;
            switch (piece.slot) {
            case Pattern::Slot::None:
                break;
            case Pattern::Slot::Hero:
                sentence.text += m_hero;
                break;
            case Pattern::Slot::Friend:
                sentence.text += m_friend;
                break;
            case Pattern::Slot::Other:
                sentence.text += m_other;
                break;
            case Pattern::Slot::Key:
                sentence.text += fact->key;
                break;
            case Pattern::Slot::Value:
                sentence.valueAt = static_cast<int>(sentence.text.size());
                sentence.text += fact->value;
                break;
            case Pattern::Slot::Word: {
                const std::size_t at = sentence.text.size();
                sentence.text += m_stream.pick(*piece.words);
                if (piece.capital) {
                    sentence.text[at] = static_cast<char>(std::toupper(static_cast<unsigned char>(sentence.text[at])));
                }
                break;
            }
            }
        }
        return sentence;
    }

    RandomStream &m_stream;
    std::string m_hero, m_friend, m_other;
    std::vector<Fact> m_facts;
    Story m_story;
};

} // namespace

Split splitOfStory(const std::string &text)
{
    return (mixKey(0, hashText(text)) & 1) == 0 ? Split::Training : Split::Validation;
}

Story writeStory(RandomStream &stream, Split split, int facts)
{
    Writer writer(stream, facts);
    Story story = writer.body();
    story.text += ' ';
    for (;;) {
        std::string text = story.text + writer.closing();
        if (splitOfStory(text) == split) {
            story.text = std::move(text);
            return story;
        }
    }
}

} // namespace sparsescope
