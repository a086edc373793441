// Longer than 400 lines: the cases of one operation, run in one process on a card.
#include "kernels/ops/attention_kernel.h"
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/plain_path.h"
#include "tests/gpu/on_card.h"
#include "tests/kernels/ops/optest.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include <QtTest>

#include <thread>

using at::Tensor;
using optest::identical;
using optest::randn;
using optest::relativeError;
using sparsescope::testing::exact;
using sparsescope::testing::onCard;

// B batch, H heads, KV key heads, T queries, S keys, D and Dv widths. The oracle is the plain path in float64 on the CPU, on the
// same rounded inputs.
namespace {

struct Size {
    std::int64_t batch, heads, keyHeads, rows, keys, width, valueWidth, offset;
};

/// One of every kernel width and the edges of tiles, groups and offsets.
const Size kSizes[] = {
    {1, 1, 1, 1, 1, 64, 64, 0},       {2, 4, 4, 64, 64, 64, 64, 0},    {2, 4, 2, 65, 65, 32, 32, 0},
    {1, 3, 1, 130, 130, 128, 128, 0}, {2, 2, 2, 63, 200, 64, 64, 137}, {1, 6, 2, 100, 300, 48, 32, 200},
    {1, 2, 2, 200, 150, 24, 16, -50}, {1, 4, 4, 70, 70, 96, 64, -7},   {1, 2, 1, 257, 257, 8, 8, 0},
    {2, 8, 8, 256, 256, 64, 64, 0},   {1, 2, 2, 300, 40, 40, 56, 10},  {1, 1, 1, 5, 1000, 64, 64, 995},
    {1, 4, 2, 192, 192, 128, 72, 0},  {0, 2, 2, 5, 5, 64, 64, 0},      {2, 2, 2, 0, 5, 64, 64, 0},
};

struct Limits {
    double output, gradient;
};

Limits limitsOf(at::ScalarType type) { return type == at::kHalf ? Limits{1e-3, 2e-3} : Limits{5e-3, 1e-2}; }

Tensor maskOfKind(const QString &kind, const Size &s)
{
    const std::array<std::int64_t, 3> sizes{s.batch, s.rows, s.keys};
    if (kind == "full") {
        return at::ones(sizes, at::kBool);
    }
    if (kind == "few") { // rows with none, one or two keys, and tiles without any
        return at::rand(sizes).lt(0.01);
    }
    if (kind == "tiles") { // whole tiles come and go, in every order
        const Tensor tiles = at::rand({s.batch, (s.rows + 63) / 64, (s.keys + 63) / 64}).lt(0.5);
        return tiles.repeat_interleave(64, 1)
            .repeat_interleave(64, 2)
            .narrow(1, 0, s.rows)
            .narrow(2, 0, s.keys)
            .contiguous();
    }
    return at::rand(sizes).lt(0.4);
}

const char *const kKinds[] = {"random", "few", "tiles", "full"};

dsa::Selection toCard(const dsa::Selection &selection)
{
    return {onCard(selection.bits), onCard(selection.bitsT), onCard(selection.count), {}};
}

QString nameOf(const Size &s)
{
    return QString("B %1 H %2 KV %3 T %4 S %5 D %6 Dv %7 offset %8")
        .arg(s.batch)
        .arg(s.heads)
        .arg(s.keyHeads)
        .arg(s.rows)
        .arg(s.keys)
        .arg(s.width)
        .arg(s.valueWidth)
        .arg(s.offset);
}

struct Inputs {
    Tensor q, k, v, weight;

