// Longer than 400 lines: all that one source promises is tested by one program.

#include "core/base/error.h"
#include "core/base/safetensors.h"

#include <nlohmann/json.hpp>

#include <QTemporaryDir>
#include <QTest>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include <sys/resource.h>

using namespace sparsescope;

namespace {

std::string bytesOf(const std::filesystem::path &file)
{
    std::ifstream input(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(input), {}};
}

/// A file put together by hand: `header` and `data` as they are, whatever they say.
std::string fileOf(const std::string &header, const std::string &data, std::int64_t length = -1)
{
    const std::uint64_t count = length < 0 ? header.size() : static_cast<std::uint64_t>(length);
    std::string content(8, '\0');
    std::memcpy(content.data(), &count, 8);
    return content + header + data;
}

int filesIn(const std::filesystem::path &folder)
{
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

} // namespace

class tst_Safetensors : public QObject {
    Q_OBJECT
private slots:
    void whatIsWrittenIsReadBack();
    void emptyTensorsAndScalars();
    void namesAreSortedAndDataIsAligned();
    void misalignedDataIsCopied();
    void hostileFiles_data();
    void hostileFiles();
    void everyPrefixOfAFileIsRefused();
    void everyByteChangedIsHandled();
    void wrongTypeShapeOrName();
    void aShrunkenFileIsNoticed();
    void changedNumbersAreNoticed();
    void aFailedWriteLeavesTheOldFile();
    void aGoneFolderIsExplained();
    void aFullDiskIsExplained();
    void truthFilesOpen();

private:
    std::filesystem::path path(const char *name) const
    {
        return std::filesystem::path(m_folder.path().toStdString()) / name;
    }
    QTemporaryDir m_folder;
};

void tst_Safetensors::whatIsWrittenIsReadBack()
{
    const std::vector<float> floats = {1.5f, -0.0f, std::numeric_limits<float>::infinity(), 1e-45f, 3.0f, 4.0f};
    const std::vector<double> doubles = {0.1, -1e300};
    const std::vector<std::int64_t> longs = {std::numeric_limits<std::int64_t>::min(), 7};
    const std::vector<std::int32_t> ints = {-1, 2};
    const std::vector<std::uint64_t> words = {~std::uint64_t{0}};
    const std::vector<std::uint16_t> halves = {0x3c00, 0x7c00, 1};
    const std::vector<std::uint8_t> bytes = {0, 255, 3};
    const auto file = path("all.safetensors");
    writeSafetensors(file,
                     {{"z", "F32", {2, 3}, floats.data()},
                      {"a", "F64", {2}, doubles.data()},
                      {"long", "I64", {2, 1}, longs.data()},
                      {"int", "I32", {2}, ints.data()},
                      {"bits", "U64", {1}, words.data()},
                      {"half", "F16", {3}, halves.data()},
                      {"brain", "BF16", {3}, halves.data()},
                      {"byte", "U8", {3}, bytes.data()},
                      {"flag", "BOOL", {3}, bytes.data()}},
                     {{"format", "pt"}, {"note", "a \"quoted\" line\n"}});
    const SafetensorsFile read(file);
    QCOMPARE(read.tensors().size(), std::size_t{9});
    QCOMPARE(read.metadata().at("note"), std::string("a \"quoted\" line\n"));
    QCOMPARE(std::memcmp(read.read<float>("z", {2, 3}).data(), floats.data(), floats.size() * 4), 0);
    QCOMPARE(read.read<double>("a", {2}), doubles);
    QCOMPARE(read.read<std::int64_t>("long", {2, 1}), longs);
    QCOMPARE(read.read<std::int32_t>("int"), ints);
    QCOMPARE(read.read<std::uint64_t>("bits"), words);
    QCOMPARE(read.read<std::uint16_t>("half"), halves);
    QCOMPARE(read.read<std::uint16_t>("brain"), halves);
    QCOMPARE(read.read<std::uint8_t>("byte"), bytes);
    QCOMPARE(read.read<std::uint8_t>("flag"), bytes);
}

void tst_Safetensors::emptyTensorsAndScalars()
{
    const float value = 2.5f;
    const auto file = path("empty.safetensors");
    writeSafetensors(file, {{"none", "F32", {0, 5}, nullptr}, {"scalar", "F32", {}, &value}});
    const SafetensorsFile read(file);
    QVERIFY(read.read<float>("none", {0, 5}).empty());
    QCOMPARE(read.read<float>("scalar"), std::vector<float>{2.5f});
    writeSafetensors(file, {});
    QVERIFY(SafetensorsFile(file).tensors().empty());
}

void tst_Safetensors::namesAreSortedAndDataIsAligned()
{
    const std::vector<std::uint8_t> bytes(3, 9);
    const std::vector<double> doubles(2, 1.0);
    const std::vector<float> floats(1, 2.0f);
    const auto file = path("sorted.safetensors");
    writeSafetensors(
        file, {{"b", "U8", {3}, bytes.data()}, {"c", "F64", {2}, doubles.data()}, {"a", "F32", {1}, floats.data()}});
    const std::string content = bytesOf(file);
    std::uint64_t length = 0;
    std::memcpy(&length, content.data(), 8);
    QCOMPARE(length % 8, std::uint64_t{0});
    const auto header = nlohmann::ordered_json::parse(content.substr(8, length));
    std::vector<std::string> names;
    for (const auto &[name, entry] : header.items())
        names.push_back(name);
    QCOMPARE(names, (std::vector<std::string>{"a", "b", "c"}));
    const SafetensorsFile read(file);
    for (const auto &[name, view] : read.tensors())
        QCOMPARE(reinterpret_cast<std::uintptr_t>(view.data) % elementSize(view.dtype), std::uintptr_t{0});
}

void tst_Safetensors::misalignedDataIsCopied()
{
    const float value = 1.25f;
    std::string data(1, 'x');
    data.append(reinterpret_cast<const char *>(&value), 4);
    const auto file = path("odd.safetensors");
    std::ofstream(file, std::ios::binary) << fileOf(
        R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
        data);
    QCOMPARE(SafetensorsFile(file).read<float>("b"), std::vector<float>{1.25f});
}

void tst_Safetensors::hostileFiles_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("expected"); // words of the message
    const auto add = [](const char *name, const std::string &content, const char *expected) {
        QTest::newRow(name) << QByteArray(content.data(), static_cast<qsizetype>(content.size())) << QString(expected);
    };
    const std::string four(4, '\0');
    const auto one = [&](const std::string &entry) { return fileOf(R"({"weight":)" + entry + "}", four); };
    add("empty file", "", "too short");
    add("seven bytes", "1234567", "too short");
    add("only a length", fileOf("", "", 0), "header");
    add("length beyond the file", fileOf("{}", "", 1000), "header length");
    add("length of 2^64 - 1", fileOf("{}", "", std::numeric_limits<std::int64_t>::max()), "header length");
    add("length over 100 MB", fileOf("{}", "", 200'000'000), "header length");
    add("no JSON", fileOf("{weight}", ""), "JSON");
    add("a list", fileOf("[]", ""), "an object");
    add("a number", fileOf("17", ""), "header is no object");
    add("second object", fileOf("{}{}", ""), "JSON");
    add("deep nesting", fileOf(std::string(1'000'000, '['), ""), "header");
    add("deep nesting in a tensor", one(R"({"dtype":"F32","shape":)" + std::string(100'000, '[')), "weight");
    add("negative offset", one(R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})"), "weight");
    add("offset as a fraction", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0.5,4]})"), "weight");
    add("offset beyond 2^63", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]})"), "weight");
    add("end before begin", one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"), "begin before end");
    add("three offsets", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,2,4]})"), "two numbers");
    add("outside the file", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "outside the file");
    add("shape mismatch", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), "shape does not fit");
    add("shape overflow", one(R"({"dtype":"F32","shape":[4611686018427387904,4,5],"data_offsets":[0,4]})"),
        "too large");
    add("overflow to the right size", one(R"({"dtype":"F32","shape":[4294967296,4294967296,1],"data_offsets":[0,0]})"),
        "too large");
    add("negative shape", one(R"({"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]})"), "weight");
    add("unknown dtype", one(R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})"), "F31");
    add("dtype is a number", one(R"({"dtype":5,"shape":[1],"data_offsets":[0,4]})"), "weight");
    add("no dtype", one(R"({"shape":[1],"data_offsets":[0,4]})"), "no dtype");
    add("no shape", one(R"({"dtype":"F32","data_offsets":[0,4]})"), "no shape");
    add("unknown field", one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1})"), "unknown field");
    add("field twice", one(R"({"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]})"), "twice");
    add("entry is null", one("null"), "weight");
    add("name twice",
        fileOf(
            R"({"weight":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"weight":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
            four),
        "twice");
    add("overlap",
        fileOf(
            R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"weight":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
            four),
        "overlaps");
    add("hole",
        fileOf(
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"weight":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
            four),
        "belong to none");
    add("bytes behind", fileOf(R"({"weight":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", four),
        "belong to no tensor");
    add("metadata of numbers", fileOf(R"({"__metadata__":{"step":1}})", ""), "step");
    add("metadata twice", fileOf(R"({"__metadata__":{},"__metadata__":{}})", ""), "twice");
    add("metadata key twice", fileOf(R"({"__metadata__":{"a":"1","a":"2"}})", ""), "twice");
    add("no UTF-8", fileOf("{\"\xff\xfe\":1}", ""), "JSON");
}

