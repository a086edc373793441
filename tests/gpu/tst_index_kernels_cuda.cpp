#include "kernels/ops/kernel_path.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"
#include "tests/gpu/on_card.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/Context.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <QtTest>

using at::Tensor;
using optest::randn;
using sparsescope::testing::equalSelections;
using sparsescope::testing::exact;
using sparsescope::testing::onCard;

// B batch, T queries, S keys. Selections are held to the CPU's, bit for bit; scores to float64 on the same rounded inputs.
namespace {

/// Scores that a careless selection gets wrong.
Tensor scoresOfKind(const QString &kind, at::IntArrayRef sizes)
{
    const Tensor random = randn(sizes, at::kFloat);
    if (kind == "plateau") {
        return random.clamp_min(0);
    }
    if (kind == "equal") {
        return at::full(sizes, 0.25, at::kFloat);
    }
    if (kind == "hidden") {
        return at::full(sizes, -INFINITY, at::kFloat);
    }
    if (kind == "nan") {
        return at::full(sizes, NAN, at::kFloat);
    }
    if (kind == "special") {
        return at::tensor({-INFINITY, INFINITY, NAN, 0.0f, -0.0f, 1.0f, 1e-40f, -1e-40f}, at::kFloat)
            .index({at::randint(8, sizes)});
    }
    if (kind == "near") { // many scores share all but their last bits
        return random.mul(1e-6).add(1);
    }
    if (kind == "rising") {
        return at::arange(sizes[2], at::kFloat).expand(sizes).contiguous();
    }
    return random;
}

const char *const kKinds[] = {"random", "plateau", "equal", "hidden", "nan", "special", "near", "rising"};

struct Size {
    std::int64_t batch, rows, keys, k, offset;
};

/// Every kernel and its edges, the long one with many and with few keys near the threshold.
const Size kSizes[] = {
    {1, 1, 1, 1, 0},
    {2, 63, 63, 7, 0},
    {2, 64, 64, 16, 0},
    {2, 65, 65, 64, 0},
    {1, 100, 100, 1, 0},
    {2, 40, 40, 1000, 0},
    {2, 3, 70, 9, 67},
    {2, 6, 10, 4, -3},
    {1, 5, 10, 3, -9},
    {2, 256, 256, 128, 0},
    {1, 70, 257, 100, 187},
    {1, 130, 1000, 999, 870},
    {2, 33, 1024, 256, 991},
    {1, 20, 1025, 1, 1005},
    {1, 67, 2048, 1024, 1981},
    {1, 9, 2049, 700, 2040},
    {1, 30, 4096, 2048, 4066},
    {1, 4, 4096, 4096, 4092},
    {1, 7, 4097, 1024, 4090},
    {1, 3, 10000, 2048, 9990},
    {1, 5, 70001, 2048, 69996},
    {1, 90, 2000, 700, 1910},
    {1, 3, 40000, 20000, 39997},
    {1, 2, 131072, 64, 131070},
    {2, 0, 5, 3, 0},
    {0, 4, 4, 3, 0},
};

QString nameOf(const Size &s)
{
    return QString("B %1 T %2 S %3 k %4 offset %5").arg(s.batch).arg(s.rows).arg(s.keys).arg(s.k).arg(s.offset);
}

} // namespace

class tst_IndexKernelsCuda : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        if (!at::globalContext().hasCUDA()) {
            QSKIP("no CUDA device");
        }
#ifndef SPARSESCOPE_HAS_KERNELS
        QSKIP("built without CUDA kernels");
