#include "kernels/ops/dsa.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/index_keys.h"
#include "kernels/ops/rms_norm.h"
#include "tests/gpu/on_card.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <QtTest>

#include <string>
#include <tuple>
#include <vector>

using at::Tensor;
using sparsescope::testing::exact;
using sparsescope::testing::off;
using sparsescope::testing::onCard;

/// The kernels around the products of a layer, against fp64 on the CPU.
class tst_LayerKernelsCuda : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        if (!at::hasCUDA()) {
            QSKIP("no CUDA device here");
        }
    }

    void normEqualsTheReference_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("width");
        QTest::addColumn<bool>("added");
        QTest::addColumn<bool>("full");
        for (const auto &[rows, width] : {std::pair(1, 4), {7, 100}, {513, 256}, {5000, 132}, {90, 512}, {33, 1024}}) {
            for (const bool added : {false, true}) {
                for (const bool full : {false, true}) {
                    QTest::addRow("%d x %d%s%s", rows, width, added ? ", added" : "", full ? ", in full" : "")
                        << rows << width << added << full;
                }
            }
        }
    }

    void normEqualsTheReference()
    {
        QFETCH(int, rows);
        QFETCH(int, width);
        QFETCH(bool, added);
        QFETCH(bool, full);
        const Tensor x = at::randn({rows, width}), branch = at::randn({rows, width}).to(at::kBFloat16),
                     weight = at::rand({width}) + 0.5;
        const Tensor ofSum = at::randn({rows, width}), ofFull = at::randn({rows, width}),
                     ofLow = at::randn({rows, width}).to(at::kBFloat16);
        const Tensor wide = exact(x).requires_grad_(true), wideBranch = exact(branch).requires_grad_(true),
                     wideWeight = exact(weight).requires_grad_(true);
        const Tensor sum = added ? wide + wideBranch : wide;
        const Tensor expected = sum * (sum.square().mean(-1, true) + 1e-5).rsqrt() * wideWeight;
        ((added ? (sum * exact(ofSum)).sum() : at::zeros({}, at::kDouble)) + (expected * exact(ofLow)).sum() +
         (full ? (expected * exact(ofFull)).sum() : at::zeros({}, at::kDouble)))
            .backward();
        const auto run = [&] {
            const Tensor a = onCard(x).requires_grad_(true), b = onCard(branch).requires_grad_(true),
                         w = onCard(weight).requires_grad_(true);
            const dsa::AddedRmsNorm result = dsa::addedRmsNorm(a, added ? b : Tensor(), w, 1e-5, full);
            Tensor loss = (result.low.to(at::kFloat) * onCard(ofLow).to(at::kFloat)).sum();
            loss = added ? loss + (result.sum * onCard(ofSum)).sum() : loss;
            loss = full ? loss + (result.full * onCard(ofFull)).sum() : loss;
            loss.backward();
            return std::vector<Tensor>{result.sum.detach(),
                                       result.low.detach(),
                                       full ? result.full.detach() : Tensor(),
                                       a.grad(),
                                       b.grad(),
                                       w.grad()};
        };
        const std::vector<Tensor> found = run(), again = run();
        QVERIFY(off(found[0], sum) < 1e-6);
        QVERIFY2(off(found[1], expected) < 5e-3, qPrintable(QString::number(off(found[1], expected))));
        QVERIFY(!full || off(found[2], expected) < 1e-6);
        QVERIFY2(off(found[3], wide.grad()) < 1e-5, qPrintable(QString::number(off(found[3], wide.grad()))));
        QVERIFY(!added || off(found[4], wideBranch.grad()) < 5e-3);
        QVERIFY2(off(found[5], wideWeight.grad()) < 1e-5,
                 qPrintable(QString::number(off(found[5], wideWeight.grad()))));
        for (const int i : {3, 5}) {
            QVERIFY2(found[i].equal(again[i]), "two runs differ");
        }
    }

    void normSaysWhatItDoesNotTake()
    {
        const Tensor x = onCard(at::randn({3, 64})), weight = onCard(at::rand({64}));
        QVERIFY(!dsa::addedRmsNormRefusal(x, {}, weight));
        QCOMPARE(std::string(dsa::addedRmsNormRefusal(x, x, weight)),
                 std::string("what is added must be bfloat16, of the same shape"));
        QCOMPARE(std::string(dsa::addedRmsNormRefusal(x.to(at::kHalf), {}, weight)),
                 std::string("rows and weight must be float32"));
    }

    void keysEqualTheReference_data()
    {
        QTest::addColumn<int>("width");
        QTest::addColumn<int>("pairs");
        QTest::addColumn<int>("style");
        for (const auto style : {dsa::RopeStyle::HalfSplit, dsa::RopeStyle::Interleaved}) {
            for (const auto &[width, pairs] : {std::pair(64, 16), {64, 32}, {30, 5}, {128, 0}, {256, 64}, {2, 1}}) {
                QTest::addRow("%d wide, %d pairs, %s", width, pairs,
                              style == dsa::RopeStyle::HalfSplit ? "half-split" : "interleaved")
                    << width << pairs << int(style);
            }
        }
    }

    void keysEqualTheReference()
    {
        QFETCH(int, width);
        QFETCH(int, pairs);
        QFETCH(int, style);
        const auto rope = static_cast<dsa::RopeStyle>(style);
        const Tensor x = at::randn({3, 91, width}).to(at::kBFloat16), weight = at::rand({width}) + 0.5,
                     bias = at::randn({width}), angle = at::rand({91, pairs}) * 6,
                     upstream = at::randn({3, 91, width}).to(at::kBFloat16);
        const Tensor expected =
            dsa::preparedKeys(exact(x), exact(weight), exact(bias), exact(angle.cos()), exact(angle.sin()), rope);
        const auto expectedGrads = dsa::preparedKeysBackward(exact(upstream), exact(x), exact(weight), exact(bias),
                                                             exact(angle.cos()), exact(angle.sin()), rope);
        const Tensor found =
            dsa::preparedKeys(onCard(x), onCard(weight), onCard(bias), onCard(angle.cos()), onCard(angle.sin()), rope);
        const auto run = [&] {
            return dsa::preparedKeysBackward(onCard(upstream), onCard(x), onCard(weight), onCard(bias),
                                             onCard(angle.cos()), onCard(angle.sin()), rope);
        };
        const auto grads = run(), again = run();
        QCOMPARE(found.scalar_type(), at::kBFloat16);
        QVERIFY2(off(found, expected) < 5e-3, qPrintable(QString::number(off(found, expected))));
        if (width > 2) { // two numbers are -1 and 1 whatever they were
            QVERIFY2(off(grads[0], expectedGrads[0]) < 5e-3,
                     qPrintable(QString::number(off(grads[0], expectedGrads[0]))));
        }
        for (const int i : {1, 2}) {
            QVERIFY2(off(grads[i], expectedGrads[i]) < 1e-4,
                     qPrintable(QString::number(off(grads[i], expectedGrads[i]))));
            QVERIFY2(grads[i].equal(again[i]), "two runs differ");
        }
    }

    void embeddingSumsInOrder_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("kinds");
        QTest::addColumn<int>("width");
        for (const auto &[tokens, kinds, width] :
             {std::tuple(1, 1, 4), {16384, 257, 256}, {5000, 3, 68}, {100, 49152, 256}, {4096, 1, 64}}) {
            QTest::addRow("%d tokens of %d kinds, %d wide", tokens, kinds, width) << tokens << kinds << width;
        }
    }

    void embeddingSumsInOrder()
    {
        QFETCH(int, tokens);
        QFETCH(int, kinds);
        QFETCH(int, width);
        const Tensor ids = at::randint(kinds, {1, tokens}, at::kLong), table = at::randn({kinds, width}),
                     upstream = at::randn({1, tokens, width});
        const auto run = [&](const Tensor &rows, const Tensor &places, const Tensor &grad) {
            const Tensor leaf = rows.clone().requires_grad_(true);
            const Tensor out = dsa::embedding(leaf, places);
            (out * grad).sum().backward();
            return std::pair(out.detach(), leaf.grad());
        };
        const auto expected = run(exact(table), ids, exact(upstream));
        const auto found = run(onCard(table), onCard(ids), onCard(upstream)),
                   again = run(onCard(table), onCard(ids), onCard(upstream));
        QVERIFY(exact(found.first).equal(exact(expected.first.to(at::kFloat))));
        QVERIFY2(off(found.second, expected.second) < 1e-5,
                 qPrintable(QString::number(off(found.second, expected.second))));
        QVERIFY2(found.second.equal(again.second), "two runs differ");
    }

    void denseGradientsRepeat()
    {
        const auto draw = [] { return onCard(at::randn({16, 8, 1024, 32})).to(at::kBFloat16).requires_grad_(true); };
        const Tensor q = draw(), k = draw(), v = draw(),
                     upstream = onCard(at::randn({16, 8, 1024, 32})).to(at::kBFloat16);
        const auto run = [&] {
            std::get<0>(dsa::dense_attention(q, k, v)).backward(upstream);
            std::vector<Tensor> grads;
            for (const Tensor &x : {q, k, v}) {
                grads.push_back(x.grad().clone());
                x.mutable_grad() = Tensor();
            }
            return grads;
        };
        const std::vector<Tensor> first = run();
        for (int i = 0; i < 4; ++i) {
            const std::vector<Tensor> next = run();
            for (int j = 0; j < 3; ++j) {
                QVERIFY2(next[j].equal(first[j]), "two runs differ");
            }
        }
        const Tensor one = q.narrow(0, 3, 1).detach(), a = exact(one).requires_grad_(true),
                     b = exact(k.narrow(0, 3, 1)).requires_grad_(true),
                     c = exact(v.narrow(0, 3, 1)).requires_grad_(true);
        std::get<0>(dsa::dense_attention(a, b, c)).backward(exact(upstream.narrow(0, 3, 1)));
        QVERIFY(off(first[0].narrow(0, 3, 1), a.grad()) < 1e-2);
        QVERIFY(off(first[1].narrow(0, 3, 1), b.grad()) < 1e-2);
        QVERIFY(off(first[2].narrow(0, 3, 1), c.grad()) < 1e-2);
    }
};

QTEST_GUILESS_MAIN(tst_LayerKernelsCuda)
#include "tst_layer_kernels_cuda.moc"
