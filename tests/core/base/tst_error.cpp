#include "core/base/error.h"
#include "core/base/nearest_name.h"
#include "core/base/records.h"

#include <QtTest>

using namespace sparsescope;

class tst_error : public QObject {
    Q_OBJECT
private slots:
    void text()
    {
        QCOMPARE((Error{"", "model.selection.top_k", "0", "1 to 131072", "Take L/8."}.text()),
                 std::string("model.selection.top_k: got 0, allowed 1 to 131072. Take L/8."));
        QCOMPARE((Error{"file not found", "a.json", "", "", ""}.text()), std::string("a.json: file not found."));
        QCOMPARE((Error{"disk is full", "", "", "", "Make room."}.text()), std::string("disk is full. Make room."));
        QCOMPARE((Error{"unknown field", "foo", "", "", "Did you mean food?", "a.json"}.text()),
                 std::string("a.json: foo: unknown field. Did you mean food?"));
        QCOMPARE(Error{}.text(), std::string());
    }
    void namesDoNotBreakTheLine()
    {
        QCOMPARE((Error{"no tensor", "a.safetensors: two\nlines", "", "", "b\rc names it."}.text()),
                 std::string("a.safetensors: two\\x0alines: no tensor. b\\x0dc names it."));
    }
    void failuresCarryTheirText()
    {
        QCOMPARE(std::string(Failure({"a", "b", "", "", ""}).what()), std::string("b: a."));
        QCOMPARE(std::string(ConfigFailure({{"a", "", "", "", ""}, {"b", "", "", "", ""}}).what()),
                 std::string("a.\nb."));
    }
    void nearestNames()
    {
        const std::vector<std::string> known{"training.steps", "training.seed", "model.selection.top_k", "stories"};
        QCOMPARE(nearestName("training.step", known), std::string("training.steps"));
        QCOMPARE(nearestName("seed", known), std::string("training.seed"));
        QCOMPARE(nearestName("top_k", known), std::string("model.selection.top_k"));
        QCOMPARE(nearestName("training.lr", {"training", "training.steps", "training.learning_rate"}),
                 std::string("training.learning_rate"));
        QCOMPARE(nearestName("training.zz", {"training"}), std::string());
        QCOMPARE(nearestName("stroies", known), std::string("stories"));
        QCOMPARE(nearestName("zzzz", known), std::string());
        QCOMPARE(nearestName("", known), std::string());
        QCOMPARE(nearestName(std::string(1'000'000, 'a'), known), std::string());
        QCOMPARE(listed({"a"}), std::string("a"));
        QCOMPARE(listed({"a", "b", "c"}), std::string("a, b or c"));
    }
    void statesHaveTwoSpellings()
    {
        const std::pair<const char *, const char *> words[] = {
            {"queued", "Queued"},   {"running", "Running"}, {"paused", "Paused"},      {"finished", "Done"},
            {"stopped", "Stopped"}, {"failed", "Failed"},   {"interrupted", "Cut off"}};
        for (const auto &[stored, shown] : words) {
            QCOMPARE(toString(runStateFrom(stored)), std::string(stored));
            QCOMPARE(displayName(runStateFrom(stored)), std::string(shown));
        }
        QVERIFY_THROWS_EXCEPTION(Failure, runStateFrom("done"));
        QCOMPARE(toString(LogLevel::Saved), std::string("saved"));
    }
};

QTEST_GUILESS_MAIN(tst_error)
#include "tst_error.moc"