#endif
        qunsetenv("SPARSESCOPE_KERNELS");
    }

    void selectionEqualsTheCpu_data()
    {
        QTest::addColumn<QString>("kind");
        for (const char *kind : kKinds) {
            QTest::addRow("%s", kind) << kind;
        }
    }

    void selectionEqualsTheCpu()
    {
        QFETCH(QString, kind);
        for (const Size &s : kSizes) {
            const Tensor scores = scoresOfKind(kind, {s.batch, s.rows, s.keys}), card = onCard(scores);
            QCOMPARE(dsa::backend_of("topk_select", {card}).name, std::string("sm80"));
            const dsa::Selection expected = dsa::topk_select(scores, s.k, s.offset, true, true),
                                 found = dsa::topk_select(card, s.k, s.offset, true, true);
            QVERIFY2(equalSelections(found, expected), qPrintable(nameOf(s)));
            const dsa::Selection again = dsa::topk_select(card, s.k, s.offset, true, true);
            QVERIFY2(equalSelections(found, again), "two runs differ");
            QVERIFY(card.cpu().equal(scores) || kind == "nan" || kind == "special");
        }
    }

    void onlyWhatIsWanted()
    {
        for (const std::int64_t keys : {200, 900, 3000, 5000}) {
            const Tensor scores = randn({2, 5, keys}, at::kFloat);
            const dsa::Selection expected = dsa::topk_select(scores, 30, keys - 5, true, true);
            const dsa::Selection bits = dsa::topk_select(onCard(scores), 30, keys - 5),
                                 list = dsa::topk_select(onCard(scores), 30, keys - 5, false, true);
            QVERIFY(!bits.idx.defined() && bits.bits.cpu().equal(expected.bits) &&
                    bits.bitsT.cpu().equal(expected.bitsT));
            QVERIFY(!list.bits.defined() && !list.bitsT.defined() && list.idx.cpu().equal(expected.idx) &&
                    list.count.cpu().equal(expected.count));
        }
    }

    void otherLayoutsAndTypes()
    {
        const Tensor scores = randn({2, 300, 40}, at::kFloat);
        QVERIFY(equalSelections(dsa::topk_select(onCard(scores).transpose(1, 2), 9, 260, true, true),
                                dsa::topk_select(scores.transpose(1, 2), 9, 260, true, true)));
        const Tensor cut = randn({2, 40, 333}, at::kFloat);
        QVERIFY(equalSelections(dsa::topk_select(onCard(cut).narrow(2, 1, 301), 9, 261),
                                dsa::topk_select(cut.narrow(2, 1, 301), 9, 261)));
        for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
            const Tensor low = randn({1, 90, 90}, type);
            QVERIFY(equalSelections(dsa::topk_select(onCard(low), 9), dsa::topk_select(low, 9)));
        }
    }

    void scores_data()
    {
        QTest::addColumn<int>("type");
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
            QTest::addRow("%s", c10::toString(type)) << static_cast<int>(type);
        }
    }

    void scores()
    {
        QFETCH(int, type);
        const auto scalar = static_cast<at::ScalarType>(type);
        struct Shape {
            std::int64_t batch, rows, keys, heads, width, offset;
        };
        for (const Shape &s : {Shape{1, 1, 1, 1, 8, 0},
                               {2, 65, 65, 4, 32, 0},
                               {2, 130, 130, 4, 64, 0},
                               {1, 100, 301, 3, 40, 201},
                               {2, 64, 256, 8, 128, 192},
                               {1, 50, 20, 4, 64, -10},
                               {1, 40, 40, 64, 128, 0},
                               {2, 77, 300, 64, 128, 223},
                               {2, 77, 300, 8, 64, 223},
                               {1, 130, 200, 16, 64, 70},
                               {2, 33, 70, 16, 24, 37},
                               {1, 13, 9000, 4, 64, 8990},
                               {1, 13, 9000, 40, 96, 8990},
                               {1, 20, 30, 64, 104, -7},
                               {1, 200, 129, 5, 72, 10},
                               {2, 0, 5, 4, 64, 0},
                               {0, 5, 5, 4, 64, 0},
                               {1, 260, 260, 2, 16, 0}}) {
            const QString name =
                QString::asprintf("T %lld S %lld heads %lld width %lld offset %lld", qlonglong(s.rows),
                                  qlonglong(s.keys), qlonglong(s.heads), qlonglong(s.width), qlonglong(s.offset));
            const Tensor q = randn({s.batch, s.rows, s.heads, s.width}, scalar),
                         k = randn({s.batch, s.keys, s.width}, scalar),
                         w = randn({s.batch, s.rows, s.heads}, at::kFloat);
            const std::string chosen = dsa::backend_of("index_scores", {onCard(q), onCard(k), onCard(w)}).name;
            const bool few = (s.heads == 4 || s.heads == 8 || s.heads == 16) && s.width <= 64;
            const bool forHopper = scalar == at::kBFloat16 && ((s.heads > 32 && s.width > 64) || few);
            QVERIFY2(chosen == "sm80" || (forHopper && chosen == "sm90"), chosen.c_str());
            at::full({s.batch, s.rows, s.keys}, NAN,
                     onCard(w).options()); // what the caching allocator hands out next is poisoned
            const Tensor found = dsa::index_scores(onCard(q), onCard(k), onCard(w), s.offset),
                         expected = dsa::index_scores(exact(q), exact(k), exact(w), s.offset);
            const double error = optest::relativeError(found, expected);
            QVERIFY2(error <= 1e-5, qPrintable(QString("%1: error %2").arg(name).arg(error)));
            QVERIFY(optest::identical(found, dsa::index_scores(onCard(q), onCard(k), onCard(w), s.offset)));
            if (s.rows > 2) {
                // The order of batch and of rows is of no matter, strided inputs neither.
                const Tensor wide = randn({s.batch, s.rows, s.heads, s.width + 8}, scalar);
                wide.narrow(3, 0, s.width).copy_(q);
                QVERIFY(optest::identical(
                    found, dsa::index_scores(onCard(wide).narrow(3, 0, s.width), onCard(k), onCard(w), s.offset)));
                const Tensor part = dsa::index_scores(onCard(q).narrow(1, 1, s.rows - 1), onCard(k),
                                                      onCard(w).narrow(1, 1, s.rows - 1), s.offset + 1);
                QVERIFY(optest::identical(found.narrow(1, 1, s.rows - 1), part));
                QVERIFY(optest::identical(found.flip(0), dsa::index_scores(onCard(q.flip(0)), onCard(k.flip(0)),
                                                                           onCard(w.flip(0)), s.offset)));
            }
        }
    }

    void scoresKeepNan()
    {
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            const Tensor q = randn({1, 80, 4, 64}, type), k = randn({1, 80, 64}, type),
                         w = randn({1, 80, 4}, at::kFloat);
            k.select(1, 33).fill_(NAN);
            const Tensor found = dsa::index_scores(onCard(q), onCard(k), onCard(w)).cpu();
            QVERIFY(found.isnan().equal(dsa::index_scores(q.to(at::kFloat), k.to(at::kFloat), w).isnan()));
            QVERIFY(dsa::dispatch::plain::index_scores(onCard(q), onCard(k), onCard(w), 0)
                        .cpu()
                        .isnan()
                        .equal(found.isnan()));
            QCOMPARE(found.isnan().sum().item().toInt(), 80 - 33);
        }
    }

    void oddWidthsTakeTheAtenPath()
    {
        const Tensor q = onCard(randn({1, 30, 2, 20}, at::kBFloat16)), k = onCard(randn({1, 30, 20}, at::kBFloat16)),
                     w = onCard(randn({1, 30, 2}, at::kFloat));
        const dsa::Backend backend = dsa::backend_of("index_scores", {q, k, w});
        QCOMPARE(backend.name, std::string("aten"));
        QCOMPARE(backend.why, std::string("in low precision the indexer's width must be a multiple of 8, up to 128"));
        QVERIFY(optest::relativeError(dsa::index_scores(q, k, w), dsa::index_scores(exact(q), exact(k), exact(w))) <
                1e-5);
    }

    void indexSelectIsScoresThenSelection()
    {
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            for (const Size &s : {Size{2, 130, 130, 20, 0},
                                  {2, 70, 100, 9, 30},
                                  {1, 70, 70, 9, -5},
                                  {1, 300, 1500, 700, 1200},
                                  {1, 66, 5000, 64, 4934},
                                  {1, 140, 66000, 300, 65860},
                                  {1, 64, 64, 100, 0}}) {
                const Tensor q = onCard(randn({s.batch, s.rows, 4, 64}, type)),
                             k = onCard(randn({s.batch, s.keys, 64}, type)),
                             w = onCard(randn({s.batch, s.rows, 4}, at::kFloat));
                const Tensor scores = dsa::index_scores(q, k, w, s.offset);
                const auto [selection, tau, lse] = dsa::index_select(q, k, w, s.k, s.offset, true, true);
                const dsa::Selection expected = dsa::topk_select(scores.cpu(), s.k, s.offset, true, true);
                QVERIFY2(equalSelections(selection, expected), qPrintable(nameOf(s)));
                const Tensor dropped = dsa::unpack_mask(expected, s.keys).logical_not(), plain = scores.cpu();
                QVERIFY(tau.cpu().equal(plain.masked_fill(dropped, INFINITY).amin(-1)));
                QVERIFY(optest::relativeError(
                            lse, plain.masked_fill(dropped, -INFINITY).to(at::kDouble).logsumexp(-1)) < 1e-6);
                dsa::reference::setChunkBytes(1);
                const auto [parts, tauParts, lseParts] = dsa::index_select(q, k, w, s.k, s.offset, true, true);
                dsa::reference::setChunkBytes(0);
                QVERIFY(equalSelections(parts, selection) && optest::identical(tauParts, tau) &&
                        optest::identical(lseParts, lse));
            }
        }
    }

    void sumsOfAwkwardRows()
    {
        // w of NaN or infinity reaches tau and lse as it does on the CPU.
        for (const float value : {NAN, INFINITY, -INFINITY}) {
            for (const std::int64_t keys : {100, 1500, 5000}) {
                const Tensor q = at::full({1, 3, 1, 8}, 1.0, at::kFloat), k = at::full({1, keys, 8}, 1.0, at::kFloat),
                             w = at::full({1, 3, 1}, value, at::kFloat);
                const auto [set, tau, lse] = dsa::index_select(onCard(q), onCard(k), onCard(w), 5, keys - 3);
                const auto [setCpu, tauCpu, lseCpu] = dsa::index_select(q, k, w, 5, keys - 3);
                QVERIFY(equalSelections(set, setCpu));
                QVERIFY(tau.cpu().allclose(tauCpu, 0, 0, true) && lse.cpu().allclose(lseCpu, 0, 0, true));
            }
        }
    }

    void laterTokensChangeNoEarlierRow()
    {
        const Tensor q = onCard(randn({1, 300, 4, 64}, at::kBFloat16)), k = onCard(randn({1, 300, 64}, at::kBFloat16)),
                     w = onCard(randn({1, 300, 4}, at::kFloat));
        const Tensor scores = dsa::index_scores(q, k, w);
        const auto [before, tau, lse] = dsa::index_select(q, k, w, 40);
        q.narrow(1, 150, 150).normal_();
        k.narrow(1, 150, 150).normal_();
        const auto [after, tauAfter, lseAfter] = dsa::index_select(q, k, w, 40);
        QVERIFY(optest::identical(scores.narrow(1, 0, 150), dsa::index_scores(q, k, w).narrow(1, 0, 150)));
        QVERIFY(optest::identical(before.bits.narrow(1, 0, 150), after.bits.narrow(1, 0, 150)) &&
                !before.bits.equal(after.bits));
        QVERIFY(optest::identical(lse.narrow(1, 0, 150), lseAfter.narrow(1, 0, 150)));
    }

    void schemasTellTheTruth()
    {
        const Tensor q = onCard(randn({2, 70, 3, 16}, at::kBFloat16)), k = onCard(randn({2, 70, 16}, at::kBFloat16)),
                     w = onCard(randn({2, 70, 3}, at::kFloat));
        const Tensor scores = onCard(randn({2, 70, 70}, at::kFloat));
        for (const std::string &wrong : {optest::checkSchema("dsa::index_scores", {q, k, w, 0}),
                                         optest::checkSchema("dsa::topk_select", {scores, 9, 0, true, true}),
                                         optest::checkSchema("dsa::topk_select", {scores, 9, 0, false, false}),
                                         optest::checkSchema("dsa::index_select", {q, k, w, 9, 0, true, true}),
                                         optest::checkSchema("dsa::index_select", {q, k, w, 9, 0, false, true})}) {
            QVERIFY2(wrong.empty(), wrong.c_str());
        }
    }

    void theEnvironmentForcesAten()
    {
        const Tensor q = onCard(randn({1, 100, 4, 64}, at::kBFloat16)), k = onCard(randn({1, 100, 64}, at::kBFloat16)),
                     w = onCard(randn({1, 100, 4}, at::kFloat));
        const Tensor scores = dsa::index_scores(q, k, w);
        const dsa::Selection selection = dsa::topk_select(scores, 20, 0, true, true);
        qputenv("SPARSESCOPE_KERNELS", "aten");
        const dsa::Backend backend = dsa::backend_of("index_select", {q, k, w});
        const Tensor plain = dsa::index_scores(q, k, w);
        const dsa::Selection plainSelection = dsa::topk_select(scores, 20, 0, true, true);
        qunsetenv("SPARSESCOPE_KERNELS");
        QCOMPARE(backend.name, std::string("aten"));
        QCOMPARE(backend.why, std::string("SPARSESCOPE_KERNELS=aten is set"));
        QVERIFY(optest::identical(plain, dsa::dispatch::plain::index_scores(q, k, w, 0)));
        QVERIFY(optest::relativeError(scores, plain) < 1e-5 && equalSelections(plainSelection, selection));
    }

    void capturedEqualsEager()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        for (const std::int64_t keys : {256, 1500, 5000}) {
            const Tensor q = onCard(randn({2, 128, 4, 64}, at::kBFloat16)),
                         k = onCard(randn({2, keys, 64}, at::kBFloat16)), w = onCard(randn({2, 128, 4}, at::kFloat));
            const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool(),
                                        before = c10::cuda::getCurrentCUDAStream();
            const auto run = [&] { return dsa::index_select(q, k, w, 64, keys - 128, true, true); };
            run();
            c10::cuda::setCurrentCUDAStream(stream);
            run();
            stream.synchronize();
            at::cuda::CUDAGraph graph;
            graph.capture_begin();
            const auto captured = run();
            graph.capture_end();
            q.copy_(onCard(randn(q.sizes(), at::kBFloat16)));
            graph.replay();
            const auto eager = run();
            stream.synchronize();
            c10::cuda::setCurrentCUDAStream(before);
            QVERIFY(equalSelections(std::get<0>(captured), std::get<0>(eager)));
            QVERIFY(std::get<2>(captured).equal(std::get<2>(eager)));
        }
#endif
    }

    void nothingSpills()
    {
        for (const std::int64_t keys : {64, 1000, 2000, 4000, 9000, 131072}) {
            for (const std::int64_t rows : {1, 140}) {
                const dsa::KernelReport report = dsa::selectKernel(onCard(at::zeros({1, rows, keys}, at::kFloat)));
                QVERIFY2(report.runs && report.spilledBytes == 0, report.why.c_str());
            }
        }
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
            for (const std::int64_t width : {32, 64, 128}) {
                for (const std::int64_t heads : {4, 64}) {
                    const Tensor q = onCard(at::zeros({1, 1, heads, width}, type)),
                                 k = onCard(at::zeros({1, 1, width}, type));
                    const dsa::KernelReport report = dsa::scoresKernel(q, k);
                    QVERIFY2(report.runs && report.spilledBytes == 0, report.why.c_str());
                }
            }
        }
    }
};

QTEST_GUILESS_MAIN(tst_IndexKernelsCuda)
#include "tst_index_kernels_cuda.moc"
