#include "core/base/error.h"
#include "core/model/hf_weights.h"
#include "core/train/changed_keys.h"
#include "core/train/counterfactual.h"
#include "core/train/evaluation.h"
#include "core/train/trainer.h"
#include "tests/core/tiny_experiment.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <map>
#include <set>

using namespace sparsescope;

namespace {

/// A tiny model, trained a little, and its checkpoint on disk.
struct Frozen {
    RunConfig config;
    std::unique_ptr<DataSource> data;
    std::unique_ptr<Trainer> trainer;
    QTemporaryDir folder;

    explicit Frozen(Family family, const std::vector<Override> &overrides = {}, int steps = 30)
        : config(tinyRun(family, overrides))
        , data(makeDataSource(config))
        , trainer(std::make_unique<Trainer>(config, data->vocabulary(), at::kCPU, false))
    {
        const bool learns = isSparse(family) && config.model.selection.kind == "lightning";
        const StageConfig stage{"Dense training",
                                steps,
                                StageAttention::Dense,
                                learns ? StageTrains::All : StageTrains::Main,
                                learns ? KlTarget::Visible : KlTarget::None,
                                {}};
        for (int i = 0; i < steps; ++i) {
            trainer->step(stage, data->training(i), i);
        }
        saveCheckpoint(trainer->model(), checkpoint());
    }
    std::filesystem::path checkpoint() const { return folder.filePath("checkpoint").toStdString(); }

    CounterfactualOptions options(std::vector<std::int64_t> topK) const
    {
        CounterfactualOptions result;
        result.device = "cpu";
        result.checkpoint = checkpoint();
        result.topK = std::move(topK);
        return result;
    }
    Counterfactual measured(std::vector<std::int64_t> topK) const
    {
        return measureCounterfactual(config, options(std::move(topK)));
    }
    /// Loss of the model as it stands, its indexer choosing.
    double ownLoss(bool sparse) const
    {
        EvaluationOptions evaluation;
        evaluation.batches = config.training.evalBatches;
        evaluation.sparse = sparse;
        for (const Scalar &scalar : evaluate(trainer->model(), *data, evaluation, at::kCPU)) {
            if (scalar.metric == "val.loss") {
                return scalar.value;
            }
        }
        return std::nan("");
    }
    std::map<std::string, at::Tensor> indexer() const
    {
        std::map<std::string, at::Tensor> result;
        for (const Parameters::Entry &entry : trainer->model().parameters().entries()) {
            if (Transformer::isIndexer(entry.name)) {
                result[entry.name] = entry.tensor.detach();
            }
        }
        return result;
    }
};

std::vector<std::string> namesAt(const Counterfactual &table, std::int64_t topK)
{
    std::vector<std::string> names;
    for (const CounterfactualRow &row : table.rows) {
        if (row.topK == topK) {
            names.push_back(row.selector);
        }
    }
    return names;
}

/// Those that take k keys of the past, and so are measured unasked.
std::vector<std::string> fixedSelectors()
{
    std::vector<std::string> names = counterfactualSelectors();
    std::erase_if(names, [](const std::string &name) {
        return name.starts_with("top-p") || name == "planted-leak" || isRounded(name);
    });
    return names;
}

bool near(double a, double b, double tolerance = 1e-6) { return std::abs(a - b) <= tolerance; }

} // namespace

class tst_Counterfactual : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everySelectorAtEveryK();
    void rowsAreWhatTheModelAnswers();
    void everythingSelectedIsDense();
    void rowsDoNotDependOnEachOther();
    void aDenseCheckpointGetsAnIndexer_data();
    void aDenseCheckpointGetsAnIndexer();
    void intervalsHoldTheIncrease();
    void adaptiveTakesTheSameNumberOfKeys();
    void roundingChangesFewKeys();
    void changedKeysAreCounted();
    void whatIsMissingIsNamed();
    void sweepOfALength();
};

void tst_Counterfactual::everySelectorAtEveryK()
{
    const Frozen frozen(Family::Sparse);
    const Counterfactual table = frozen.measured({3, 6});
    QCOMPARE(namesAt(table, 3), fixedSelectors());
    QCOMPARE(namesAt(table, 6), fixedSelectors());
    QCOMPARE(table.indexer, std::string("of the run"));
    QVERIFY(table.task);
    QVERIFY(table.denseExact && table.exactChance);
    for (const CounterfactualRow &row : table.rows) {
        QVERIFY2(row.massKept && row.massKeptChance && row.recall && row.needed && row.exact, row.selector.c_str());
        QVERIFY(*row.massKept <= *row.massKeptOracle + 1e-6);
        QCOMPARE(row.windows.nll.size(), std::size_t(frozen.config.training.evalBatches * 4));
    }
    QVERIFY(near(*table.at("oracle", 3)->massKept, *table.at("oracle", 3)->massKeptOracle));
    QVERIFY(near(*table.at("oracle", 3)->recall, 1.0));
    // Mean of three draws: near what random sets keep.
    QVERIFY(near(*table.at("random", 6)->recall, *table.at("random", 6)->recallChance, 0.05));
}

