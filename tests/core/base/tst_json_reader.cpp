#include "core/base/json_reader.h"

#include <QtTest>

#include <fstream>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

std::string failureOf(const std::string &text)
{
    try {
        parseJson(text, "exp.json");
    } catch (const Failure &failure) {
        return failure.what();
    }
    return {};
}

std::string readFailure(const fs::path &file)
{
    try {
        readJsonFile(file);
    } catch (const Failure &failure) {
        return failure.what();
    }
    return {};
}

} // namespace

class tst_json_reader : public QObject {
    Q_OBJECT
private slots:
    void syntaxErrorsHaveLineAndColumn()
    {
        QVERIFY2(failureOf("{\n  \"a\": 1,\n  \"b\" 2\n}").find("exp.json, line 3, column 7: not valid JSON") == 0,
                 failureOf("{\n  \"a\": 1,\n  \"b\" 2\n}").c_str());
        QVERIFY2(failureOf("").find("line 1, column 1") != std::string::npos, failureOf("").c_str());
        QVERIFY(!failureOf("{} {}").empty());
        QVERIFY(!failureOf("{\"a\": NaN}").empty());
        QVERIFY(!failureOf("{\"a\": 1e999}").empty());
        QVERIFY(!failureOf("{\"a\": 1,}").empty());
    }
    void deepNestingIsRefusedBeforeItIsBuilt()
    {
        QVERIFY(failureOf(std::string(5'000'000, '[')).find("nested too deeply") != std::string::npos);
        QVERIFY(failureOf("{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}").find("allowed 64 levels") !=
                std::string::npos);
        QVERIFY(failureOf("{\"a\":\"" + std::string(70, '[') + "\"}").empty()); // brackets inside a text are letters
        QVERIFY(failureOf(std::string(64, '[') + std::string(64, ']')).empty());
    }
    void aKeyTwiceIsAnError()
    {
        QVERIFY(failureOf("{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}").find("key given twice, got \"c\"") !=
                std::string::npos);
        QVERIFY(failureOf("{\"a\": {\"c\": 1}, \"b\": {\"c\": 2}}").empty());
        const std::string where = failureOf("{\n  \"a\": [{\"b\": \"}\"}, 1],\n  \"\\u0061\": 2\n}");
        QVERIFY2(where.find("exp.json, line 3, column 3: key given twice, got \"a\"") == 0, where.c_str());
        const std::string both = failureOf("{\"a\": 1,\n\"a\": 2,\n\"b\": 3,\n\"b\": 4}");
        QVERIFY2(both.find("exp.json, line 2, column 1; line 4, column 1: keys given twice, got \"a\", \"b\"") == 0,
                 both.c_str());
        QVERIFY(failureOf("{\"a\": \"a\", \"b\": [\"b\", \"b\", {\"a\": \"\\\"a\\\": 1\"}]}").empty());
    }
    void aNumberThatNoDoubleHoldsIsNamed()
    {
        const std::string found = failureOf("{\"1e999\": -1.5,\n \"b\": [0, -1e400]}");
        QVERIFY2(found.find("exp.json, line 2, column 11: number is too large, got \"-1e400\"") == 0, found.c_str());
    }
    void nothingHidesBehindAZeroByte()
    {
        for (const std::string &text : {std::string("0\0schema\":1", 11), std::string("{}\n\0", 4)}) {
            const std::string found = failureOf(text);
            QVERIFY2(found.find("not valid JSON (a zero byte)") != std::string::npos, found.c_str());
        }
    }
    void filesThatCannotBeRead()
    {
        QTemporaryDir folder;
        const fs::path base = folder.path().toStdString();
        QVERIFY(readFailure(base / "none.json").find("none.json: file not found") != std::string::npos);
        QVERIFY(readFailure(base).find("is a folder") != std::string::npos);
        std::ofstream(base / "latin.json") << "{\"name\": \"\xE9\"}";
        QVERIFY(readFailure(base / "latin.json").find("not UTF-8") != std::string::npos);
        std::ofstream(base / "large.json") << std::string(kLargestJsonFile + 1, ' ');
        QVERIFY(readFailure(base / "large.json").find("too large, got more than 16777216 bytes, allowed 16 MiB") !=
                std::string::npos);
        QVERIFY(readFailure("/dev/zero").find("too large") != std::string::npos);
        std::ofstream(base / "good.json") << "\xEF\xBB\xBF{\"name\": \"\xC3\xA9\"}"; // a byte order mark is no fault
        QCOMPARE(readJsonFile(base / "good.json")["name"].get<std::string>(), std::string("\xC3\xA9"));
    }
    void utf8()
    {
        QVERIFY(isUtf8("") && isUtf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
        for (const char *bad : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                                "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"})
            QVERIFY2(!isUtf8(bad), bad);
    }
    void foundIsShort()
    {
        QCOMPARE(brief(nlohmann::ordered_json::array({1, 2})), std::string("a list of 2"));
        QCOMPARE(brief("text"), std::string("\"text\""));
        const std::string cut = brief(std::string(1000, 'x'));
        QVERIFY(cut.size() < 70 && cut.substr(cut.size() - 3) == "...");
        std::string accents;
        for (int i = 0; i < 100; ++i)
            accents += "\xC3\xA9";
        QVERIFY(isUtf8(brief(accents)));
    }
    void wholeNumbers()
    {
        FieldInfo info;
        info.kind = FieldInfo::Kind::Integer;
        info.low = 0;
        info.high = 9007199254740992.0;
        std::int64_t value = -1;
        QVERIFY(readValue(info, 64.0, value) && value == 64);
        QVERIFY(!readValue(info, 64.5, value) && !readValue(info, true, value) && !readValue(info, "64", value) &&
                !readValue(info, 1e300, value));
        QVERIFY(!readValue(info, 18446744073709551615ull, value));
        QCOMPARE(value, std::int64_t(64));
        int narrow = 5;
        QVERIFY(!readValue(info, 3000000000ll, narrow));
        QCOMPARE(narrow, 5);
    }
};

QTEST_GUILESS_MAIN(tst_json_reader)
#include "tst_json_reader.moc"
