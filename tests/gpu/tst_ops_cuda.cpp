// Longer than 400 lines: every operation against its oracle, run in one process on a card.
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/packing.h"
#include "tests/gpu/on_card.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <QtTest>

using at::Tensor;
using optest::randn;
using optest::relativeError;
using sparsescope::testing::equalSelections;
using sparsescope::testing::exact;
using sparsescope::testing::onCard;

// B batch, H heads, KV key heads, T queries, S keys, D width; the CPU in fp64 on the same (already rounded) inputs is the oracle.
namespace {

struct Limits {
    double output, gradient;
};

Limits limitsOf(at::ScalarType type)
{
    return type == at::kDouble ? Limits{1e-12, 1e-11} : type == at::kFloat ? Limits{5e-5, 5e-5} : Limits{5e-3, 1e-2};
}

dsa::Selection toCpu(const dsa::Selection &selection)
{
    return {selection.bits.cpu(), selection.bitsT.cpu(), selection.count.cpu(),
            selection.idx.defined() ? selection.idx.cpu() : Tensor()};
}

/// Deviation of gradient i from the oracle's, relative to its size. With a single key the softmax is constant: the gradients of
/// q and k are zero but for rounding, so there all gradients together are the measure.
double gradientError(const std::vector<Tensor> &found, const std::vector<Tensor> &oracle, int i, std::int64_t keys)
{
    if (keys > 1) {
        return relativeError(found[i], oracle[i]);
    }
    double squares = 0;
    for (const Tensor &gradient : oracle) {
        squares += gradient.square().sum().item().toDouble();
    }
    const double difference = exact(found[i]).sub(oracle[i]).norm().item().toDouble();
    return squares > 0 ? difference / std::sqrt(squares) : difference;
}

const std::array kTypes{at::kDouble, at::kFloat, at::kBFloat16};

} // namespace

#define VERIFY_ERROR(found, expected, limit)                                                                           \
    do {                                                                                                               \
        const double error = relativeError(found, expected);                                                           \
        QVERIFY2(error <= (limit), qPrintable(QString("error %1, allowed %2").arg(error).arg(limit)));                 \
    } while (false)

