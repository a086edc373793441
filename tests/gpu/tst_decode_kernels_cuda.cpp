#include "kernels/ops/decode_kernel.h"
#include "kernels/ops/reference_decode.h"
#include "tests/gpu/on_card.h"
#include "tests/kernels/ops/paged_cache.h"

#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/sort.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <QtTest>

#include <limits>

using at::Tensor;
using optest::identical;
using optest::randn;
using optest::relativeError;
using sparsescope::testing::onCard;

// B requests, T new queries, Hi indexer heads, Di their width, H heads, k slots. The oracle is the plain path in float64, on the
// same bytes.
namespace {

constexpr double kScores = 2e-3, kOutput = 5e-3, kSum = 1e-4;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();

/// What the caching allocator hands out next is poisoned.
void poison(std::int64_t floats)
{
    for (int i = 0; i < 4; ++i) {
        at::full({std::max<std::int64_t>(1, floats)}, kNan, at::TensorOptions().device(at::kCUDA));
    }
}

/// ||found - expected|| of a row of scores, in units of what the row would be if no head could cancel another; infinity where the same keys
/// are not hidden, or a NaN is there.
double offBy(const Tensor &found, const Tensor &expected, const Tensor &uncancelled)
{
    const Tensor hidden = expected.isinf(), row = found.cpu().to(at::kDouble);
    if (!row.isinf().equal(hidden) || row.isnan().any().item<bool>()) {
        return INFINITY;
    }
    const double off = row.sub(expected).masked_fill(hidden, 0).norm().item<double>();
    return off / std::max(uncancelled.masked_fill(hidden, 0).norm().item<double>(), 1e-30);
}

/// The cache of a request a list, lengths between none and all.
std::vector<std::int64_t> lengthsOf(std::int64_t batch, std::int64_t pagesEach)
{
    const Tensor some = at::randint(0, pagesEach * 64 + 1, {batch}, at::kLong);
    std::vector<std::int64_t> ends;
    for (std::int64_t b = 0; b < batch; ++b) {
        ends.push_back(b % 5 == 1 ? pagesEach * 64 : some[b].item<std::int64_t>());
    }
    return ends;
}

struct OnCard {
    Tensor index, latent, table, lengths;
    explicit OnCard(const PagedCache &cache)
        : index(onCard(cache.indexPages))
        , latent(onCard(cache.latentPages))
        , table(onCard(cache.table))
        , lengths(onCard(cache.lengths))
    {}
};

/// Positions of a list: any below the length, with holes, ascending or not, more than there are; a list without a key now and then.
Tensor positionsOf(const PagedCache &cache, std::int64_t queries, std::int64_t k, bool ascending)
{
    const std::int64_t batch = cache.table.size(0), all = cache.table.size(1) * 64;
    Tensor list = at::randint(0, std::max<std::int64_t>(all, 1), {batch, queries, k}, at::kInt);
    const Tensor ends = cache.lengths.view({batch, 1, 1}).clamp(0, all);
    list.masked_fill_(list.ge(ends), -1);
    list.masked_fill_(at::rand(list.sizes()).lt(0.1), -5);
    if (batch > 1 && k > 0) {
        list.select(0, batch - 1).fill_(-1);
    }
    return ascending ? std::get<0>(list.masked_fill(list.lt(0), 1 << 30).sort(-1)).contiguous() : list;
}

} // namespace

