#include "core/base/error.h"
#include "core/base/safetensors.h"
#include "core/base/snapshot.h"

#include <QTemporaryDir>
#include <QTest>
#include <QtEndian>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <random>

using namespace sparsescope;

namespace {

std::vector<float> randomFloats(std::size_t count, std::mt19937 &random)
{
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float &value : values)
        value = normal(random);
    return values;
}

std::vector<std::uint16_t> randomHalves(std::size_t count, std::mt19937 &random)
{
    std::vector<std::uint16_t> values;
    for (const float value : randomFloats(count, random))
        values.push_back(floatToHalf(value));
    return values;
}

/// Two layers of odd sizes: one with an indexer and a selection, one plain.
Snapshot sample(int length = 67)
{
    std::mt19937 random(3);
    Snapshot snapshot;
    snapshot.run = "seq_67/sparse/seed_0";
    snapshot.step = 1234;
    snapshot.stage = "Sparse training";
    snapshot.sparse = true;
    snapshot.probeName = "validation document 3";
    snapshot.selector = "lightning";
    snapshot.scale = 1.0 / std::sqrt(7.0);
    snapshot.topK = 8;
    const auto n = static_cast<std::size_t>(length);
    for (int t = 0; t < length; ++t) {
        snapshot.tokens.push_back(t * 7 % 256);
        snapshot.words.push_back(t == 5 ? "\"ä\n" : "w" + std::to_string(t));
        snapshot.needed.push_back(t == 40 % length ? std::vector<int>{0, 3 % length} : std::vector<int>{});
    }
    LayerSnapshot layer;
    layer.layer = 0;
    layer.heads = 4, layer.kvHeads = 2, layer.headDim = 7, layer.indexHeads = 3, layer.indexDim = 5;
    layer.q = randomHalves(4 * n * 7, random);
    layer.k = randomHalves(2 * n * 7, random);
    layer.lse = randomFloats(4 * n, random);
    layer.lseDense = randomFloats(4 * n, random);
    layer.indexQ = randomFloats(n * 3 * 5, random);
    layer.indexK = randomFloats(n * 5, random);
    layer.indexW = randomFloats(n * 3, random);
    layer.threshold = randomFloats(n, random);
    const std::size_t words = (n + 63) / 64;
    layer.selected.assign(n * words, 0);
    for (std::size_t t = 0; t < n; ++t) {
        for (std::size_t s = t < 8 ? 0 : t - 7; s <= t; ++s)
            layer.selected[t * words + s / 64] |= std::uint64_t{1} << (s % 64);
    }
    LayerSnapshot plain = layer;
    plain.layer = 11;
    plain.indexHeads = plain.indexDim = 0;
    plain.indexQ = plain.indexK = plain.indexW = plain.threshold = {};
    plain.selected = {};
    snapshot.layers = {layer, plain};
    return snapshot;
}

} // namespace

class tst_Snapshot : public QObject {
    Q_OBJECT
private slots:
    void roundTrip_data();
    void roundTrip();
    void theFileIsTheContracts();
    void wordsWithoutUtf8AreKeptReadable();
    void inconsistentSnapshotsAreNotWritten();
    void damagedFilesAreRefused();
    void overwrittenNumbersAreFound();
    void anotherActivationIsKept();
    void halves();

private:
    std::filesystem::path path(const char *name) const
    {
        return std::filesystem::path(m_folder.path().toStdString()) / name;
    }
    QTemporaryDir m_folder;
};

void tst_Snapshot::roundTrip_data()
{
    QTest::addColumn<int>("length");
    for (const int length : {1, 2, 63, 64, 65, 128, 131})
        QTest::addRow("%d tokens", length) << length;
}

void tst_Snapshot::roundTrip()
{
    QFETCH(int, length);
    const Snapshot written = sample(length);
    writeSnapshot(written, path("a.safetensors"));
    const Snapshot read = readSnapshot(path("a.safetensors"));
    QCOMPARE(read.run, written.run);
    QCOMPARE(read.step, written.step);
    QCOMPARE(read.stage, written.stage);
    QCOMPARE(read.sparse, written.sparse);
    QCOMPARE(read.probeName, written.probeName);
    QCOMPARE(read.selector, written.selector);
    QCOMPARE(read.scale, written.scale); // every bit
    QCOMPARE(read.topK, written.topK);
    QCOMPARE(read.tokens, written.tokens);
    QCOMPARE(read.words, written.words);
    QCOMPARE(read.needed, written.needed);
    QCOMPARE(read.layers.size(), written.layers.size());
    for (std::size_t i = 0; i < read.layers.size(); ++i) {
        const LayerSnapshot &a = read.layers[i], &b = written.layers[i];
        QCOMPARE(a.layer, b.layer);
        QCOMPARE(a.indexHeads, b.indexHeads);
        QCOMPARE(a.indexDim, b.indexDim);
        QCOMPARE(a.heads, b.heads);
        QCOMPARE(a.kvHeads, b.kvHeads);
        QCOMPARE(a.headDim, b.headDim);
        QCOMPARE(a.indexQ, b.indexQ);
        QCOMPARE(a.indexK, b.indexK);
        QCOMPARE(a.indexW, b.indexW);
        QCOMPARE(a.q, b.q);
        QCOMPARE(a.k, b.k);
        QCOMPARE(a.lse, b.lse);
        QCOMPARE(a.lseDense, b.lseDense);
        QCOMPARE(a.selected, b.selected);
        QCOMPARE(a.threshold, b.threshold);
    }
}

