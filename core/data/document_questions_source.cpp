#include "core/data/data_source_kinds.h"
#include "core/data/generated_source.h"
#include "core/data/generator_options.h"
#include "core/data/story_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace sparsescope {

namespace {

constexpr int kSeparator = 256;
constexpr int kValueLetters = 3;
const std::string kLetters = "bcdfghjklmnpqrstvwxz"; // each letter of a value is one of these, evenly
const std::vector<std::string> kOwners = {"Ada", "Ben", "Cleo", "Dora", "Emil", "Fay",  "Gus",  "Hal",
                                          "Ida", "Jon", "Kai",  "Lea",  "Max",  "Nora", "Olaf", "Pia"};
const std::vector<std::string> kThings = {"boat", "book", "cart", "coat", "cup",  "desk", "drum", "flag",
                                          "horn", "kite", "lamp", "mule", "oven", "rope", "sled", "tent"};

/// Facts spread over generated documents, and questions about some of them at the end. A fact gives a thing of somebody a
/// name of three letters ("Ada's lamp is kqz."); a question repeats whose and what ("Ada's lamp? kqz."), and the loss is on
/// the three letters, each of which stands in one place of the documents. What lies between the facts are sentences of the
/// built-in stories. Bytes, and a separator between documents and before the questions.
class DocumentQuestionsSource : public GeneratedSource {
public:
    explicit DocumentQuestionsSource(const RunConfig &config)
        : GeneratedSource("document-questions", config)
    {
        const GeneratorOptions options(config.data.options, documentQuestionsKind().options, name());
        m_facts = options.integer("facts", 1, 200);
        m_questions = options.integer("questions", 1, 200);
        m_documents = options.integer("documents", 1, 200);
        check();
    }

    int vocabulary() const override { return kSeparator + 1; }
    std::string word(std::int32_t id) const override { return byteWord(id); }
    std::optional<double> floor() const override { return 0.0; }
    bool isTask() const override { return true; }
    std::optional<double> chanceAccuracy() const override { return 1.0 / static_cast<double>(kLetters.size()); }

protected:
    Row makeRow(RandomStream &stream, Split split) const override
    {
        const std::vector<Fact> facts = invent(stream);
        const std::vector<int> asked = stream.distinct(m_questions, m_facts);
        int tail = 1 + m_questions * questionSize(0) - 1; // separator, questions, no space after the last
        int told = 0;
        for (const int i : asked) {
            tail += static_cast<int>(facts[static_cast<std::size_t>(i)].subject.size());
        }
        for (const Fact &fact : facts) {
            told += statementSize(static_cast<int>(fact.subject.size()));
        }
        const int body = length() - tail;
        std::vector<int> valueAt(facts.size());
        Row row(length());
        writeDocuments(row, stream, split, facts, body, body - told - (m_documents - 1), valueAt);

        int at = body;
        row.input(at++) = kSeparator;
        for (int q = 0; q < m_questions; ++q) {
            const auto i = static_cast<std::size_t>(asked[static_cast<std::size_t>(q)]);
            at = write(row, at, (q > 0 ? " " : "") + facts[i].subject + "? ");
            for (int letter = 0; letter < kValueLetters; ++letter) {
                row.ask(at + letter - 1, facts[i].value[static_cast<std::size_t>(letter)], {valueAt[i] + letter}, q);
            }
            at = write(row, at, facts[i].value + ".");
        }
        return row;
    }

    std::vector<std::int32_t> encode(const std::string &text) const override
    {
        return makeByteTokenizer()->encode(text);
    }

private:
    struct Fact {
        std::string subject; ///< "Ada's lamp"
        std::string value;   ///< "kqz"
    };
    static int statementSize(int subject) { return subject + 4 + kValueLetters + 2; } ///< " is ", value, ". "
    static int questionSize(int subject) { return subject + 2 + kValueLetters + 2; }  ///< "? ", value, ". "

    void check() const
    {
        if (m_questions > m_facts) {
            throw Failure({"more questions than facts", "data.options.questions", std::to_string(m_questions),
                           fmt::format("1 to {} (data.options.facts)", m_facts), ""});
        }
        if (m_documents > m_facts) {
            throw Failure({"more documents than facts", "data.options.documents", std::to_string(m_documents),
                           fmt::format("1 to {} (data.options.facts): each tells at least one", m_facts), ""});
        }
        const auto longest = [](const std::vector<std::string> &words) {
            return static_cast<int>(std::max_element(words.begin(), words.end(), [](const auto &a, const auto &b) {
                                        return a.size() < b.size();
                                    })->size());
        };
        const int subject = longest(kOwners) + 3 + longest(kThings);
        const int shortest = m_facts * statementSize(subject) + m_documents + m_questions * questionSize(subject);
        if (length() < shortest) {
            throw Failure({"the window is too short for the facts and questions", "training.sequence_length",
                           std::to_string(length()), fmt::format("{} or more", shortest),
                           "Lengthen the window, or lower data.options.facts or questions."});
        }
    }

