#include "core/base/error.h"
#include "core/train/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <QTest>

#include <cmath>

using namespace sparsescope;

class tst_Optimizer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void oneParameterFollowsTheFormula();
    void groupsAreClippedApart();
    void clippingEqualsTheHost();
    void aSkippedStepChangesNothing();
    void vectorsDoNotDecay();
    void restoreRefusesAForeignState();
};

namespace {

at::Tensor parameter(std::vector<std::int64_t> shape) { return at::randn(shape).set_requires_grad(true); }

/// One step as a trainer does it; the norm before clipping.
at::Tensor step(Optimizer &optimizer, double rate, bool skip = false, const std::string &group = "main")
{
    const at::Tensor norm = optimizer.norm(group);
    optimizer.step(group, at::scalar_tensor(rate, at::kDouble), norm, at::scalar_tensor(skip ? 1.0 : 0.0, at::kFloat));
    return norm;
}

} // namespace

void tst_Optimizer::oneParameterFollowsTheFormula()
{
    at::Tensor p = parameter({2, 3});
    const double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, rate = 0.01, decay = 0.1;
    Optimizer optimizer({{"main", decay, 0.0, {{"p", p}}}}, {beta1, beta2, epsilon});
    at::Tensor expected = p.detach().to(at::kDouble).clone();
    at::Tensor m = at::zeros({2, 3}, at::kDouble), v = at::zeros({2, 3}, at::kDouble);
    for (int t = 1; t <= 5; ++t) {
        p.mutable_grad() = at::randn({2, 3});
        const at::Tensor g = p.grad().to(at::kDouble);
        m = m * beta1 + g * (1 - beta1);
        v = v * beta2 + g * g * (1 - beta2);
        expected = expected * (1 - rate * decay) -
                   (m / (1 - std::pow(beta1, t))) / ((v / (1 - std::pow(beta2, t))).sqrt() + epsilon) * rate;
        step(optimizer, rate);
    }
    QVERIFY((p.detach().to(at::kDouble) - expected).abs().max().item<double>() < 1e-6);
}

void tst_Optimizer::groupsAreClippedApart()
{
    at::Tensor a = parameter({4, 4}), b = parameter({4, 4});
    Optimizer optimizer({{"main", 0, 1.0, {{"a", a}}}, {"indexer", 0, 1.0, {{"b", b}}}}, {});
    a.mutable_grad() = at::zeros({4, 4}) + 100.0;
    b.mutable_grad() = at::zeros({4, 4}) + 0.01;
    QVERIFY(std::abs(step(optimizer, 0.0).item<double>() - 400.0) < 1e-2);
    QVERIFY(std::abs(a.grad().norm().item<double>() - 1.0) < 1e-4);
    QVERIFY(std::abs(step(optimizer, 0.0, false, "indexer").item<double>() - 0.04) < 1e-6);
    QVERIFY(std::abs(b.grad().norm().item<double>() - 0.04) <
            1e-6); // below its own limit: untouched by the other's norm
    optimizer.clearGradients();
    QVERIFY(!a.grad().defined());
    QVERIFY(!optimizer.norm("main").defined());
}

/// What the clip on the device does, worked out on the host in fp64.
void tst_Optimizer::clippingEqualsTheHost()
{
    for (const double size : {0.01, 3.0, 1000.0}) {
        at::Tensor a = parameter({7, 5}), b = parameter({3});
        Optimizer optimizer({{"main", 0, 0.5, {{"a", a}, {"b", b}}}}, {0.0, 0.0, 1.0});
        a.mutable_grad() = at::randn({7, 5}) * size;
        b.mutable_grad() = at::randn({3}) * size;
        const at::Tensor gradA = a.grad().to(at::kDouble), gradB = b.grad().to(at::kDouble);
        const double norm = std::sqrt((gradA.square().sum() + gradB.square().sum()).item<double>());
        const double factor = std::min(1.0, 0.5 / (norm + 1e-6));
        const auto expected = [&](const at::Tensor &p, const at::Tensor &grad) {
            const at::Tensor clipped = grad * factor; // without memory: g / (|g| + 1)
            return p.detach().to(at::kDouble) - clipped / (clipped.abs() + 1.0);
        };
        const at::Tensor expectedA = expected(a, gradA), expectedB = expected(b, gradB);
        QVERIFY(std::abs(step(optimizer, 1.0).item<double>() - norm) < 1e-5 * norm);
        QVERIFY((a.detach().to(at::kDouble) - expectedA).abs().max().item<double>() < 1e-6);
        QVERIFY((b.detach().to(at::kDouble) - expectedB).abs().max().item<double>() < 1e-6);
    }
}

void tst_Optimizer::aSkippedStepChangesNothing()
{
    at::Tensor p = parameter({4, 4}), v = parameter({4});
    Optimizer optimizer({{"main", 0.1, 1.0, {{"p", p}, {"v", v}}}}, {});
    const auto everything = [&] {
        std::vector<at::Tensor> all{p.detach().clone(), v.detach().clone()};
        for (const auto &[name, tensor] : optimizer.state()) {
            all.push_back(tensor.clone());
        }
        return all;
    };
    const auto gradients = [&](double last) {
        p.mutable_grad() = at::randn({4, 4});
        v.mutable_grad() = at::randn({4}) * last;
    };
    gradients(1);
    step(optimizer, 0.1);
    const std::vector<at::Tensor> before = everything();
    gradients(std::nan(""));
    QVERIFY(std::isnan(step(optimizer, 0.1, true).item<double>()));
    const std::vector<at::Tensor> after = everything();
    for (std::size_t i = 0; i < before.size(); ++i) {
        QVERIFY(before[i].equal(after[i]));
    }
}

void tst_Optimizer::vectorsDoNotDecay()
{
    at::Tensor vector = parameter({5}), matrix = parameter({5, 1});
    Optimizer optimizer({{"main", 0.5, 0.0, {{"vector", vector}, {"matrix", matrix}}}}, {});
    const at::Tensor before = vector.detach().clone(), matrixBefore = matrix.detach().clone();
    vector.mutable_grad() = at::zeros({5});
    matrix.mutable_grad() = at::zeros({5, 1});
    step(optimizer, 0.1);
    QVERIFY(vector.detach().equal(before));
    QVERIFY((matrix.detach() - matrixBefore * 0.95).abs().max().item<double>() < 1e-6);
}

void tst_Optimizer::restoreRefusesAForeignState()
{
    at::Tensor p = parameter({2, 2});
    Optimizer optimizer({{"main", 0, 0, {{"p", p}}}}, {});
    QVERIFY_EXCEPTION_THROWN(optimizer.restore({}), Failure);
    std::map<std::string, at::Tensor> state;
    for (const auto &[name, tensor] : optimizer.state()) {
        state[name] = at::zeros({7});
    }
    QVERIFY_EXCEPTION_THROWN(optimizer.restore(state), Failure);
}

QTEST_GUILESS_MAIN(tst_Optimizer)
#include "tst_optimizer.moc"