    Inputs(const Size &s, at::ScalarType type)
        : q(randn({s.batch, s.heads, s.rows, s.width}, type))
        , k(randn({s.batch, s.keyHeads, s.keys, s.width}, type))
        , v(randn({s.batch, s.keyHeads, s.keys, s.valueWidth}, type))
        , weight(randn({s.batch, s.heads, s.rows, s.valueWidth}, type))
    {}
    std::vector<Tensor> card() const { return {onCard(q), onCard(k), onCard(v)}; }
    std::vector<Tensor> wide() const { return {exact(q), exact(k), exact(v)}; }
};

/// What the caching allocator hands out next is poisoned.
void poison(const Size &s)
{
    for (int i = 0; i < 4; ++i) {
        at::full(
            {std::max<std::int64_t>(1, s.batch * s.heads * std::max(s.rows, s.keys) * std::max(s.width, s.valueWidth))},
            NAN, at::TensorOptions().device(at::kCUDA));
    }
}

/// Deviation of gradient i. Where rows see one key the softmax is constant and the gradients of q and k are zero but for
/// rounding; so no less than a tenth of all gradients together is the measure.
double gradientError(const std::vector<Tensor> &found, const std::vector<Tensor> &oracle, int i)
{
    double squares = 0;
    for (const Tensor &gradient : oracle) {
        squares += gradient.square().sum().item().toDouble();
    }
    const double size = std::max(oracle[i].norm().item().toDouble(), 0.1 * std::sqrt(squares)),
                 difference = exact(found[i]).sub(oracle[i]).norm().item().toDouble();
    return std::isnan(difference) ? INFINITY : size > 0 ? difference / size : difference;
}

using Attention = std::function<std::tuple<Tensor, Tensor>(const std::vector<Tensor> &)>;

/// Outputs and gradients of `ours` against those of `oracle`, twice and on poisoned memory; what is wrong, or an empty text.
QString wrong(const Size &s, at::ScalarType type, const Attention &ours, const Attention &oracle)
{
    const Inputs in(s, type);
    const Limits limits = limitsOf(type);
    poison(s);
    const auto [o, lse] = ours(in.card());
    const auto [expectedO, expectedLse] = oracle(in.wide());
    const double errorO = relativeError(o, expectedO), errorLse = relativeError(lse, expectedLse);
    if (!(errorO <= limits.output) || !(errorLse <= 1e-5)) {
        return QString("%1: o off by %2, lse by %3").arg(nameOf(s)).arg(errorO).arg(errorLse);
    }
    const auto [oAgain, lseAgain] = ours(in.card());
    if (!identical(o, oAgain) || !identical(lse, lseAgain)) {
        return nameOf(s) + ": two forwards differ";
    }
    const auto first = [](const Attention &f) {
        return [&f](const std::vector<Tensor> &x) { return std::get<0>(f(x)); };
    };
    poison(s);
    const auto found = optest::gradients(first(ours), in.card(), in.weight),
               again = optest::gradients(first(ours), in.card(), in.weight);
    const auto expected = optest::gradients(first(oracle), in.wide(), in.weight.to(at::kDouble));
    for (int i = 0; i < 3; ++i) {
        const double error = gradientError(found, expected, i);
        if (!(error <= limits.gradient)) {
            return QString("%1: gradient of %2 off by %3").arg(nameOf(s)).arg("qkv"[i]).arg(error);
        }
        if (found[i].scalar_type() != type || !identical(found[i], again[i])) {
            return nameOf(s) + ": two backwards differ";
        }
    }
    return {};
}

} // namespace

class tst_AttentionKernelsCuda : public QObject {
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

    void selected_data() { everyTypeAndKind(); }
    void selected()
    {
        QFETCH(int, type);
        QFETCH(QString, kind);
        for (const Size &s : kSizes) {
            const dsa::Selection cpu = dsa::pack_mask(maskOfKind(kind, s), s.offset), card = toCard(cpu);
            const auto attend = [](const dsa::Selection &selection) {
                return [&selection](const std::vector<Tensor> &x) {
                    return dsa::masked_attention(x[0], x[1], x[2], selection);
                };
            };
            const Inputs in(s, static_cast<at::ScalarType>(type));
            const std::string chosen = dsa::backend_of("masked_attention", in.card()).name;
            QVERIFY2(chosen == "sm80" || chosen == "sm90", chosen.c_str());
            for (const char *kernels : {"", "sm80"}) { // what is chosen here, and what every card can run
                qputenv("SPARSESCOPE_KERNELS", kernels);
                const std::string name = dsa::backend_of("masked_attention", in.card()).name;
                const QString text = wrong(s, static_cast<at::ScalarType>(type), attend(card), attend(cpu));
                qunsetenv("SPARSESCOPE_KERNELS");
                QCOMPARE(name, *kernels ? std::string(kernels) : chosen);
                QVERIFY2(text.isEmpty(), qPrintable(QString::fromStdString(name) + ": " + text));
            }
        }
    }