class tst_DecodeKernelsCuda : public QObject {
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
        const OnCard cache(PagedCache({1}, 1, 16));
        const dsa::Backend backend =
            dsa::backend_of("gathered_decode", {onCard(randn({1, 1, 1, 576}, at::kBFloat16)), cache.latent, cache.table,
                                                onCard(at::full({1, 1, 1}, 0, at::kInt))});
        if (backend.name != "sm90") {
            QSKIP(backend.why.c_str());
        }
    }

    void quantizesAsThePlainPathDoes()
    {
        for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat}) {
            for (const std::int64_t width : {1, 31, 64, 100, 128}) {
                for (const double size : {1e-6, 1.0, 90.0}) {
                    Tensor q = randn({3, 5, 7, width}, type).mul(size);
                    const Tensor k = randn({3, 130, width}, type).mul(size), w = randn({3, 5, 7}, at::kFloat);
                    q[0][0][0].fill_(0);
                    q[0][0][1][0] = kNan;
                    q[1][2][3][width - 1] = -kInfinity;
                    poison(3 * 130 * width);
                    const auto [q8, w2, k8, scale] = dsa::index_quantize(onCard(q), onCard(k), onCard(w));
                    const auto [plainQ8, plainW2, plainK8, plainScale] = dsa::index_quantize(q, k, w);
                    const QString name = QString("%1 %2 %3").arg(c10::toString(type)).arg(width).arg(size);
                    QVERIFY2(identical(k8.view(at::kByte), plainK8.view(at::kByte)) && identical(scale, plainScale),
                             qPrintable(name));
                    const Tensor found = q8.cpu().to(at::kFloat), expected = plainQ8.to(at::kFloat);
                    QVERIFY2(found.isnan().equal(expected.isnan()) &&
                                 identical(found.nan_to_num(), expected.nan_to_num()),
                             qPrintable(name));
                    QVERIFY2(w2.cpu().isnan().equal(plainW2.isnan()) &&
                                 identical(w2.cpu().nan_to_num(), plainW2.nan_to_num()),
                             qPrintable(name));
                }
            }
        }
    }

    void scoresEqualTheReference_data()
    {
        QTest::addColumn<int>("batch");
        QTest::addColumn<int>("queries");
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("width");
        QTest::addColumn<int>("pagesEach");
        const int sizes[][5] = {{1, 1, 64, 128, 1},   {6, 1, 64, 128, 9}, {3, 2, 64, 128, 40},
                                {70, 1, 4, 64, 5},    {5, 4, 33, 16, 3},  {2, 1, 1, 48, 700},
                                {1, 3, 64, 112, 100}, {600, 1, 8, 32, 1}, {41, 1, 64, 128, 31}};
        for (const auto &s : sizes) {
            QTest::addRow("B %d T %d Hi %d Di %d N %d", s[0], s[1], s[2], s[3], s[4])
                << s[0] << s[1] << s[2] << s[3] << s[4];
        }
    }
    void scoresEqualTheReference()
    {
        QFETCH(int, batch);
        QFETCH(int, queries);
        QFETCH(int, heads);
        QFETCH(int, width);
        QFETCH(int, pagesEach);
        const PagedCache cache(lengthsOf(batch, pagesEach), pagesEach, width, 3);
        const OnCard card(cache);
        const auto [q8, w, k8, scale] =
            dsa::index_quantize(randn({batch, queries, heads, width}, at::kFloat), at::zeros({batch, 1, width}),
                                randn({batch, queries, heads}, at::kFloat));
        poison(static_cast<std::int64_t>(batch) * queries * pagesEach * 64);
        const Tensor found = dsa::decode_scores(onCard(q8), onCard(w), card.index, card.table, card.lengths);
        const auto exactly = [&](const Tensor &weights) {
            return dsa::decode_scores(q8, weights.to(at::kDouble), cache.indexPages, cache.table, cache.lengths);
        };
        const Tensor expected = exactly(w), whole = exactly(w.abs());
        for (int b = 0; b < batch; ++b) {
            for (int t = 0; t < queries; ++t) {
                const double error = offBy(found[b][t], expected[b][t], whole[b][t]);
                QVERIFY2(error <= kScores, qPrintable(QString("request %1 query %2: %3").arg(b).arg(t).arg(error)));
            }
        }
        QVERIFY(identical(found, dsa::decode_scores(onCard(q8), onCard(w), card.index, card.table, card.lengths)));
    }

    void scoresInE4m3EqualTheReference()
    {
        struct Size {
            std::int64_t batch, queries, keys, heads, width, offset;
        };
        for (const Size &s : {Size{1, 1, 1, 64, 128, 0}, Size{2, 70, 70, 64, 128, 0}, Size{3, 17, 200, 4, 64, 183},
                              Size{1, 9, 5000, 33, 48, 4991}, Size{2, 30, 90, 64, 112, -7}, Size{1, 5, 9, 1, 16, 20}}) {
            const auto [q8, w, k8, scale] = dsa::index_quantize(
                randn({s.batch, s.queries, s.heads, s.width}, at::kFloat),
                randn({s.batch, s.keys, s.width}, at::kFloat), randn({s.batch, s.queries, s.heads}, at::kFloat));
            poison(s.batch * s.queries * s.keys);
            const auto score = [&] {
                return dsa::index_scores_quantized(onCard(q8), onCard(k8), onCard(w), onCard(scale), s.offset);
            };
            const auto exactly = [&](const Tensor &weights) {
                return dsa::index_scores_quantized(q8, k8, weights.to(at::kDouble), scale, s.offset);
            };
            const Tensor found = score(), expected = exactly(w), whole = exactly(w.abs());
            for (std::int64_t b = 0; b < s.batch; ++b) {
                for (std::int64_t t = 0; t < s.queries; ++t) {
                    const double error = offBy(found[b][t], expected[b][t], whole[b][t]);
                    QVERIFY2(error <= kScores, qPrintable(QString("S %1 row %2: %3").arg(s.keys).arg(t).arg(error)));
                }
            }
            QVERIFY(identical(found, score()));
        }
    }

    void aScoreWithoutANumberStaysOne()
    {
        PagedCache cache({200}, 4, 128);
        cache.indexPages[cache.table[0][1].item<std::int64_t>()].narrow(0, 64 * 128 + 4 * 7, 4).fill_(255);
        const OnCard card(cache);
        const auto [q8, w, k8, scale] = dsa::index_quantize(randn({1, 1, 64, 128}, at::kFloat), at::zeros({1, 1, 128}),
                                                            randn({1, 1, 64}, at::kFloat));
        const Tensor found =
            dsa::decode_scores(onCard(q8), onCard(w), card.index, card.table, card.lengths).cpu()[0][0];
        QVERIFY(found[64 + 7].isnan().item<bool>());
        QCOMPARE(found.isnan().sum().item<std::int64_t>(), 1);
    }

    void selectsAsThePlainPathDoes_data()
    {
        QTest::addColumn<int>("batch");
        QTest::addColumn<int>("queries");
        QTest::addColumn<int>("keys");
        QTest::addColumn<int>("k");
        const int sizes[][4] = {{5, 1, 64, 7},       {9, 2, 960, 300},     {3, 1, 4096, 2048}, {64, 1, 6400, 2048},
                                {4, 1, 70016, 2048}, {40, 1, 70016, 1024}, {2, 3, 131072, 64}, {3, 1, 9984, 9000}};
        for (const auto &s : sizes) {
            QTest::addRow("B %d T %d S %d k %d", s[0], s[1], s[2], s[3]) << s[0] << s[1] << s[2] << s[3];
        }
    }
    void selectsAsThePlainPathDoes()
    {
        QFETCH(int, batch);
        QFETCH(int, queries);
        QFETCH(int, keys);
        QFETCH(int, k);
        const std::vector<std::int64_t> ends = lengthsOf(batch, keys / 64);
        const Tensor lengths = at::tensor(std::vector<std::int32_t>(ends.begin(), ends.end()), at::kInt);
        for (const char *kind : {"random", "plateau", "nan"}) {
            Tensor scores = randn({batch, queries, keys}, at::kFloat);
            if (kind[0] == 'p') {
                scores.clamp_min_(0).mul_(4).round_();
            } else if (kind[0] == 'n') {
                scores.masked_fill_(at::rand(scores.sizes()).lt(0.995), kNan);
            }
            poison(scores.numel());
            const auto [idx, count] = dsa::decode_select(onCard(scores), k, onCard(lengths));
            const auto [expected, expectedCount] = dsa::decode_select(scores, k, lengths);
            QVERIFY2(identical(count, expectedCount) && identical(idx, expected), kind);
        }
    }

    void attentionEqualsTheReference_data()
    {
        QTest::addColumn<int>("batch");
        QTest::addColumn<int>("queries");
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("k");
        const int sizes[][4] = {{1, 1, 1, 1},   {3, 1, 64, 64},   {5, 1, 128, 65},  {40, 1, 128, 333},
                                {2, 3, 16, 7},  {7, 1, 100, 200}, {3, 1, 128, 0},   {70, 2, 128, 130},
                                {2, 1, 192, 1}, {2, 2, 320, 100}, {3, 1, 128, 2048}};
        for (const auto &s : sizes) {
            for (const bool ascending : {false, true}) {
                QTest::addRow("B %d T %d H %d k %d %s", s[0], s[1], s[2], s[3], ascending ? "ascending" : "any order")
                    << s[0] << s[1] << s[2] << s[3];
            }
        }
    }
    void attentionEqualsTheReference()
    {
        QFETCH(int, batch);
        QFETCH(int, queries);
        QFETCH(int, heads);
        QFETCH(int, k);
        const bool ascending = QByteArray(QTest::currentDataTag()).endsWith("ascending");
        const std::int64_t pagesEach = 1 + k / 40;
        const PagedCache cache(lengthsOf(batch, pagesEach), pagesEach, 16);
        const OnCard card(cache);
        const Tensor q = randn({batch, queries, heads, 576}, at::kBFloat16),
                     list = positionsOf(cache, queries, k, ascending);
        for (const double scale : {1 / 24.0, 0.4, 1e-3}) {
            poison(q.numel());
            const auto attend = [&] {
                return dsa::gathered_decode(onCard(q), card.latent, card.table, onCard(list), 512, scale);
            };
            const auto [o, lse] = attend();
            const auto [expected, expectedLse] =
                dsa::gathered_decode(q.to(at::kDouble), cache.latentPages, cache.table, list, 512, scale);
            const double error = relativeError(o, expected);
            QVERIFY2(error <= kOutput, qPrintable(QString::number(error)));
            const Tensor infinite = expectedLse.isinf();
            QVERIFY(lse.cpu().isinf().equal(infinite));
            const double off = optest::largestDifference(lse.cpu().to(at::kDouble).masked_fill(infinite, 0),
                                                         expectedLse.masked_fill(infinite, 0));
            QVERIFY2(off <= kSum * std::max(1.0, scale * 24), qPrintable(QString::number(off)));
            const auto [again, lseAgain] = attend();
            QVERIFY(identical(o, again) && identical(lse, lseAgain));
        }
    }

    /// With one key the output is its values: every e4m3 number under scales from far below to far above 1.
    void everyValueIsExact()
    {
        Tensor rows = dsa::packLatent(randn({64, 576}, at::kFloat)).view({1, 64, 656});
        Tensor bytes = at::zeros({512}, at::kByte);
        for (int i = 0; i < 512; ++i) {
            bytes[i] = (i % 128) == 127 ? 0 : (i * 5) % 128 == 127 ? 0 : ((i * 5) % 128) + (i >= 256 ? 128 : 0);
        }
        rows.narrow(2, 0, 512).copy_(bytes.expand({1, 64, 512}));
        for (int row = 0; row < 64; ++row) {
            const Tensor scales = at::full({4}, std::ldexp(1, row - 30), at::kFloat);
            rows[0][row].narrow(0, 512, 16).copy_(scales.view(at::kByte));
        }
        const Tensor values = dsa::unpackLatent(rows[0], at::kBFloat16).narrow(1, 0, 512);
        const Tensor table = at::zeros({64, 1}, at::kInt),
                     list = at::arange(64, at::kInt).view({64, 1, 1}).contiguous();
        const auto [o, lse] = dsa::gathered_decode(onCard(at::zeros({64, 1, 3, 576}, at::kBFloat16)), onCard(rows),
                                                   onCard(table), onCard(list), 512);
        QVERIFY(o.cpu().squeeze(1).equal(values.unsqueeze(1).expand({64, 3, 512})));
    }

    void capturesAndReplays()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        const PagedCache cache({500, 130, 64}, 8, 128);
        const OnCard card(cache);
        const auto drawn = [] {
            return dsa::index_quantize(randn({3, 1, 64, 128}, at::kFloat), at::zeros({3, 1, 128}),
                                       randn({3, 1, 64}, at::kFloat));
        };
        const auto first = drawn(), second = drawn();
        const Tensor q8 = onCard(std::get<0>(first)), w = onCard(std::get<1>(first)),
                     q = onCard(randn({3, 1, 128, 576}, at::kBFloat16));
        const auto step = [&] {
            const Tensor scores = dsa::decode_scores(q8, w, card.index, card.table, card.lengths);
            const auto [idx, count] = dsa::decode_select(scores, 100, card.lengths);
            return dsa::gathered_decode(q, card.latent, card.table, idx, 512);
        };
        const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool());
        step();
        at::cuda::CUDAGraph graph;
        graph.capture_begin();
        const auto [o, lse] = step();
        graph.capture_end();
        q8.copy_(onCard(std::get<0>(second)));
        w.copy_(onCard(std::get<1>(second)));
        card.lengths.sub_(9); // a graph serves growing and shrinking requests
        graph.replay();
        const auto [expected, expectedLse] = step();
        QVERIFY(identical(o, expected) && identical(lse, expectedLse));