void tst_Snapshot::theFileIsTheContracts()
{
    writeSnapshot(sample(), path("a.safetensors"));
    const SafetensorsFile file(path("a.safetensors"));
    const auto is = [&](const char *name, const char *dtype, const std::vector<std::int64_t> &shape) {
        return file.at(name).dtype == dtype && file.at(name).shape == shape;
    };
    QVERIFY(is("tokens", "I32", {67}));
    QVERIFY(is("layer0.index_q", "F32", {67, 3, 5}));
    QVERIFY(is("layer0.index_k", "F32", {67, 5}));
    QVERIFY(is("layer0.index_w", "F32", {67, 3}));
    QVERIFY(is("layer0.q", "F16", {4, 67, 7}));
    QVERIFY(is("layer0.k", "F16", {2, 67, 7}));
    QVERIFY(is("layer0.lse", "F32", {4, 67}));
    QVERIFY(is("layer0.lse_dense", "F32", {4, 67}));
    QVERIFY(is("layer0.selected", "U64", {67, 2}));
    QVERIFY(is("layer0.threshold", "F32", {67}));
    QVERIFY(!file.contains("layer11.selected"));
    QVERIFY(!file.contains("layer11.index_q"));
    QVERIFY(!file.contains("layer11.threshold"));
    for (const char *key : {"schema", "step", "stage", "run", "scale", "probe", "selector"})
        QVERIFY2(file.metadata().count(key) == 1, key);
    QCOMPARE(file.metadata().at("schema"), std::string("1"));
    QCOMPARE(file.metadata().at("step"), std::string("1234"));
}

void tst_Snapshot::wordsWithoutUtf8AreKeptReadable()
{
    Snapshot snapshot = sample();
    snapshot.words[2] = "\xc3";
    writeSnapshot(snapshot, path("a.safetensors"));
    QCOMPARE(readSnapshot(path("a.safetensors")).words[2], std::string("\xef\xbf\xbd"));
}

void tst_Snapshot::inconsistentSnapshotsAreNotWritten()
{
    const auto refuses = [&](const auto &change) {
        Snapshot snapshot = sample();
        change(snapshot);
        try {
            writeSnapshot(snapshot, path("never.safetensors"));
            return false;
        } catch (const Failure &) {
            return !std::filesystem::exists(path("never.safetensors"));
        }
    };
    QVERIFY(refuses([](Snapshot &s) { s.tokens.clear(); }));
    QVERIFY(refuses([](Snapshot &s) { s.words.pop_back(); }));
    QVERIFY(refuses([](Snapshot &s) { s.needed[4] = {67}; }));
    QVERIFY(refuses([](Snapshot &s) { s.layers[0].q.pop_back(); }));
    QVERIFY(refuses([](Snapshot &s) { s.layers[0].kvHeads = 3; }));
    QVERIFY(refuses([](Snapshot &s) { s.layers[0].lse.clear(); }));
    QVERIFY(refuses([](Snapshot &s) { s.layers[0].indexW.clear(); }));
    QVERIFY(refuses([](Snapshot &s) { s.layers[0].threshold.pop_back(); }));
    QVERIFY(refuses([](Snapshot &s) { s.layers[0].selected.back() |= std::uint64_t{1} << 63; }));
    QVERIFY(refuses([](Snapshot &s) { s.layers[1].layer = 0; }));
}

void tst_Snapshot::damagedFilesAreRefused()
{
    writeSnapshot(sample(), path("a.safetensors"));
    const SafetensorsFile file(path("a.safetensors"));
    std::vector<TensorToWrite> all;
    for (const auto &[name, view] : file.tensors())
        all.push_back({name, view.dtype, view.shape, view.data});
    const auto messageOf = [&](std::vector<TensorToWrite> tensors,
                               std::map<std::string, std::string> metadata) -> std::string {
        writeSafetensors(path("b.safetensors"), std::move(tensors), metadata);
        try {
            readSnapshot(path("b.safetensors"));
        } catch (const Failure &failure) {
            return failure.error().text();
        }
        return "";
    };
    QCOMPARE(messageOf(all, file.metadata()), std::string()); // the whole one is fine
    // Each tensor missing: selection and threshold are optional, the three of an indexer go together.
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string name = all[i].name;
        if (name == "layer0.selected" || name == "layer0.threshold")
            continue;
        auto tensors = all;
        tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(i));
        const std::string text = messageOf(tensors, file.metadata());
        QVERIFY2(text.find(name) != std::string::npos && text.find("b.safetensors") != std::string::npos, text.c_str());
    }
    // Each tensor of another shape (a one-dimensional cut).
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto tensors = all;
        tensors[i].shape = {1};
        QVERIFY2(messageOf(tensors, file.metadata()).find("layer") != std::string::npos ||
                     messageOf(tensors, file.metadata()).find("tokens") != std::string::npos,
                 all[i].name.c_str());
    }
    for (const char *key : {"schema", "step", "stage", "run", "scale", "probe", "selector"}) {
        auto metadata = file.metadata();
        metadata.erase(key);
        QVERIFY2(messageOf(all, metadata).find(key) != std::string::npos, key);
    }
    auto metadata = file.metadata();
    metadata["schema"] = "3";
    QVERIFY(messageOf(all, metadata).find("newer version") != std::string::npos);
    metadata = file.metadata();
    metadata["step"] = "12x";
    QVERIFY(messageOf(all, metadata).find("step") != std::string::npos);
    metadata = file.metadata();
    metadata["needed"] = "[[1,2], {}]";
    QVERIFY(messageOf(all, metadata).find("needed") != std::string::npos);
    auto tensors = all;
    const float value = 0;
    tensors.push_back({"layerX.q", "F32", {1}, &value});
    QVERIFY(messageOf(tensors, file.metadata()).find("layerX.q") != std::string::npos);
}