void tst_Safetensors::hostileFiles()
{
    QFETCH(QByteArray, content);
    QFETCH(QString, expected);
    const auto file = path("hostile.safetensors");
    std::ofstream(file, std::ios::binary | std::ios::trunc).write(content.constData(), content.size());
    try {
        const SafetensorsFile read(file);
        QFAIL("the file was accepted");
    } catch (const Failure &failure) {
        const QString text = QString::fromStdString(failure.error().text());
        QVERIFY2(text.contains("hostile.safetensors"), qPrintable(text));
        QVERIFY2(text.contains(expected), qPrintable(text));
    }
}

void tst_Safetensors::everyPrefixOfAFileIsRefused()
{
    const std::vector<float> values(6, 1.0f);
    const auto file = path("whole.safetensors"), cut = path("cut.safetensors");
    writeSafetensors(file, {{"a", "F32", {2, 3}, values.data()}, {"b", "U8", {5}, values.data()}}, {{"k", "v"}});
    const std::string content = bytesOf(file);
    for (std::size_t length = 0; length < content.size(); ++length) {
        std::ofstream(cut, std::ios::binary | std::ios::trunc) << content.substr(0, length);
        QVERIFY_EXCEPTION_THROWN(SafetensorsFile{cut}, Failure);
    }
}

