#include "core/base/error.h"
#include "core/model/untaught_objectives.h"
#include "tests/core/model/small_models.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>

#include <QtTest>

#include <cmath>
#include <vector>

using namespace sparsescope;
using sparsescope::testing::randomNumbers;

namespace {

constexpr int kBatch = 2, kTokens = 9, kHeads = 3, kWidth = 4;

IndexFactors factorsOf(std::uint64_t seed)
{
    return {randomNumbers({kBatch, kTokens, kHeads, kWidth}, seed, at::kFloat).requires_grad_(true),
            randomNumbers({kBatch, kTokens, kWidth}, seed + 1, at::kFloat).requires_grad_(true),
            randomNumbers({kBatch, kTokens, kHeads}, seed + 2, at::kFloat).requires_grad_(true)};
}

/// p_t of one sequence, number by number in fp64.
std::vector<std::vector<double>> distributions(const IndexFactors &factors, int b)
{
    const auto q = factors.q.accessor<float, 4>();
    const auto k = factors.k.accessor<float, 3>();
    const auto w = factors.w.accessor<float, 3>();
    std::vector<std::vector<double>> rows;
    for (int t = 0; t < kTokens; ++t) {
        std::vector<double> row(kTokens, 0.0);
        double sum = 0;
        for (int s = 0; s <= t; ++s) {
            double score = 0;
            for (int j = 0; j < kHeads; ++j) {
                double dot = 0;
                for (int i = 0; i < kWidth; ++i)
                    dot += double(q[b][t][j][i]) * k[b][s][i];
                score += w[b][t][j] * std::max(0.0, dot);
            }
            sum += row[s] = std::exp(score);
        }
        for (double &share : row)
            share /= sum;
        rows.push_back(std::move(row));
    }
    return rows;
}

double length(const std::vector<double> &row)
{
    double sum = 0;
    for (const double value : row)
        sum += value * value;
    return std::sqrt(sum);
}

} // namespace

/// What trains an indexer without a teacher, against its definition.
class tst_UntaughtObjectives : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void equalTheirDefinition()
    {
        const IndexFactors factors = factorsOf(11);
        double entropy = 0, sameness = 0;
        for (int b = 0; b < kBatch; ++b) {
            const auto rows = distributions(factors, b);
            for (int t = 1; t < kTokens; ++t) {
                double one = 0, product = 0;
                for (int s = 0; s < kTokens; ++s) {
                    one -= rows[t][s] > 0 ? rows[t][s] * std::log(rows[t][s]) : 0;
                    product += rows[t][s] * rows[t - 1][s];
                }
                entropy += one / std::log(t + 1.0);
                sameness += product / (length(rows[t]) * length(rows[t - 1]));
            }
        }
        constexpr double kRows = kBatch * (kTokens - 1);
        const double foundEntropy = untaughtObjective(KlTarget::Entropy, factors).item<double>();
        const double foundSameness = untaughtObjective(KlTarget::Diversity, factors).item<double>();
        QVERIFY2(std::abs(foundEntropy - entropy / kRows) < 1e-6, qPrintable(QString::number(foundEntropy)));
        QVERIFY2(std::abs(foundSameness - sameness / kRows) < 1e-6, qPrintable(QString::number(foundSameness)));
    }

    void equalScoresAreTheEnd()
    {
        IndexFactors factors = factorsOf(12);
        factors.w = at::zeros_like(factors.w);
        QVERIFY(std::abs(untaughtObjective(KlTarget::Entropy, factors).item<double>() - 1) < 1e-6);
        double sameness = 0; // of 1/(t+1) over t+1 keys and 1/t over t of them
        for (int t = 1; t < kTokens; ++t)
            sameness += std::sqrt(t / (t + 1.0)) / (kTokens - 1);
        QVERIFY(std::abs(untaughtObjective(KlTarget::Diversity, factors).item<double>() - sameness) < 1e-6);
    }

    void gradientIsTheSlope()
    {
        for (const KlTarget target : {KlTarget::Entropy, KlTarget::Diversity}) {
            const IndexFactors factors = factorsOf(13);
            untaughtObjective(target, factors).backward();
            for (const at::Tensor &tensor : {factors.q, factors.k, factors.w}) {
                QVERIFY(tensor.grad().isfinite().all().item<bool>());
                // Along the gradient itself the slope is its squared length.
                const double squared = tensor.grad().square().sum().item<double>();
                QVERIFY(squared > 0);
                const double step = 1e-2 / std::sqrt(squared);
                const auto moved = [&](double by) {
                    const at::Tensor other = tensor.detach() + by * tensor.grad();
                    IndexFactors changed = factors;
                    (tensor.is_same(factors.q) ? changed.q : tensor.is_same(factors.k) ? changed.k : changed.w) = other;
                    return untaughtObjective(target, changed).item<double>();
                };
                const double slope = (moved(step) - moved(-step)) / (2 * step);
                QVERIFY2(std::abs(slope - squared) < 0.02 * squared,
                         qPrintable(QString("%1 and %2").arg(slope).arg(squared)));
            }
        }
    }

    void whatComparesWithAttentionIsRefused()
    {
        QVERIFY_THROWS_EXCEPTION(Failure, untaughtObjective(KlTarget::Visible, factorsOf(1)));
        QVERIFY_THROWS_EXCEPTION(Failure, untaughtObjective(KlTarget::None, factorsOf(1)));
    }
};

QTEST_GUILESS_MAIN(tst_UntaughtObjectives)
#include "tst_untaught_objectives.moc"
