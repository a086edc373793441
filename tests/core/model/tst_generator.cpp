#include "core/model/generator.h"
#include "tests/core/model/small_models.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include <algorithm>

using namespace sparsescope;
using sparsescope::testing::families;
using sparsescope::testing::randomTokens;
using sparsescope::testing::smallOptions;

namespace {

constexpr std::int64_t kTopK = 6, kTokens = 29;

struct Seen {
    at::Tensor logits;                                   ///< [B,S,V]
    std::vector<std::vector<dsa::Selection>> selections; ///< by piece, by layer
};

/// The text in pieces of these lengths, with a cache.
Seen inPieces(Transformer &model, const at::Tensor &ids, const std::vector<std::int64_t> &pieces,
              const ForwardOptions &asked)
{
    const c10::NoGradGuard noGrad;
    AttentionCache cache;
    Seen seen;
    std::vector<at::Tensor> logits;
    for (const std::int64_t piece : pieces) {
        ForwardOptions options = asked;
        options.cache = &cache;
        seen.selections.emplace_back();
        options.selections = &seen.selections.back();
        logits.push_back(model.forward(ids.narrow(1, cache.length(), piece), options).logits);
    }
    seen.logits = at::cat(logits, 1);
    return seen;
}

std::vector<std::int64_t> oneByOneAfter(std::int64_t prompt)
{
    std::vector<std::int64_t> pieces{prompt};
    pieces.resize(1 + kTokens - prompt, 1);
    return pieces;
}

} // namespace

/// A text that goes on token by token is what the whole text gives at once.
class tst_Generator : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void cachedEqualsWhole_data();
    void cachedEqualsWhole();
    void writesTheSameWithAndWithoutCache_data() { everyFamily(); }
    void writesTheSameWithAndWithoutCache();
    void cacheKeepsLatentsOnly();
    void drawsAreOfTheirSeedAndTheirTemperature();
    void saysWhatItAttendedTo();

private:
    static void everyFamily();
};

void tst_Generator::everyFamily()
{
    QTest::addColumn<QString>("family");
    for (const std::string &name : families()) {
        QTest::addRow("%s", name.c_str()) << QString::fromStdString(name);
    }
}

void tst_Generator::cachedEqualsWhole_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<QString>("selector");
    QTest::addColumn<bool>("absorbed");
    QTest::addColumn<bool>("shared");
    for (const char *family : {"classic", "sparse", "mhla", "mhla_sparse"}) {
        const bool latent = QString(family).startsWith("mhla"), sparse = QString(family).contains("sparse");
        for (const bool absorbed : {false, true}) {
            if (absorbed && !latent) {
                continue;
            }
            QTest::addRow("%s%s", family, absorbed ? " absorbed" : "")
                << family << (sparse ? "lightning" : "none") << absorbed << false;
        }
    }
    QTest::newRow("grouped heads") << "grouped"
                                   << "lightning" << false << false;
    QTest::newRow("shared selections") << "sparse"
                                       << "lightning" << false << true;
    for (const char *selector : {"recency", "random", "oracle", "sink-window"}) {
        QTest::newRow(selector) << "sparse" << selector << false << false;
    }
}

void tst_Generator::cachedEqualsWhole()
{
    QFETCH(QString, family);
    QFETCH(QString, selector);
    QFETCH(bool, absorbed);
    QFETCH(bool, shared);
    ModelOptions shape = smallOptions(family == "grouped" ? "sparse" : family.toStdString(), kTopK);
    shape.selector = selector.toStdString();
    if (family == "grouped") {
        shape.nKvHeads = 2;
    }
    if (shared) {
        shape.ownsIndexer = {true, false};
    }
    if (selector != "lightning" && selector != "none") {
        shape.indexHeads = 0;
        shape.ownsIndexer = {};
    }
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
        Transformer model(shape);
        model.parameters().convertTo(type);
        const at::Tensor ids = randomTokens(2, kTokens, shape.vocabulary, 3);
        ForwardOptions options;
        options.sparse = selector != "none";
        options.absorbed = absorbed;
        std::vector<dsa::Selection> whole;
        at::Tensor expected;
        {
            const c10::NoGradGuard noGrad;
            options.selections = &whole;
            expected = model.forward(ids, options).logits;
        }
        const double limit = type == at::kFloat ? 1e-4 : 1e-11;
        // The prompt shorter than k, as long, longer; and pieces of several tokens.
        for (const std::vector<std::int64_t> &pieces :
             {oneByOneAfter(1), oneByOneAfter(kTopK), oneByOneAfter(kTopK + 5),
              std::vector<std::int64_t>{2, 9, 1, 17}}) {
            const Seen seen = inPieces(model, ids, pieces, options);
            const double difference = (seen.logits - expected).abs().max().item<double>();
            QVERIFY2(difference < limit, qPrintable(QString::number(difference)));
            std::int64_t at = 0;
            for (std::size_t piece = 0; piece < pieces.size(); at += pieces[piece++]) {
                QCOMPARE(seen.selections[piece].size(), whole.size());
                for (std::size_t layer = 0; layer < whole.size(); ++layer) {
                    const dsa::Selection &part = seen.selections[piece][layer];
                    QCOMPARE(part.bits.defined(), whole[layer].bits.defined());
                    if (!part.bits.defined()) {
                        continue;
                    }
                    const at::Tensor rows = dsa::unpack_mask(whole[layer], kTokens).narrow(1, at, pieces[piece]);
                    const std::int64_t keys = at + pieces[piece];
                    QVERIFY(at::equal(dsa::unpack_mask(part, keys), rows.narrow(2, 0, keys)));
                }
            }
        }
    }
}