/// Zeros where numbers were leave every shape as it is.
void tst_Snapshot::overwrittenNumbersAreFound()
{
    writeSnapshot(sample(), path("a.safetensors"));
    std::vector<std::string> names;
    std::vector<std::ptrdiff_t> places;
    {
        const SafetensorsFile file(path("a.safetensors"));
        const auto first = std::min_element(file.tensors().begin(), file.tensors().end(),
                                            [](const auto &a, const auto &b) { return a.second.data < b.second.data; });
        for (const auto &[name, view] : file.tensors()) {
            names.push_back(name);
            places.push_back(view.data - first->second.data + static_cast<std::ptrdiff_t>(view.bytes / 2));
        }
    }
    QFile whole(QString::fromStdString(path("a.safetensors").string()));
    QVERIFY(whole.open(QIODevice::ReadOnly));
    const QByteArray content = whole.readAll();
    const auto header = qFromLittleEndian<quint64>(content.constData()) + 8;
    for (std::size_t i = 0; i < names.size(); ++i) {
        QByteArray changed = content;
        const auto place = static_cast<qsizetype>(header) + places[i];
        changed[place] = static_cast<char>(changed[place] ^ 1);
        QFile file(QString::fromStdString(path("b.safetensors").string()));
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(changed) == changed.size());
        file.close();
        try {
            readSnapshot(path("b.safetensors"));
            QFAIL(names[i].c_str());
        } catch (const Failure &failure) {
            const std::string text = failure.error().text();
            QVERIFY2(text.find("b.safetensors: " + names[i]) != std::string::npos, text.c_str());
        }
    }
}

void tst_Snapshot::anotherActivationIsKept()
{
    Snapshot snapshot = sample();
    for (LayerSnapshot &layer : snapshot.layers) {
        if (layer.hasIndexer()) {
            layer.activation = IndexActivation::Prelu;
            layer.indexSlope.assign(static_cast<std::size_t>(layer.indexHeads), -0.25f);
        }
    }
    writeSnapshot(snapshot, path("a.safetensors"));
    // A reader that knows relu alone looks at the schema.
    QCOMPARE(SafetensorsFile(path("a.safetensors")).metadata().at("schema"), std::string("2"));
    const Snapshot back = readSnapshot(path("a.safetensors"));
    for (std::size_t i = 0; i < back.layers.size(); ++i) {
        QVERIFY(back.layers[i].activation == snapshot.layers[i].activation);
        QCOMPARE(back.layers[i].indexSlope, snapshot.layers[i].indexSlope);
    }
    snapshot.layers.front().indexSlope.clear();
    QVERIFY_EXCEPTION_THROWN(writeSnapshot(snapshot, path("b.safetensors")), Failure);
}

void tst_Snapshot::halves()
{
    // Every half is a float exactly and comes back; NaN stays NaN.
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = halfToFloat(half);
        if (std::isnan(value))
            QVERIFY(std::isnan(halfToFloat(floatToHalf(value))));
        else
            QCOMPARE(floatToHalf(value), half);
    }
    QCOMPARE(halfToFloat(0x3c00), 1.0f);
    QCOMPARE(halfToFloat(0x0001), std::ldexp(1.0f, -24));
    QCOMPARE(floatToHalf(65519.0f), std::uint16_t{0x7bff});
    QCOMPARE(floatToHalf(65520.0f), std::uint16_t{0x7c00});
    QCOMPARE(floatToHalf(1.0f + std::ldexp(1.0f, -11)), std::uint16_t{0x3c00}); // a tie goes to even
    QCOMPARE(floatToHalf(1.0f + 3 * std::ldexp(1.0f, -11)), std::uint16_t{0x3c02});
    QCOMPARE(floatToHalf(std::ldexp(1.0f, -26)), std::uint16_t{0});
}

QTEST_GUILESS_MAIN(tst_Snapshot)
#include "tst_snapshot.moc"
