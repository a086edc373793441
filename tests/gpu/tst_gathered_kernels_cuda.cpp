#include "kernels/ops/gathered_kernel.h"
#include "kernels/ops/reference.h"
#include "tests/gpu/on_card.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/sort.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <QtTest>

using at::Tensor;
using optest::identical;
using optest::randn;
using optest::relativeError;
using sparsescope::testing::exact;
using sparsescope::testing::onCard;

// T queries, S keys, H heads, k slots. The oracle is the plain path in float64, on the same rounded inputs.
namespace {

constexpr std::int64_t kWidth = 576, kValueWidth = 512;
constexpr double kOutput = 5e-3, kGradient = 1e-2, kSum = 1e-4;

struct Size {
    std::int64_t rows, keys, heads, k;
};

/// The edges of tiles, of blocks of heads and of lists.
const Size kSizes[] = {{1, 1, 1, 1},    {5, 300, 64, 64},   {3, 90, 128, 65}, {40, 1000, 128, 333},
                       {17, 77, 16, 7}, {7, 500, 100, 200}, {3, 50, 128, 0},  {150, 200, 32, 129},
                       {2, 9, 192, 1},  {4, 300, 320, 100}};

const char *const kKinds[] = {"full", "ascending", "holes", "few"};

/// Ascending with the empty slots behind, as a selection leaves it; holes anywhere, in any order; rows without a key.
Tensor listOf(const QString &kind, const Size &s)
{
    const Tensor order = at::rand({s.rows, s.keys})
                             .argsort(static_cast<std::int64_t>(1), false)
                             .narrow(1, 0, std::min(s.k, s.keys))
                             .to(at::kInt);
    Tensor list = at::full({s.rows, s.k}, -1, at::kInt);
    list.narrow(1, 0, order.size(1)).copy_(order);
    if (kind == "full") {
        return list;
    }
    const double share = kind == "few" ? 0.02 : 0.7;
    list.masked_fill_(at::rand(list.sizes()).ge(share), -1);
    if (kind == "holes") {
        return list.masked_fill(list.lt(0).logical_and(at::rand(list.sizes()).lt(0.5)), -1000);
    }
    // -1 sorts last.
    const Tensor keys = list.masked_fill(list.lt(0), std::numeric_limits<std::int32_t>::max());
    const Tensor sorted = std::get<0>(keys.sort(1));
    return sorted.masked_fill(sorted.eq(std::numeric_limits<std::int32_t>::max()), -1).contiguous();
}

struct Inputs {
    Tensor q, kv, sink, weight;

    explicit Inputs(const Size &s)
        : q(randn({s.rows, s.heads, kWidth}, at::kBFloat16))
        , kv(randn({s.keys, kWidth}, at::kBFloat16))
        , sink(randn({s.heads}, at::kFloat))
        , weight(randn({s.rows, s.heads, kValueWidth}, at::kBFloat16))
    {}
};

/// What the caching allocator hands out next is poisoned.
void poison(const Size &s)
{
    for (int i = 0; i < 4; ++i) {
        at::full({std::max<std::int64_t>(1, std::max(s.rows * s.heads, s.keys) * kWidth)}, NAN,
                 at::TensorOptions().device(at::kCUDA));
    }
}

QString nameOf(const Size &s, const QString &kind)
{
    return QString("T %1 S %2 H %3 k %4 %5").arg(s.rows).arg(s.keys).arg(s.heads).arg(s.k).arg(kind);
}

} // namespace

