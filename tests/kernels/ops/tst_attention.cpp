#include "kernels/ops/reference.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>

#include <QtTest>

using at::Tensor;
using optest::randn;
using optest::relativeError;

// B batch, H heads, KV key heads, T queries, S keys, D width, Dv width of the values
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Case {
    std::int64_t batch, heads, kvHeads, rows, keys, width, valueWidth;
};

struct Inputs {
    Tensor q, k, v;
    Inputs(const Case &c, at::ScalarType type)
        : q(randn({c.batch, c.heads, c.rows, c.width}, type))
        , k(randn({c.batch, c.kvHeads, c.keys, c.width}, type))
        , v(randn({c.batch, c.kvHeads, c.keys, c.valueWidth}, type))
    {}
};

/// Softmax attention over mask [B,T,S] in plain loops and doubles.
std::pair<Tensor, Tensor> bruteForce(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &mask,
                                     double scale)
{
    const std::int64_t batch = q.size(0), heads = q.size(1), rows = q.size(2), keys = k.size(2), width = q.size(3),
                       valueWidth = v.size(3);
    const std::int64_t group = heads / k.size(1);
    const Tensor wq = q.detach().to(at::kDouble).contiguous(), wk = k.detach().to(at::kDouble).contiguous(),
                 wv = v.detach().to(at::kDouble).contiguous();
    Tensor o = at::zeros({batch, heads, rows, valueWidth}, at::kDouble),
           lse = at::full({batch, heads, rows}, -kInf, at::kDouble);
    const auto Q = wq.accessor<double, 4>(), K = wk.accessor<double, 4>(), V = wv.accessor<double, 4>();
    auto O = o.accessor<double, 4>();
    auto L = lse.accessor<double, 3>();
    const Tensor plain = mask.contiguous();
    const auto M = plain.accessor<bool, 3>();
    for (std::int64_t b = 0; b < batch; ++b) {
        for (std::int64_t h = 0; h < heads; ++h) {
            for (std::int64_t t = 0; t < rows; ++t) {
                std::vector<double> scores(keys, -kInf);
                double top = -kInf, sum = 0;
                for (std::int64_t s = 0; s < keys; ++s) {
                    if (M[b][t][s]) {
                        scores[s] = 0;
                        for (std::int64_t d = 0; d < width; ++d) {
                            scores[s] += scale * Q[b][h][t][d] * K[b][h / group][s][d];
                        }
                        top = std::max(top, scores[s]);
                    }
                }
                for (std::int64_t s = 0; s < keys; ++s) {
                    sum += M[b][t][s] ? std::exp(scores[s] - top) : 0;
                }
                if (sum > 0) {
                    L[b][h][t] = top + std::log(sum);
                }
                for (std::int64_t s = 0; s < keys; ++s) {
                    for (std::int64_t d = 0; M[b][t][s] && d < valueWidth; ++d) {
                        O[b][h][t][d] += std::exp(scores[s] - L[b][h][t]) * V[b][h / group][s][d];
                    }
                }
            }
        }
    }
    return {o, lse};
}

dsa::Selection randomSelection(const Case &c, std::int64_t k, std::int64_t offset)
{
    return dsa::topk_select(randn({c.batch, c.rows, c.keys}, at::kFloat), k, offset);
}

/// o and lse flattened together, so that one number judges both; rows without a key have lse -inf and count as 0.
Tensor outputsOf(const std::tuple<Tensor, Tensor> &pair) { return std::get<0>(pair); }

} // namespace

