#include "core/model/transformer.h"
#include "core/train/autocast.h"
#include "tests/core/model/small_models.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/where.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include <cmath>
#include <limits>

using at::Tensor;
using namespace sparsescope;
using sparsescope::testing::families;
using sparsescope::testing::randomTokens;
using sparsescope::testing::smallOptions;

namespace {

constexpr std::int64_t kWindows = 32, kTokens = 1024;

/// SPARSESCOPE_REPEATS asks for more than a test of every day does.
int repeats()
{
    bool isNumber = false;
    const int asked = qEnvironmentVariableIntValue("SPARSESCOPE_REPEATS", &isNumber);
    return isNumber ? asked : 12;
}

/// Long rows, sharp attention and sharp scores: where one bit differs, soon everything does.
ModelOptions optionsOf(const std::string &family)
{
    ModelOptions options = smallOptions(family, 32);
    options.dModel = 64;
    options.headDim = 16;
    options.rotaryDim = 8;
    options.qkNopeHeadDim = options.qkRopeHeadDim = options.vHeadDim = 16;
    options.kvLoraRank = options.kvLoraRank ? 32 : 0;
    options.indexHeadDim = options.indexHeads ? 32 : 0;
    options.dFf = 128;
    options.moe = {};
    options.ropeTheta = 100;
    return options;
}

/// Fills what the allocator has free, so that a read of what nobody wrote shows.
void poison(int round)
{
    const float values[] = {std::numeric_limits<float>::quiet_NaN(), 3e38f, -3e38f, 0.25f, INFINITY, -INFINITY};
    const at::TensorOptions place = at::TensorOptions().device(at::kCUDA).dtype(at::kFloat);
    std::vector<Tensor> blocks;
    for (const auto &[count, kib] : {std::pair{400, 4}, {100, 256}, {30, 4096}, {12, 65536}}) {
        for (int i = 0; i < count; ++i) {
            blocks.push_back(at::full({kib * 256}, values[(round + i) % 6], place));
        }
    }
}

struct Seen {
    std::vector<std::pair<std::string, Tensor>> parts; ///< in the order in which they come to be
};

Seen seenOf(Transformer &model, const Tensor &ids, bool sparse, bool bf16)
{
    AutocastScope autocast(bf16);
    std::vector<AttentionTrace> traces;
    std::vector<Tensor> hidden;
    ForwardOptions options;
    options.sparse = sparse;
    options.trace = &traces;
    options.hidden = &hidden;
    const Tensor logits = model.forward(ids, options).logits;
    Seen seen;
    const auto add = [&](const std::string &name, const Tensor &x) {
        if (x.defined()) {
            seen.parts.emplace_back(name, x);
        }
    };
    for (std::size_t layer = 0; layer < traces.size(); ++layer) {
        const AttentionTrace &trace = traces[layer];
        const std::string at = "layer " + std::to_string(layer) + ", ";
        add(at + "input", hidden[layer]);
        add(at + "q", trace.q.transpose(1, 2)); // rows first
        add(at + "k", trace.k.transpose(1, 2));
        if (trace.index.defined()) {
            add(at + "index q", trace.index.q);
            add(at + "index k", trace.index.k);
            add(at + "index w", trace.index.w);
        }
        if (trace.selection.bits.defined()) {
            add(at + "tau", trace.tau);
            add(at + "bits", trace.selection.bits);
        }
        add(at + "log-sum", trace.lse.transpose(1, 2));
    }
    add("last hidden", hidden.back());
    add("logits", logits);
    return seen;
}

/// Where `other` first differs from `one` at positions 0 .. last [B,1]; empty where nowhere.
std::string difference(const Seen &one, const Seen &other, const Tensor &last)
{
    const Tensor earlier = at::arange(kTokens, last.options()).unsqueeze(0) <= last; // [B,T]
    for (std::size_t i = 0; i < one.parts.size(); ++i) {
        const auto &[name, x] = one.parts[i];
        const Tensor differs = (other.parts[i].second != x).flatten(2 < x.dim() ? 2 : 1, -1);
        const Tensor rows = (differs.dim() > 2 ? differs.any(-1) : differs).logical_and(earlier);
        const std::int64_t count = rows.sum().item<std::int64_t>();
        if (count > 0) {
            const Tensor first = rows.nonzero()[0];
            return name + " of " + std::to_string(count) + " rows, first window " +
                   std::to_string(first[0].item<std::int64_t>()) + ", token " +
                   std::to_string(first[1].item<std::int64_t>());
        }
    }
    return {};
}

} // namespace

/// The same tokens give the same bits, whatever lies in the memory that is taken; so do the tokens before a change.
class tst_RepeatsCuda : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void forward_data();
    void forward();
};

void tst_RepeatsCuda::initTestCase()
{
    if (!at::hasCUDA()) {
        QSKIP("no CUDA device here");
    }
}

void tst_RepeatsCuda::forward_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<bool>("sparse");
    QTest::addColumn<bool>("bf16");
    for (const std::string &family : families()) {
        for (const bool sparse : {false, true}) {
            for (const bool bf16 : {false, true}) {
                if (!sparse || family.find("sparse") != std::string::npos) {
                    QTest::addRow("%s, %s, %s", family.c_str(), sparse ? "selected" : "dense", bf16 ? "bf16" : "fp32")
                        << QString::fromStdString(family) << sparse << bf16;
                }
            }
        }
    }
}

void tst_RepeatsCuda::forward()
{
    QFETCH(QString, family);
    QFETCH(bool, sparse);
    QFETCH(bool, bf16);
    const c10::NoGradGuard noGrad;
    Transformer model(optionsOf(family.toStdString()));
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        if (entry.name.find("q_proj") != std::string::npos || entry.name.find("q_b_proj") != std::string::npos) {
            entry.tensor.mul_(6);
        }
    }
    model.parameters().moveTo(at::kCUDA);
    const int vocabulary = model.options().vocabulary;
    const Tensor ids = randomTokens(kWindows, kTokens, vocabulary, 7).to(at::kCUDA);
    const Tensor all = at::full({kWindows, 1}, kTokens - 1, ids.options());
    const Seen expected = seenOf(model, ids, sparse, bf16);
    QVERIFY(expected.parts.size() > 4);
    // What is compared here can differ: another last token does.
    Tensor otherLast = ids.clone();
    otherLast.select(1, kTokens - 1).add_(1).remainder_(vocabulary);
    QVERIFY(!difference(expected, seenOf(model, otherLast, sparse, bf16), all).empty());
    QStringList failures;
    for (int round = 0; round < repeats() && failures.size() < 5; ++round) {
        poison(round);
        if (const std::string where = difference(expected, seenOf(model, ids, sparse, bf16), all); !where.empty()) {
            failures << QString("round %1, the same tokens: %2").arg(round).arg(where.c_str());
        }
        const Tensor last = randomTokens(kWindows, 1, kTokens - 1, 100 + round).to(at::kCUDA);
        const Tensor other =
            at::remainder(ids + 1 + randomTokens(kWindows, kTokens, vocabulary - 1, round).to(at::kCUDA), vocabulary);
        const Tensor changed = at::where(at::arange(kTokens, ids.options()).unsqueeze(0) > last, other, ids);
        if (const std::string where = difference(expected, seenOf(model, changed, sparse, bf16), last);
            !where.empty()) {
            failures << QString("round %1, other tokens behind: %2").arg(round).arg(where.c_str());
        }
    }
    QVERIFY2(failures.isEmpty(), qPrintable(failures.join("\n")));
}

QTEST_GUILESS_MAIN(tst_RepeatsCuda)
#include "tst_repeats_cuda.moc"