class tst_OpsCuda : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        if (!at::globalContext().hasCUDA()) {
            QSKIP("no CUDA device");
        }
    }

    void topkEqualsTheCpu()
    {
        struct Size {
            std::int64_t rows, keys, k, offset;
        };
        for (const Size &s : {Size{1, 1, 1, 0},
                              {63, 63, 7, 0},
                              {64, 64, 16, 0},
                              {65, 65, 64, 0},
                              {100, 100, 99, 0},
                              {40, 40, 1000, 0},
                              {3, 70, 9, 67},
                              {6, 10, 4, -3},
                              {300, 300, 50, 0}}) {
            for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
                const Tensor values =
                    at::tensor({-INFINITY, INFINITY, NAN, 0.0f, -0.0f, 1.0f, 1e-40f, 0.0f}, at::kFloat).to(type);
                for (const Tensor &scores :
                     {randn({2, s.rows, s.keys}, type), randn({2, s.rows, s.keys}, type).clamp_min(0),
                      at::zeros({2, s.rows, s.keys}, type), values.index({at::randint(8, {2, s.rows, s.keys})})}) {
                    const dsa::Selection expected = dsa::topk_select(scores, s.k, s.offset, true, true);
                    const dsa::Selection found = dsa::topk_select(onCard(scores), s.k, s.offset, true, true);
                    QVERIFY2(equalSelections(found, expected),
                             qPrintable(QString("T %1 S %2 k %3").arg(s.rows).arg(s.keys).arg(s.k)));
                }
            }
        }
    }

    void packKernelEqualsPlainAndCpu()
    {
        struct Size {
            std::int64_t batch, rows, keys, offset;
        };
        for (const Size &s : {Size{1, 1, 1, 0},
                              {3, 63, 65, 2},
                              {2, 64, 64, 0},
                              {2, 130, 200, 70},
                              {2, 10, 5, -4},
                              {1, 5, 300, 295},
                              {0, 4, 4, 0},
                              {2, 0, 4, 0}}) {
            const Tensor mask = at::rand({s.batch, s.rows, s.keys}).lt(0.5);
            const dsa::Selection expected = dsa::pack_mask(mask, s.offset, true),
                                 found = dsa::pack_mask(onCard(mask), s.offset, true);
            QVERIFY(equalSelections(found, expected));
            const dsa::PackedMask plain = dsa::plainPackMask(onCard(mask), s.offset);
            QVERIFY(plain.bits.equal(found.bits) && plain.bitsT.equal(found.bitsT) && plain.count.equal(found.count));
            QVERIFY(dsa::unpack_mask(found, s.keys).cpu().equal(dsa::unpack_mask(expected, s.keys)));
            QVERIFY(equalSelections(dsa::dense_selection(s.batch, s.rows, s.keys, s.offset, at::kCUDA),
                                    dsa::dense_selection(s.batch, s.rows, s.keys, s.offset, at::kCPU)));
        }
        const Tensor strided = onCard(at::rand({2, 70, 40}).lt(0.5)).transpose(1, 2);
        QVERIFY(equalSelections(dsa::pack_mask(strided, 30), dsa::pack_mask(strided.cpu(), 30)));
        const dsa::Backend backend = dsa::backend_of("pack_mask", {strided});
#ifdef SPARSESCOPE_HAS_KERNELS
        QCOMPARE(backend.name, std::string("sm80"));
#else
        QCOMPARE(backend.name, std::string("aten"));
#endif
    }

    void indexer()
    {
        for (const at::ScalarType type : kTypes) {
            for (const std::int64_t rows : {1, 65, 130}) {
                const Tensor q = randn({2, rows, 4, 32}, type), k = randn({2, rows, 32}, type);
                const Tensor w = randn({2, rows, 4}, type == at::kDouble ? type : at::kFloat);
                const Tensor scores = dsa::index_scores(onCard(q), onCard(k), onCard(w)),
                             expected = dsa::index_scores(exact(q), exact(k), exact(w));
                VERIFY_ERROR(scores, expected, type == at::kDouble ? 1e-13 : 1e-5);
                const auto [selection, tau, lse] = dsa::index_select(onCard(q), onCard(k), onCard(w), 9, 0, true, true);
                QVERIFY(equalSelections(selection, dsa::topk_select(scores.cpu(), 9, 0, true, true)));
                const Tensor visible = dsa::unpack_mask(toCpu(selection), rows);
                VERIFY_ERROR(lse, expected.masked_fill(visible.logical_not(), -INFINITY).logsumexp(-1), 1e-5);
                const Tensor weight = randn({2, rows, rows}).tril();
                const auto f = [](const auto &x) { return dsa::index_scores(x[0], x[1], x[2]).nan_to_num(0, 0, 0); };
                const auto found = optest::gradients(f, {onCard(q), onCard(k), onCard(w)}, weight);
                const auto oracle = optest::gradients(f, {exact(q), exact(k), exact(w)}, weight);
                for (int i = 0; i < 3; ++i) {
                    VERIFY_ERROR(found[i], oracle[i], limitsOf(type).gradient);
                }
            }
        }
    }

    void attention_data()
    {
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("kvHeads");
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("width");
        QTest::addColumn<int>("valueWidth");
        QTest::addRow("one row") << 1 << 1 << 1 << 8 << 8;
        QTest::addRow("64") << 4 << 4 << 64 << 64 << 64;
        QTest::addRow("65 grouped") << 4 << 2 << 65 << 32 << 32;
        QTest::addRow("200 latent") << 4 << 4 << 200 << 48 << 32;
        QTest::addRow("odd widths") << 3 << 1 << 100 << 20 << 12;
        QTest::addRow("256 wide") << 8 << 8 << 256 << 128 << 128;
    }

    void attention()
    {
        QFETCH(int, heads);
        QFETCH(int, kvHeads);
        QFETCH(int, rows);
        QFETCH(int, width);
        QFETCH(int, valueWidth);
        for (const at::ScalarType type : kTypes) {
            const Limits limits = limitsOf(type);
            const Tensor q = randn({2, heads, rows, width}, type), k = randn({2, kvHeads, rows, width}, type),
                         v = randn({2, kvHeads, rows, valueWidth}, type);
            const std::vector<Tensor> low{onCard(q), onCard(k), onCard(v)}, wide{exact(q), exact(k), exact(v)};
            const Tensor weight = randn({2, heads, rows, valueWidth}, type);
            for (const std::int64_t offset : {0, -2}) {
                const dsa::Selection cpu =
                    dsa::topk_select(randn({2, rows, rows}, at::kFloat), std::max(1, rows / 4), offset);
                const dsa::Selection card{onCard(cpu.bits), onCard(cpu.bitsT), onCard(cpu.count), {}};
                const auto [o, lse] = dsa::masked_attention(low[0], low[1], low[2], card);
                const auto [expectedO, expectedLse] = dsa::masked_attention(wide[0], wide[1], wide[2], cpu);
                VERIFY_ERROR(o, expectedO, limits.output);
                VERIFY_ERROR(lse, expectedLse, 1e-4);
                const auto f = [&](const dsa::Selection &selection) {
                    return [&](const std::vector<Tensor> &x) {
                        return std::get<0>(dsa::masked_attention(x[0], x[1], x[2], selection));
                    };
                };
                const auto found = optest::gradients(f(card), low, weight),
                           again = optest::gradients(f(card), low, weight);
                const auto oracle = optest::gradients(f(cpu), wide, weight.to(at::kDouble));
                for (int i = 0; i < 3; ++i) {
                    QVERIFY(gradientError(found, oracle, i, rows) <= limits.gradient);
                    QVERIFY(optest::identical(found[i], again[i]));
                }
                const auto [dense, denseLse] = dsa::dense_attention(low[0], low[1], low[2], std::nullopt, offset);
                const auto [expectedDense, expectedDenseLse] =
                    dsa::dense_attention(wide[0], wide[1], wide[2], std::nullopt, offset);
                VERIFY_ERROR(dense, expectedDense, limits.output);
                VERIFY_ERROR(denseLse, expectedDenseLse, 1e-4);
                const auto g = [&](const std::vector<Tensor> &x) {
                    return std::get<0>(dsa::dense_attention(x[0], x[1], x[2], std::nullopt, offset));
                };
                const auto foundDense = optest::gradients(g, low, weight),
                           oracleDense = optest::gradients(g, wide, weight.to(at::kDouble));
                for (int i = 0; i < 3; ++i) {
                    QVERIFY(gradientError(foundDense, oracleDense, i, rows) <= limits.gradient);
                }
            }
            qInfo("%s: dense runs on %s", c10::toString(type), dsa::backend_of("dense_attention", low).why.c_str());
        }
    }

    void fusedDenseIsTakenInLowPrecision()
    {
        const Tensor q = onCard(randn({2, 8, 128, 64}, at::kBFloat16));
        QVERIFY(dsa::fusedDenseKind(q, q, q, 0.125, 0) != 0);
        QVERIFY(dsa::fusedDenseKind(q, q, q, 0.125, 3) == 0);
    }

    void kl()
    {
        for (const at::ScalarType type : kTypes) {
            for (const bool dense : {false, true}) {
                const std::int64_t rows = 100;
                const Tensor qi = randn({2, rows, 4, 32}, type), ki = randn({2, rows, 32}, type),
                             w = randn({2, rows, 4}, type == at::kDouble ? type : at::kFloat);
                const Tensor q = randn({2, 4, rows, 16}, type), k = randn({2, 2, rows, 16}, type);
                const auto [selection, tau, norm] = dsa::index_select(onCard(qi), onCard(ki), onCard(w), 20);
                const dsa::Selection cpu = toCpu(selection);
                const auto target = dense ? dsa::KlTarget::Dense : dsa::KlTarget::Selected;
                const auto run = [&](const Tensor &a, const Tensor &b, const dsa::Selection &set) {
                    const Tensor lse = dense ? std::get<1>(dsa::dense_attention(a, b, b))
                                             : std::get<1>(dsa::masked_attention(a, b, b, set));
                    return [&, a, b, lse](const std::vector<Tensor> &x) {
                        return std::get<0>(dsa::index_kl(x[0], x[1], x[2], a, b, lse, set, {}, std::nullopt, target));
                    };
                };
                const auto f = run(onCard(q), onCard(k), selection), g = run(exact(q), exact(k), cpu);
                const std::vector<Tensor> low{onCard(qi), onCard(ki), onCard(w)}, wide{exact(qi), exact(ki), exact(w)};
                VERIFY_ERROR(f(low), g(wide), type == at::kBFloat16 ? 1e-3 : 1e-5);
                const Tensor one = at::full({}, 1.0, at::kDouble);
                const auto found = optest::gradients(f, low, one), again = optest::gradients(f, low, one),
                           oracle = optest::gradients(g, wide, one);
                for (int i = 0; i < 3; ++i) {
                    VERIFY_ERROR(found[i], oracle[i], limitsOf(type).gradient);
                    QVERIFY(optest::identical(found[i], again[i]));
                }
            }
        }
    }

    void gathered()
    {
        for (const at::ScalarType type : kTypes) {
            const Tensor q = randn({50, 4, 24}, type), kv = randn({60, 24}, type),
                         idx = at::randint(-1, 60, {50, 9}).to(at::kInt);
            const Tensor weight = randn({50, 4, 16}, type);
            const auto f = [&](const Tensor &places) {
                return [&](const std::vector<Tensor> &x) {
                    return std::get<0>(dsa::gathered_attention(x[0], x[1], places, 16));
                };
            };
            const Tensor card = onCard(idx);
            const std::vector<Tensor> low{onCard(q), onCard(kv)}, wide{exact(q), exact(kv)};
            VERIFY_ERROR(f(card)(low), f(idx)(wide), limitsOf(type).output);
            const auto found = optest::gradients(f(card), low, weight), again = optest::gradients(f(card), low, weight);
            const auto oracle = optest::gradients(f(idx), wide, weight.to(at::kDouble));
            for (int i = 0; i < 2; ++i) {
                VERIFY_ERROR(found[i], oracle[i], limitsOf(type).gradient);
                QVERIFY(optest::identical(found[i], again[i]));
            }
        }
    }

    void rotaryAndPrepare()
    {
        for (const at::ScalarType type : kTypes) {
            const at::ScalarType tables = type == at::kDouble ? type : at::kFloat;
            const Tensor q = randn({2, 30, 4, 16}, type), k = randn({2, 30, 16}, type), weight = randn({16}, tables),
                         bias = randn({16}, tables);
            const Tensor cos = randn({30, 4}, tables), sin = randn({30, 4}, tables);
            for (const auto style : {dsa::RopeStyle::HalfSplit, dsa::RopeStyle::Interleaved}) {
                for (const int part : {0, 1}) {
                    const auto f = [&](const std::vector<Tensor> &x) {
                        const bool card = x[0].is_cuda();
                        const Tensor c = card ? onCard(cos) : exact(cos), s = card ? onCard(sin) : exact(sin);
                        const auto [a, b] = dsa::index_prepare(x[0], x[1], x[2], x[3], c, s, style);
                        return part == 0 ? a : b;
                    };
                    const std::vector<Tensor> low{onCard(q), onCard(k), onCard(weight), onCard(bias)},
                        wide{exact(q), exact(k), exact(weight), exact(bias)};
                    VERIFY_ERROR(f(low), f(wide), limitsOf(type).output);
                    const Tensor outWeight = randn(part == 0 ? q.sizes() : k.sizes(), type);
                    const auto found = optest::gradients(f, low, outWeight),
                               oracle = optest::gradients(f, wide, outWeight.to(at::kDouble));
                    for (int i = 0; i < 4; ++i) {
                        VERIFY_ERROR(found[i], oracle[i], limitsOf(type).gradient);
                    }
                }
            }
        }
    }

    void autocastChangesNothing()
    {
        const Tensor q = onCard(randn({2, 4, 64, 32}, at::kFloat)), qi = onCard(randn({2, 64, 4, 32}, at::kFloat)),
                     ki = onCard(randn({2, 64, 32}, at::kFloat));
        const Tensor w = onCard(randn({2, 64, 4}, at::kFloat));
        const Tensor scores = dsa::index_scores(qi, ki, w);
        const dsa::Selection selection = dsa::topk_select(scores, 9);
        const Tensor o = std::get<0>(dsa::masked_attention(q, q, q, selection));
        at::autocast::set_autocast_enabled(at::kCUDA, true);
        const Tensor scoresCast = dsa::index_scores(qi, ki, w),
                     oCast = std::get<0>(dsa::masked_attention(q, q, q, selection));
        at::autocast::set_autocast_enabled(at::kCUDA, false);
        at::autocast::clear_cache();
        QVERIFY(optest::identical(scores, scoresCast) && optest::identical(o, oCast));
    }

    void laterTokensChangeNoEarlierRow()
    {
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            Tensor q = onCard(randn({1, 4, 128, 64}, type)), k = onCard(randn({1, 4, 128, 64}, type)),
                   v = onCard(randn({1, 4, 128, 64}, type));
            const dsa::Selection selection = dsa::topk_select(onCard(randn({1, 128, 128}, at::kFloat)), 16);
            const auto before = std::get<0>(dsa::masked_attention(q, k, v, selection)),
                       dense = std::get<0>(dsa::dense_attention(q, k, v));
            for (Tensor &x : std::array{q, k, v}) {
                x.narrow(2, 50, 78).normal_();
            }
            const auto after = std::get<0>(dsa::masked_attention(q, k, v, selection)),
                       denseAfter = std::get<0>(dsa::dense_attention(q, k, v));
            QVERIFY(optest::identical(before.narrow(2, 0, 50), after.narrow(2, 0, 50)) && !before.equal(after));
            QVERIFY(optest::identical(dense.narrow(2, 0, 50), denseAfter.narrow(2, 0, 50)) && !dense.equal(denseAfter));
        }
    }

    void capturedStepEqualsEager()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        const Tensor q = onCard(randn({2, 4, 128, 64}, at::kBFloat16)).requires_grad_(),
                     qi = onCard(randn({2, 128, 4, 32}, at::kBFloat16)).requires_grad_();
        const Tensor ki = onCard(randn({2, 128, 32}, at::kBFloat16)).requires_grad_(),
                     w = onCard(randn({2, 128, 4}, at::kFloat)).requires_grad_();
        const auto step = [&] {
            for (const Tensor &x : {q, qi, ki, w}) {
                x.mutable_grad().reset();
            }
            const auto [selection, tau, norm] = dsa::index_select(qi, ki, w, 16);
            const auto [o, lse] = dsa::masked_attention(q, q, q, selection);
            const auto [dense, denseLse] = dsa::dense_attention(q, q, q);
            const auto [loss, rows] =
                dsa::index_kl(qi, ki, w, q, q, lse, selection, norm, std::nullopt, dsa::KlTarget::Selected);
            const dsa::Selection all = dsa::dense_selection(2, 128, 128, 0, at::kCUDA);
            o.to(at::kFloat).sum().add(dense.to(at::kFloat).square().sum()).add(loss).add(all.count.sum()).backward();
            return std::array{o.detach(), loss.detach(), q.grad(), qi.grad(), ki.grad(), w.grad()};
        };
        const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
        const c10::cuda::CUDAStream before = c10::cuda::getCurrentCUDAStream();
        c10::cuda::setCurrentCUDAStream(stream);
        for (int i = 0; i < 3; ++i) {
            step();
        }
        stream.synchronize();
        at::cuda::CUDAGraph graph;
        graph.capture_begin();
        const auto captured = step();
        graph.capture_end();
        {
            const at::NoGradGuard guard;
            for (const Tensor &x : {q, qi, ki, w}) {
                x.detach().copy_(onCard(randn(x.sizes(), x.scalar_type())));
            }
        }
        graph.replay();
        stream.synchronize();
        std::vector<Tensor> replayed;
        for (const Tensor &x : captured) {
            replayed.push_back(x.cpu());
        }
        const auto eager = step();
        stream.synchronize();
        c10::cuda::setCurrentCUDAStream(before);
        for (std::size_t i = 0; i < eager.size(); ++i) {
            VERIFY_ERROR(replayed[i], eager[i], 1e-6);
        }
#else
        QSKIP("built without CUDA kernels");
#endif
    }

    void memoryReturns()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        const auto used = [] { return c10::cuda::CUDACachingAllocator::getDeviceStats(0).allocated_bytes[0].current; };
        const Tensor q = onCard(randn({2, 4, 256, 64}, at::kBFloat16)).requires_grad_();
        const dsa::Selection selection = dsa::topk_select(onCard(randn({2, 256, 256}, at::kFloat)), 16);
        const auto step = [&] {
            std::get<0>(dsa::masked_attention(q, q, q, selection)).sum().backward();
            q.mutable_grad().reset();
        };
        step();
        const auto before = used();
        for (int i = 0; i < 5; ++i) {
            step();
        }
        QCOMPARE(used(), before);
#else
        QSKIP("built without CUDA kernels");
#endif
    }
};

QTEST_GUILESS_MAIN(tst_OpsCuda)
#include "tst_ops_cuda.moc"
