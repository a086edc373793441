#include "tests/kernels/ops/paged_cache.h"

#include <ATen/ops/isnan.h>

#include <QtTest>

#include <limits>

using at::Tensor;
using optest::errorOf;
using optest::identical;
using optest::randn;
using optest::relativeError;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor quantizedQueries(std::int64_t batch, std::int64_t queries, std::int64_t heads, std::int64_t width)
{
    return std::get<0>(dsa::index_quantize(randn({batch, queries, heads, width}, at::kFloat),
                                           at::zeros({batch, 1, width}), at::zeros({batch, queries, heads})));
}

} // namespace

// The plain path of the operations for writing on; tests/gpu/tst_decode_kernels_cuda.cpp holds the kernels against it.
class tst_Decode : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void scalesAreTheSmallestPowersOfTwo()
    {
        // Sizes from below the smallest scale to near the largest float.
        for (const double size : {1e-9, 1e-3, 1.0, 300.0, 1e30}) {
            const Tensor q = randn({2, 3, 4, 96}, at::kFloat).mul(size), k = randn({2, 5, 96}, at::kFloat).mul(size),
                         w = randn({2, 3, 4}, at::kFloat);
            const auto [q8, w2, k8, scale] = dsa::index_quantize(q, k, w);
            const Tensor largest = k.abs().amax(-1).clamp_min(1e-4).to(at::kDouble), wide = scale.to(at::kDouble);
            QVERIFY(wide.log2().frac().eq(0).all().item<bool>());
            QVERIFY(largest.le(wide.mul(448)).all().item<bool>() && largest.gt(wide.mul(224)).all().item<bool>());
            // Three bits of mantissa, and steps of 2^-9 below the smallest normal number.
            const Tensor off = k8.to(at::kDouble).mul(wide.unsqueeze(-1)).sub(k.to(at::kDouble)).abs();
            const Tensor limit = k.to(at::kDouble).abs().div(16).maximum(wide.unsqueeze(-1).mul(std::ldexp(1, -10)));
            QVERIFY(off.le(limit).all().item<bool>());
            const Tensor scaleOfQ = q.abs().amax(-1).clamp_min(1e-4).div(448).log2().ceil().exp2();
            QVERIFY(relativeError(w2, w.mul(scaleOfQ)) < 1e-6);
            QCOMPARE(q8.scalar_type(), at::kFloat8_e4m3fn);
        }
    }

    void exactPowersAndWhatIsNoNumber()
    {
        Tensor k = at::zeros({1, 5, 8});
        k[0][1][3] = 448;
        k[0][2][3] = -449;
        k[0][3][0] = kNan;
        k[0][4][7] = -std::numeric_limits<double>::infinity();
        const auto [q8, w2, k8, scale] =
            dsa::index_quantize(at::zeros({1, 1, 1, 8}), k, at::full({1, 1, 1}, 3, at::kFloat));
        QCOMPARE(scale[0][0].item<double>(), std::ldexp(1, -22)); // 448 * 2^-22 is the first above 1e-4
        QCOMPARE(scale[0][1].item<double>(), 1.0);
        QCOMPARE(scale[0][2].item<double>(), 2.0);
        QCOMPARE(k8[0][1][3].to(at::kFloat).item<double>(), 448.0);
        QCOMPARE(k8[0][2][3].to(at::kFloat).item<double>(), -224.0);
        QVERIFY(k8[0][0].to(at::kFloat).eq(0).all().item<bool>());
        QVERIFY(scale[0].narrow(0, 3, 2).isnan().all().item<bool>());
        QVERIFY(k8[0].narrow(0, 3, 2).to(at::kFloat).isnan().all().item<bool>());
        QCOMPARE(w2.item<double>(), 3 * std::ldexp(1, -22));
    }

    void scoresOfQuantizedQueriesAndKeys()
    {
        const Tensor q = randn({2, 60, 3, 32}), k = randn({2, 64, 32}).mul(5), w = randn({2, 60, 3});
        const auto [q8, w2, k8, scale] = dsa::index_quantize(q, k, w);
        const Tensor keys = k8.to(at::kDouble).mul(scale.to(at::kDouble).unsqueeze(-1));
        for (const std::int64_t offset : {4, 0, -2}) {
            const Tensor found = dsa::index_scores_quantized(q8, k8, w2.to(at::kDouble), scale, offset);
            QVERIFY(relativeError(found, dsa::index_scores(q8.to(at::kDouble), keys, w2.to(at::kDouble), offset)) <
                    1e-12);
            // Three bits of mantissa are near the scores, no more.
            QVERIFY(relativeError(found, dsa::index_scores(q, k, w, offset)) < 0.1);
        }
    }

    void scoresAreThoseOfTheKeysInThePages()
    {
        const std::vector<std::int64_t> ends{130, 1, 64, 0, 191, 65};
        const auto batch = static_cast<std::int64_t>(ends.size());
        const PagedCache cache(ends, 3, 32);
        for (const std::int64_t queries : {1, 3}) {
            const Tensor q8 = quantizedQueries(batch, queries, 5, 32), w = randn({batch, queries, 5});
            const Tensor found = dsa::decode_scores(q8, w, cache.indexPages, cache.table, cache.lengths);
            QCOMPARE(found.sizes(), at::IntArrayRef({batch, queries, 192}));
            for (std::int64_t b = 0; b < batch; ++b) {
                const Tensor expected =
                    dsa::index_scores(q8.narrow(0, b, 1).to(at::kDouble), cache.keys().narrow(0, b, 1),
                                      w.narrow(0, b, 1), ends[b] - queries);
                QVERIFY2(relativeError(found.narrow(0, b, 1), expected) < 1e-12, qPrintable(QString::number(b)));
            }
        }
    }

    void aScoreWithoutANumberStaysOne()
    {
        PagedCache cache({100}, 2, 16);
        cache.indexPages[cache.table[0][0].item<std::int64_t>()].narrow(0, 64 * 16, 4).fill_(255); // key 0's scale
        const Tensor found = dsa::decode_scores(quantizedQueries(1, 1, 2, 16), randn({1, 1, 2}, at::kFloat),
                                                cache.indexPages, cache.table, cache.lengths);
        QVERIFY(found[0][0][0].isnan().item<bool>() && !found[0][0].narrow(0, 1, 99).isnan().any().item<bool>());
    }

    void selectsAsTopkSelectDoesRequestByRequest()
    {
        const std::vector<std::int64_t> ends{100, 0, 2, 37, 64, 1};
        const auto batch = static_cast<std::int64_t>(ends.size());
        const Tensor lengths = at::tensor(std::vector<std::int32_t>(ends.begin(), ends.end()), at::kInt);
        Tensor scores = randn({batch, 2, 100}, at::kFloat).mul(2).round(); // many ties
        scores.masked_fill_(at::rand(scores.sizes()).lt(0.1), kNan);
        scores.masked_fill_(at::rand(scores.sizes()).lt(0.1), -std::numeric_limits<double>::infinity());
        for (const Tensor &typed : {scores, scores.to(at::kDouble)}) {
            for (const std::int64_t k : {1, 7, 60, 100, 300}) {
                const auto [idx, count] = dsa::decode_select(typed, k, lengths);
                for (std::int64_t b = 0; b < batch; ++b) {
                    const dsa::Selection expected =
                        dsa::topk_select(typed.narrow(0, b, 1), k, ends[b] - 2, false, true);
                    QVERIFY(identical(idx.narrow(0, b, 1), expected.idx));
                    QVERIFY(identical(count.narrow(0, b, 1), expected.count));
                }
            }
        }
    }

    void latentRowsAreExactInBf16()
    {
        const Tensor kv = randn({4, 7, 576}, at::kFloat).mul(30);
        const Tensor rows = dsa::packLatent(kv);
        QCOMPARE(rows.sizes(), at::IntArrayRef({4, 7, 656}));
        const Tensor wide = dsa::unpackLatent(rows, at::kDouble), low = dsa::unpackLatent(rows, at::kBFloat16);
        QVERIFY(low.to(at::kDouble).equal(wide));
        QVERIFY(relativeError(wide.narrow(-1, 0, 512), kv.narrow(-1, 0, 512)) < 0.04);
        QVERIFY(wide.narrow(-1, 512, 64).equal(kv.narrow(-1, 512, 64).to(at::kBFloat16).to(at::kDouble)));
        QVERIFY(dsa::unpackLatent(dsa::packLatent(wide), at::kDouble).equal(wide)); // what it holds it holds again
    }

    void attendsToRowsOfThePages()
    {
        const std::vector<std::int64_t> ends{190, 3, 64};
        const PagedCache cache(ends, 3, 16);
        const Tensor q = randn({3, 2, 4, 576});
        Tensor idx = at::randint(0, 64, {3, 2, 9}, at::kInt);
        idx[0][0] = at::tensor({0, 63, 64, 127, 128, 189, -1, -7, 5000}, at::kInt);
        idx[1][0].fill_(-1);
        idx[1][1] = at::tensor({2, 0, 1, 64, 128, -1, -1, -1, -1}, at::kInt); // 64 and on lie in no page
        for (const std::optional<double> scale : {std::optional<double>(), std::optional(0.01)}) {
            const auto [o, lse] = dsa::gathered_decode(q, cache.latentPages, cache.table, idx, 512, scale);
            for (std::int64_t b = 0; b < 3; ++b) {
                const std::int64_t keys = (ends[b] + 63) / 64 * 64;
                const Tensor own = idx[b].masked_fill(idx[b].ge(keys), -1);
                const auto [expected, expectedLse] =
                    dsa::gathered_attention(q[b], dsa::unpackLatent(cache.latent[b], at::kDouble), own, 512, scale);
                const double off = relativeError(o[b], expected), offLse = relativeError(lse[b], expectedLse);
                QVERIFY2(off < 1e-12 && offLse < 1e-12, qPrintable(QString("%1 %2 %3").arg(b).arg(off).arg(offLse)));
            }
            QVERIFY(o[1][0].eq(0).all().item<bool>() && lse[1][0].isinf().all().item<bool>());
        }
    }

    void schemasAndMetaKernelsTellTheTruth()
    {
        const PagedCache cache({130, 5}, 3, 16);
        const Tensor q8 = quantizedQueries(2, 2, 3, 16), w = randn({2, 2, 3}, at::kFloat);
        const auto check = [](const char *name, const std::vector<c10::IValue> &arguments) {
            const std::string wrong = optest::checkSchema(name, arguments);
            QVERIFY2(wrong.empty(), wrong.c_str());
        };
        const c10::IValue none;
        check("dsa::index_quantize", {randn({2, 2, 3, 16}, at::kFloat), randn({2, 7, 16}, at::kFloat), w});
        const Tensor k8 = quantizedQueries(1, 2, 7, 16)[0];
        check("dsa::index_scores_quantized", {q8, k8, w, at::full({2, 7}, 2, at::kFloat), 1});
        check("dsa::decode_scores", {q8, w, cache.indexPages, cache.table, cache.lengths});
        check("dsa::decode_select", {randn({2, 2, 50}, at::kFloat), 4, cache.lengths});
        check("dsa::gathered_decode", {randn({2, 2, 3, 576}, at::kFloat), cache.latentPages, cache.table,
                                       at::full({2, 2, 5}, 3, at::kInt), 512, none});
    }

    void noRequests()
    {
        const PagedCache cache({}, 2, 16);
        const Tensor scores = dsa::decode_scores(quantizedQueries(0, 1, 3, 16), randn({0, 1, 3}, at::kFloat),
                                                 cache.indexPages, cache.table, cache.lengths);
        QCOMPARE(scores.sizes(), at::IntArrayRef({0, 1, 128}));
        QCOMPARE(std::get<0>(dsa::decode_select(scores, 4, cache.lengths)).sizes(), at::IntArrayRef({0, 1, 4}));
        QCOMPARE(std::get<0>(dsa::gathered_decode(randn({0, 1, 3, 576}), cache.latentPages, cache.table,
                                                  at::zeros({0, 1, 4}, at::kInt), 512))
                     .sizes(),
                 at::IntArrayRef({0, 1, 3, 512}));
    }

    void wrongInputs()
    {
        const PagedCache cache({100, 30}, 2, 16);
        const Tensor q8 = quantizedQueries(2, 1, 3, 16), w = randn({2, 1, 3}, at::kFloat),
                     q = randn({2, 1, 3, 576}, at::kFloat), idx = at::zeros({2, 1, 4}, at::kInt);
        const auto says = [](const char *text, const std::function<void()> &call) {
            const std::string found = errorOf(call);
            QVERIFY2(found.find(text) != std::string::npos, found.c_str());
        };
        says("index_quantize: q must be 1 to 128 wide (one scale a row), got [2, 1, 3, 144]", [&] {
            dsa::index_quantize(randn({2, 1, 3, 144}), randn({2, 5, 144}), w);
        });
        says("decode_scores: q8 must be Float8_e4m3fn, got Float",
             [&] { dsa::decode_scores(q8.to(at::kFloat), w, cache.indexPages, cache.table, cache.lengths); });
        says("decode_scores: pages must have size 1280 in dimension 1 (64 keys as wide as q8 and their scales)",
             [&] { dsa::decode_scores(q8, w, cache.indexPages.narrow(1, 0, 1024), cache.table, cache.lengths); });
        says("decode_scores: table must have size 2 in dimension 0 (the requests), got [1, 2]",
             [&] { dsa::decode_scores(q8, w, cache.indexPages, cache.table.narrow(0, 0, 1), cache.lengths); });
        says("decode_scores: lengths must be Int, got Long",
             [&] { dsa::decode_scores(q8, w, cache.indexPages, cache.table, cache.lengths.to(at::kLong)); });
        says("decode_select: k must be 1 or more, got 0", [&] {
            dsa::decode_select(randn({2, 1, 9}), 0, cache.lengths);
        });
        says("gathered_decode: q must be [B,T,H,576], got [2, 1, 3, 64]", [&] {
            dsa::gathered_decode(randn({2, 1, 3, 64}), cache.latentPages, cache.table, idx, 512);
        });
        says("gathered_decode: pages must hold a page, got [0, 64, 656]",
             [&] { dsa::gathered_decode(q, cache.latentPages.narrow(0, 0, 0), cache.table, idx, 512); });
        says("gathered_decode: dv must be 1 to 512, got 513",
             [&] { dsa::gathered_decode(q, cache.latentPages, cache.table, idx, 513); });
        QCOMPARE(dsa::backend_of("gathered_decode", {q, cache.latentPages, cache.table, idx}).why,
                 std::string("the tensors are on the CPU"));
    }
};

QTEST_GUILESS_MAIN(tst_Decode)
#include "tst_decode.moc"
