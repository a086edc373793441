#include "kernels/ops/reference.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/tensor.h>

#include <QtTest>

using at::Tensor;
using optest::randn;
using optest::relativeError;

// B batch, T queries, S keys, H attention heads, KV key heads, D their width, Hi indexer heads, Di their width
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Indexer {
    Tensor q, k, w;
    Indexer(std::int64_t batch, std::int64_t rows, std::int64_t keys, std::int64_t heads, std::int64_t width,
            at::ScalarType type)
        : q(randn({batch, rows, heads, width}, type))
        , k(randn({batch, keys, width}, type))
        , w(randn({batch, rows, heads}, type == at::kDouble ? at::kDouble : at::kFloat))
    {}
};

Tensor scoresByLoops(const Indexer &in, std::int64_t offset)
{
    const std::int64_t batch = in.q.size(0), rows = in.q.size(1), heads = in.q.size(2), width = in.q.size(3),
                       keys = in.k.size(1);
    const Tensor wq = in.q.to(at::kDouble).contiguous(), wk = in.k.to(at::kDouble).contiguous(),
                 ww = in.w.to(at::kDouble).contiguous();
    Tensor scores = at::full({batch, rows, keys}, -kInf, at::kDouble);
    const auto Q = wq.accessor<double, 4>();
    const auto K = wk.accessor<double, 3>(), W = ww.accessor<double, 3>();
    auto I = scores.accessor<double, 3>();
    for (std::int64_t b = 0; b < batch; ++b) {
        for (std::int64_t t = 0; t < rows; ++t) {
            for (std::int64_t s = 0; s < std::min(keys, t + offset + 1); ++s) {
                I[b][t][s] = 0;
                for (std::int64_t j = 0; j < heads; ++j) {
                    double dot = 0;
                    for (std::int64_t d = 0; d < width; ++d) {
                        dot += Q[b][t][j][d] * K[b][s][d];
                    }
                    I[b][t][s] += W[b][t][j] * std::max(dot, 0.0);
                }
            }
        }
    }
    return scores;
}

/// KL rows of SPEC section 7 from a mask [B,T,S], scores and the attention's q and k, in doubles and by definition.
Tensor klByDefinition(const Tensor &scores, const Tensor &q, const Tensor &k, const Tensor &mask, double scale)
{
    const std::int64_t group = q.size(1) / k.size(1);
    const Tensor keys = k.to(at::kDouble).repeat_interleave(group, 1);
    const Tensor logits =
        q.to(at::kDouble).matmul(keys.transpose(2, 3)).mul(scale).masked_fill(mask.logical_not().unsqueeze(1), -kInf);
    const Tensor p = logits.softmax(-1).nan_to_num(0).mean(1);
    const Tensor logQ = scores.to(at::kDouble).masked_fill(mask.logical_not(), -kInf).log_softmax(-1);
    const Tensor terms = p.mul(p.clamp_min(1e-300).log().sub(logQ));
    return terms.masked_fill(p.eq(0), 0).sum(-1);
}

} // namespace