class tst_GatheredKernelsCuda : public QObject {
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
        const Inputs in({1, 1, 1, 1});
        const dsa::Backend backend =
            dsa::backend_of("gathered_attention", {onCard(in.q), onCard(in.kv), onCard(at::full({1, 1}, 0, at::kInt))});
        if (backend.name != "sm90") {
            QSKIP(backend.why.c_str());
        }
    }

    void equalsTheReference_data() { everyKind(); }
    void equalsTheReference()
    {
        QFETCH(QString, kind);
        for (const Size &s : kSizes) {
            const Tensor list = listOf(kind, s);
            const Inputs in(s);
            for (const bool withSink : {false, true}) {
                const auto attend = [withSink](const std::vector<Tensor> &x, const Tensor &places) {
                    return dsa::gathered_attention(x[0], x[1], places, kValueWidth, std::nullopt,
                                                   withSink ? std::optional(x[2]) : std::nullopt, false);
                };
                const std::vector<Tensor> low{onCard(in.q), onCard(in.kv), onCard(in.sink)},
                    wide{exact(in.q), exact(in.kv), exact(in.sink)};
                const Tensor places = onCard(list);
                const QString name = nameOf(s, kind) + (withSink ? " sink" : "");
                poison(s);
                const auto [o, lse] = attend(low, places);
                const auto [expected, expectedLse] = attend(wide, list);
                QVERIFY2(relativeError(o, expected) <= kOutput, qPrintable(name));
                const Tensor infinite = expectedLse.isinf();
                QVERIFY2(lse.cpu().isinf().equal(infinite) &&
                             optest::largestDifference(lse.cpu().to(at::kDouble).masked_fill(infinite, 0),
                                                       expectedLse.masked_fill(infinite, 0)) <= kSum,
                         qPrintable(name));
                const auto [again, lseAgain] = attend(low, places);
                QVERIFY2(identical(o, again) && identical(lse, lseAgain), qPrintable(name));
                poison(s);
                const auto found = optest::gradients(
                    [&](const std::vector<Tensor> &x) { return std::get<0>(attend(x, places)); }, low, in.weight);
                const auto oracle =
                    optest::gradients([&](const std::vector<Tensor> &x) { return std::get<0>(attend(x, list)); }, wide,
                                      in.weight.to(at::kDouble));
                // Where rows see one key the softmax is constant and a gradient is nothing but rounding.
                double squares = 0;
                for (const Tensor &gradient : oracle) {
                    squares += gradient.square().sum().item().toDouble();
                }
                // A lone row is a difference of two products: what rounding the output to eight bits does to it shows.
                const double lone =
                    s.rows * s.heads > 1
                        ? 0
                        : in.weight.norm().item().toDouble() * expected.norm().item().toDouble() / 256 *
                              std::max({1.0, in.q.norm().item().toDouble(), in.kv.norm().item().toDouble()}) /
                              std::sqrt(static_cast<double>(in.q.size(2)));
                for (int i = 0; i < 3; ++i) {
                    const double size = std::max(oracle[i].norm().item().toDouble(), 0.1 * std::sqrt(squares)),
                                 difference = exact(found[i]).sub(oracle[i]).norm().item().toDouble();
                    QVERIFY2(
                        size > 0 ? difference <= kGradient * size + lone : difference == 0,
                        qPrintable(
                            QString("%1: gradient %2 off by %3 of %4").arg(name).arg(i).arg(difference).arg(size)));
                    QCOMPARE(found[i].scalar_type(), low[i].scalar_type());
                }
            }
        }
    }

    void scalesAndGreatScores()
    {
        const Size s{6, 400, 128, 300};
        const Inputs in(s);
        const Tensor list = listOf("ascending", s), places = onCard(list);
        for (const double scale : {0.3, 1e-3, -0.5}) { // the last takes the plain path
            const auto [o, lse] = dsa::gathered_attention(onCard(in.q), onCard(in.kv), places, kValueWidth, scale);
            const auto [expected, expectedLse] =
                dsa::gathered_attention(exact(in.q), exact(in.kv), list, kValueWidth, scale);
            QVERIFY2(relativeError(o, expected) <= kOutput && relativeError(lse, expectedLse) <= 1e-5,
                     qPrintable(QString::number(scale)));
        }
    }

    void aDeterministicBackwardRepeatsItself()
    {
        const Size s{60, 100, 128, 50};
        const Inputs in(s);
        const Tensor places = onCard(listOf("ascending", s));
        const auto gradients = [&](bool deterministic) {
            return optest::gradients(
                [&](const std::vector<Tensor> &x) {
                    return std::get<0>(dsa::gathered_attention(x[0], x[1], places, kValueWidth, std::nullopt,
                                                               std::nullopt, deterministic));
                },
                {onCard(in.q), onCard(in.kv)}, in.weight);
        };
        const auto first = gradients(true), second = gradients(true), fast = gradients(false);
        for (int i = 0; i < 2; ++i) {
            QVERIFY(identical(first[i], second[i]));
            QVERIFY(relativeError(fast[i], first[i]) <= kGradient);
        }
        const dsa::KernelReport slow =
                                    dsa::gatheredGradientKernel(onCard(in.q), onCard(in.kv), places, kValueWidth, true),
                                quick = dsa::gatheredGradientKernel(onCard(in.q), onCard(in.kv), places, kValueWidth,
                                                                    false);
        QVERIFY(!slow.runs && quick.runs && quick.hopper);
        const std::string why = dsa::backend_of("gathered_attention", {onCard(in.q), onCard(in.kv), places}).why;
        QVERIFY2(why.find("deterministic") != std::string::npos, why.c_str());
    }

    void chunksOfQueriesAddUp()
    {
        const Size s{50, 300, 128, 100};
        const Inputs in(s);
        const Tensor places = onCard(listOf("ascending", s)), q = onCard(in.q), kv = onCard(in.kv);
        const auto whole = dsa::gathered_attention(q, kv, places, kValueWidth);
        for (const std::int64_t first : {0, 17}) {
            const std::int64_t count = first == 0 ? 17 : 33;
            const auto part =
                dsa::gathered_attention(q.narrow(0, first, count), kv, places.narrow(0, first, count), kValueWidth);
            QVERIFY(identical(std::get<0>(part), std::get<0>(whole).narrow(0, first, count)) &&
                    identical(std::get<1>(part), std::get<1>(whole).narrow(0, first, count)));
        }
        // Rows of a wider table, and heads before tokens.
        const Tensor wide = onCard(randn({s.keys, kWidth + 64}, at::kBFloat16)), view = wide.narrow(1, 64, kWidth);
        view.copy_(kv);
        const auto strided =
            dsa::gathered_attention(q.transpose(0, 1).contiguous().transpose(0, 1), view, places, kValueWidth);
        QVERIFY(identical(std::get<0>(strided), std::get<0>(whole)));
    }

    void whatNoKernelTakes()
    {
        const auto why = [](std::int64_t width, at::ScalarType type) {
            const dsa::Backend backend = dsa::backend_of("gathered_attention", {onCard(randn({2, 4, width}, type)),
                                                                                onCard(randn({9, width}, type)),
                                                                                onCard(at::full({2, 3}, 1, at::kInt))});
            return backend.name == "aten" ? backend.why : backend.name;
        };
        QCOMPARE(why(576, at::kBFloat16), std::string("sm90"));
        QCOMPARE(why(576, at::kHalf), std::string("the gathering kernels take bfloat16 alone"));
        QCOMPARE(why(192, at::kBFloat16), std::string("the gathering kernels are for rows 576 wide with 512 values"));
        qputenv("SPARSESCOPE_KERNELS", "sm80");
        QCOMPARE(why(576, at::kBFloat16), std::string("SPARSESCOPE_KERNELS=sm80 is set"));
        qunsetenv("SPARSESCOPE_KERNELS");
    }

    void capturesAndReplays()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        const Size s{20, 200, 128, 90};
        const Inputs in(s), other(s);
        const Tensor q = onCard(in.q), kv = onCard(in.kv), places = onCard(listOf("ascending", s));
        const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool());
        dsa::gathered_attention(q, kv, places, kValueWidth);
        at::cuda::CUDAGraph graph;
        graph.capture_begin();
        const auto [o, lse] = dsa::gathered_attention(q, kv, places, kValueWidth);
        graph.capture_end();
        q.copy_(onCard(other.q));
        places.copy_(onCard(listOf("few", s)));
        graph.replay();
        const auto [expected, expectedLse] = dsa::gathered_attention(q, kv, places, kValueWidth);
        QVERIFY(identical(o, expected) && identical(lse, expectedLse));
