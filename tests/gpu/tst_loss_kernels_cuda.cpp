// Longer than 400 lines: the cases of one loss, run in one process on a card.
#include "kernels/ops/dsa.h"
#include "kernels/ops/index_kl_tiles.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/scaled_gradients.h"
#include "kernels/ops/token_loss.h"
#include "tests/gpu/on_card.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>

#include <QtTest>

#include <array>
#include <cmath>
#include <limits>

using at::Tensor;
using sparsescope::testing::exact;
using sparsescope::testing::off;
using sparsescope::testing::onCard;

namespace {

struct Shape {
    std::int64_t batch, queries, keys, heads, keyHeads, indexHeads, topK, width = 32, indexWidth = 32;
};

struct Case {
    Tensor qi, ki, w, q, k, v;
};

/// Random numbers of the type, kept on the CPU in fp64 so that both sides start from the same.
Case casesOf(const Shape &s, at::ScalarType type)
{
    const auto draw = [&](at::IntArrayRef sizes, double size) {
        return (at::randn(sizes) * size).to(type).to(at::kDouble);
    };
    return {draw({s.batch, s.queries, s.indexHeads, s.indexWidth}, 1),
            draw({s.batch, s.keys, s.indexWidth}, 1),
            (at::randn({s.batch, s.queries, s.indexHeads}) * 0.1).to(at::kDouble),
            draw({s.batch, s.heads, s.queries, s.width}, 1),
            draw({s.batch, s.keyHeads, s.keys, s.width}, 1),
            draw({s.batch, s.keyHeads, s.keys, s.width}, 1)};
}

} // namespace