    /// Subjects and values differ from each other, so that each question has one answer and each answer one place.
    std::vector<Fact> invent(RandomStream &stream) const
    {
        std::vector<Fact> facts;
        const int things = static_cast<int>(kThings.size());
        for (const int pair : stream.distinct(m_facts, static_cast<int>(kOwners.size()) * things)) {
            Fact fact;
            fact.subject = kOwners[static_cast<std::size_t>(pair / things)] + "'s " +
                           kThings[static_cast<std::size_t>(pair % things)];
            do {
                fact.value.clear();
                for (int letter = 0; letter < kValueLetters; ++letter) {
                    fact.value += kLetters[stream.below(kLetters.size())];
                }
            } while (
                std::any_of(facts.begin(), facts.end(), [&](const Fact &other) { return other.value == fact.value; }));
            facts.push_back(std::move(fact));
        }
        return facts;
    }

    /// The facts in order over `body` bytes, `spare` of them for other sentences; a document begins at the first fact and at
    /// some of the others. What no whole sentence fills stands in front, as the end of a sentence that began earlier.
    void writeDocuments(Row &row, RandomStream &stream, Split split, const std::vector<Fact> &facts, int body,
                        int spare, std::vector<int> &valueAt) const
    {
        std::vector<char> begins(facts.size(), 0);
        for (const int i : stream.distinct(m_documents - 1, m_facts - 1)) {
            begins[static_cast<std::size_t>(i) + 1] = 1;
        }
        Sentences sentences(stream, split);
        // Room is given to the gaps evenly at random, one sentence after the other.
        std::vector<std::string> gaps(facts.size() + 1);
        std::string sentence = sentences.next();
        while (static_cast<int>(sentence.size()) <= spare) {
            gaps[stream.below(gaps.size())] += sentence;
            spare -= static_cast<int>(sentence.size());
            sentence = sentences.next();
        }
        while (static_cast<int>(sentence.size()) < spare) {
            sentence += sentences.next();
        }
        int at = write(row, 0, sentence.substr(sentence.size() - static_cast<std::size_t>(spare)));
        for (std::size_t i = 0; i < facts.size(); ++i) {
            if (begins[i]) {
                row.input(at++) = kSeparator;
            }
            at = write(row, at, gaps[i] + facts[i].subject + " is ");
            valueAt[i] = at;
            at = write(row, at, facts[i].value + ". ");
        }
        at = write(row, at, gaps.back());
        if (at != body) {
            throw std::logic_error("the documents do not fill their room");
        }
    }

    static int write(Row &row, int at, const std::string &text)
    {
        for (const char c : text) {
            row.input(at++) = static_cast<unsigned char>(c);
        }
        return at;
    }

    /// Sentences of stories, each with the space behind it.
    class Sentences {
    public:
        Sentences(RandomStream &stream, Split split)
            : m_stream(stream)
            , m_split(split)
        {}
        std::string next()
        {
            constexpr int kStoryFacts = 4;
            if (m_at >= m_story.size()) {
                m_story = writeStory(m_stream, m_split, kStoryFacts).text + " ";
                m_at = 0;
            }
            const std::size_t stop = m_story.find(". ", m_at);
            const std::size_t end = stop == std::string::npos ? m_story.size() : stop + 2;
            std::string sentence = m_story.substr(m_at, end - m_at);
            m_at = end;
            return sentence;
        }

    private:
        RandomStream &m_stream;
        Split m_split;
        std::string m_story;
        std::size_t m_at = 0;
    };

    int m_facts = 0, m_questions = 0, m_documents = 0;
};

} // namespace

DataSourceKind documentQuestionsKind()
{
    return {"document-questions",
            "Facts spread over generated documents, asked for at the end.",
            {{"facts", 4}, {"questions", 2}, {"documents", 2}},
            [](const RunConfig &config) -> std::unique_ptr<DataSource> {
                return std::make_unique<DocumentQuestionsSource>(config);
            }};
}

} // namespace sparsescope