    void neighboursLeaveNoTrace_data() { everyType(); }
    /// What other rows of a tile see is nothing to a row, to its last bit: else a change of the future reaches the past.
    void neighboursLeaveNoTrace()
    {
        QFETCH(int, type);
        constexpr std::int64_t kRows = 512, kFew = 24; // of 64 rows, those that come to see more
        const Tensor rows = at::arange(kRows).unsqueeze(1), keys = at::arange(kRows).unsqueeze(0);
        const Tensor others = rows.remainder(64).ge(64 - kFew), near = keys.ge(rows - 70).logical_or(keys.lt(9));
        const Tensor narrow = near.logical_and(at::rand({kRows, kRows}).lt(0.5)).logical_or(keys == rows);
        const Tensor wide = narrow.logical_or(others), same = others.logical_not().squeeze(1).nonzero().squeeze(1);
        const dsa::Selection before = toCard(dsa::pack_mask(narrow.unsqueeze(0))),
                             after = toCard(dsa::pack_mask(wide.unsqueeze(0)));
        for (const std::int64_t width : {16, 32, 64, 96, 128}) {
            for (const char *kernels : {"", "sm80"}) {
                qputenv("SPARSESCOPE_KERNELS", kernels);
                const Inputs in({1, 4, 4, kRows, kRows, width, width, 0}, static_cast<at::ScalarType>(type));
                const auto run = [&](const dsa::Selection &selection) {
                    // sharp: logits of a hundred and more
                    const Tensor q = onCard(in.q).mul(16).requires_grad_(), k = onCard(in.k), v = onCard(in.v);
                    const auto [o, lse] = dsa::masked_attention(q, k, v, selection);
                    o.backward(onCard(in.weight));
                    std::vector<Tensor> kept;
                    for (const Tensor &x : {o.detach(), lse.unsqueeze(-1), q.grad()}) {
                        kept.push_back(x.cpu().index_select(2, same));
                    }
                    return kept;
                };
                const std::vector<Tensor> expected = run(before), found = run(after);
                const std::string name = dsa::backend_of("masked_attention", in.card()).name;
                qunsetenv("SPARSESCOPE_KERNELS");
                for (int i = 0; i < 3; ++i) {
                    const std::int64_t moved = found[i].ne(expected[i]).any(-1).sum().item().toLong();
                    QVERIFY2(moved == 0, qPrintable(QString("%1, width %2: %3 of %4 rows moved")
                                                        .arg(name.c_str())
                                                        .arg(width)
                                                        .arg(moved)
                                                        .arg(QStringList{"o", "log-sum", "gradient of q"}[i])));
                }
            }
        }
    }

    void causal_data() { everyType(); }
    void causal()
    {
        QFETCH(int, type);
        for (const Size &s : kSizes) {
            const Inputs in(s, static_cast<at::ScalarType>(type));
            if (dsa::fusedDenseKind(onCard(in.q), onCard(in.k), onCard(in.v), 1, s.offset) != 0) {
                continue; // the library's
            }
            const Attention attend = [&](const std::vector<Tensor> &x) {
                return dsa::dense_attention(x[0], x[1], x[2], std::nullopt, s.offset);
            };
            const QString text = wrong(s, static_cast<at::ScalarType>(type), attend, attend);
            QVERIFY2(text.isEmpty(), qPrintable(text));
        }
        // Every visible key selected is the same as no selection, bit for bit.
        const Size s{2, 4, 2, 100, 170, 64, 64, 70};
        const std::vector<Tensor> x = Inputs(s, static_cast<at::ScalarType>(type)).card();
        const auto [o, lse] =
            dsa::masked_attention(x[0], x[1], x[2], dsa::dense_selection(s.batch, s.rows, s.keys, s.offset, at::kCUDA));
        const auto [dense, denseLse] = dsa::dense_attention(x[0], x[1], x[2], std::nullopt, s.offset);
        QVERIFY(identical(o, dense) && identical(lse, denseLse));
    }

    void scales()
    {
        const Size s{1, 2, 2, 90, 90, 32, 32, 0};
        for (const double scale : {0.5, 1e-3, 0.0, -0.5}) { // the last two take the plain path
            const dsa::Selection cpu = dsa::pack_mask(maskOfKind("random", s)), card = toCard(cpu);
            const auto attend = [scale](const dsa::Selection &selection) {
                return [&selection, scale](const std::vector<Tensor> &x) {
                    return dsa::masked_attention(x[0], x[1], x[2], selection, scale);
                };
            };
            const QString text = wrong(s, at::kBFloat16, attend(card), attend(cpu));
            QVERIFY2(text.isEmpty(), qPrintable(QString("scale %1: %2").arg(scale).arg(text)));
        }
    }