/// The kernels behind the indexer's loss and the rotary embedding, against fp64 on the CPU.
class tst_LossKernelsCuda : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        if (!at::hasCUDA()) {
            QSKIP("no CUDA device here");
        }
    }

    void lossEqualsTheReference_data()
    {
        QTest::addColumn<QList<int>>("sizes");
        QTest::addColumn<int>("type");
        QTest::addColumn<int>("target");
        QTest::addColumn<int>("rowStride");
        QTest::addColumn<bool>("knowsNorm");
        const QList<QList<int>> shapes = {{2, 96, 96, 4, 4, 4, 24},
                                          {1, 1, 1, 2, 2, 1, 1},
                                          {3, 130, 130, 4, 2, 3, 50},
                                          {2, 65, 65, 8, 1, 5, 200},
                                          {1, 257, 257, 2, 2, 4, 1},
                                          {2, 300, 300, 4, 4, 64, 75},
                                          {2, 333, 333, 8, 8, 4, 111, 64, 64},
                                          {1, 290, 290, 3, 1, 6, 100, 96, 128},
                                          {2, 190, 190, 2, 1, 2, 64, 128, 40},
                                          {4, 64, 64, 1, 1, 1, 32, 8, 8},
                                          {1, 700, 700, 4, 4, 3, 60, 64, 128},
                                          {1, 513, 513, 16, 4, 4, 128, 64, 64},
                                          {3, 200, 200, 12, 12, 8, 40, 40, 24},
                                          {1, 1100, 1100, 8, 8, 4, 550, 64, 64}};
        for (const QList<int> &shape : shapes) {
            for (const auto type : {at::kBFloat16, at::kHalf, at::kFloat}) {
                for (const auto target : {dsa::KlTarget::Selected, dsa::KlTarget::Dense}) {
                    const bool selected = target == dsa::KlTarget::Selected;
                    const QList<int> sizes = shape.size() > 7 ? shape : shape + QList<int>{32, 32};
                    QTest::addRow("%d %d %d %d %d %d k %d, %d and %d wide, %s, %s", sizes[0], sizes[1], sizes[2],
                                  sizes[3], sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], at::toString(type),
                                  selected ? "selected" : "dense")
                        << sizes << int(type) << int(target) << (shape[1] > 200 ? 3 : 1) << (shape[0] != 2);
                }
            }
        }
    }

    void lossEqualsTheReference()
    {
        QFETCH(QList<int>, sizes);
        QFETCH(int, type);
        QFETCH(int, target);
        QFETCH(int, rowStride);
        QFETCH(bool, knowsNorm);
        const auto scalar = static_cast<at::ScalarType>(type);
        const auto kind = static_cast<dsa::KlTarget>(target);
        const Shape shape{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6], sizes[7], sizes[8]};
        const Case numbers = casesOf(shape, scalar);
        const Tensor phase = at::full({}, 2, at::kInt);

        // The set and the log-sums come from the CPU for both: what is compared is the loss alone.
        const auto [selection, tau, norm] = dsa::index_select(numbers.qi, numbers.ki, numbers.w, shape.topK);
        const Tensor lse = kind == dsa::KlTarget::Dense
                               ? std::get<1>(dsa::dense_attention(numbers.q, numbers.k, numbers.v))
                               : std::get<1>(dsa::masked_attention(numbers.q, numbers.k, numbers.v, selection));
        const auto run = [&](const auto &move, const auto &moveWide) {
            const Tensor qi = move(numbers.qi).requires_grad_(true), ki = move(numbers.ki).requires_grad_(true),
                         w = moveWide(numbers.w).requires_grad_(true);
            dsa::Selection set;
            set.bits = selection.bits.to(qi.device());
            set.bitsT = selection.bitsT.to(qi.device());
            set.count = selection.count.to(qi.device());
            const auto [loss, rows] = dsa::index_kl(
                qi, ki, w, move(numbers.q), move(numbers.k), moveWide(lse), set, knowsNorm ? moveWide(norm) : Tensor(),
                std::nullopt, kind, rowStride, rowStride > 1 ? std::optional(phase.to(qi.device())) : std::nullopt);
            loss.backward();
            return std::vector<Tensor>{loss.detach(), rows, qi.grad(), ki.grad(), w.grad()};
        };
        const auto same = [](const Tensor &x) { return x.clone(); };
        const std::vector<Tensor> expected = run(same, same);
        const auto card = [&] {
            return run([&](const Tensor &x) { return onCard(x.to(scalar)); },
                       [&](const Tensor &x) { return onCard(x.to(at::kFloat)); });
        };
        const dsa::Backend backend =
            dsa::backend_of("index_kl", {onCard(numbers.qi.to(scalar)), onCard(numbers.ki.to(scalar)),
                                         onCard(numbers.w), onCard(numbers.q.to(scalar))});
        // Hopper has its own for bfloat16 where the queries of all heads fit.
        const bool fits = scalar == at::kBFloat16 && std::max(shape.width, shape.indexWidth) <= 64 &&
                          shape.heads + shape.indexHeads <= 20;
        QVERIFY2(backend.name == "sm80" || (fits && backend.name == "sm90"), backend.name.c_str());
        const std::vector<Tensor> found = card(), again = card();
        // The gradient in the products is rounded to the type before the library multiplies it on.
        const double ofGradients = scalar == at::kFloat ? 1e-4 : 1e-2;
        const double limits[] = {1e-4, 1e-4, ofGradients, ofGradients, scalar == at::kFloat ? 1e-3 : 1e-2};
        for (int i = 0; i < 5; ++i) {
            if (exact(expected[i]).abs().max().item<double>() < 1e-7) {
                QVERIFY(exact(found[i]).abs().max().item<double>() < 1e-5); // one key: nothing to learn
            } else {
                QVERIFY2(off(found[i], expected[i]) < limits[i],
                         qPrintable(QString("%1: %2").arg(i).arg(off(found[i], expected[i]))));
            }
            QVERIFY2(found[i].equal(again[i]), "two runs differ");
        }
        qputenv("SPARSESCOPE_KERNELS", "sm80"); // what other cards run
        const auto clear = qScopeGuard([] { qunsetenv("SPARSESCOPE_KERNELS"); });
        const std::vector<Tensor> portable = card();
        for (int i = 0; i < 5; ++i) {
            if (exact(expected[i]).abs().max().item<double>() >= 1e-7) {
                QVERIFY2(off(portable[i], expected[i]) < limits[i],
                         qPrintable(QString("sm80, %1: %2").arg(i).arg(off(portable[i], expected[i]))));
            }
        }
    }

    void chunksOfRowsAddUp_data()
    {
        QTest::addColumn<int>("target");
        QTest::addColumn<int>("rowStride");
        QTest::addColumn<int>("earlier");
        for (const int stride : {1, 2}) {
            for (const int earlier : {0, 70}) {
                QTest::addRow("selected, stride %d, %d keys before", stride, earlier)
                    << int(dsa::KlTarget::Selected) << stride << earlier;
                QTest::addRow("dense, stride %d, %d keys before", stride, earlier)
                    << int(dsa::KlTarget::Dense) << stride << earlier;
            }
        }
    }

    /// Long rows go a chunk of queries at a time; the sums are those of all at once.
    void chunksOfRowsAddUp()
    {
        QFETCH(int, target);
        QFETCH(int, rowStride);
        QFETCH(int, earlier);
        const auto kind = static_cast<dsa::KlTarget>(target);
        const Shape shape{2, 450, 450 + earlier, 4, 4, 4, 60, 64, 64};
        const Case numbers = casesOf(shape, at::kBFloat16);
        const auto card = [](const Tensor &x) { return onCard(x.to(at::kBFloat16)); };
        const Tensor w = onCard(numbers.w).to(at::kFloat), phase = onCard(at::full({}, 1, at::kInt));
        const auto [selection, tau, norm] =
            dsa::index_select(card(numbers.qi), card(numbers.ki), w, shape.topK, earlier);
        const Tensor lse = std::get<1>(dsa::masked_attention(
            card(numbers.q), card(numbers.k), card(numbers.v),
            kind == dsa::KlTarget::Dense ? dsa::dense_selection(2, 450, 450 + earlier, earlier, at::kCUDA)
                                         : selection));
        const auto run = [&] {
            const Tensor qi = card(numbers.qi).requires_grad_(true), ki = card(numbers.ki).requires_grad_(true),
                         weights = w.clone().requires_grad_(true);
            const auto [loss, rows] =
                dsa::index_kl(qi, ki, weights, card(numbers.q), card(numbers.k), lse, selection, norm, std::nullopt,
                              kind, rowStride, rowStride > 1 ? std::optional(phase) : std::nullopt);
            loss.backward();
            return std::vector<Tensor>{loss.detach(), rows, qi.grad(), ki.grad(), weights.grad()};
        };
        for (const char *kernels : {"", "sm80"}) {
            qputenv("SPARSESCOPE_KERNELS", kernels);
            const std::vector<Tensor> whole = run();
            dsa::reference::setChunkBytes(2 * 520 * 2 * 130); // 130 rows: two blocks, or a group of them
            const std::vector<Tensor> parts = run(), again = run();
            dsa::reference::setChunkBytes(0);
            qunsetenv("SPARSESCOPE_KERNELS");
            QVERIFY(whole[0].item<double>() > 0);
            for (int i = 0; i < 5; ++i) {
                QVERIFY2(off(parts[i], whole[i]) < 5e-3,
                         qPrintable(QString("%1 %2: %3").arg(kernels).arg(i).arg(off(parts[i], whole[i]))));
                QVERIFY2(parts[i].equal(again[i]), "two runs differ");
            }
        }
    }

    /// Heads whose log-sums are another attention's: the teacher is brought to sum 1 all the same.
    void theTeacherSumsToOne()
    {
        const Shape shape{2, 150, 150, 4, 4, 4, 40, 64, 64};
        const Case numbers = casesOf(shape, at::kBFloat16);
        const auto [selection, tau, norm] = dsa::index_select(numbers.qi, numbers.ki, numbers.w, shape.topK);
        Tensor lse = std::get<1>(dsa::masked_attention(numbers.q, numbers.k, numbers.v, selection));
        lse = lse + at::arange(150, lse.options()).remainder(3) * 0.4;
        const auto run = [&](const auto &move, const Tensor &sums, const dsa::Selection &set) {
            const Tensor qi = move(numbers.qi).requires_grad_(true);
            const Tensor loss = std::get<0>(
                dsa::index_kl(qi, move(numbers.ki), sums.is_cuda() ? onCard(numbers.w).to(at::kFloat) : numbers.w,
                              move(numbers.q), move(numbers.k), sums, set, {}, std::nullopt, dsa::KlTarget::Selected));
            loss.backward();
            return std::pair(loss.detach(), qi.grad());
        };
        dsa::Selection set;
        set.bits = onCard(selection.bits);
        set.bitsT = onCard(selection.bitsT);
        set.count = onCard(selection.count);
        const auto expected = run([](const Tensor &x) { return x.clone(); }, lse, selection);
        const auto found =
            run([](const Tensor &x) { return onCard(x.to(at::kBFloat16)); }, onCard(lse).to(at::kFloat), set);
        QVERIFY2(off(found.first, expected.first) < 1e-4,
                 qPrintable(QString::number(off(found.first, expected.first))));
        QVERIFY2(off(found.second, expected.second) < 1e-2,
                 qPrintable(QString::number(off(found.second, expected.second))));
    }

    void tilesNeedNoMoreThanTheyHave()
    {
        for (const int width : {32, 64, 96, 128}) {
            for (const int indexWidth : {32, 64, 128}) {
                const auto card = [](at::IntArrayRef sizes) { return onCard(at::randn(sizes)).to(at::kBFloat16); };
                const dsa::KernelReport report = dsa::indexKlTilesKernel(
                    card({1, 128, 4, indexWidth}), card({1, 128, indexWidth}), card({1, 8, 128, width}));
                qInfo("%d and %d wide: %s: %d registers, %d bytes spilled, %d shared", width, indexWidth,
                      report.why.c_str(), report.registers, static_cast<int>(report.spilledBytes),
                      static_cast<int>(report.sharedBytes));
                QVERIFY2(report.runs && report.spilledBytes == 0, report.why.c_str());
            }
        }
    }

    void aRowThatIsNoNumberShows_data()
    {
        QTest::addColumn<int>("type");
        QTest::addRow("rows") << int(at::kFloat);
        QTest::addRow("tiles") << int(at::kBFloat16);
    }

    void aRowThatIsNoNumberShows()
    {
        QFETCH(int, type);
        const Case numbers = casesOf({1, 70, 70, 2, 2, 2, 9}, at::kFloat);
        const auto card = [&](const Tensor &x) { return onCard(x.to(static_cast<at::ScalarType>(type))); };
        const Tensor qi = card(numbers.qi), ki = card(numbers.ki), w = onCard(numbers.w.to(at::kFloat)),
                     q = card(numbers.q), k = card(numbers.k);
        const Tensor lse = std::get<1>(dsa::dense_attention(q, k, card(numbers.v))).clone();
        const auto loss = [&] {
            return std::get<0>(dsa::index_kl(qi, ki, w, q, k, lse, {}, {}, std::nullopt, dsa::KlTarget::Dense))
                .item<double>();
        };
        QVERIFY(std::isfinite(loss()) && loss() >= 0);
        q.select(2, 33).fill_(std::numeric_limits<double>::quiet_NaN());
        QVERIFY(std::isnan(loss()));
    }

    void moreKeysThanTheKernelTakesRunPlain()
    {
        const auto card = [](at::IntArrayRef sizes) { return onCard(at::randn(sizes)); };
        const Tensor qi = card({1, 3, 2, 16}), ki = card({1, 6500, 16}), w = card({1, 3, 2}), q = card({1, 2, 3, 16}),
                     k = card({1, 2, 6500, 16});
        const dsa::Backend backend = dsa::backend_of("index_kl", {qi, ki, w, q});
        QCOMPARE(backend.name, std::string("aten"));
        QCOMPARE(backend.why, std::string("more than 6000 keys"));
        const Tensor lse = std::get<1>(dsa::dense_attention(q, k, k, std::nullopt, 6497));
        const Tensor loss =
            std::get<0>(dsa::index_kl(qi, ki, w, q, k, lse, {}, {}, std::nullopt, dsa::KlTarget::Dense));
        QVERIFY(std::isfinite(loss.item<double>()));
    }

    void tokenLossEqualsTheReference_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("kinds");
        QTest::addColumn<int>("type");
        for (const auto type : {at::kBFloat16, at::kHalf, at::kFloat}) {
            for (const auto &[rows, kinds] :
                 {std::pair(1, 1), {7, 257}, {300, 64}, {5, 49152}, {33, 1000}, {4, 2050}}) {
                QTest::addRow("%d x %d, %s", rows, kinds, at::toString(type)) << rows << kinds << int(type);
            }
        }
    }

    void tokenLossEqualsTheReference()
    {
        QFETCH(int, rows);
        QFETCH(int, kinds);
        QFETCH(int, type);
        const auto scalar = static_cast<at::ScalarType>(type);
        const Tensor logits = (at::randn({rows, kinds}) * 4).to(scalar);
        Tensor targets = (at::rand({rows}) * kinds).floor().to(at::kLong).clamp_max(kinds - 1);
        if (rows > 2) {
            targets.narrow(0, 1, 2).fill_(-1);
        }
        const auto run = [&](Tensor x, const Tensor &places) {
            x.set_requires_grad(true);
            const Tensor loss = dsa::token_loss(x, places);
            (loss * 3).backward();
            return std::pair(loss.detach(), x.grad());
        };
        const auto expected = run(exact(logits), targets);
        const auto found = run(onCard(logits), onCard(targets)), again = run(onCard(logits), onCard(targets));
        QCOMPARE(found.first.scalar_type(), at::kFloat);
        QCOMPARE(found.second.scalar_type(), scalar);
        if (kinds == 1) { // nothing to learn
            QVERIFY(exact(found.first).abs().item<double>() < 1e-6 &&
                    exact(found.second).abs().max().item<double>() < 1e-6);
            return;
        }
        QVERIFY2(off(found.first, expected.first) < 1e-5,
                 qPrintable(QString::number(off(found.first, expected.first))));
        const double limit = scalar == at::kFloat ? 1e-5 : 5e-3;
        QVERIFY2(off(found.second, expected.second) < limit,
                 qPrintable(QString::number(off(found.second, expected.second))));
        QVERIFY(found.first.equal(again.first) && found.second.equal(again.second));
        QVERIFY(rows <= 2 || found.second[1].abs().max().item<double>() == 0);

        // Rows that do not start on 16 bytes, a NaN, a target that is no token.
        const Tensor wider = onCard((at::randn({rows, kinds + 1}) * 4).to(scalar));
        const Tensor shifted = wider.narrow(1, 1, kinds);
        const double plain = dsa::token_loss(exact(shifted), targets).item<double>();
        QVERIFY(std::abs(dsa::token_loss(shifted, onCard(targets)).item<double>() - plain) < 1e-4 * (1 + plain));
        Tensor broken = onCard(logits).clone();
        broken.select(0, 0).select(0, kinds - 1).fill_(std::nan(""));
        QVERIFY(std::isnan(dsa::token_loss(broken, onCard(targets)).item<double>()));
        Tensor outside = onCard(targets).clone();
        outside.select(0, 0).fill_(kinds);
        QVERIFY(std::isnan(dsa::token_loss(onCard(logits), outside).item<double>()));
    }

    void rotationEqualsTheReference_data()
    {
        QTest::addColumn<int>("type");
        QTest::addColumn<int>("style");
        QTest::addColumn<int>("pairs");
        for (const auto type : {at::kBFloat16, at::kHalf, at::kFloat}) {
            for (const auto style : {dsa::RopeStyle::HalfSplit, dsa::RopeStyle::Interleaved}) {
                for (const int pairs : {16, 5, 1}) {
                    QTest::addRow("%s, %s, %d pairs", at::toString(type),
                                  style == dsa::RopeStyle::HalfSplit ? "half-split" : "interleaved", pairs)
                        << int(type) << int(style) << pairs;
                }
            }
        }
    }

    void rotationEqualsTheReference()
    {
        QFETCH(int, type);
        QFETCH(int, style);
        QFETCH(int, pairs);
        const auto scalar = static_cast<at::ScalarType>(type);
        const auto rope = static_cast<dsa::RopeStyle>(style);
        const double limit = scalar == at::kFloat ? 1e-6 : 5e-3;
        const Tensor angle = at::rand({37, pairs}) * 6;
        const Tensor cos = angle.cos(), sin = angle.sin();
        const auto run = [&](const Tensor &source, bool transposed, const at::Device &device, at::ScalarType as) {
            const Tensor x = source.to(device, as, false, /*copy=*/true).requires_grad_(true);
            const Tensor y = dsa::apply_rope(transposed ? x.transpose(1, 2) : x, cos.to(device), sin.to(device), rope);
            const Tensor weights = (at::arange(y.numel(), y.options()) / y.numel()).view(y.sizes());
            (y * weights.detach()).sum().backward();
            return std::pair(y.detach(), x.grad());
        };
        const Tensor rows = at::randn({3, 37, 4, 32}).to(scalar).to(at::kDouble); // [B,T,H,D], turned to [B,H,T,D]
        const auto expected = run(rows, true, at::kCPU, at::kDouble), found = run(rows, true, at::kCUDA, scalar);
        QVERIFY2(off(found.first, expected.first) < limit,
                 qPrintable(QString::number(off(found.first, expected.first))));
        QVERIFY2(off(found.second, expected.second) < 2 * limit,
                 qPrintable(QString::number(off(found.second, expected.second))));
        const Tensor few = at::randn({37, 32}).to(scalar).to(at::kDouble);
        QVERIFY(off(run(few, false, at::kCUDA, scalar).first, run(few, false, at::kCPU, at::kDouble).first) < limit);
        QCOMPARE(dsa::backend_of("apply_rope", {onCard(few.to(scalar)), onCard(cos)}).name, std::string("sm80"));
        QCOMPARE(dsa::backend_of("apply_rope", {onCard(few), onCard(cos)}).name, std::string("aten"));

        // The indexer's queries count positions one dimension further out.
        const Tensor queries = at::randn({2, 37, 3, 32}).to(scalar), keys = at::randn({2, 37, 32}).to(scalar),
                     weight = at::rand({32}) + 0.5, bias = at::randn({32});
        const auto prepared = [&](const at::Device &device, at::ScalarType as) {
            return dsa::index_prepare(queries.to(device, as), keys.to(device, as), weight.to(device), bias.to(device),
                                      cos.to(device), sin.to(device), rope);
        };
        const auto [qi, ki] = prepared(at::kCUDA, scalar);
        const auto [qiExpected, kiExpected] = prepared(at::kCPU, at::kDouble);
        QVERIFY(off(qi, qiExpected) < limit && off(ki, kiExpected) < limit);
    }

    void gradientsAreScaledAsByTheLibrary_data()
    {
        QTest::addColumn<int>("type");
        QTest::newRow("bf16") << static_cast<int>(at::kBFloat16);
        QTest::newRow("fp16") << static_cast<int>(at::kHalf);
        QTest::newRow("fp32") << static_cast<int>(at::kFloat);
        QTest::newRow("fp64, by the library") << static_cast<int>(at::kDouble);
    }

    /// Bit for bit, whatever is left behind the last four numbers.
    void gradientsAreScaledAsByTheLibrary()
    {
        QFETCH(int, type);
        const auto half = static_cast<at::ScalarType>(type);
        const Tensor factor = onCard(at::full({}, -0.3, at::kFloat));
        for (const std::int64_t elements : {0, 1, 4, 2047, 2049, 100003}) {
            const std::array<Tensor, 3> gradients{onCard(at::randn({elements, 3})), onCard(at::randn({elements})),
                                                  onCard(at::randn({7}))};
            const auto scaled = dsa::scaledGradients(gradients, factor, {half, half, at::kFloat});
            for (std::size_t i = 0; i < scaled.size(); ++i) {
                const Tensor expected = gradients[i].mul(factor).to(i < 2 ? half : at::kFloat);
                QCOMPARE(scaled[i].scalar_type(), expected.scalar_type());
                QVERIFY(scaled[i].equal(expected));
            }
        }
    }
};

QTEST_GUILESS_MAIN(tst_LossKernelsCuda)
#include "tst_loss_kernels_cuda.moc"