#endif
    }

    void whatNoKernelTakes()
    {
        const PagedCache cache({100}, 2, 16);
        const OnCard card(cache);
        const auto why = [&](std::int64_t queries, std::int64_t heads) {
            const Tensor q8 =
                at::zeros({1, queries, heads, 16}, at::TensorOptions().device(at::kCUDA)).to(at::kFloat8_e4m3fn);
            const dsa::Backend backend =
                dsa::backend_of("decode_scores", {q8, at::zeros({1, queries, heads}), card.index, card.table});
            return backend.name == "aten" ? backend.why : backend.name;
        };
        QCOMPARE(why(1, 64), std::string("sm90"));
        QCOMPARE(why(5, 64), std::string("more than 4 new queries a request"));
        QCOMPARE(why(1, 65), std::string("more than 64 indexer heads"));
        qputenv("SPARSESCOPE_KERNELS", "sm80");
        QCOMPARE(why(1, 64), std::string("SPARSESCOPE_KERNELS=sm80 is set"));
        qunsetenv("SPARSESCOPE_KERNELS");
        // What it does not take the plain path does, on the card too.
        const auto [q8, w, k8, scale] =
            dsa::index_quantize(randn({1, 6, 3, 16}, at::kFloat), at::zeros({1, 1, 16}), randn({1, 6, 3}, at::kFloat));
        const Tensor found = dsa::decode_scores(onCard(q8), onCard(w), card.index, card.table, card.lengths);
        QVERIFY(relativeError(found, dsa::decode_scores(q8, w, cache.indexPages, cache.table, cache.lengths)) < 1e-5);
    }

    void nothingSpills()
    {
        const OnCard card(PagedCache({100}, 2, 128));
        const Tensor q8 = at::zeros({1, 1, 64, 128}, at::TensorOptions().device(at::kCUDA)).to(at::kFloat8_e4m3fn);
        const Tensor q = onCard(randn({1, 1, 128, 576}, at::kBFloat16)),
                     list = onCard(at::full({1, 1, 1}, 0, at::kInt));
        for (const dsa::KernelReport &report : {dsa::decodeScoresKernel(q8, card.index, card.table),
                                                dsa::gatheredDecodeKernel(q, card.latent, card.table, list, 512)}) {
            qInfo("%s: %d registers, %d bytes spilled, %d shared", report.why.c_str(), report.registers,
                  static_cast<int>(report.spilledBytes), static_cast<int>(report.sharedBytes));
            QVERIFY2(report.runs && report.spilledBytes == 0, report.why.c_str());
        }
    }
};

QTEST_GUILESS_MAIN(tst_DecodeKernelsCuda)
#include "tst_decode_kernels_cuda.moc"