class tst_Indexer : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void laterNanStaysHidden()
    {
        const Tensor q = randn({1, 20, 3, 8}, at::kFloat), k = randn({1, 20, 8}, at::kFloat),
                     w = randn({1, 20, 3}, at::kFloat);
        k.select(1, 12).fill_(NAN);
        const Tensor scores = dsa::index_scores(q, k, w);
        QCOMPARE(scores.isnan().sum().item().toInt(), 20 - 12);
        QVERIFY(scores.triu(1).select(1, 3).narrow(1, 4, 16).eq(-INFINITY).all().item().toBool());
    }

    void scores()
    {
        for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
            for (const std::int64_t offset : {0, 5, -3}) {
                for (const std::int64_t rows : {1, 63, 65}) {
                    const Indexer in(2, rows, rows + std::max<std::int64_t>(offset, 0), 3, 8, type);
                    const Tensor found = dsa::index_scores(in.q, in.k, in.w, offset),
                                 expected = scoresByLoops(in, offset);
                    QCOMPARE(found.scalar_type(), type == at::kDouble ? at::kDouble : at::kFloat);
                    QVERIFY(relativeError(found, expected) <= (type == at::kDouble ? 1e-14 : 1e-5));
                }
            }
        }
    }

    void scoreGradients()
    {
        for (const std::int64_t offset : {0, 2, -2}) {
            const Indexer in(2, 6, 6 + std::max<std::int64_t>(offset, 0), 3, 4, at::kDouble);
            const double worst = optest::gradcheck(
                [&](const auto &x) {
                    const Tensor scores = dsa::index_scores(x[0], x[1], x[2], offset);
                    return scores.masked_fill(scores.detach().isinf(), 0);
                },
                {in.q, in.k, in.w});
            QVERIFY2(worst < 1e-6, qPrintable(QString::number(worst)));
        }
    }

    void chunksOfScores()
    {
        const Indexer in(1, 200, 200, 2, 4, at::kDouble);
        const Tensor weight = randn({1, 200, 200}).tril();
        const auto f = [](const auto &x) { return dsa::index_scores(x[0], x[1], x[2]).nan_to_num(0, 0, 0); };
        const auto whole = optest::gradients(f, {in.q, in.k, in.w}, weight);
        const Tensor scores = dsa::index_scores(in.q, in.k, in.w);
        dsa::reference::setChunkBytes(1);
        const auto parts = optest::gradients(f, {in.q, in.k, in.w}, weight);
        const Tensor scoreParts = dsa::index_scores(in.q, in.k, in.w);
        dsa::reference::setChunkBytes(0);
        QVERIFY(relativeError(scoreParts, scores) < 1e-14);
        for (int i = 0; i < 3; ++i) {
            QVERIFY(relativeError(parts[i], whole[i]) < 1e-13);
        }
    }

    void kl_data()
    {
        QTest::addColumn<bool>("dense");
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("kvHeads");
        for (const bool dense : {false, true}) {
            QTest::addRow("%s one head", dense ? "dense" : "selected") << dense << 1 << 1;
            QTest::addRow("%s grouped", dense ? "dense" : "selected") << dense << 4 << 2;
            QTest::addRow("%s absorbed", dense ? "dense" : "selected") << dense << 3 << 1;
        }
    }

    void kl()
    {
        QFETCH(bool, dense);
        QFETCH(int, heads);
        QFETCH(int, kvHeads);
        const std::int64_t rows = 70;
        for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
            const Indexer in(2, rows, rows, 3, 8, type);
            const Tensor q = randn({2, heads, rows, 6}, type), k = randn({2, kvHeads, rows, 6}, type),
                         v = randn({2, kvHeads, rows, 6}, type);
            const auto [selection, tau, lseSelected] = dsa::index_select(in.q, in.k, in.w, 9);
            const Tensor mask =
                dsa::unpack_mask(dense ? dsa::dense_selection(2, rows, rows, 0, at::kCPU) : selection, rows);
            const Tensor lse = dense ? std::get<1>(dsa::dense_attention(q, k, v, 0.4))
                                     : std::get<1>(dsa::masked_attention(q, k, v, selection, 0.4));
            const auto target = dense ? dsa::KlTarget::Dense : dsa::KlTarget::Selected;
            const Tensor expected = klByDefinition(dsa::index_scores(in.q, in.k, in.w), q, k, mask, 0.4);
            const double tolerance = type == at::kDouble ? 1e-12 : 1e-5;
            for (const Tensor &norm : {lseSelected, Tensor()}) {
                const auto [loss, klRows] = dsa::index_kl(in.q, in.k, in.w, q, k, lse, selection, norm, 0.4, target);
                QVERIFY(relativeError(klRows, expected) < tolerance &&
                        relativeError(loss, expected.mean()) < tolerance);
                QVERIFY(klRows.min().item().toDouble() > -1e-6);
            }
            const Tensor uniform = dsa::index_kl_uniform(q, k, lse, selection, 0.4, target);
            QVERIFY(relativeError(uniform, klByDefinition(at::zeros({2, rows, rows}), q, k, mask, 0.4)) <
                    tolerance * 10);

            dsa::reference::setChunkBytes(1);
            const auto [loss, klRows] = dsa::index_kl(in.q, in.k, in.w, q, k, lse, selection, lseSelected, 0.4, target);
            dsa::reference::setChunkBytes(0);
            QVERIFY(relativeError(klRows, expected) < tolerance);
        }
    }

    void klGradients_data() { kl_data(); }

    void klGradients()
    {
        QFETCH(bool, dense);
        QFETCH(int, heads);
        QFETCH(int, kvHeads);
        const Indexer in(2, 7, 7, 3, 4, at::kDouble);
        Tensor q = randn({2, heads, 7, 5}), k = randn({2, kvHeads, 7, 5}), v = randn({2, kvHeads, 7, 5});
        const dsa::Selection selection = std::get<0>(dsa::index_select(in.q, in.k, in.w, 3));
        Tensor lse =
            dense ? std::get<1>(dsa::dense_attention(q, k, v)) : std::get<1>(dsa::masked_attention(q, k, v, selection));
        const auto target = dense ? dsa::KlTarget::Dense : dsa::KlTarget::Selected;
        const double worst = optest::gradcheck(
            [&](const auto &x) {
                return std::get<0>(
                    dsa::index_kl(x[0], x[1], x[2], q, k, lse, selection, Tensor(), std::nullopt, target));
            },
            {in.q, in.k, in.w});
        QVERIFY2(worst < 1e-6, qPrintable(QString::number(worst)));
        // The teacher is a constant.
        q.requires_grad_();
        k.requires_grad_();
        lse.requires_grad_();
        const Tensor qi = in.q.clone().requires_grad_();
        std::get<0>(dsa::index_kl(qi, in.k, in.w, q, k, lse, selection, Tensor(), std::nullopt, target)).backward();
        QVERIFY(qi.grad().any().item().toBool() && !q.grad().defined() && !k.grad().defined() && !lse.grad().defined());
    }

    void klIsZeroForTheTeacherItself()
    {
        // One attention head whose logits the indexer repeats: one-hot keys carry positive scores.
        const std::int64_t rows = 12;
        const Tensor q = randn({1, 1, rows, 4}), k = randn({1, 1, rows, 4});
        const Tensor logits = q[0][0].matmul(k[0][0].t()).mul(0.5);
        const Tensor carrier = logits.sub(logits.min()).add(1).view({1, rows, 1, rows});
        const Tensor lse = std::get<1>(dsa::dense_attention(q, k, k, 0.5));
        const auto [loss, klRows] =
            dsa::index_kl(carrier, at::eye(rows, at::kDouble).unsqueeze(0), at::full({1, rows, 1}, 1.0, at::kDouble), q,
                          k, lse, {}, {}, 0.5, dsa::KlTarget::Dense);
        QVERIFY(klRows.abs().max().item().toDouble() < 1e-13);
    }

    void rowsWithoutAKeyDoNotCount()
    {
        const Indexer in(2, 10, 10, 2, 4, at::kDouble);
        const Tensor q = randn({2, 2, 10, 4}), k = randn({2, 2, 10, 4});
        const auto [selection, tau, norm] = dsa::index_select(in.q, in.k, in.w, 3, -4);
        const Tensor lse = std::get<1>(dsa::masked_attention(q, k, k, selection));
        const Tensor qi = in.q.clone().requires_grad_();
        const auto [loss, klRows] =
            dsa::index_kl(qi, in.k, in.w, q, k, lse, selection, norm, std::nullopt, dsa::KlTarget::Selected);
        loss.backward();
        QVERIFY(!klRows.narrow(1, 0, 4).any().item().toBool());
        QVERIFY(relativeError(loss, klRows.sum().div(12)) < 1e-13);
        QVERIFY(qi.grad().isfinite().all().item().toBool() && !qi.grad().narrow(1, 0, 4).any().item().toBool());
        QVERIFY(!dsa::index_kl_uniform(q, k, lse, selection, std::nullopt, dsa::KlTarget::Selected)
                     .narrow(1, 0, 4)
                     .any()
                     .item()
                     .toBool());
    }

    void sampledRows()
    {
        const Indexer in(1, 200, 200, 2, 4, at::kDouble);
        const Tensor q = randn({1, 2, 200, 4}), k = randn({1, 2, 200, 4});
        const Tensor lse = std::get<1>(dsa::dense_attention(q, k, k));
        const auto rowsOf = [&](std::int64_t stride, const std::optional<Tensor> &phase) {
            return dsa::index_kl(in.q, in.k, in.w, q, k, lse, {}, {}, std::nullopt, dsa::KlTarget::Dense, stride,
                                 phase);
        };
        const Tensor all = std::get<1>(rowsOf(1, std::nullopt));
        const auto [loss, second] = rowsOf(3, at::tensor({1}, at::kInt));
        QVERIFY(second.narrow(1, 64, 64).equal(all.narrow(1, 64, 64)));
        QVERIFY(!second.narrow(1, 0, 64).any().item().toBool() && !second.narrow(1, 128, 72).any().item().toBool());
        QVERIFY(relativeError(loss, all.narrow(1, 64, 64).mean()) < 1e-13);
        QVERIFY(std::get<1>(rowsOf(3, std::nullopt)).narrow(1, 0, 64).equal(all.narrow(1, 0, 64)));
    }

    void rope()
    {
        const Tensor cos = randn({5, 2}), sin = randn({5, 2});
        for (const bool interleaved : {false, true}) {
            const auto style = interleaved ? dsa::RopeStyle::Interleaved : dsa::RopeStyle::HalfSplit;
            const Tensor x = randn({2, 3, 5, 6});
            const Tensor y = dsa::apply_rope(x, cos, sin, style);
            for (int t = 0; t < 5; ++t) {
                for (int i = 0; i < 2; ++i) {
                    const int first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + 2;
                    const double a = x[1][2][t][first].item().toDouble(), b = x[1][2][t][second].item().toDouble();
                    const double c = cos[t][i].item().toDouble(), s = sin[t][i].item().toDouble();
                    QVERIFY(std::abs(y[1][2][t][first].item().toDouble() - (a * c - b * s)) < 1e-14);
                    QVERIFY(std::abs(y[1][2][t][second].item().toDouble() - (b * c + a * s)) < 1e-14);
                }
            }
            QVERIFY(y.narrow(3, 4, 2).equal(x.narrow(3, 4, 2)));
            QVERIFY(optest::gradcheck([&](const auto &v) { return dsa::apply_rope(v[0], cos, sin, style); }, {x}) <
                    1e-7);
            const Tensor low = dsa::apply_rope(x.to(at::kBFloat16), cos.to(at::kFloat), sin.to(at::kFloat), style);
            QCOMPARE(low.scalar_type(), at::kBFloat16);
            QVERIFY(relativeError(low, y) < 5e-3);
            const Tensor strided = randn({2, 5, 3, 6}).transpose(1, 2);
            QVERIFY(relativeError(dsa::apply_rope(strided, cos, sin, style),
                                  dsa::apply_rope(strided.contiguous(), cos, sin, style)) < 1e-14);
        }
    }

    void prepare()
    {
        const Tensor cos = randn({6, 2}), sin = randn({6, 2}), weight = randn({8}), bias = randn({8});
        const Tensor q = randn({2, 6, 3, 8}), k = randn({2, 6, 8}).mul(0.02);
        for (const bool hadamard : {false, true}) {
            for (const auto style : {dsa::RopeStyle::HalfSplit, dsa::RopeStyle::Interleaved}) {
                const auto [qi, ki] = dsa::index_prepare(q, k, weight, bias, cos, sin, style, hadamard);
                const Tensor normed = at::layer_norm(k, {8}, weight, bias, 1e-6);
                const Tensor qTurned = dsa::apply_rope(q.transpose(1, 2), cos, sin, style).transpose(1, 2),
                             kTurned = dsa::apply_rope(normed, cos, sin, style);
                // The Hadamard transform changes the vectors, not their products.
                QVERIFY(relativeError(qi.flatten(1, 2).matmul(ki.transpose(1, 2)),
                                      qTurned.flatten(1, 2).matmul(kTurned.transpose(1, 2))) < 1e-12);
                QCOMPARE(relativeError(qi, qTurned) < 1e-13 && relativeError(ki, kTurned) < 1e-13, !hadamard);
                for (const int part : {0, 1}) {
                    const double worst = optest::gradcheck(
                        [&](const auto &x) {
                            const auto [a, b] = dsa::index_prepare(x[0], x[1], x[2], x[3], cos, sin, style, hadamard);
                            return part == 0 ? a : b;
                        },
                        {q, k, weight, bias});
                    QVERIFY2(worst < 1e-5, qPrintable(QString::number(worst)));
                }
            }
        }
        // Queries of a cached sequence are its last positions.
        const auto [all, keys] = dsa::index_prepare(q, k, weight, bias, cos, sin, dsa::RopeStyle::HalfSplit);
        const auto [last, sameKeys] =
            dsa::index_prepare(q.narrow(1, 4, 2), k, weight, bias, cos, sin, dsa::RopeStyle::HalfSplit);
        QVERIFY(last.equal(all.narrow(1, 4, 2)) && sameKeys.equal(keys));
    }
};

QTEST_GUILESS_MAIN(tst_Indexer)
#include "tst_indexer.moc"