#endif
    }

    void noArrayOfAllScoresExists()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace allocator = c10::cuda::CUDACachingAllocator;
        const Size s{512, 4096, 128, 1024};
        const Inputs in(s);
        const Tensor q = onCard(in.q).requires_grad_(), kv = onCard(in.kv).requires_grad_(),
                     places = onCard(at::randint(0, s.keys, {s.rows, s.k})).to(at::kInt);
        const auto before = allocator::getDeviceStats(0).allocated_bytes[0].current;
        allocator::resetPeakStats(0);
        std::get<0>(dsa::gathered_attention(q, kv, places, kValueWidth, std::nullopt, std::nullopt, false))
            .sum()
            .backward();
        const auto used = allocator::getDeviceStats(0).allocated_bytes[0].peak - before;
        // o, its gradient, that of q, and tables; all scores alone are 134 MB in bf16, the gathered rows 604.
        QVERIFY2(used < s.rows * s.heads * kWidth * 2 * 4 + s.keys * kWidth * 8, qPrintable(QString::number(used)));
#endif
    }

    void nothingSpills()
    {
        const Tensor q = onCard(randn({1, 128, kWidth}, at::kBFloat16)), kv = onCard(randn({1, kWidth}, at::kBFloat16)),
                     list = onCard(at::full({1, 1}, 0, at::kInt));
        for (const dsa::KernelReport &report : {dsa::gatheredKernel(q, kv, list, kValueWidth),
                                                dsa::gatheredGradientKernel(q, kv, list, kValueWidth, false)}) {
            qInfo("%s: %d registers, %d bytes spilled, %d shared", report.why.c_str(), report.registers,
                  static_cast<int>(report.spilledBytes), static_cast<int>(report.sharedBytes));
            QVERIFY2(report.runs && report.spilledBytes == 0, report.why.c_str());
        }
    }

private:
    static void everyKind()
    {
        QTest::addColumn<QString>("kind");
        for (const char *kind : kKinds) {
            QTest::newRow(kind) << kind;
        }
    }
};

QTEST_GUILESS_MAIN(tst_GatheredKernelsCuda)
#include "tst_gathered_kernels_cuda.moc"