/// Each row again, from the model itself: own, fresh and exchanged weights.
void tst_Counterfactual::rowsAreWhatTheModelAnswers()
{
    Frozen frozen(Family::MhlaSparse);
    const Counterfactual table = frozen.measured({6}); // the configured k
    QVERIFY(near(table.denseLoss, frozen.ownLoss(false)));
    QVERIFY(near(table.at("lightning", 6)->loss, frozen.ownLoss(true)));

    const at::NoGradGuard noGrad;
    std::map<std::string, at::Tensor> own;
    for (const auto &[name, tensor] : frozen.indexer()) {
        own[name] = tensor.clone();
    }
    QVERIFY(own.size() > 2);
    for (auto &[name, tensor] : frozen.indexer()) { // two layers: each takes the other's
        std::string other = name;
        other.replace(other.find("layers.") + 7, 1, other.find("layers.0.") == std::string::npos ? "0" : "1");
        tensor.copy_(own.at(other));
    }
    QVERIFY(near(table.at("other-layer", 6)->loss, frozen.ownLoss(true)));
    Transformer fresh(frozen.trainer->model().options());
    for (auto &[name, tensor] : frozen.indexer()) {
        tensor.copy_(fresh.parameters().find(name)->tensor);
    }
    QVERIFY(near(table.at("untrained", 6)->loss, frozen.ownLoss(true)));
    QVERIFY(table.at("untrained", 6)->loss != table.at("lightning", 6)->loss);
}

void tst_Counterfactual::everythingSelectedIsDense()
{
    const Frozen frozen(Family::Sparse);
    const Counterfactual table = frozen.measured({24});
    for (const CounterfactualRow &row : table.rows) {
        QVERIFY2(near(row.increase, 0, 1e-5), row.selector.c_str());
        QVERIFY(!row.massKept); // no row t >= k
        QVERIFY(!gapClosed(table, row));
    }
}

void tst_Counterfactual::rowsDoNotDependOnEachOther()
{
    const Frozen frozen(Family::Sparse);
    const Counterfactual whole = frozen.measured({3, 6});
    for (const std::string &name : fixedSelectors()) {
        CounterfactualOptions options = frozen.options({6});
        options.selectors = {name};
        const Counterfactual one = measureCounterfactual(frozen.config, options);
        QCOMPARE(one.rows.size(), std::size_t{1});
        QCOMPARE(one.rows[0].loss, whole.at(name, 6)->loss);
    }
}

void tst_Counterfactual::aDenseCheckpointGetsAnIndexer_data()
{
    QTest::addColumn<int>("family");
    QTest::addColumn<QString>("kind");
    QTest::newRow("classic") << int(Family::Classic) << "";
    QTest::newRow("mhla") << int(Family::Mhla) << "";
    QTest::newRow("trained with recency") << int(Family::Sparse) << "recency";
}

void tst_Counterfactual::aDenseCheckpointGetsAnIndexer()
{
    QFETCH(int, family);
    QFETCH(QString, kind);
    std::vector<Override> overrides;
    if (!kind.isEmpty()) {
        overrides.push_back({"model.selection.kind", kind.toStdString()});
    }
    const Frozen frozen(Family(family), overrides, 60);
    CounterfactualOptions options = frozen.options({3});
    options.indexerSteps = 150;
    const Counterfactual table = measureCounterfactual(frozen.config, options);
    QVERIFY(table.indexer.find("150 steps") != std::string::npos);
    // The main model is that of the checkpoint, to the bit.
    QVERIFY(near(table.denseLoss, frozen.ownLoss(false), 1e-9));
    const CounterfactualRow *learned = table.at("lightning", 3), *untrained = table.at("untrained", 3);
    QVERIFY(learned && untrained && learned->captured && untrained->captured);
    QVERIFY2(*learned->captured > *untrained->captured + 0.1,
             qPrintable(QString("%1 against %2").arg(*learned->captured).arg(*untrained->captured)));
}

void tst_Counterfactual::intervalsHoldTheIncrease()
{
    const Frozen frozen(Family::Sparse);
    const Counterfactual table = frozen.measured({3});
    for (const CounterfactualRow &row : table.rows) {
        QVERIFY(row.ci95 && row.ci95->low <= row.ci95->high);
        QVERIFY(row.ci95->low <= row.increase && row.increase <= row.ci95->high);
        QVERIFY(near(row.loss, table.denseLoss + row.increase));
    }
}

