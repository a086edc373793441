#include "core/base/error.h"
#include "core/train/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <QTest>

#include <cmath>

using namespace sparsescope;

class tst_Optimizer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void oneParameterFollowsTheFormula();
    void groupsAreClippedApart();
    void vectorsDoNotDecay();
    void restoreRefusesAForeignState();
};

namespace {

at::Tensor parameter(std::vector<std::int64_t> shape) { return at::randn(shape).set_requires_grad(true); }

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
        optimizer.step("main", rate);
    }
    QVERIFY((p.detach().to(at::kDouble) - expected).abs().max().item<double>() < 1e-6);
}

void tst_Optimizer::groupsAreClippedApart()
{
    at::Tensor a = parameter({4, 4}), b = parameter({4, 4});
    Optimizer optimizer({{"main", 0, 1.0, {{"a", a}}}, {"indexer", 0, 1.0, {{"b", b}}}}, {});
    a.mutable_grad() = at::zeros({4, 4}) + 100.0;
    b.mutable_grad() = at::zeros({4, 4}) + 0.01;
    QVERIFY(std::abs(optimizer.step("main", 0.0).item<double>() - 400.0) < 1e-2);
    QVERIFY(std::abs(a.grad().norm().item<double>() - 1.0) < 1e-4);
    QVERIFY(std::abs(optimizer.step("indexer", 0.0).item<double>() - 0.04) < 1e-6);
    QVERIFY(std::abs(b.grad().norm().item<double>() - 0.04) <
            1e-6); // below its own limit: untouched by the other's norm
    optimizer.clearGradients();
    QVERIFY(!a.grad().defined());
    QVERIFY(!optimizer.step("main", 0.1).defined());
}

void tst_Optimizer::vectorsDoNotDecay()
{
    at::Tensor vector = parameter({5}), matrix = parameter({5, 1});
    Optimizer optimizer({{"main", 0.5, 0.0, {{"vector", vector}, {"matrix", matrix}}}}, {});
    const at::Tensor before = vector.detach().clone(), matrixBefore = matrix.detach().clone();
    vector.mutable_grad() = at::zeros({5});
    matrix.mutable_grad() = at::zeros({5, 1});
    optimizer.step("main", 0.1);
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
