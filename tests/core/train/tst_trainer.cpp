#include "core/train/trainer.h"
#include "tests/core/tiny_experiment.h"

#include <ATen/TensorOperators.h>

#include <QTest>

#include <map>

using namespace sparsescope;

class tst_Trainer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void eachStageTrainsOnlyWhatItSays_data();
    void eachStageTrainsOnlyWhatItSays();
    void familiesStartEqual();
    void lossFalls();
};

namespace {

using Weights = std::map<std::string, at::Tensor>;

Weights copyOf(Trainer &trainer)
{
    Weights weights;
    for (const Parameters::Entry &entry : trainer.model().parameters().entries()) {
        weights[entry.name] = entry.tensor.detach().clone();
    }
    return weights;
}

struct Moved {
    int main = 0, indexer = 0, mainAll = 0, indexerAll = 0;
};

Moved moved(const Weights &before, const Weights &after)
{
    Moved result;
    for (const auto &[name, tensor] : before) {
        if (name.find("e_score_correction_bias") != std::string::npos) {
            continue; // balanced by load, not by gradient
        }
        const bool indexer = Transformer::isIndexer(name);
        ++(indexer ? result.indexerAll : result.mainAll);
        if (!tensor.equal(after.at(name))) {
            ++(indexer ? result.indexer : result.main);
        }
    }
    return result;
}

} // namespace

void tst_Trainer::eachStageTrainsOnlyWhatItSays_data()
{
    QTest::addColumn<int>("attention");
    QTest::addColumn<int>("trains");
    QTest::addColumn<int>("kl");
    QTest::addColumn<bool>("main");
    QTest::addColumn<bool>("indexer");
    auto row = [](const char *name, StageAttention attention, StageTrains trains, KlTarget kl, bool main,
                  bool indexer) { QTest::newRow(name) << int(attention) << int(trains) << int(kl) << main << indexer; };
    row("dense, no KL", StageAttention::Dense, StageTrains::Main, KlTarget::None, true, false);
    row("dense, KL over visible", StageAttention::Dense, StageTrains::All, KlTarget::Visible, true, true);
    row("indexer only", StageAttention::Dense, StageTrains::Indexer, KlTarget::Visible, false, true);
    row("sparse", StageAttention::Sparse, StageTrains::All, KlTarget::Selected, true, true);
    row("sparse, frozen indexer", StageAttention::Sparse, StageTrains::Main, KlTarget::None, true, false);
}

void tst_Trainer::eachStageTrainsOnlyWhatItSays()
{
    QFETCH(int, attention);
    QFETCH(int, trains);
    QFETCH(int, kl);
    QFETCH(bool, main);
    QFETCH(bool, indexer);
    for (const Family family : {Family::Sparse, Family::MhlaSparse}) {
        const RunConfig config = tinyRun(family);
        const auto data = makeDataSource(config);
        Trainer trainer(config, data->vocabulary(), at::kCPU, false);
        const StageConfig stage{"stage", 1, StageAttention(attention), StageTrains(trains), KlTarget(kl), {}};
        const Weights before = copyOf(trainer);
        const StepTensors step = trainer.step(stage, data->training(0), 5);
        const Moved result = moved(before, copyOf(trainer));
        QCOMPARE(result.main > 0, main);
        QCOMPARE(result.indexer, indexer ? result.indexerAll : 0); // every indexer weight of every layer, or none
        QCOMPARE(step.loss.defined(), main);
        QCOMPARE(step.kl.defined(), indexer);
        QCOMPARE(step.gradIndexer.defined(), indexer);
    }
}

void tst_Trainer::familiesStartEqual()
{
    const auto data = makeDataSource(tinyRun(Family::Classic));
    Trainer classic(tinyRun(Family::Classic), data->vocabulary(), at::kCPU, false);
    Trainer sparse(tinyRun(Family::Sparse), data->vocabulary(), at::kCPU, false);
    Trainer mhla(tinyRun(Family::Mhla), data->vocabulary(), at::kCPU, false);
    const Weights a = copyOf(classic), b = copyOf(sparse), c = copyOf(mhla);
    int shared = 0;
    for (const auto &[name, tensor] : a) {
        QVERIFY2(b.at(name).equal(tensor), name.c_str());
        if (const auto other = c.find(name); other != c.end() && other->second.sizes() == tensor.sizes()) {
            QVERIFY2(other->second.equal(tensor), name.c_str());
            ++shared;
        }
    }
    QVERIFY(shared > 10);
}

void tst_Trainer::lossFalls()
{
    for (const Family family : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
        const RunConfig config = tinyRun(family, {{"training.steps", "60"}});
        const auto data = makeDataSource(config);
        Trainer trainer(config, data->vocabulary(), at::kCPU, false);
        const StageConfig stage{"stage",
                                60,
                                isSparse(family) ? StageAttention::Sparse : StageAttention::Dense,
                                StageTrains::All,
                                isSparse(family) ? KlTarget::Selected : KlTarget::None,
                                {}};
        double first = 0, last = 0;
        for (int i = 0; i < 60; ++i) {
            const double loss = trainer.step(stage, data->training(i), i).loss.item<double>();
            (i == 0 ? first : last) = loss;
        }
        QVERIFY2(
            last < first - 1.0,
            qPrintable(QString("%1: %2 to %3").arg(QString::fromStdString(toString(family))).arg(first).arg(last)));
    }
}

QTEST_GUILESS_MAIN(tst_Trainer)
#include "tst_trainer.moc"