    void aGreatScoreThatIsNotSelectedDrownsNone()
    {
        const Size s{1, 2, 2, 130, 130, 64, 64, 0};
        const Inputs in(s, at::kBFloat16);
        const Tensor mask = maskOfKind("random", s);
        mask.select(2, 3).zero_();
        in.k.select(2, 3).copy_(in.q.select(2, 129).mul(100));
        const dsa::Selection cpu = dsa::pack_mask(mask), card = toCard(cpu);
        const std::vector<Tensor> x = in.card(), wide = in.wide();
        const auto [o, lse] = dsa::masked_attention(x[0], x[1], x[2], card);
        const auto [expected, expectedLse] = dsa::masked_attention(wide[0], wide[1], wide[2], cpu);
        QVERIFY(relativeError(o, expected) <= 5e-3 && relativeError(lse, expectedLse) <= 1e-5);
    }

    void noKeysAtAll()
    {
        const std::vector<Tensor> x = Inputs({1, 2, 2, 70, 0, 64, 64, 0}, at::kBFloat16).card();
        const auto [o, lse] = dsa::masked_attention(x[0], x[1], x[2], dsa::dense_selection(1, 70, 0, 0, at::kCUDA));
        QVERIFY(o.eq(0).all().item().toBool() && lse.eq(-INFINITY).all().item().toBool());
    }

