#include "kernels/ops/packing.h"
#include "kernels/ops/reference.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>

#include <QtTest>

#include <numeric>

using at::Tensor;

// B batch, T queries, S keys
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The rule in plain loops: scores descending, then the lower key, -0 as +0, NaN last; only s <= t + offset.
Tensor bruteForce(const Tensor &scores, std::int64_t k, std::int64_t offset)
{
    const Tensor wide = scores.to(at::kDouble).contiguous();
    const std::int64_t batch = wide.size(0), rows = wide.size(1), keys = wide.size(2);
    Tensor mask = at::zeros({batch, rows, keys}, at::kBool);
    for (std::int64_t row = 0; row < batch * rows; ++row) {
        const double *line = wide.const_data_ptr<double>() + row * keys;
        std::vector<std::int64_t> order(std::clamp<std::int64_t>(row % rows + offset + 1, 0, keys));
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
            if (std::isnan(line[a]) || std::isnan(line[b])) {
                return !std::isnan(line[a]) && std::isnan(line[b]);
            }
            return line[a] > line[b];
        });
        for (std::int64_t i = 0; i < std::min<std::int64_t>(k, order.size()); ++i) {
            mask.mutable_data_ptr<bool>()[row * keys + order[i]] = true;
        }
    }
    return mask;
}

/// Everything a Selection says, against the mask it should say.
QString disagreement(const dsa::Selection &selection, const Tensor &mask, std::int64_t slots)
{
    const std::int64_t batch = mask.size(0), rows = mask.size(1), keys = mask.size(2);
    const auto bit = [](const at::TensorAccessor<std::int64_t, 3> &words, std::int64_t b, std::int64_t row,
                        std::int64_t column, std::int64_t position) {
        return static_cast<std::uint64_t>(words[b][row][column]) >> position & 1u;
    };
    const Tensor plain = mask.contiguous();
    const auto expected = plain.accessor<bool, 3>();
    const auto bits = selection.bits.accessor<std::int64_t, 3>(), bitsT = selection.bitsT.accessor<std::int64_t, 3>();
    const auto count = selection.count.accessor<std::int32_t, 2>();
    const Tensor noIdx = at::zeros({0, 0, 0}, at::kInt);
    const auto idx = (selection.idx.defined() ? selection.idx : noIdx).accessor<std::int32_t, 3>();
    for (std::int64_t b = 0; b < batch; ++b) {
        for (std::int64_t t = 0; t < rows; ++t) {
            std::vector<std::int64_t> set;
            for (std::int64_t s = 0; s < keys; ++s) {
                const bool in = expected[b][t][s];
                if (in) {
                    set.push_back(s);
                }
                if (bit(bits, b, t, s / 64, s % 64) != in || bit(bitsT, b, t / 64, s, t % 64) != in) {
                    return QString("bit of b %1 t %2 s %3").arg(b).arg(t).arg(s);
                }
            }
            if (count[b][t] != static_cast<int>(set.size())) {
                return QString("count of b %1 t %2").arg(b).arg(t);
            }
            set.resize(slots, -1);
            for (std::int64_t i = 0; selection.idx.defined() && i < slots; ++i) {
                if (idx[b][t][i] != set[i]) {
                    return QString("index %1 of b %2 t %3").arg(i).arg(b).arg(t);
                }
            }
        }
    }
    // Bits behind the last key or query stay clear.
    if (keys % 64 != 0 && rows > 0 &&
        selection.bits.select(2, keys / 64).bitwise_right_shift(keys % 64).any().item().toBool()) {
        return "a bit behind the last key is set";
    }
    if (rows % 64 != 0 && keys > 0 &&
        selection.bitsT.select(1, rows / 64).bitwise_right_shift(rows % 64).any().item().toBool()) {
        return "a bit behind the last query is set";
    }
    return {};
}

