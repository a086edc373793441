#include "core/model/mixture_of_experts.h"
#include "core/model/transformer.h"
#include "tests/core/model/small_models.h"
#include "tests/truth/truth_support.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <QtTest>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

using at::Tensor;
using namespace sparsescope;
using sparsescope::testing::randomNumbers;

// N tokens, D model width, E experts, R experts a token
namespace {

struct Bench {
    ModelOptions options;
    Parameters parameters;
    std::unique_ptr<MixtureOfExperts> layer;
    Tensor x;

    Bench(MoeOptions moe, std::uint64_t seed)
    {
        options = sparsescope::testing::smallOptions("classic");
        options.moe = moe;
        layer = std::make_unique<MixtureOfExperts>(options, parameters, "mlp.");
        parameters.convertTo(at::kDouble);
        const c10::NoGradGuard noGrad;
        std::uint64_t number = seed;
        for (const Parameters::Entry &entry : parameters.entries()) {
            const double size = entry.trainable ? 0.3 : 0.2;
            entry.tensor.copy_(randomNumbers(entry.tensor.sizes().vec(), ++number) * size);
        }
        x = randomNumbers({3, 7, options.dModel}, ++number);
    }

    Tensor weight(const std::string &name) const { return parameters.find("mlp." + name)->tensor; }
};

/// SPEC section 6 one token and one expert at a time, in plain numbers as far as choices go.
Tensor naive(const Bench &bench, const Tensor &x, std::vector<double> *loads = nullptr)
{
    const MoeOptions &moe = bench.options.moe;
    const Tensor tokens = x.reshape({-1, x.size(-1)});
    std::vector<Tensor> rows;
    for (std::int64_t n = 0; n < tokens.size(0); ++n) {
        const Tensor token = tokens[n];
        const Tensor s = at::linear(token, bench.weight("gate.weight")).sigmoid();
        std::vector<double> a(moe.nExperts);
        for (int e = 0; e < moe.nExperts; ++e) {
            a[e] = s[e].item<double>() + bench.weight("gate.e_score_correction_bias")[e].item<double>();
        }
        const int perGroup = moe.nExperts / moe.nGroups;
        std::vector<std::pair<double, int>> groups;
        for (int g = 0; g < moe.nGroups; ++g) {
            std::vector<double> inside(a.begin() + g * perGroup, a.begin() + (g + 1) * perGroup);
            std::sort(inside.rbegin(), inside.rend());
            groups.emplace_back(inside[0] + (perGroup > 1 ? inside[1] : 0.0), g);
        }
        std::sort(groups.rbegin(), groups.rend());
        std::vector<std::pair<double, int>> open;
        for (int g = 0; g < moe.topGroups; ++g) {
            for (int e = 0; e < perGroup; ++e) {
                open.emplace_back(a[groups[g].second * perGroup + e], groups[g].second * perGroup + e);
            }
        }
        std::sort(open.rbegin(), open.rend());
        Tensor sum;
        for (int r = 0; r < moe.expertsPerToken; ++r) {
            sum = sum.defined() ? sum + s[open[r].second] : s[open[r].second];
        }
        Tensor y;
        for (int r = 0; r < moe.expertsPerToken; ++r) {
            const int e = open[r].second;
            Tensor g = s[e];
            g = (moe.normaliseTopK ? g / (sum + 1e-20) : g) * moe.scale;
            const Tensor gateUp = at::linear(token, bench.weight("experts.gate_up_proj")[e]);
            const Tensor inner =
                at::silu(gateUp.narrow(0, 0, moe.dExpert)) * gateUp.narrow(0, moe.dExpert, moe.dExpert);
            const Tensor part = g * at::linear(inner, bench.weight("experts.down_proj")[e]);
            y = y.defined() ? y + part : part;
            if (loads) {
                (*loads)[e] += 1;
            }
        }
        if (moe.nShared > 0) {
            const Tensor inner = at::silu(at::linear(token, bench.weight("shared_experts.gate_proj.weight"))) *
                                 at::linear(token, bench.weight("shared_experts.up_proj.weight"));
            y = y + at::linear(inner, bench.weight("shared_experts.down_proj.weight"));
        }
        rows.push_back(y);
    }
    return at::stack(rows).view(x.sizes());
}

} // namespace

class tst_MixtureOfExperts : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalsTheLoop_data();
    void equalsTheLoop();
    void biasMovesAgainstTheLoad();
    void biasMovesChoicesNotWeights();
    void loadsAreCountedOnlyInTraining();
};

void tst_MixtureOfExperts::equalsTheLoop_data()
{
    QTest::addColumn<int>("experts");
    QTest::addColumn<int>("chosen");
    QTest::addColumn<int>("shared");
    QTest::addColumn<int>("groups");
    QTest::addColumn<int>("kept");
    QTest::addColumn<double>("scale");
    QTest::addColumn<bool>("normalise");
    QTest::newRow("few experts") << 4 << 2 << 1 << 1 << 1 << 1.0 << true;
    QTest::newRow("every expert") << 3 << 3 << 1 << 1 << 1 << 1.5 << true;
    QTest::newRow("one expert") << 1 << 1 << 0 << 1 << 1 << 1.0 << true;
    QTest::newRow("sorted by expert") << 12 << 2 << 1 << 1 << 1 << 2.5 << true;
    QTest::newRow("sorted, raw weights") << 12 << 3 << 2 << 1 << 1 << 1.0 << false;
    QTest::newRow("groups") << 12 << 3 << 1 << 4 << 2 << 2.5 << true;
    QTest::newRow("groups, few experts") << 4 << 2 << 1 << 2 << 1 << 2.5 << true;
    QTest::newRow("more experts than pairs") << 64 << 1 << 0 << 8 << 1 << 1.0 << true;
}

