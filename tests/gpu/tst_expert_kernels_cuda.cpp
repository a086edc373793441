#include "kernels/ops/experts.h"
#include "tests/gpu/on_card.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/chunk.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <QtTest>

#include <vector>

using at::Tensor;
using sparsescope::testing::exact;
using sparsescope::testing::off;
using sparsescope::testing::onCard;

namespace {

struct Chosen {
    Tensor weights, experts;
};

/// Of one row after the other, in fp64.
Chosen chosenByHand(const Tensor &logits, const Tensor &bias, std::int64_t chosen, bool normalise, double scale)
{
    const Tensor scores = logits.sigmoid();
    // Equal logits stay equal: their fp64 scores may differ by an ulp, since the end of a row is not computed by vectors.
    constexpr double kGrid = 1ll << 40;
    const Tensor ranked = ((scores.detach() + bias) * kGrid).round();
    const Tensor order = at::argsort(ranked, /*stable=*/true, 1, /*descending=*/true);
    const Tensor experts = order.narrow(1, 0, chosen);
    Tensor weights = scores.gather(1, experts);
    if (normalise) {
        weights = weights / weights.sum(1, true);
    }
    return {weights * scale, experts};
}

} // namespace

/// The kernels between the products of a mixture of experts, against fp64 on the CPU.
class tst_ExpertKernelsCuda : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        if (!at::hasCUDA()) {
            QSKIP("no CUDA device here");
        }
    }

    void choiceEqualsTheReference_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("experts");
        QTest::addColumn<int>("chosen");
        QTest::addColumn<bool>("normalise");
        QTest::newRow("one") << 1 << 1 << 1 << true;
        QTest::newRow("the study's") << 4096 << 4 << 2 << true;
        QTest::newRow("odd") << 1001 << 13 << 3 << false;
        QTest::newRow("most") << 300 << 64 << 16 << true;
        QTest::newRow("all of them") << 70 << 5 << 5 << true;
    }

    void choiceEqualsTheReference()
    {
        QFETCH(int, tokens);
        QFETCH(int, experts);
        QFETCH(int, chosen);
        QFETCH(bool, normalise);
        Tensor logits = at::randn({tokens, experts}), bias = at::randn({experts}) * 0.1;
        if (experts > 2) {
            logits.select(1, 2).copy_(logits.select(1, 0)); // a tie in every row: the lower expert wins
            bias.select(0, 2).copy_(bias.select(0, 0));
        }
        const Tensor upstream = at::randn({tokens, chosen});
        const Tensor wide = logits.to(at::kDouble).requires_grad_(true);
        const Chosen expected = chosenByHand(wide, bias.to(at::kDouble), chosen, normalise, 1.5);
        (expected.weights * upstream).sum().backward();
        const auto run = [&] {
            const Tensor x = onCard(logits).requires_grad_(true);
            const dsa::ExpertChoice choice = dsa::chooseExperts(x, onCard(bias), chosen, normalise, 1.5);
            (choice.weights * onCard(upstream)).sum().backward();
            return std::pair(choice, x.grad());
        };
        const auto [choice, grad] = run();
        const auto again = run();
        QVERIFY(exact(choice.experts).equal(exact(expected.experts)));
        QVERIFY2(off(choice.weights, expected.weights) < 1e-6,
                 qPrintable(QString::number(off(choice.weights, expected.weights))));
        if (exact(wide.grad()).abs().max().item<double>() > 1e-9) {
            QVERIFY2(off(grad, wide.grad()) < 1e-5, qPrintable(QString::number(off(grad, wide.grad()))));
        } else {
            QVERIFY(exact(grad).abs().max().item<double>() < 1e-6); // one expert: a weight of 1 whatever the logit
        }
        QVERIFY(grad.equal(again.second) && choice.weights.equal(again.first.weights));
        Tensor slots = at::zeros({tokens, experts}, at::kInt) - 1;
        slots.scatter_(1, choice.experts.cpu(), at::arange(tokens * chosen, at::kInt).view({tokens, chosen}));
        QVERIFY(choice.slots.cpu().equal(slots));
        QVERIFY(exact(choice.loads).equal(exact(slots.ge(0).sum(0))));
    }

    void pairsAreSortedStably_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("experts");
        for (const auto &[tokens, experts] : {std::pair(1, 1), {512, 4}, {513, 4}, {5000, 64}, {16384, 4}}) {
            QTest::addRow("%d tokens, %d experts", tokens, experts) << tokens << experts;
        }
    }

    void pairsAreSortedStably()
    {
        QFETCH(int, tokens);
        QFETCH(int, experts);
        // The last expert stays empty where there are several.
        const Tensor pairs = at::randint(std::max(experts - 1, 1), {tokens, 2}, at::kLong);
        const dsa::ExpertOrder found = dsa::sortPairs(onCard(pairs), experts);
        const Tensor flat = pairs.view({-1}), order = at::argsort(flat, /*stable=*/true, 0, false);
        const Tensor places = at::empty_like(order).scatter_(0, order, at::arange(order.numel()));
        QVERIFY(found.order.cpu().equal(order.to(at::kInt)));
        QVERIFY(found.places.cpu().equal(places.to(at::kInt)));
        const Tensor ends = flat.unsqueeze(1).eq(at::arange(experts)).sum(0).cumsum(0).to(at::kInt);
        QVERIFY(found.ends.cpu().equal(ends));

        const Tensor x = at::randn({tokens, 24}).to(at::kBFloat16),
                     weights = at::randn({2 * tokens, 24}).to(at::kBFloat16);
        const Tensor wide = exact(x).requires_grad_(true), rows = onCard(x).requires_grad_(true);
        const Tensor expectedRows = wide.repeat_interleave(2, 0).index_select(0, order);
        const Tensor expectedSum = (expectedRows * exact(weights)).index_select(0, places).view({tokens, 2, 24}).sum(1);
        expectedSum.square().sum().backward();
        const Tensor spread = dsa::spreadRows(rows, found.places);
        const Tensor sum = dsa::sumRows(spread * onCard(weights), found.places, tokens);
        sum.to(at::kFloat).square().sum().backward();
        QVERIFY(exact(spread).equal(exact(expectedRows)));
        QVERIFY2(off(sum, expectedSum) < 5e-3, qPrintable(QString::number(off(sum, expectedSum))));
        QVERIFY2(off(rows.grad(), wide.grad()) < 1e-2, qPrintable(QString::number(off(rows.grad(), wide.grad()))));
    }

    void productEqualsTheLoop_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("experts");
        for (const auto &[tokens, experts] : {std::pair(20, 3), {700, 5}, {9000, 4}}) {
            QTest::addRow("%d tokens, %d experts", tokens, experts) << tokens << experts;
        }
    }

    void productEqualsTheLoop()
    {
        QFETCH(int, tokens);
        QFETCH(int, experts);
        // The last expert stays empty.
        const Tensor pairs = at::randint(experts - 1, {tokens, 2}, at::kLong);
        const dsa::ExpertOrder order = dsa::sortPairs(onCard(pairs), experts);
        const Tensor x = at::randn({2 * tokens, 64}).to(at::kBFloat16), weights = at::randn({experts, 48, 64}) / 8,
                     upstream = at::randn({2 * tokens, 48}).to(at::kBFloat16);
        const Tensor wide = exact(x).requires_grad_(true),
                     wideWeights = exact(weights.to(at::kBFloat16)).requires_grad_(true);
        std::vector<Tensor> parts;
        const Tensor ends = order.ends.cpu();
        for (std::int64_t e = 0, first = 0; e < experts; ++e) {
            const std::int64_t end = ends[e].item<int>();
            parts.push_back(wide.narrow(0, first, end - first).matmul(wideWeights[e].t()));
            first = end;
        }
        const Tensor expected = at::cat(parts);
        (expected * exact(upstream)).sum().backward();
        const auto run = [&] {
            const Tensor rows = onCard(x).requires_grad_(true), table = onCard(weights).requires_grad_(true);
            const Tensor out = dsa::groupedProduct(rows, table, order);
            out.backward(onCard(upstream));
            return std::vector<Tensor>{out.detach(), rows.grad(), table.grad()};
        };
        const std::vector<Tensor> found = run(), again = run();
        QVERIFY2(off(found[0], expected) < 5e-3, qPrintable(QString::number(off(found[0], expected))));
        QVERIFY2(off(found[1], wide.grad()) < 5e-3, qPrintable(QString::number(off(found[1], wide.grad()))));
        QVERIFY2(off(found[2], wideWeights.grad()) < 5e-3,
                 qPrintable(QString::number(off(found[2], wideWeights.grad()))));
        QCOMPARE(found[2].scalar_type(), at::kFloat);
        QVERIFY(exact(found[2])[experts - 1].abs().max().item<double>() == 0);
        for (std::size_t i = 0; i < found.size(); ++i) {
            QVERIFY2(found[i].equal(again[i]), "two runs differ");
        }
    }

    void gatedEqualsTheReference_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("inner");
        for (const auto &[rows, inner] : {std::pair(1, 8), {33, 16}, {500, 512}, {77, 264}}) {
            QTest::addRow("%d x %d", rows, inner) << rows << inner;
        }
    }

    void gatedEqualsTheReference()
    {
        QFETCH(int, rows);
        QFETCH(int, inner);
        const Tensor x = (at::randn({rows, 2 * inner}) * 2).to(at::kBFloat16),
                     upstream = at::randn({rows, inner}).to(at::kBFloat16);
        // Every other row is one that no token chose.
        const std::int64_t pairs = (rows + 1) / 2;
        const Tensor weights = at::rand({pairs}) + 0.1;
        const Tensor number = at::arange(rows, at::kInt);
        const Tensor slots =
            at::where(number.remainder(2).eq(0), pairs - 1 - number.floor_divide(2), number.new_zeros({}) - 1)
                .to(at::kInt);
        const Tensor wide = exact(x).requires_grad_(true), wideWeights = weights.to(at::kDouble).requires_grad_(true);
        const auto gatedByHand = [](const Tensor &both) {
            const std::vector<Tensor> halves = at::chunk(both, 2, 1);
            return at::silu(halves[0]) * halves[1];
        };
        const Tensor factor =
            wideWeights.index_select(0, slots.clamp_min(0).to(at::kLong)) * slots.ge(0).to(at::kDouble);
        const Tensor expected = gatedByHand(wide) * factor.unsqueeze(1);
        (expected * exact(upstream)).sum().backward();
        const Tensor on = onCard(x).requires_grad_(true), onWeights = onCard(weights).requires_grad_(true);
        const Tensor found = dsa::gatedPairs(on, onWeights, onCard(slots));
        (found * onCard(upstream)).sum().backward();
        QVERIFY2(off(found, expected) < 5e-3, qPrintable(QString::number(off(found, expected))));
        QVERIFY2(off(on.grad(), wide.grad()) < 5e-3, qPrintable(QString::number(off(on.grad(), wide.grad()))));
        QVERIFY2(off(onWeights.grad(), wideWeights.grad()) < 1e-4,
                 qPrintable(QString::number(off(onWeights.grad(), wideWeights.grad()))));

        const Tensor plain = exact(x).requires_grad_(true);
        const Tensor plainOut = gatedByHand(plain);
        (plainOut * exact(upstream)).sum().backward();
        const Tensor gate = onCard(x.narrow(1, 0, inner)).contiguous().requires_grad_(true),
                     up = onCard(x.narrow(1, inner, inner)).contiguous().requires_grad_(true);
        const Tensor out = dsa::gated(gate, up);
        (out * onCard(upstream)).sum().backward();
        QVERIFY(off(out, plainOut) < 5e-3);
        QVERIFY(off(gate.grad(), plain.grad().narrow(1, 0, inner)) < 5e-3);
        QVERIFY(off(up.grad(), plain.grad().narrow(1, inner, inner)) < 5e-3);
    }

    void saysWhatItDoesNotTake()
    {
        const Tensor logits = onCard(at::randn({5, 4})), x = onCard(at::randn({5, 16}));
        QVERIFY(!dsa::expertsRefusal(logits, x.to(at::kBFloat16), 2, 32));
        QCOMPARE(std::string(dsa::expertsRefusal(logits, x, 2, 32)), std::string("the kernel takes bfloat16"));
        QCOMPARE(std::string(dsa::expertsRefusal(logits, x.to(at::kBFloat16), 2, 36)),
                 std::string("an expert's width must be a multiple of 8"));
        QCOMPARE(std::string(dsa::expertsRefusal(onCard(at::randn({5, 65})), x.to(at::kBFloat16), 2, 32)),
                 std::string("more than 64 experts, or more than 16 a token"));
    }
};

QTEST_GUILESS_MAIN(tst_ExpertKernelsCuda)
#include "tst_expert_kernels_cuda.moc"