void tst_Generator::writesTheSameWithAndWithoutCache()
{
    QFETCH(QString, family);
    Transformer model(smallOptions(family.toStdString(), kTopK));
    SamplingOptions options;
    Generator cached(model, {5, 17, 3}, options);
    options.cached = false;
    Generator whole(model, {5, 17, 3}, options);
    for (int i = 0; i < 40; ++i) {
        const NewToken one = cached.next(), other = whole.next();
        QCOMPARE(one.token, other.token);
        QCOMPARE(one.keys, other.keys);
        QVERIFY((cached.lastLogits() - whole.lastLogits()).abs().max().item<double>() < 1e-4);
    }
    QCOMPARE(cached.text(), whole.text());
    QCOMPARE(cached.text().size(), std::size_t{43});
    QCOMPARE(whole.cacheBytes(), std::uint64_t{0});
}

void tst_Generator::cacheKeepsLatentsOnly()
{
    const auto bytesAfter = [](const std::string &family) {
        Transformer model(smallOptions(family, kTopK));
        Generator generator(model, {1, 2, 3, 4}, {});
        for (int i = 0; i < 97; ++i) {
            generator.next();
        }
        return generator.cacheBytes();
    };
    // 100 tokens (the newest is not yet read), 2 layers, fp32.
    constexpr std::uint64_t kBytesPerNumber = 100 * 2 * 4;
    // Keys and values of 4 heads of 8, or a latent of 16 and a key of
    // 8; an indexer keeps 16 more.
    QCOMPARE(bytesAfter("classic"), kBytesPerNumber * (2 * 4 * 8));
    QCOMPARE(bytesAfter("sparse"), kBytesPerNumber * (2 * 4 * 8 + 16));
    QCOMPARE(bytesAfter("mhla"), kBytesPerNumber * (16 + 8));
    QCOMPARE(bytesAfter("mhla_sparse"), kBytesPerNumber * (16 + 8 + 16));
}

void tst_Generator::drawsAreOfTheirSeedAndTheirTemperature()
{
    Transformer model(smallOptions("sparse", kTopK));
    const auto written = [&](const SamplingOptions &options) {
        Generator generator(model, {5, 17, 3}, options);
        for (int i = 0; i < 30; ++i) {
            const NewToken made = generator.next();
            if (options.among > 0 && std::none_of(made.likely.begin(), made.likely.begin() + options.among,
                                                  [&](const auto &likely) { return likely.first == made.token; })) {
                return std::vector<std::int32_t>();
            }
        }
        return generator.text();
    };
    const auto hot = written({1.0, 0, 1});
    QCOMPARE(written({1.0, 0, 1}), hot);
    QVERIFY(written({1.0, 0, 2}) != hot);
    QVERIFY(!written({1.0, 3, 1}).empty());
    // Nearly no heat, or nothing to draw among: the likeliest.
    QCOMPARE(written({1e-6, 0, 1}), written({0, 0, 1}));
    QCOMPARE(written({1.0, 1, 1}), written({0, 0, 1}));
}

void tst_Generator::saysWhatItAttendedTo()
{
    Transformer model(smallOptions("sparse", kTopK));
    Generator generator(model, {5, 17, 3}, {});
    for (int i = 0; i < 20; ++i) {
        const NewToken made = generator.next();
        QCOMPARE(made.position, std::int64_t{3 + i});
        QCOMPARE(made.keys.size(), std::size_t{2});
        for (const std::vector<std::int32_t> &keys : made.keys) {
            QCOMPARE(static_cast<std::int64_t>(keys.size()), std::min(kTopK, made.position));
            QVERIFY(std::is_sorted(keys.begin(), keys.end()));
            QVERIFY(keys.front() >= 0 && keys.back() < made.position);
        }
        QCOMPARE(made.likely.front().first, made.token);
        QCOMPARE(made.likely.front().second, made.probability);
        QCOMPARE(made.likely.size(), std::size_t{5});
    }
    Transformer dense(smallOptions("classic"));
    QVERIFY(Generator(dense, {5}, {}).next().keys == std::vector<std::vector<std::int32_t>>(2));
}

QTEST_GUILESS_MAIN(tst_Generator)
#include "tst_generator.moc"