void tst_Safetensors::everyByteChangedIsHandled()
{
    const std::vector<float> values(6, 1.0f);
    const auto file = path("whole.safetensors"), changed = path("changed.safetensors");
    writeSafetensors(file, {{"a", "F32", {2, 3}, values.data()}}, {{"k", "v"}});
    const std::string content = bytesOf(file);
    int refused = 0;
    for (std::size_t place = 0; place < content.size() - 24; ++place) {
        for (const char byte : {'\0', '"', '9', '{', '\xff'}) {
            std::string other = content;
            other[place] = byte;
            std::ofstream(changed, std::ios::binary | std::ios::trunc) << other;
            try {
                const SafetensorsFile read(changed);
                for (const auto &[name, view] : read.tensors())
                    QVERIFY(view.bytes <= content.size());
            } catch (const Failure &) {
                ++refused;
            }
        }
    }
    QVERIFY(refused > 100);
}

void tst_Safetensors::wrongTypeShapeOrName()
{
    const std::vector<float> values(6, 1.0f);
    const auto file = path("named.safetensors");
    writeSafetensors(file, {{"layer0.q", "F32", {2, 3}, values.data()}, {"other", "F32", {6}, values.data()}});
    const SafetensorsFile read(file);
    const auto messageOf = [](const auto &call) -> QString {
        try {
            call();
        } catch (const Failure &failure) {
            return QString::fromStdString(failure.error().text());
        }
        return {};
    };
    const QString missing = messageOf([&] { read.at("layer0.k"); });
    QVERIFY2(missing.contains("layer0.k") && missing.contains("layer0.q") && missing.contains("named.safetensors"),
             qPrintable(missing));
    const QString type = messageOf([&] { read.read<double>("other"); });
    QVERIFY2(type.contains("other") && type.contains("F32") && type.contains("F64"), qPrintable(type));
    const QString shape = messageOf([&] { read.read<float>("layer0.q", {3, 2}); });
    QVERIFY2(shape.contains("[2, 3]") && shape.contains("[3, 2]"), qPrintable(shape));
    QVERIFY_EXCEPTION_THROWN(SafetensorsFile{path("absent")}, Failure);
    QVERIFY_EXCEPTION_THROWN(SafetensorsFile{m_folder.path().toStdString()}, Failure);
}