class tst_Attention : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void forward_data()
    {
        QTest::addColumn<int>("which");
        QTest::addColumn<int>("k");
        QTest::addColumn<int>("offset");
        for (int which = 0; which < static_cast<int>(cases().size()); ++which) {
            for (const int k : {1, 9, 1000}) {
                for (const int offset : {0, -3}) {
                    QTest::addRow("case %d k %d offset %d", which, k, offset) << which << k << offset;
                }
            }
        }
    }

    void forward()
    {
        QFETCH(int, which);
        QFETCH(int, k);
        QFETCH(int, offset);
        const Case c = cases()[which];
        for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
            const Inputs in(c, type);
            const dsa::Selection selection = randomSelection(c, k, offset + c.keys - c.rows);
            const Tensor mask = dsa::unpack_mask(selection, c.keys);
            const auto [o, lse] = dsa::masked_attention(in.q, in.k, in.v, selection, 0.3);
            const auto [expectedO, expectedLse] = bruteForce(in.q, in.k, in.v, mask, 0.3);
            QCOMPARE(o.scalar_type(), type);
            QCOMPARE(lse.scalar_type(), type == at::kDouble ? at::kDouble : at::kFloat);
            const double tolerance = type == at::kDouble ? 1e-13 : type == at::kFloat ? 1e-6 : 5e-3;
            QVERIFY2(relativeError(o, expectedO) <= tolerance,
                     qPrintable(QString::number(relativeError(o, expectedO))));
            const Tensor seen = mask.any(-1).unsqueeze(1).expand(lse.sizes());
            QVERIFY(lse.isinf().equal(seen.logical_not()));
            QVERIFY(optest::largestDifference(lse.masked_fill(seen.logical_not(), 0),
                                              expectedLse.masked_fill(seen.logical_not(), 0)) <= 1e-4);
            if (k >= c.keys) {
                const auto [denseO, denseLse] = dsa::dense_attention(in.q, in.k, in.v, 0.3, offset + c.keys - c.rows);
                QVERIFY(relativeError(denseO, o) <= tolerance && relativeError(denseLse, lse) <= tolerance);
            }
        }
    }

    void gradientsAgainstDifferences()
    {
        for (const Case &c : {Case{2, 4, 4, 7, 7, 3, 3}, Case{1, 4, 2, 6, 9, 4, 2}, Case{2, 3, 1, 5, 5, 2, 5}}) {
            for (const std::int64_t offset : {c.keys - c.rows, std::int64_t{-2}}) {
                const Inputs in(c, at::kDouble);
                const dsa::Selection selection = randomSelection(c, 3, offset);
                const double masked = optest::gradcheck(
                    [&](const std::vector<Tensor> &x) {
                        return outputsOf(dsa::masked_attention(x[0], x[1], x[2], selection));
                    },
                    {in.q, in.k, in.v});
                QVERIFY2(masked < 1e-7, qPrintable(QString::number(masked)));
                const double dense = optest::gradcheck(
                    [&](const std::vector<Tensor> &x) {
                        return outputsOf(dsa::dense_attention(x[0], x[1], x[2], std::nullopt, offset));
                    },
                    {in.q, in.k, in.v});
                QVERIFY2(dense < 1e-7, qPrintable(QString::number(dense)));
            }
        }
    }

    void everyKeyEqualsDenseInGradients()
    {
        const Case c{2, 4, 2, 65, 65, 8, 8};
        const Inputs in(c, at::kFloat);
        const dsa::Selection all = dsa::topk_select(randn({2, 65, 65}, at::kFloat), 65);
        const Tensor weight = randn({2, 4, 65, 8});
        const auto sparse =
            optest::gradients([&](const auto &x) { return outputsOf(dsa::masked_attention(x[0], x[1], x[2], all)); },
                              {in.q, in.k, in.v}, weight);
        const auto dense =
            optest::gradients([&](const auto &x) { return outputsOf(dsa::dense_attention(x[0], x[1], x[2])); },
                              {in.q, in.k, in.v}, weight);
        for (int i = 0; i < 3; ++i) {
            QVERIFY(relativeError(sparse[i], dense[i]) < 2e-6);
        }
    }

    void lowPrecisionGradients()
    {
        const Case c{1, 4, 4, 100, 100, 32, 32};
        const Inputs low(c, at::kBFloat16);
        const dsa::Selection selection = randomSelection(c, 20, 0);
        const auto f = [&](const auto &x) { return outputsOf(dsa::masked_attention(x[0], x[1], x[2], selection)); };
        const Tensor weight = randn({1, 4, 100, 32}, at::kBFloat16);
        const auto found = optest::gradients(f, {low.q, low.k, low.v}, weight);
        const auto exact = optest::gradients(f, {low.q.to(at::kDouble), low.k.to(at::kDouble), low.v.to(at::kDouble)},
                                             weight.to(at::kDouble));
        for (int i = 0; i < 3; ++i) {
            QCOMPARE(found[i].scalar_type(), at::kBFloat16);
            QVERIFY2(relativeError(found[i], exact[i]) < 1e-2,
                     qPrintable(QString::number(relativeError(found[i], exact[i]))));
        }
    }

    void rowsWithoutAKeyStayOut()
    {
        // Rows 0 to 3 see nothing; huge values must not leak through 0 * infinity.
        const Case c{1, 2, 2, 8, 8, 4, 4};
        const Inputs in(c, at::kFloat);
        const dsa::Selection selection = randomSelection(c, 3, -4);
        const auto [o, lse] = dsa::masked_attention(in.q.mul(1e4), in.k.mul(1e4), in.v, selection);
        QVERIFY(!o.narrow(2, 0, 4).any().item().toBool());
        QVERIFY(lse.narrow(2, 0, 4).eq(-kInf).all().item().toBool());
        const auto grads = optest::gradients(
            [&](const auto &x) { return outputsOf(dsa::masked_attention(x[0], x[1], x[2], selection)); },
            {in.q, in.k, in.v}, randn({1, 2, 8, 4}));
        QVERIFY(!grads[0].narrow(2, 0, 4).any().item().toBool());
        for (const Tensor &grad : grads) {
            QVERIFY(grad.isfinite().all().item().toBool());
        }
        // Not one row sees a key.
        const dsa::Selection none = randomSelection(c, 3, -8);
        const auto nothing =
            optest::gradients([&](const auto &x) { return outputsOf(dsa::masked_attention(x[0], x[1], x[2], none)); },
                              {in.q, in.k, in.v}, randn({1, 2, 8, 4}));
        const auto [denseO, denseLse] = dsa::dense_attention(in.q, in.k, in.v, std::nullopt, -8);
        QVERIFY(!denseO.any().item().toBool() && denseLse.eq(-kInf).all().item().toBool());
        for (const Tensor &grad : nothing) {
            QVERIFY(!grad.any().item().toBool());
        }
    }

    void laterTokensChangeNoEarlierRow()
    {
        const Case c{2, 4, 2, 70, 70, 16, 16};
        Inputs in(c, at::kFloat);
        const dsa::Selection selection = randomSelection(c, 12, 0);
        const auto [before, lseBefore] = dsa::masked_attention(in.q, in.k, in.v, selection);
        const auto [denseBefore, denseLseBefore] = dsa::dense_attention(in.q, in.k, in.v);
        for (Tensor &x : std::array{in.q, in.k, in.v}) {
            x.narrow(2, 30, 40).normal_();
        }
        const auto [after, lseAfter] = dsa::masked_attention(in.q, in.k, in.v, selection);
        const auto [denseAfter, denseLseAfter] = dsa::dense_attention(in.q, in.k, in.v);
        QVERIFY(optest::identical(before.narrow(2, 0, 30), after.narrow(2, 0, 30)) && !before.equal(after));
        QVERIFY(optest::identical(lseBefore.narrow(2, 0, 30), lseAfter.narrow(2, 0, 30)));
        QVERIFY(optest::identical(denseBefore.narrow(2, 0, 30), denseAfter.narrow(2, 0, 30)) &&
                !denseBefore.equal(denseAfter));
    }

    void stridesChunksAndRepeats()
    {
        const Case c{2, 4, 2, 130, 130, 8, 8};
        const Inputs in(c, at::kDouble);
        const dsa::Selection selection = randomSelection(c, 20, 0);
        const Tensor weight = randn({2, 4, 130, 8});
        const auto f = [&](const auto &x) { return outputsOf(dsa::masked_attention(x[0], x[1], x[2], selection)); };
        const auto g = [&](const auto &x) { return outputsOf(dsa::dense_attention(x[0], x[1], x[2])); };
        const auto once = optest::gradients(f, {in.q, in.k, in.v}, weight),
                   twice = optest::gradients(f, {in.q, in.k, in.v}, weight);
        const auto dense = optest::gradients(g, {in.q, in.k, in.v}, weight);
        // As projections arrive: [B,T,H,D] seen as [B,H,T,D].
        const auto strided = [](const Tensor &x) { return x.transpose(1, 2).contiguous().transpose(1, 2); };
        QVERIFY(relativeError(f(std::vector{strided(in.q), strided(in.k), strided(in.v)}),
                              f(std::vector{in.q, in.k, in.v})) < 1e-14);
        dsa::reference::setChunkBytes(1);
        const auto chunked = optest::gradients(f, {in.q, in.k, in.v}, weight),
                   denseChunked = optest::gradients(g, {in.q, in.k, in.v}, weight);
        dsa::reference::setChunkBytes(0);
        for (int i = 0; i < 3; ++i) {
            QVERIFY(optest::identical(once[i], twice[i]));
            QVERIFY(relativeError(chunked[i], once[i]) < 1e-13 && relativeError(denseChunked[i], dense[i]) < 1e-13);
        }
    }

    void gatheredEqualsMasked()
    {
        // One head of keys, values the first columns: the absorbed form.
        const std::int64_t rows = 40, heads = 3, width = 6, valueWidth = 4, k = 7;
        const Tensor q = randn({rows, heads, width}), kv = randn({rows, width});
        const dsa::Selection selection = dsa::topk_select(randn({1, rows, rows}, at::kFloat), k, 0, true, true);
        // Empty slots anywhere, in any order.
        const Tensor idx = selection.idx[0].flip(1).contiguous();
        const auto [o, lse] = dsa::gathered_attention(q, kv, idx, valueWidth);
        const Tensor keys = kv.unsqueeze(0).unsqueeze(0);
        const auto [expectedO, expectedLse] =
            dsa::masked_attention(q.transpose(0, 1).unsqueeze(0), keys, keys.narrow(3, 0, valueWidth), selection);
        QVERIFY(relativeError(o, expectedO[0].transpose(0, 1)) < 1e-13 &&
                relativeError(lse, expectedLse[0].transpose(0, 1)) < 1e-13);
        const Tensor none = at::full({rows, 3}, -1, at::kInt);
        QVERIFY(!std::get<0>(dsa::gathered_attention(q, kv, none, valueWidth)).any().item().toBool());
        dsa::reference::setChunkBytes(1);
        QVERIFY(relativeError(std::get<0>(dsa::gathered_attention(q, kv, idx, valueWidth)), o) < 1e-13);
        dsa::reference::setChunkBytes(0);
    }

    void gatheredGradients()
    {
        const Tensor idx = at::tensor({0, -1, 2, -1, -1, -1, 3, 1, 0, 2, 2, -1}, at::kInt).view({4, 3});
        const Tensor q = randn({4, 2, 5}), kv = randn({4, 5}), sink = randn({2});
        for (const bool deterministic : {true, false}) {
            const double plain = optest::gradcheck(
                [&](const auto &x) {
                    return outputsOf(
                        dsa::gathered_attention(x[0], x[1], idx, 3, std::nullopt, std::nullopt, deterministic));
                },
                {q, kv});
            QVERIFY2(plain < 1e-7, qPrintable(QString::number(plain)));
            const double withSink = optest::gradcheck(
                [&](const auto &x) {
                    return outputsOf(dsa::gathered_attention(x[0], x[1], idx, 3, 0.7, x[2], deterministic));
                },
                {q, kv, sink});
            QVERIFY2(withSink < 1e-7, qPrintable(QString::number(withSink)));
        }
    }

private:
    static std::vector<Case> cases()
    {
        return {{1, 1, 1, 1, 1, 1, 1},
                {2, 4, 4, 63, 63, 8, 8},
                {1, 4, 2, 64, 64, 16, 8},
                {2, 3, 1, 65, 65, 5, 7},
                {1, 8, 2, 5, 100, 4, 4}};
    }
};

QTEST_GUILESS_MAIN(tst_Attention)
#include "tst_attention.moc"
