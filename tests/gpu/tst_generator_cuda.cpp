#include "core/model/generator.h"
#include "tests/core/model/small_models.h"
#include "tests/gpu/card_run.h"
#include "tests/gpu/on_card.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include <vector>

using namespace sparsescope;
using sparsescope::testing::onCard;
using sparsescope::testing::randomTokens;

namespace {

constexpr int kVocabulary = 64;
constexpr std::int64_t kTokens = 90;

} // namespace

/// A text that goes on token by token on the card is what the whole text gives there, and on the CPU.
class tst_GeneratorCuda : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        if (!at::hasCUDA()) {
            QSKIP("no CUDA device here");
        }
    }

    void cachedEqualsWhole_data() { families(); }
    void cachedEqualsWhole()
    {
        QFETCH(QString, family);
        const c10::NoGradGuard noGrad;
        const ModelOptions shape = modelOptions(runOf(family.toStdString()), kVocabulary);
        Transformer host(shape), card(shape);
        host.parameters().initialise(5);
        card.parameters().initialise(5);
        card.parameters().moveTo(at::Device(at::kCUDA));
        const at::Tensor ids = randomTokens(2, kTokens, kVocabulary, 3), there = onCard(ids);
        ForwardOptions options;
        options.sparse = shape.selector != "none";
        const at::Tensor expected = host.forward(ids, options).logits, whole = card.forward(there, options).logits;
        QVERIFY2(farthest(whole, expected) < 1e-4, qPrintable(QString::number(farthest(whole, expected))));
        // A prompt shorter than k = 24, one longer, and pieces of several tokens.
        for (const std::vector<std::int64_t> &pieces :
             {oneByOneAfter(1), oneByOneAfter(40), std::vector<std::int64_t>{7, 40, 1, 42}}) {
            AttentionCache cache;
            std::vector<at::Tensor> logits;
            for (const std::int64_t piece : pieces) {
                ForwardOptions goesOn = options;
                goesOn.cache = &cache;
                logits.push_back(card.forward(there.narrow(1, cache.length(), piece), goesOn).logits);
            }
            const double away = farthest(at::cat(logits, 1), whole);
            QVERIFY2(away < 1e-4, qPrintable(QString::number(away)));
        }
    }

    void writesWhatTheCpuWrites_data() { families(); }
    void writesWhatTheCpuWrites()
    {
        QFETCH(QString, family);
        const ModelOptions shape = modelOptions(runOf(family.toStdString()), kVocabulary);
        Transformer host(shape), card(shape);
        host.parameters().initialise(5);
        card.parameters().initialise(5);
        card.parameters().moveTo(at::Device(at::kCUDA));
        Generator here(host, {5, 17, 3}, {}), there(card, {5, 17, 3}, {});
        for (int i = 0; i < 60; ++i) {
            const NewToken one = here.next(), other = there.next();
            QCOMPARE(other.token, one.token);
            QCOMPARE(other.keys, one.keys);
        }
        QCOMPARE(there.cacheBytes(), here.cacheBytes());
    }

private:
    static void families()
    {
        QTest::addColumn<QString>("family");
        for (const char *family : {"classic", "sparse", "mhla", "mhla_sparse"}) {
            QTest::newRow(family) << family;
        }
    }
    static std::vector<std::int64_t> oneByOneAfter(std::int64_t prompt)
    {
        std::vector<std::int64_t> pieces{prompt};
        pieces.resize(static_cast<std::size_t>(1 + kTokens - prompt), 1);
        return pieces;
    }
    static double farthest(const at::Tensor &a, const at::Tensor &b)
    {
        return (testing::exact(a) - testing::exact(b)).abs().max().item<double>();
    }
};

QTEST_GUILESS_MAIN(tst_GeneratorCuda)
#include "tst_generator_cuda.moc"