void tst_MixtureOfExperts::equalsTheLoop()
{
    QFETCH(int, experts);
    QFETCH(int, chosen);
    QFETCH(int, shared);
    QFETCH(int, groups);
    QFETCH(int, kept);
    QFETCH(double, scale);
    QFETCH(bool, normalise);
    Bench bench({experts, chosen, 10, shared, groups, kept, scale, normalise, 0}, 100 + experts);
    bench.x.set_requires_grad(true);
    const Tensor direction = randomNumbers(bench.x.sizes().vec(), 999);

    std::vector<double> loads(experts);
    const Tensor expected = naive(bench, bench.x, &loads);
    (expected * direction).sum().backward();
    std::map<std::string, Tensor> gradients;
    for (const Parameters::Entry &entry : bench.parameters.entries()) {
        gradients[entry.name] = entry.tensor.grad().defined() ? entry.tensor.grad().clone() : Tensor();
        entry.tensor.mutable_grad() = Tensor();
    }
    const Tensor inputGradient = bench.x.grad().clone();
    bench.x.mutable_grad() = Tensor();

    RouterTrace trace;
    const Tensor found = bench.layer->forward(bench.x, true, &trace);
    TRUTH_CLOSE("output", found, expected, 1e-10, 1e-12);
    QCOMPARE(trace.experts.sizes().vec(), (std::vector<std::int64_t>{21, chosen}));
    (found * direction).sum().backward();
    TRUTH_CLOSE("d/dx", bench.x.grad(), inputGradient, 1e-10, 1e-12);
    for (const Parameters::Entry &entry : bench.parameters.entries()) {
        if (!entry.trainable) {
            QVERIFY2(!entry.tensor.grad().defined(), entry.name.c_str());
        } else if (gradients[entry.name].defined()) {
            TRUTH_CLOSE("d/d" + entry.name, entry.tensor.grad(), gradients[entry.name], 1e-10, 1e-12);
        } else {
            QFAIL(entry.name.c_str());
        }
    }

    // The loads that the bias update sees are those of the loop.
    const double mean = std::accumulate(loads.begin(), loads.end(), 0.0) / experts;
    const Tensor before = bench.weight("gate.e_score_correction_bias").clone();
    bench.layer->updateBias(0.5);
    const Tensor moved = bench.weight("gate.e_score_correction_bias") - before;
    for (int e = 0; e < experts; ++e) {
        const double sign = loads[e] < mean ? 1.0 : (loads[e] > mean ? -1.0 : 0.0);
        QVERIFY(std::abs(moved[e].item<double>() - 0.5 * sign) < 1e-12);
    }
    QCOMPARE(bench.layer->imbalance().item<double>(), *std::max_element(loads.begin(), loads.end()) / mean);
}

void tst_MixtureOfExperts::biasMovesAgainstTheLoad()
{
    Bench bench({4, 1, 10, 0, 1, 1, 1.0, true, 0}, 7);
    // An expert that wins everything loses its lead step by step, over two batches a step.
    const c10::NoGradGuard noGrad;
    bench.weight("gate.e_score_correction_bias")
        .copy_(at::stack({bench.x.new_full({}, 3.0), bench.x.new_full({}, 0.0), bench.x.new_full({}, 0.0),
                          bench.x.new_full({}, 0.0)}));
    double first = 0, last = 0;
    for (int step = 0; step < 60; ++step) {
        bench.layer->forward(bench.x, true, nullptr);
        bench.layer->forward(bench.x, true, nullptr);
        bench.layer->updateBias(0.05);
        last = bench.layer->imbalance().item<double>();
        first = step == 0 ? last : first;
    }
    QCOMPARE(first, 4.0);
    QVERIFY(last < 2.5);
}

void tst_MixtureOfExperts::biasMovesChoicesNotWeights()
{
    Bench bench({4, 2, 10, 0, 1, 1, 1.0, false, 0}, 8);
    const c10::NoGradGuard noGrad;
    RouterTrace trace;
    bench.weight("gate.e_score_correction_bias").fill_(12.0);
    bench.layer->forward(bench.x, false, &trace);
    const Tensor s = trace.logits.sigmoid().gather(1, trace.experts);
    QVERIFY(at::equal(trace.weights, s));
}

void tst_MixtureOfExperts::loadsAreCountedOnlyInTraining()
{
    Transformer model(sparsescope::testing::smallOptions("classic"));
    const Tensor ids = sparsescope::testing::randomTokens(2, 9, 61, 1);
    const c10::NoGradGuard noGrad;
    const Tensor bias = model.parameters().find("model.layers.1.mlp.gate.e_score_correction_bias")->tensor;
    model.forward(ids);
    model.updateRouterBias(0.1);
    QVERIFY(at::equal(bias, bias.new_zeros({4})));
    QCOMPARE(model.maxExpertLoad(), 0.0);
    model.setTraining(true);
    model.forward(ids);
    model.updateRouterBias(0.1);
    QVERIFY(!at::equal(bias, bias.new_zeros({4})));
    QVERIFY(model.maxExpertLoad() >= 1.0);
    const Tensor after = bias.clone();
    model.updateRouterBias(0.1);
    QVERIFY2(at::equal(bias, after), "an update clears the loads");
}

QTEST_GUILESS_MAIN(tst_MixtureOfExperts)
#include "tst_mixture_of_experts.moc"