void tst_Safetensors::aShrunkenFileIsNoticed()
{
    const std::vector<float> values(100'000, 1.0f);
    const auto file = path("shrinks.safetensors");
    writeSafetensors(file, {{"weight", "F32", {100'000}, values.data()}});
    const SafetensorsFile read(file);
    std::filesystem::resize_file(file, 4096);
    QVERIFY_EXCEPTION_THROWN(read.read<float>("weight"), Failure);
}

void tst_Safetensors::changedNumbersAreNoticed()
{
    QTemporaryDir folder;
    const std::filesystem::path file = folder.filePath("a.safetensors").toStdString();
    const std::vector<float> a(5, 1.5f), b(3, 2.5f);
    const std::vector<TensorToWrite> tensors = {{"a", "F32", {5}, a.data()}, {"b", "F32", {3}, b.data()}};
    writeSafetensors(file, tensors, {{kChecksumsKey, checksumsOf(tensors)}});
    QVERIFY(SafetensorsFile(file).hasChecksums());
    SafetensorsFile(file).demandUnchanged();
    {
        std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
        stream.seekp(-1, std::ios::end); // the last byte of b
        stream.put('\x41');
    }
    const SafetensorsFile changed(file);
    changed.demandUnchanged("a");
    try {
        changed.demandUnchanged();
        QFAIL("changed numbers");
    } catch (const Failure &failure) {
        const std::string text = failure.error().text();
        QVERIFY2(text.find("a.safetensors: b: numbers are not those that were written") != std::string::npos,
                 text.c_str());
    }
    writeSafetensors(file, tensors);
    QVERIFY(!SafetensorsFile(file).hasChecksums());
    SafetensorsFile(file).demandUnchanged(); // older files have none
    writeSafetensors(file, tensors, {{kChecksumsKey, "[1, 2]"}});
    QVERIFY_EXCEPTION_THROWN(SafetensorsFile{file}, Failure);
}

void tst_Safetensors::aFailedWriteLeavesTheOldFile()
{
    const auto folder = path("atomic");
    std::filesystem::create_directory(folder);
    writeFileAtomically(folder / "file", "old");
    QCOMPARE(filesIn(folder), 1);
    const float value = 0;
    QVERIFY_EXCEPTION_THROWN(writeSafetensors(folder / "file", {{"a", "F99", {1}, &value}}), Failure);
    QVERIFY_EXCEPTION_THROWN(writeSafetensors(folder / "file", {{"a", "F32", {1}, &value}, {"a", "F32", {1}, &value}}),
                             Failure);
    QCOMPARE(bytesOf(folder / "file"), std::string("old"));
    QCOMPARE(filesIn(folder), 1);
    writeFileAtomically(folder / "file", "new");
    QCOMPARE(bytesOf(folder / "file"), std::string("new"));
    std::filesystem::create_directory(folder / "taken");
    QVERIFY_EXCEPTION_THROWN(writeFileAtomically(folder / "taken", "text"), Failure);
    QCOMPARE(filesIn(folder), 2); // no temporary file is left
}

void tst_Safetensors::aGoneFolderIsExplained()
{
    try {
        writeFileAtomically(path("gone") / "file", "text");
        QFAIL("written into a folder that is not there");
    } catch (const Failure &failure) {
        QVERIFY2(failure.error().text().find("folder is gone") != std::string::npos, failure.error().text().c_str());
        QVERIFY(failure.error().where.find("gone/file") != std::string::npos);
    }
}

void tst_Safetensors::aFullDiskIsExplained()
{
    // A limit on the size of files stands in for a full disk: write() fails half-way in the same manner.
    const auto folder = path("full");
    std::filesystem::create_directory(folder);
    writeFileAtomically(folder / "file", "old");
    rlimit before = {};
    getrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small = {64 * 1024, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    bool failed = false;
    try {
        writeFileAtomically(folder / "file", std::string(1'000'000, 'x'));
    } catch (const Failure &) {
        failed = true;
    }
    setrlimit(RLIMIT_FSIZE, &before);
    QVERIFY(failed);
    QCOMPARE(bytesOf(folder / "file"), std::string("old"));
    QCOMPARE(filesIn(folder), 1);
}

void tst_Safetensors::truthFilesOpen()
{
    const std::filesystem::path truth =
        std::filesystem::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) / "tests/truth";
    if (!std::filesystem::exists(truth))
        QSKIP("SPARSESCOPE_SOURCE is not set");
    int files = 0;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(truth)) {
        if (entry.path().extension() != ".safetensors")
            continue;
        ++files;
        const SafetensorsFile read(entry.path());
        QVERIFY2(!read.tensors().empty(), entry.path().c_str());
    }
    QVERIFY(files >= 14);
}

QTEST_GUILESS_MAIN(tst_Safetensors)
#include "tst_safetensors.moc"
