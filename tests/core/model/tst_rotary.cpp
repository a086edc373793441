#include "core/model/rotary.h"
#include "core/model/yarn.h"
#include "tests/core/model/small_models.h"

#include <ATen/TensorOperators.h>

#include <QtTest>

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace sparsescope;
using sparsescope::testing::smallOptions;

class tst_Rotary : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void yarnFollowsTheFormula();
    void rotaryTablesAreCosAndSin();
};

void tst_Rotary::yarnFollowsTheFormula()
{
    YarnConfig yarn{8.0, 512, 32.0, 1.0, 0.7, 1.3};
    const int dims = 16;
    const double theta = 10000.0, pi = std::numbers::pi;
    const std::vector<double> found = rotaryFrequencies(dims, theta, yarn);
    const auto r = [&](double n) { return dims * std::log(512 / (2 * pi * n)) / (2 * std::log(theta)); };
    const double low = std::max(std::floor(r(32)), 0.0), high = std::min(std::ceil(r(1)), 15.0);
    QVERIFY(low < high);
    for (int i = 0; i < dims / 2; ++i) {
        const double f = std::pow(theta, -2.0 * i / dims),
                     ramp = std::min(std::max((i - low) / (high - low), 0.0), 1.0);
        QVERIFY(std::abs(found[i] - (f / 8 * ramp + f * (1 - ramp))) < 1e-15);
    }
    QCOMPARE(found.front(), 1.0);                              // fast waves stay
    QVERIFY(found.back() < std::pow(theta, -14.0 / 16) / 7.9); // slow ones stretch
    const auto m = [](double a) { return 0.1 * a * std::log(8.0) + 1; };
    QCOMPARE(yarnAttentionFactor(yarn), m(0.7) / m(1.3));
    YarnConfig bare = yarn;
    bare.mscale = 0;
    QCOMPARE(yarnAttentionFactor(bare), m(1.0));
    QCOMPARE(yarnMagnitude(0.5, 1.0), 1.0);

    ModelOptions options = smallOptions("mhla");
    options.yarn = yarn;
    QVERIFY(std::abs(options.attentionScale() - m(1.3) * m(1.3) / 4.0) < 1e-15);
    options.qkRopeHeadDim = dims;
    const RotaryTables tables = rotaryTables(options, 40, at::kDouble, at::kCPU);
    for (const int t : {0, 1, 39}) {
        for (int i = 0; i < dims / 2; ++i) {
            QVERIFY(std::abs(tables.cos[t][i].item<double>() - std::cos(t * found[i]) * m(0.7) / m(1.3)) < 1e-14);
            QVERIFY(std::abs(tables.sin[t][i].item<double>() - std::sin(t * found[i]) * m(0.7) / m(1.3)) < 1e-14);
        }
    }
}

void tst_Rotary::rotaryTablesAreCosAndSin()
{
    const ModelOptions options = smallOptions("classic");
    const RotaryTables tables = rotaryTables(options, 300, at::kBFloat16, at::kCPU);
    QCOMPARE(tables.cos.scalar_type(), at::kFloat); // whatever the model's type
    QCOMPARE(tables.cos.sizes().vec(), (std::vector<std::int64_t>{300, 4}));
    for (int i = 0; i < 4; ++i) {
        const double angle = 299 * std::pow(10000.0, -2.0 * i / 8);
        QVERIFY(std::abs(tables.cos[299][i].item<double>() - std::cos(angle)) < 3e-5);
        QVERIFY(std::abs(tables.sin[299][i].item<double>() - std::sin(angle)) < 3e-5);
    }
}

QTEST_GUILESS_MAIN(tst_Rotary)
#include "tst_rotary.moc"
