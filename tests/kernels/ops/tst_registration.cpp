#include "tests/kernels/ops/optest.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <QtTest>

using at::Tensor;
using optest::errorOf;
using optest::randn;

class tst_Registration : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everySchemaIsFound()
    {
        for (const char *name : {"index_scores", "topk_select", "index_select", "masked_attention", "dense_attention",
                                 "index_kl", "index_kl_with_gradients", "index_kl_uniform", "gathered_attention",
                                 "index_prepare", "apply_rope", "pack_mask", "unpack_mask", "index_quantize",
                                 "index_scores_quantized", "decode_scores", "decode_select", "gathered_decode"}) {
            QVERIFY2(c10::Dispatcher::singleton().findSchema({std::string("dsa::") + name, ""}).has_value(), name);
            const auto op = c10::Dispatcher::singleton().findSchemaOrThrow((std::string("dsa::") + name).c_str(), "");
            QVERIFY2(op.hasKernelForDispatchKey(c10::DispatchKey::Meta), name);
        }
    }

    void schemasAndMetaKernelsTellTheTruth()
    {
        const c10::IValue none;
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
            const Tensor qi = randn({2, 9, 3, 4}, type), ki = randn({2, 9, 4}, type), w = randn({2, 9, 3}, type);
            const Tensor q = randn({2, 4, 9, 6}, type), k = randn({2, 2, 9, 6}, type), v = randn({2, 2, 9, 5}, type);
            const dsa::Selection selection = dsa::topk_select(randn({2, 9, 9}), 3);
            const Tensor lse = std::get<1>(dsa::masked_attention(q, k, v, selection));
            const auto check = [](const char *name, const std::vector<c10::IValue> &arguments) {
                const std::string wrong = optest::checkSchema(name, arguments);
                QVERIFY2(wrong.empty(), wrong.c_str());
            };
            check("dsa::index_scores", {qi, ki, w, 0});
            check("dsa::topk_select", {randn({2, 9, 9}, type), 3, 0, true, true});
            check("dsa::topk_select", {randn({2, 9, 9}, type), 3, 0, false, false});
            check("dsa::index_select", {qi, ki, w, 3, 0, true, true});
            check("dsa::masked_attention", {q, k, v, selection.bits, selection.bitsT, none, true});
            check("dsa::dense_attention", {q, k, v, none, 0});
            check("dsa::index_kl", {qi, ki, w, q, k, lse, selection.bits, none, none, none, 0, 1, none});
            check("dsa::index_kl_with_gradients", {qi, ki, w, q, k, lse, none, none, none, 0.5, 1, 1, none});
            check("dsa::index_kl_uniform", {q, k, lse, selection.bits, none, 0});
            check("dsa::gathered_attention",
                  {randn({5, 3, 6}, type), randn({9, 6}, type), at::full({5, 2}, 1, at::kInt), 4, none, none, true});
            check("dsa::index_prepare",
                  {qi, ki, randn({4}, type), randn({4}, type), randn({9, 1}, type), randn({9, 1}, type), 0, false});
            check("dsa::apply_rope", {q, randn({9, 2}, type), randn({9, 2}, type), 1});
            check("dsa::pack_mask", {at::full({2, 9, 70}, true, at::kBool), 61, true});
            check("dsa::unpack_mask", {selection.bits, 9});
        }
    }

    void gradientsAreAskedForWhereTheyExist()
    {
        const Tensor qi = randn({1, 5, 2, 4}).requires_grad_(), ki = randn({1, 5, 4}).requires_grad_(),
                     w = randn({1, 5, 2}).requires_grad_();
        const Tensor q = randn({1, 2, 5, 4}).requires_grad_();
        QVERIFY(dsa::index_scores(qi, ki, w).requires_grad());
        const auto [selection, tau, norm] = dsa::index_select(qi, ki, w, 2);
        QVERIFY(!tau.requires_grad() && !norm.requires_grad());
        const auto [o, lse] = dsa::masked_attention(q, q, q, selection);
        QVERIFY(o.requires_grad() && !lse.requires_grad());
        const auto [dense, denseLse] = dsa::dense_attention(q, q, q);
        QVERIFY(dense.requires_grad() && !denseLse.requires_grad());
        const auto [loss, rows] =
            dsa::index_kl(qi, ki, w, q, q, lse, selection, norm, std::nullopt, dsa::KlTarget::Selected);
        QVERIFY(loss.requires_grad() && !rows.requires_grad());
        const auto [frozen, frozenRows] = dsa::index_kl(qi.detach(), ki.detach(), w.detach(), q, q, lse, selection,
                                                        norm, std::nullopt, dsa::KlTarget::Selected);
        QVERIFY(!frozen.requires_grad() && frozen.equal(loss.detach()));
        const at::NoGradGuard guard;
        QVERIFY(!std::get<0>(dsa::masked_attention(q, q, q, selection)).requires_grad());
    }

    void secondDerivativesAreRefused()
    {
        const Tensor q = randn({1, 2, 5, 4}).requires_grad_();
        const Tensor o = std::get<0>(dsa::dense_attention(q, q, q));
        const std::string text = errorOf([&] { o.sum().backward({}, true, true); });
        QVERIFY2(text.find("dense_attention: has no second derivative") != std::string::npos, text.c_str());
    }

    void emptyBatch()
    {
        const Tensor q = randn({0, 2, 5, 4}).requires_grad_();
        const auto [o, lse] = dsa::dense_attention(q, q, q);
        o.sum().backward();
        QCOMPARE(o.sizes(), at::IntArrayRef({0, 2, 5, 4}));
        QCOMPARE(dsa::index_scores(randn({0, 5, 2, 4}), randn({0, 5, 4}), randn({0, 5, 2})).sizes(),
                 at::IntArrayRef({0, 5, 5}));
    }

    void wrongInputs_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<int>("call");
        int call = 0;
        for (const char *text :
             {"index_scores: q must be [B,T,Hi,Di], got [5, 2, 4]",
              "index_scores: k must have size 4 in dimension 2 (the width of q), got [1, 5, 3]",
              "index_scores: k must have the type of q (Double), got Float", "topk_select: k must be 1 or more, got 0",
              "topk_select: scores must be a floating type, got Long",
              "masked_attention: the heads of k must divide the heads of q (4), got 3",
              "masked_attention: selection.bits must have size 1 in dimension 2 (one word for 64 keys), got [1, 5, 2]",
              "masked_attention: selection must have bits, got a selection without them",
              "dense_attention: v must have size 5 in dimension 2 (the keys of k), got [1, 4, 6, 4]",
              "index_kl: selection must have bits for the selected target, got a selection without them",
              "index_kl: row_stride must be 1 or more, got 0", "gathered_attention: idx must be int32, got Long",
              "gathered_attention: dv must be 1 to 4 (the width of q), got 5",
              "apply_rope: cos must have size 5 in dimension 0 (a row for each position), got [4, 2]",
              "index_prepare: hadamard must have a power of two as width, got 6",
              "pack_mask: mask must be bool, got Float"}) {
            QTest::addRow("%s", text) << text << call++;
        }
    }

    void wrongInputs()
    {
        QFETCH(QString, text);
        QFETCH(int, call);
        const Tensor q = randn({1, 4, 5, 4}), qi = randn({1, 5, 2, 4}), ki = randn({1, 5, 4}), w = randn({1, 5, 2});
        const dsa::Selection selection = dsa::topk_select(randn({1, 5, 5}), 2),
                             wide = dsa::topk_select(randn({1, 5, 70}), 2), none;
        const Tensor lse = randn({1, 4, 5});
        const std::vector<std::function<void()>> calls{
            [&] { dsa::index_scores(qi[0], ki, w); },
            [&] { dsa::index_scores(qi, ki.narrow(2, 0, 3), w); },
            [&] { dsa::index_scores(qi, ki.to(at::kFloat), w); },
            [&] {
                dsa::topk_select(randn({1, 5, 5}), 0);
            },
            [&] {
                dsa::topk_select(at::zeros({1, 5, 5}, at::kLong), 2);
            },
            [&] { dsa::masked_attention(q, q.narrow(1, 0, 3), q.narrow(1, 0, 3), selection); },
            [&] { dsa::masked_attention(q, q, q, wide); },
            [&] { dsa::masked_attention(q, q, q, none); },
            [&] {
                dsa::dense_attention(q, q, randn({1, 4, 6, 4}));
            },
            [&] { dsa::index_kl(qi, ki, w, q, q, lse, none, {}, std::nullopt, dsa::KlTarget::Selected); },
            [&] { dsa::index_kl(qi, ki, w, q, q, lse, selection, {}, std::nullopt, dsa::KlTarget::Selected, 0); },
            [&] {
                dsa::gathered_attention(q[0], q[0][0], at::zeros({4, 2}, at::kLong), 2);
            },
            [&] {
                dsa::gathered_attention(q[0], q[0][0], at::zeros({4, 2}, at::kInt), 5);
            },
            [&] {
                dsa::apply_rope(q, randn({4, 2}), randn({4, 2}), dsa::RopeStyle::HalfSplit);
            },
            [&] {
                dsa::index_prepare(randn({1, 5, 2, 6}), randn({1, 5, 6}), randn({6}), randn({6}), randn({5, 2}),
                                   randn({5, 2}), dsa::RopeStyle::HalfSplit, true);
            },
            [&] {
                dsa::pack_mask(randn({1, 5, 5}, at::kFloat));
            },
        };
        const std::string found = errorOf(calls[call]);
        QVERIFY2(found.find(text.toStdString()) != std::string::npos, found.c_str());
    }

    void valueChecksReportAtTheNextOperation()
    {
        const Tensor q = randn({2, 1, 4}), kv = randn({3, 4}), bad = at::tensor({0, 3, 1, -1}, at::kInt).view({2, 2});
        const Tensor scores = at::full({1, 2, 2}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
        dsa::topk_select(scores, 1);
        dsa::set_value_checks(true);
        dsa::topk_select(scores, 1);
        const std::string text = errorOf([&] { dsa::topk_select(randn({1, 2, 2}), 1); });
        QVERIFY2(text.find("topk_select: scores must not be NaN") != std::string::npos, text.c_str());
        QVERIFY(errorOf([&] { dsa::topk_select(randn({1, 2, 2}), 1); }).empty());
        dsa::gathered_attention(q, kv, bad, 2);
        const std::string range = errorOf([&] { dsa::topk_select(randn({1, 2, 2}), 1); });
        QVERIFY2(range.find("gathered_attention: idx must be below 3") != std::string::npos, range.c_str());
        dsa::set_value_checks(false);
    }

    void backendsAreNamed()
    {
        const dsa::Backend backend = dsa::backend_of("masked_attention", {randn({1, 1, 2, 2})});
        QCOMPARE(backend.name, std::string("aten"));
        QCOMPARE(backend.why, std::string("the tensors are on the CPU"));
        const Tensor q = randn({1, 5, 2, 8}), k = randn({1, 5, 8}), w = randn({1, 5, 2});
        for (const auto &[op, inputs] : std::vector<std::pair<std::string, std::vector<Tensor>>>{
                 {"topk_select", {randn({1, 5, 5})}}, {"index_scores", {q, k, w}}, {"index_select", {q, k, w}}}) {
            QCOMPARE(dsa::backend_of(op, inputs).name, std::string("aten"));
            QCOMPARE(dsa::backend_of(op, inputs).why, std::string("the tensors are on the CPU"));
        }
        QVERIFY(errorOf([&] {
                    dsa::backend_of("attention", {randn({1})});
                }).find("backend_of: op must be one of the dsa operations, got 'attention'") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(tst_Registration)
#include "tst_registration.moc"