    void laterTokensChangeNoEarlierRow()
    {
        for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
            const Size s{1, 4, 2, 200, 230, 64, 64, 30};
            const std::vector<Tensor> x = Inputs(s, type).card();
            const dsa::Selection selection = toCard(dsa::pack_mask(maskOfKind("random", s), s.offset));
            const auto run = [&] {
                return std::array{std::get<0>(dsa::masked_attention(x[0], x[1], x[2], selection)),
                                  std::get<0>(dsa::dense_attention(x[0], x[1], x[2], std::nullopt, s.offset))};
            };
            const auto before = run();
            for (const std::int64_t row : {1, 63, 64, 100, 199}) {
                const std::vector<Tensor> kept{x[0].clone(), x[1].clone(), x[2].clone()};
                x[0].narrow(2, row, s.rows - row).normal_();
                for (const int i : {1, 2}) {
                    x[i].narrow(2, row + s.offset, s.keys - row - s.offset).normal_();
                }
                const auto after = run();
                for (int i = 0; i < 2; ++i) {
                    QVERIFY(identical(before[i].narrow(2, 0, row), after[i].narrow(2, 0, row)) &&
                            !before[i].equal(after[i]));
                }
                for (int i = 0; i < 3; ++i) {
                    x[i].copy_(kept[i]);
                }
            }
        }
    }

    void layoutsAndBatchOrderAreOfNoMatter()
    {
        const Size s{3, 4, 2, 100, 130, 64, 32, 30};
        const std::vector<Tensor> x = Inputs(s, at::kBFloat16).card();
        const dsa::Selection selection = toCard(dsa::pack_mask(maskOfKind("random", s), s.offset));
        const Tensor weight = randn({s.batch, s.heads, s.rows, s.valueWidth}, at::kFloat);
        const auto run = [](const std::vector<Tensor> &inputs, const dsa::Selection &set, const Tensor &weights) {
            const auto f = [&](const std::vector<Tensor> &y) {
                return std::get<0>(dsa::masked_attention(y[0], y[1], y[2], set));
            };
            std::vector<Tensor> results = optest::gradients(f, inputs, weights);
            const auto [o, lse] = dsa::masked_attention(inputs[0], inputs[1], inputs[2], set);
            results.push_back(o);
            results.push_back(lse);
            return results;
        };
        const std::vector<Tensor> expected = run(x, selection, weight);
        std::vector<Tensor> transposed, odd, flipped;
        for (const Tensor &y : x) {
            transposed.push_back(y.transpose(1, 2).contiguous().transpose(1, 2)); // as projections leave them
            const Tensor wide = randn({y.size(0), y.size(1), y.size(2), y.size(3) + 3}, at::kBFloat16).to(at::kCUDA);
            wide.narrow(3, 1, y.size(3)).copy_(y);
            odd.push_back(wide.narrow(3, 1, y.size(3))); // rows off the 16 bytes
            flipped.push_back(y.flip(0));
        }
        const auto byTranspose = run(transposed, selection, weight), byCopy = run(odd, selection, weight);
        const dsa::Selection flippedSelection{
            selection.bits.flip(0), selection.bitsT.flip(0), selection.count.flip(0), {}};
        const auto byFlip = run(flipped, flippedSelection, weight.flip(0));
        // Without bitsT it is made from the bits.
        const auto byBits = run(x, {selection.bits, {}, selection.count, {}}, weight);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            QVERIFY(identical(expected[i], byTranspose[i]) && identical(expected[i], byCopy[i]) &&
                    identical(expected[i], byFlip[i].flip(0)) && identical(expected[i], byBits[i]));
        }
    }

    void whatNoKernelTakes()
    {
        const auto why = [](const Size &s, at::ScalarType type) {
            const std::vector<Tensor> x = Inputs(s, type).card();
            const dsa::Backend backend = dsa::backend_of("masked_attention", x);
            return backend.name == "aten" ? backend.why : "sm80";
        };
        QCOMPARE(why({1, 2, 2, 9, 9, 64, 64, 0}, at::kFloat), std::string("no attention kernel for float32 yet"));
        QCOMPARE(why({1, 2, 2, 9, 9, 64, 64, 0}, at::kDouble), std::string("no kernel for float64"));
        QCOMPARE(why({1, 2, 2, 9, 9, 20, 64, 0}, at::kHalf),
                 std::string("the widths of a head must be multiples of 8, up to 128"));
        QCOMPARE(why({1, 2, 2, 9, 9, 64, 136, 0}, at::kBFloat16),
                 std::string("the widths of a head must be multiples of 8, up to 128"));
        const std::vector<Tensor> x = Inputs({1, 2, 2, 70, 70, 64, 64, 0}, at::kBFloat16).card();
        const dsa::Selection selection = dsa::dense_selection(1, 70, 70, 0, at::kCUDA);
        const std::string text = optest::errorOf([&] {
            dsa::masked_attention(x[0], x[1], x[2], {selection.bits, selection.bitsT.narrow(2, 0, 69), {}, {}});
        });
        QVERIFY2(text.find("masked_attention: selection.bitsT must have size 70 in dimension 2") != std::string::npos,
                 text.c_str());
    }

    void aScopeLeavesKernelsOut()
    {
        const std::vector<Tensor> x = Inputs({1, 2, 2, 100, 100, 64, 64, 0}, at::kBFloat16).card();
        const std::string fastest = dsa::backend_of("masked_attention", x).name;
        {
            const dsa::KernelScope portable(dsa::KernelUse::Portable);
            QCOMPARE(dsa::backend_of("masked_attention", x).name, std::string("sm80"));
            {
                const dsa::KernelScope none(dsa::KernelUse::None);
                const dsa::Backend backend = dsa::backend_of("masked_attention", x);
                QCOMPARE(backend.name, std::string("aten"));
                QCOMPARE(backend.why, std::string("training.kernels is aten"));
            }
            QCOMPARE(dsa::backend_of("masked_attention", x).name, std::string("sm80"));
        }
        QCOMPARE(dsa::backend_of("masked_attention", x).name, fastest);
    }

    void aBackwardTakesWhatItsForwardMight()
    {
        const dsa::Selection selection = dsa::topk_select(onCard(randn({1, 100, 100}, at::kFloat)), 20);
        const std::vector<Tensor> x = Inputs({1, 2, 2, 100, 100, 64, 64, 0}, at::kBFloat16).card();
        const Tensor weights = onCard(randn(x[0].sizes().vec(), at::kFloat)).to(at::kBFloat16);
        const auto gradient = [&](dsa::KernelUse forward, dsa::KernelUse backward) {
            const Tensor q = x[0].detach().clone().requires_grad_(true);
            Tensor loss;
            {
                const dsa::KernelScope scope(forward);
                loss = std::get<0>(dsa::masked_attention(q, x[1], x[2], selection)).mul(weights).sum();
            }
            const dsa::KernelScope scope(backward);
            loss.backward();
            return q.grad();
        };
        const Tensor plain = gradient(dsa::KernelUse::None, dsa::KernelUse::None);
        const Tensor kernel = gradient(dsa::KernelUse::All, dsa::KernelUse::All);
        QVERIFY(!identical(plain, kernel));
        QVERIFY(identical(gradient(dsa::KernelUse::None, dsa::KernelUse::All), plain));
        QVERIFY(identical(gradient(dsa::KernelUse::All, dsa::KernelUse::None), kernel));
        dsa::KernelUse elsewhere = dsa::KernelUse::None;
        const dsa::KernelScope scope(dsa::KernelUse::Portable);
        std::thread([&] { elsewhere = dsa::usedKernels(); }).join();
        QCOMPARE(elsewhere, dsa::KernelUse::All);
    }

    void theEnvironmentForcesAten()
    {
        const std::vector<Tensor> x = Inputs({1, 2, 2, 100, 100, 64, 64, 0}, at::kBFloat16).card();
        const dsa::Selection selection = dsa::topk_select(onCard(randn({1, 100, 100}, at::kFloat)), 20);
        qputenv("SPARSESCOPE_KERNELS", "aten");
        const dsa::Backend backend = dsa::backend_of("masked_attention", x);
        const auto [o, lse] = dsa::masked_attention(x[0], x[1], x[2], selection);
        qunsetenv("SPARSESCOPE_KERNELS");
        QCOMPARE(backend.name, std::string("aten"));
        QCOMPARE(backend.why, std::string("SPARSESCOPE_KERNELS=aten is set"));
        const auto [plain, plainLse] = dsa::dispatch::plain::masked_attention(x[0], x[1], x[2], selection.bits,
                                                                              selection.bitsT, std::nullopt, true);
        QVERIFY(identical(o, plain) && identical(lse, plainLse));
    }

    void schemasTellTheTruth()
    {
        const std::vector<Tensor> x = Inputs({2, 4, 2, 70, 90, 32, 16, 20}, at::kBFloat16).card();
        const dsa::Selection selection = dsa::dense_selection(2, 70, 90, 20, at::kCUDA);
        for (const std::string &wrong :
             {optest::checkSchema("dsa::masked_attention",
                                  {x[0], x[1], x[2], selection.bits, selection.bitsT, c10::IValue(), true}),
              optest::checkSchema("dsa::masked_attention",
                                  {x[0], x[1], x[2], selection.bits, c10::IValue(), 0.3, true}),
              optest::checkSchema("dsa::dense_attention", {x[0], x[1], x[2], c10::IValue(), 20})}) {
            QVERIFY2(wrong.empty(), wrong.c_str());
        }
    }

    void noArrayOfAllScoresExists()
    {
#ifdef SPARSESCOPE_HAS_KERNELS
        namespace allocator = c10::cuda::CUDACachingAllocator;
        const std::int64_t batch = 2, heads = 4, rows = 1024, width = 64;
        const Tensor q = onCard(randn({batch, heads, rows, width}, at::kBFloat16)).requires_grad_();
        const dsa::Selection selection = dsa::topk_select(onCard(randn({batch, rows, rows}, at::kFloat)), 300);
        const auto before = allocator::getDeviceStats(0).allocated_bytes[0].current;
        allocator::resetPeakStats(0);
        std::get<0>(dsa::masked_attention(q, q, q, selection)).sum().backward();
        const auto used = allocator::getDeviceStats(0).allocated_bytes[0].peak - before;
        QVERIFY2(used < batch * heads * rows * width * 2 * 12,
                 qPrintable(QString::number(used))); // a dozen tensors like q; all scores are 32
#endif
    }

    void littleSpills_data() { everyType(); }
    /// A few values that no loop changes may lie in local memory: measured, another block on a multiprocessor is worth more.
    void littleSpills()
    {
        QFETCH(int, type);
        for (const std::int64_t width : {32, 64, 128}) {
            const std::vector<Tensor> x =
                Inputs({1, 1, 1, 1, 1, width, width, 0}, static_cast<at::ScalarType>(type)).card();
            for (const dsa::KernelReport &report :
                 {dsa::attentionKernel(x[0], x[1], x[2]), dsa::attentionGradientKernel(x[0], x[1], x[2])}) {
                qInfo("%s: %d registers, %d bytes spilled, %d shared", report.why.c_str(), report.registers,
                      static_cast<int>(report.spilledBytes), static_cast<int>(report.sharedBytes));
                QVERIFY2(report.runs && report.spilledBytes <= 32, report.why.c_str());
            }
        }
    }

private:
    static void everyType()
    {
        QTest::addColumn<int>("type");
        for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
            QTest::addRow("%s", c10::toString(type)) << static_cast<int>(type);
        }
    }
    static void everyTypeAndKind()
    {
        QTest::addColumn<int>("type");
        QTest::addColumn<QString>("kind");
        for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
            for (const char *kind : kKinds) {
                QTest::addRow("%s %s", c10::toString(type), kind) << static_cast<int>(type) << kind;
            }
        }
    }
};

QTEST_GUILESS_MAIN(tst_AttentionKernelsCuda)
#include "tst_attention_kernels_cuda.moc"