Tensor awkwardScores(std::int64_t batch, std::int64_t rows, std::int64_t keys, int kind, at::ScalarType type)
{
    Tensor scores = optest::randn({batch, rows, keys});
    if (kind == 1) {
        scores = scores.clamp_min(0); // a plateau of exact zeros
    } else if (kind == 2) {
        scores = at::zeros({batch, rows, keys}, at::kDouble);
    } else if (kind == 3) {
        scores = at::tensor({0.0, -0.0, 1.0, -1.0}, at::kDouble).index({at::randint(4, {batch, rows, keys})});
    } else if (kind == 4) {
        scores = at::tensor({-kInf, kInf, kNan, 1e-40, -1e-40, 5.0, 0.0, -0.0}, at::kDouble)
                     .index({at::randint(8, {batch, rows, keys})});
    } else if (kind == 5) {
        scores = at::full({batch, rows, keys}, kNan, at::kDouble);
    }
    return scores.to(type);
}

} // namespace

class tst_Selection : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void topk_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("keys");
        QTest::addColumn<int>("k");
        QTest::addColumn<int>("offset");
        struct Size {
            int rows, keys, k, offset;
        };
        for (const Size &s : {Size{1, 1, 1, 0},
                              {5, 5, 1, 0},
                              {63, 63, 7, 0},
                              {64, 64, 16, 0},
                              {65, 65, 64, 0},
                              {100, 100, 99, 0},
                              {100, 100, 100, 0},
                              {40, 40, 1000, 0},
                              {3, 70, 9, 67},
                              {6, 10, 4, -3},
                              {10, 3, 2, 5},
                              {4, 130, 129, 126},
                              {1, 64, 5, 63}}) {
            QTest::addRow("T %d S %d k %d offset %d", s.rows, s.keys, s.k, s.offset)
                << s.rows << s.keys << s.k << s.offset;
        }
    }

    void topk()
    {
        QFETCH(int, rows);
        QFETCH(int, keys);
        QFETCH(int, k);
        QFETCH(int, offset);
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
            for (int kind = 0; kind < 6; ++kind) {
                const Tensor scores = awkwardScores(2, rows, keys, kind, type);
                const Tensor expected = bruteForce(scores, k, offset);
                const dsa::Selection selection = dsa::topk_select(scores, k, offset, true, true);
                const QString wrong = disagreement(selection, expected, k);
                QVERIFY2(wrong.isEmpty(), qPrintable(QString("kind %1: %2").arg(kind).arg(wrong)));
                QVERIFY(dsa::unpack_mask(selection, keys).equal(expected));
                QVERIFY2(dsa::reference::topkMask(scores, k, 0, offset).equal(expected),
                         "the plain path chooses other keys");
            }
        }
    }

    void notContiguousScores()
    {
        const Tensor scores = optest::randn({2, 33, 20}, at::kFloat).transpose(1, 2);
        QVERIFY(dsa::unpack_mask(dsa::topk_select(scores, 5, 13), 33).equal(bruteForce(scores, 5, 13)));
    }

    void lowPrecisionScores()
    {
        const Tensor scores = optest::randn({1, 40, 40}, at::kBFloat16);
        QVERIFY(dsa::unpack_mask(dsa::topk_select(scores, 6), 40).equal(bruteForce(scores, 6, 0)));
    }

    void onlyWhatIsWanted()
    {
        const Tensor scores = optest::randn({1, 6, 6}, at::kFloat);
        const dsa::Selection selection = dsa::topk_select(scores, 2, 0, false, true);
        QVERIFY(!selection.bits.defined() && !selection.bitsT.defined() && selection.idx.defined());
        QVERIFY(selection.count.equal(at::tensor({1, 2, 2, 2, 2, 2}, at::kInt).unsqueeze(0)));
        QVERIFY(!dsa::topk_select(scores, 2).idx.defined());
    }

    void chunksChangeNothing()
    {
        const Tensor scores = awkwardScores(2, 200, 200, 1, at::kFloat);
        const dsa::Selection whole = dsa::topk_select(scores, 20, 0, true, true);
        dsa::reference::setChunkBytes(1);
        const dsa::Selection parts = dsa::topk_select(scores, 20, 0, true, true);
        dsa::reference::setChunkBytes(0);
        QVERIFY(whole.bits.equal(parts.bits) && whole.bitsT.equal(parts.bitsT) && whole.count.equal(parts.count) &&
                whole.idx.equal(parts.idx));
    }

    void packAndUnpack_data() { topk_data(); }

    void packAndUnpack()
    {
        QFETCH(int, rows);
        QFETCH(int, keys);
        QFETCH(int, offset);
        const Tensor mask = at::rand({3, rows, keys}).lt(0.6);
        const Tensor seen = bruteForce(at::zeros({3, rows, keys}), keys, offset).logical_and(mask);
        const dsa::Selection selection = dsa::pack_mask(mask, offset, true);
        const QString wrong = disagreement(selection, seen, keys);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
        QVERIFY(dsa::unpack_mask(selection, keys).equal(seen));
        const dsa::PackedMask plain = dsa::plainPackMask(mask, offset);
        QVERIFY(plain.bits.equal(selection.bits) && plain.bitsT.equal(selection.bitsT) &&
                plain.count.equal(selection.count));
    }

    void signBit()
    {
        const dsa::Selection selection = dsa::pack_mask(at::full({1, 64, 64}, true, at::kBool), 63);
        QVERIFY(selection.bits.eq(-1).all().item().toBool() && selection.bitsT.eq(-1).all().item().toBool());
    }

    void denseSelection()
    {
        for (const std::int64_t offset : {0, 7, -4}) {
            const dsa::Selection selection = dsa::dense_selection(2, 70, 77, offset, at::kCPU);
            const QString wrong = disagreement(selection, bruteForce(at::zeros({2, 70, 77}), 77, offset), 0);
            QVERIFY2(wrong.isEmpty(), qPrintable(wrong));
        }
    }

    void zeroBatch()
    {
        const dsa::Selection selection = dsa::topk_select(at::zeros({0, 5, 9}), 3, 0, true, true);
        QCOMPARE(selection.bits.numel() + selection.bitsT.numel() + selection.count.numel() + selection.idx.numel(), 0);
        QCOMPARE(dsa::pack_mask(at::zeros({2, 0, 9}, at::kBool)).count.numel(), 0);
    }

    void indexSelect()
    {
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
            for (const std::int64_t offset : {0, 30, -5}) {
                const std::int64_t rows = 70, keys = 70 + std::max<std::int64_t>(offset, 0);
                const Tensor q = optest::randn({2, rows, 3, 8}, type), k = optest::randn({2, keys, 8}, type),
                             w = optest::randn({2, rows, 3}, type);
                const Tensor scores = dsa::index_scores(q, k, w, offset);
                const auto [selection, tau, lse] = dsa::index_select(q, k, w, 9, offset, true, true);
                const Tensor mask = bruteForce(scores, 9, offset);
                QVERIFY(dsa::unpack_mask(selection, keys).equal(mask));
                QVERIFY(selection.idx.equal(dsa::topk_select(scores, 9, offset, false, true).idx));
                const Tensor hidden = mask.logical_not();
                QVERIFY(tau.equal(scores.masked_fill(hidden, kInf).amin(-1)));
                QVERIFY(optest::relativeError(lse, scores.masked_fill(hidden, -kInf).to(at::kDouble).logsumexp(-1)) <
                        1e-6);
                dsa::reference::setChunkBytes(1);
                const auto [parts, tauParts, lseParts] = dsa::index_select(q, k, w, 9, offset);
                dsa::reference::setChunkBytes(0);
                QVERIFY(parts.bits.equal(selection.bits) && parts.bitsT.equal(selection.bitsT));
            }
        }
    }

    void laterTokensChangeNoEarlierRow()
    {
        Tensor q = optest::randn({1, 80, 4, 16}, at::kFloat), k = optest::randn({1, 80, 16}, at::kFloat),
               w = optest::randn({1, 80, 4}, at::kFloat);
        const auto [before, tau, lse] = dsa::index_select(q, k, w, 10);
        const std::int64_t t = 40;
        k.narrow(1, t, 80 - t).normal_();
        q.narrow(1, t, 80 - t).normal_();
        const auto [after, tauAfter, lseAfter] = dsa::index_select(q, k, w, 10);
        QVERIFY(optest::identical(before.bits.narrow(1, 0, t), after.bits.narrow(1, 0, t)));
        QVERIFY(optest::identical(tau.narrow(1, 0, t), tauAfter.narrow(1, 0, t)) &&
                optest::identical(lse.narrow(1, 0, t), lseAfter.narrow(1, 0, t)));
        QVERIFY(!before.bits.equal(after.bits));
    }
};

QTEST_GUILESS_MAIN(tst_Selection)
#include "tst_selection.moc"
