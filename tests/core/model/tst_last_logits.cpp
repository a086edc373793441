#include "core/model/last_logits.h"
#include "tests/core/model/small_models.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include <QtTest>

using namespace sparsescope;
using sparsescope::testing::families;
using sparsescope::testing::randomTokens;
using sparsescope::testing::smallOptions;

namespace {

constexpr std::int64_t kTokens = 75, kLast = 7;

} // namespace

/// The end of a text that went through in chunks is the end of the text that went through at once.
class tst_LastLogits : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void chunksEqualTheWhole_data();
    void chunksEqualTheWhole();
    void stopsWhereItIsAskedTo();
    void refusesWhatCannotBe();
};

void tst_LastLogits::chunksEqualTheWhole_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<bool>("yarn");
    QTest::addColumn<int>("topK");
    for (const std::string &family : families()) {
        for (const bool yarn : {false, true}) {
            // Fewer keys than there are, and more: then every query has all of them.
            for (const int topK : {6, static_cast<int>(kTokens) + 5}) {
                QTest::addRow("%s%s, k %d", family.c_str(), yarn ? " with YaRN" : "", topK)
                    << QString::fromStdString(family) << yarn << topK;
            }
        }
    }
}

void tst_LastLogits::chunksEqualTheWhole()
{
    QFETCH(QString, family);
    QFETCH(bool, yarn);
    QFETCH(int, topK);
    ModelOptions shape = smallOptions(family.toStdString(), topK);
    if (yarn) {
        shape.yarn = YarnConfig{8.0, 16, 32.0, 1.0, 0.0, 0.0};
    }
    Transformer model(shape);
    const at::Tensor ids = randomTokens(2, kTokens, shape.vocabulary, 3);
    const bool sparse = shape.selector != "none";
    std::vector<dsa::Selection> whole;
    at::Tensor expected;
    {
        const c10::NoGradGuard noGrad;
        ForwardOptions options;
        options.sparse = sparse;
        options.selections = &whole;
        expected = model.forward(ids, options).logits.narrow(1, kTokens - kLast, kLast);
    }
    // One chunk for all that comes before, even ones, uneven ones, and single queries.
    for (const std::int64_t chunk : {kTokens, std::int64_t{17}, std::int64_t{10}, std::int64_t{1}}) {
        std::int64_t seen = 0;
        LastLogits options;
        options.last = kLast;
        options.chunk = chunk;
        options.sparse = sparse;
        options.onChunk = [&](std::int64_t tokens, const std::vector<dsa::Selection> &layers) {
            [&] {
                QCOMPARE(layers.size(), whole.size());
                QVERIFY(tokens - seen <= std::max(chunk, kLast));
                for (std::size_t layer = 0; layer < layers.size() && layers[layer].bits.defined(); ++layer) {
                    const at::Tensor rows = dsa::unpack_mask(whole[layer], kTokens).narrow(1, seen, tokens - seen);
                    QVERIFY(at::equal(dsa::unpack_mask(layers[layer], tokens), rows.narrow(2, 0, tokens)));
                }
            }();
            seen = tokens;
            return !QTest::currentTestFailed();
        };
        const at::Tensor logits = lastLogits(model, ids, options);
        QCOMPARE(seen, kTokens);
        QCOMPARE(logits.sizes(), expected.sizes());
        const double difference = (logits - expected).abs().max().item<double>();
        QVERIFY2(difference < 1e-4, qPrintable(QString::number(difference)));
    }
    if (sparse && topK < kTokens) { // the comparison can fail: other keys, other logits
        LastLogits options;
        options.last = kLast;
        options.sparse = true;
        options.topK = 2;
        QVERIFY((lastLogits(model, ids, options) - expected).abs().max().item<double>() > 1e-3);
    }
}

void tst_LastLogits::stopsWhereItIsAskedTo()
{
    Transformer model(smallOptions("sparse"));
    int chunks = 0;
    LastLogits options;
    options.chunk = 8;
    options.sparse = true;
    options.onChunk = [&](std::int64_t, const std::vector<dsa::Selection> &) { return ++chunks < 3; };
    QVERIFY(!lastLogits(model, randomTokens(1, kTokens, 61, 3), options).defined());
    QCOMPARE(chunks, 3);
}

void tst_LastLogits::refusesWhatCannotBe()
{
    Transformer model(smallOptions("classic"));
    const at::Tensor ids = randomTokens(1, 8, 61, 3);
    for (const auto &[last, chunk] : {std::pair(0, 4), std::pair(9, 4), std::pair(1, 0)}) {
        LastLogits options;
        options.last = last;
        options.chunk = chunk;
        QVERIFY_THROWS_EXCEPTION(c10::Error, lastLogits(model, ids, options));
    }
}

QTEST_GUILESS_MAIN(tst_LastLogits)
#include "tst_last_logits.moc"
