#include "core/train/step_log.h"
#include "core/train/trainer.h"
#include "tests/core/tiny_experiment.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <QTest>

#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <thread>

using namespace sparsescope;

class tst_Trainer : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void eachStageTrainsOnlyWhatItSays_data();
    void eachStageTrainsOnlyWhatItSays();
    void familiesStartEqual();
    void lossFalls();
    void whatIsNoNumberIsNamedAndStopsEveryUpdate_data();
    void whatIsNoNumberIsNamedAndStopsEveryUpdate();
    void theLogKeepsTheOrder();
    void noGraphOnTheCpu();
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
    row("indexer only, entropy", StageAttention::Dense, StageTrains::Indexer, KlTarget::Entropy, false, true);
    row("indexer only, diversity", StageAttention::Dense, StageTrains::Indexer, KlTarget::Diversity, false, true);
    row("sparse, entropy", StageAttention::Sparse, StageTrains::All, KlTarget::Entropy, true, true);
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

void tst_Trainer::whatIsNoNumberIsNamedAndStopsEveryUpdate_data()
{
    QTest::addColumn<QString>("weight");
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("place");
    auto row = [](const char *weight, double value, const char *place) {
        QTest::addRow("%s", weight) << weight << value << place;
    };
    const double nan = std::nan("");
    row("model.embed_tokens.weight", nan, "the embedding");
    row("model.layers.0.self_attn.o_proj.weight", nan, "layer 0");
    row("model.layers.1.mlp.experts.down_proj", nan, "layer 1");
    row("lm_head.weight", nan, "the output head");
    row("model.layers.1.self_attn.indexer.weights_proj.weight", nan, "");
}

void tst_Trainer::whatIsNoNumberIsNamedAndStopsEveryUpdate()
{
    QFETCH(QString, weight);
    QFETCH(double, value);
    QFETCH(QString, place);
    const RunConfig config = tinyRun(Family::Sparse);
    const auto data = makeDataSource(config);
    Trainer trainer(config, data->vocabulary(), at::kCPU, false);
    const StageConfig stage{"stage", 9, StageAttention::Sparse, StageTrains::All, KlTarget::Selected, {}};
    for (int i = 0; i < 3; ++i) {
        trainer.step(stage, data->training(i), i);
        QCOMPARE(trainer.firstNotFinite(stage, data->training(i), i), std::string());
    }
    {
        const at::NoGradGuard noGrad;
        at::Tensor(trainer.model().parameters().find(weight.toStdString())->tensor).fill_(value);
    }
    const Weights before = copyOf(trainer);
    std::vector<at::Tensor> state;
    for (const auto &[name, tensor] : trainer.optimizer().state()) {
        state.push_back(tensor.clone());
    }
    StepLog log("run", at::kCPU, 1);
    std::vector<StepRecord> records;
    std::optional<StepLog::Broken> broken;
    for (int i = 3; i < 5; ++i) {
        log.begin();
        log.add(i + 1, {0, i, i}, trainer.step(stage, data->training(i), i));
        if (!broken) {
            broken = log.drain(records, true);
        }
    }
    QVERIFY(broken && records.empty());
    QCOMPARE(broken->step, std::int64_t(4));
    QVERIFY2(broken->what.find("became NaN") != std::string::npos, broken->what.c_str());
    const std::string found = trainer.firstNotFinite(stage, data->training(3), 3);
    if (place.isEmpty()) {
        QCOMPARE(found, std::string("the loss of indexer 1"));
    } else {
        QCOMPARE(found, place.toStdString());
    }
    for (const auto &[name, tensor] : copyOf(trainer)) {
        QVERIFY2(tensor.nan_to_num(7).equal(before.at(name).nan_to_num(7)), name.c_str());
    }
    std::size_t i = 0;
    for (const auto &[name, tensor] : trainer.optimizer().state()) {
        QVERIFY2(tensor.equal(state[i++]), name.c_str());
    }
}

void tst_Trainer::theLogKeepsTheOrder()
{
    const RunConfig config = tinyRun(Family::Sparse);
    const auto data = makeDataSource(config);
    Trainer trainer(config, data->vocabulary(), at::kCPU, false);
    const StageConfig stage{"stage", 9, StageAttention::Dense, StageTrains::All, KlTarget::Visible, {}};
    StepLog log("run", at::kCPU, 96);
    std::vector<StepRecord> records;
    std::vector<double> losses;
    const double first = wallClock();
    double outside = 0;
    for (int i = 0; i < 40; ++i) { // more than there are rows
        const double before = wallClock();
        std::this_thread::sleep_for(std::chrono::milliseconds(i % 10 == 9 ? 20 : 0)); // as an evaluation would
        outside += wallClock() - before;
        log.begin();
        const StepTensors step = trainer.step(stage, data->training(i), i);
        losses.push_back(step.loss.item<double>());
        log.add(i + 1, {0, i, i}, step);
        QVERIFY(log.due());
        QVERIFY(!log.drain(records, false));
    }
    const double inside = wallClock() - first - outside;
    double sum = 0;
    QCOMPARE(records.size(), losses.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
        QCOMPARE(records[i].step, std::int64_t(i + 1));
        const std::vector<Scalar> &scalars = records[i].scalars;
        QCOMPARE(scalars.size(), std::size_t(6));
        QCOMPARE(scalars[0].value, losses[i]);
        QVERIFY(scalars[4].metric == "time.step" && scalars[4].value > 0);
        QCOMPARE(scalars[5].value, 96 / scalars[4].value);
        sum += scalars[4].value;
    }
    QVERIFY2(sum <= inside, qPrintable(QStringLiteral("%1 s of %2 s").arg(sum).arg(inside))); // the steps alone
}

void tst_Trainer::noGraphOnTheCpu()
{
    RunConfig config = tinyRun(Family::Sparse);
    const auto data = makeDataSource(config);
    Trainer trainer(config, data->vocabulary(), at::kCPU, false);
    trainer.step(stagesOf(config).front(), data->training(0), 0);
    QVERIFY2(trainer.path().find("this is the CPU") != std::string::npos, trainer.path().c_str());
    config.training.captured = Captured::On;
    try {
        Trainer refused(config, data->vocabulary(), at::kCPU, false);
        QFAIL("accepted");
    } catch (const Failure &failure) {
        QVERIFY2(QString(failure.what()).contains("training.captured"), failure.what());
    }
}

QTEST_GUILESS_MAIN(tst_Trainer)
#include "tst_trainer.moc"