/// Top-p is held against a fixed k that takes as many keys in the mean; the calibration sees other batches.
void tst_Counterfactual::adaptiveTakesTheSameNumberOfKeys()
{
    const Frozen frozen(Family::Sparse, {}, 60);
    CounterfactualOptions options = frozen.options({6});
    options.selectors = {"lightning", "top-p", "top-p-oracle"};
    const Counterfactual table = measureCounterfactual(frozen.config, options);
    QCOMPARE(table.rows.size(), std::size_t{3});
    const double keys = *table.at("lightning", 6)->keys;
    QVERIFY(near(keys, (1 + 2 + 3 + 4 + 5 + 19 * 6) / 24.0));
    for (const char *name : {"top-p", "top-p-oracle"}) {
        const double own = *table.at(name, 6)->keys;
        QVERIFY2(near(own, keys, 0.05 * keys), qPrintable(QString("%1: %2 keys for %3").arg(name).arg(own).arg(keys)));
    }
}

void tst_Counterfactual::roundingChangesFewKeys()
{
    const Frozen frozen(Family::Sparse, {}, 60);
    CounterfactualOptions options = frozen.options({6});
    options.selectors = {"lightning", "oracle", "untrained", "lightning-bf16", "lightning-e4m3"};
    const Counterfactual table = measureCounterfactual(frozen.config, options);
    const CounterfactualRow &exact = *table.at("lightning", 6), &oracle = *table.at("oracle", 6);
    QCOMPARE(*exact.rowsChanged, 0.0);
    QCOMPARE(*exact.keysChanged, 0.0);
    QVERIFY(!table.at("untrained", 6)->rowsChanged); // its indexer is another one
    double coarser = 0;
    for (const char *name : {"lightning-bf16", "lightning-e4m3"}) {
        const CounterfactualRow &row = *table.at(name, 6);
        QVERIFY2(*row.keysChanged > coarser && *row.keysChanged < *oracle.keysChanged, name);
        QVERIFY2(*row.rowsChanged >= *row.keysChanged && *row.rowsChanged <= 6 * *row.keysChanged, name);
        QVERIFY2(std::abs(row.loss - exact.loss) < std::abs(oracle.loss - exact.loss) + 0.01, name);
        coarser = *row.keysChanged;
    }
    const Counterfactual read = counterfactualFromJson(toJson(table), "here");
    QCOMPARE(read.at("lightning-e4m3", 6)->keysChanged, table.at("lightning-e4m3", 6)->keysChanged);
}

/// Against sets of keys, row by row.
void tst_Counterfactual::changedKeysAreCounted()
{
    const std::int64_t length = 19, topK = 4;
    AttentionTrace layer;
    layer.q = at::zeros({2, 1, length, 8});
    layer.index = {at::randn({2, length, 3, 8}), at::randn({2, length, 8}), at::rand({2, length, 3})};
    const at::Tensor other = at::randn({2, length, length});
    layer.selection = dsa::topk_select(other, topK, 0);
    const at::Tensor own = dsa::unpack_mask(
                         dsa::topk_select(dsa::index_scores(layer.index.q, layer.index.k, layer.index.w), topK, 0),
                         length),
                     taken = dsa::unpack_mask(layer.selection, length);
    int rows = 0, rowsChanged = 0, keys = 0, keysChanged = 0;
    for (std::int64_t b = 0; b < 2; ++b) {
        for (std::int64_t t = topK; t < length; ++t) {
            int missing = 0;
            for (std::int64_t s = 0; s <= t; ++s) {
                const bool wanted = own[b][t][s].item<bool>();
                keys += wanted;
                missing += wanted && !taken[b][t][s].item<bool>();
            }
            ++rows;
            keysChanged += missing;
            rowsChanged += missing > 0;
        }
    }
    ChangedKeys changed(topK);
    QVERIFY(!changed.rows() && !changed.keys());
    changed.add({layer, AttentionTrace{}}); // a layer without an indexer says nothing
    QCOMPARE(*changed.rows(), static_cast<double>(rowsChanged) / rows);
    QCOMPARE(*changed.keys(), static_cast<double>(keysChanged) / keys);
    QVERIFY(rowsChanged > 0 && keysChanged > 0);
}

void tst_Counterfactual::whatIsMissingIsNamed()
{
    const Frozen frozen(Family::Sparse, {}, 1);
    CounterfactualOptions options = frozen.options({3});
    options.selectors = {"lightening"};
    try {
        measureCounterfactual(frozen.config, options);
        QFAIL("no error");
    } catch (const Failure &failure) {
        QVERIFY(QString(failure.what()).contains("lightning"));
    }
    options = frozen.options({3});
    options.checkpoint = "/nowhere";
    try {
        measureCounterfactual(frozen.config, options);
        QFAIL("no error");
    } catch (const Failure &failure) {
        QVERIFY(QString(failure.what()).contains("/nowhere"));
    }
}

void tst_Counterfactual::sweepOfALength()
{
    QCOMPARE(counterfactualSweep(256), (std::vector<std::int64_t>{16, 32, 64, 128}));
    QCOMPARE(counterfactualSweep(4), (std::vector<std::int64_t>{1, 2}));
}

QTEST_GUILESS_MAIN(tst_Counterfactual)
#include "tst_counterfactual.moc"
