#include "kernels/ops/plain_path.h"
#include "tests/gpu/on_card.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/Context.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/zeros.h>

#include <QtTest>

using at::Tensor;
using optest::randn;
using sparsescope::testing::equalSelections;
using sparsescope::testing::onCard;

// Selections from long rows, held to the CPU's bit for bit: by several blocks a row where rows are few, by one where they are many.
namespace {

/// Scores that a sample, a threshold or a full buffer gets wrong.
Tensor scoresOfKind(const QString &kind, at::IntArrayRef sizes)
{
    const Tensor random = randn(sizes, at::kFloat);
    const std::int64_t keys = sizes[2];
    if (kind == "plateau") {
        return random.clamp_min(0);
    }
    if (kind == "plateau on top") {
        return random.sub(1.5).clamp_max(0);
    }
    if (kind == "equal") {
        return at::full(sizes, 0.25, at::kFloat);
    }
    if (kind == "hidden") {
        return at::full(sizes, -INFINITY, at::kFloat);
    }
    if (kind == "rising") {
        return at::arange(keys, at::kFloat).expand(sizes).contiguous();
    }
    if (kind == "falling") {
        return at::arange(keys, 0, -1, at::kFloat).expand(sizes).contiguous();
    }
    if (kind == "few values") {
        return random.round();
    }
    if (kind == "denormal") {
        return random.mul(1e-41);
    }
    if (kind == "mostly nan") {
        return random.masked_fill(random < 1.9, NAN);
    }
    if (kind == "piled up") { // all that is selected stands in one place
        random.narrow(2, keys / 3, keys / 5).add_(9);
    }
    if (kind == "at the start") {
        random.narrow(2, 0, keys / 50).add_(9);
    }
    if (kind == "where samples are") { // every 512th key and a few behind it
        random.narrow(2, 0, keys / 512 * 512).view({sizes[0], sizes[1], -1, 512}).narrow(3, 0, 8).add_(9);
    }
    return random;
}

struct Size {
    std::int64_t batch, rows, keys, k, offset;
};

const Size kSizes[] = {
    {1, 3, 131072, 2048, 131069}, {1, 140, 32768, 2048, 32600}, {1, 20, 32768, 2048, 32700},
    {2, 3, 32766, 4096, 32000},   {1, 3, 8192, 8191, 8189},     {1, 34, 8192, 1, 8000},
    {1, 5, 8192, 2048, 8187},     {1, 3, 16384, 20000, 16381},  {1, 3, 70000, 9000, 69997},
};

QString nameOf(const Size &s)
{
    return QString("B %1 T %2 S %3 k %4 offset %5").arg(s.batch).arg(s.rows).arg(s.keys).arg(s.k).arg(s.offset);
}

} // namespace

class tst_LongRowsCuda : public QObject {
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
        for (const char *kind :
             {"random", "plateau", "plateau on top", "equal", "hidden", "rising", "falling", "few values", "denormal",
              "mostly nan", "piled up", "at the start", "where samples are"}) {
            QTest::addRow("%s", kind) << kind;
        }
    }

    void selectionEqualsTheCpu()
    {
        QFETCH(QString, kind);
        for (const Size &s : kSizes) {
            const Tensor scores = scoresOfKind(kind, {s.batch, s.rows, s.keys}), card = onCard(scores);
            const dsa::Selection expected = dsa::topk_select(scores, s.k, s.offset, true, true),
                                 found = dsa::topk_select(card, s.k, s.offset, true, true);
            QVERIFY2(equalSelections(found, expected), qPrintable(nameOf(s)));
            QVERIFY2(equalSelections(found, dsa::topk_select(card, s.k, s.offset, true, true)), "two runs differ");
        }
    }

    void plateausAroundTheThreshold()
    {
        for (const Size &s :
             {Size{1, 3, 8192, 2048, 8189}, {1, 40, 32768, 2048, 32728}, {1, 2, 131072, 2048, 131070}}) {
            for (const std::int64_t above : {s.k - 1, s.k, s.k + 1}) {
                const Tensor scores = at::zeros({s.batch, s.rows, s.keys}, at::kFloat);
                for (std::int64_t row = 0; row < s.rows; ++row) {
                    scores[0][row].index_fill_(0, at::randperm(s.offset, at::kLong).narrow(0, 0, above), 1.0);
                }
                const dsa::Selection found = dsa::topk_select(onCard(scores), s.k, s.offset, true, true);
                QVERIFY2(equalSelections(found, dsa::topk_select(scores, s.k, s.offset, true, true)),
                         qPrintable(nameOf(s)));
            }
        }
    }

    void rowsAtAnyAddress()
    {
        const Tensor scores = randn({1, 3, 70011}, at::kFloat), card = onCard(scores);
        for (const std::int64_t begin : {0, 1, 2, 3, 6}) {
            QVERIFY(equalSelections(dsa::topk_select(card.narrow(2, begin, 70000), 500, 69990, true, true),
                                    dsa::topk_select(scores.narrow(2, begin, 70000), 500, 69990, true, true)));
        }
    }

    void fewRowsEqualMany()
    {
        const Tensor scores = onCard(randn({1, 140, 70000}, at::kFloat));
        const dsa::Selection many = dsa::topk_select(scores, 2048, 69860, true, true),
                             few = dsa::topk_select(scores.narrow(1, 20, 5), 2048, 69880, true, true);
        QVERIFY(few.idx.equal(many.idx.narrow(1, 20, 5)) && few.bits.equal(many.bits.narrow(1, 20, 5)));
    }
};

QTEST_GUILESS_MAIN(tst_LongRowsCuda)
#include "tst_long_rows_cuda.moc"
