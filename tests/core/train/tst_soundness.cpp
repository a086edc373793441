// Longer than 400 lines: a fault for every gate, and that no other gate falls to it.

#include "core/base/gates.h"
#include "core/model/hf_weights.h"
#include "core/train/gates/dense_probe.h"
#include "core/train/gates/gate.h"
#include "core/train/gates/planting.h"
#include "core/train/soundness.h"
#include "core/train/train_run.h"
#include "tests/core/tiny_experiment.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <fstream>
#include <map>
#include <set>

using namespace sparsescope;

namespace {

/// A run at step 0, or with other weights beside them.
struct Subject {
    RunConfig config;
    bool attachedIndexer;
    std::unique_ptr<DataSource> data;
    std::unique_ptr<Transformer> fresh, model;

    explicit Subject(RunConfig run, bool attached = false)
        : config(std::move(run))
        , attachedIndexer(attached)
        , data(makeDataSource(config))
        , fresh(atStart())
        , model(atStart())
    {}
    std::unique_ptr<Transformer> atStart() const
    {
        ModelOptions options = modelOptions(config, data->vocabulary());
        options.plantedAttachedIndexer = attachedIndexer;
        auto result = std::make_unique<Transformer>(options);
        result->parameters().initialise(config.training.seed);
        return result;
    }
    void scale(const std::string &part, double factor)
    {
        at::NoGradGuard noGrad;
        for (const Parameters::Entry &entry : model->parameters().entries()) {
            if (entry.trainable && entry.name.find(part) != std::string::npos) {
                at::Tensor tensor = entry.tensor;
                tensor.mul_(factor);
            }
        }
    }
    GateSubject untrained() { return {config, *data, *model}; }
    GateSubject trained()
    {
        GateSubject subject{config, *data, *model};
        subject.trained = true;
        subject.fresh = fresh.get();
        return subject;
    }
};

std::map<std::string, CheckResult> checked(GateSubject subject)
{
    std::map<std::string, CheckResult> results;
    for (CheckResult &result : checkSubject(subject, {})) {
        results[result.gate] = std::move(result);
    }
    return results;
}

std::set<std::string> failing(const std::map<std::string, CheckResult> &results)
{
    std::set<std::string> names;
    for (const auto &[name, result] : results) {
        if (result.outcome == CheckOutcome::Failed) {
            names.insert(name);
        }
    }
    return names;
}

QByteArray textOf(const std::map<std::string, CheckResult> &results)
{
    std::string text;
    for (const auto &[name, result] : results) {
        text += name + " " + toString(result.outcome) + ": " + result.measured + "\n";
    }
    return QByteArray::fromStdString(text);
}

/// The newest keys and, on every row, the next one: a mask that was not applied again after the selection.
class NextKeyToo : public Selector {
public:
    SelectorOutput select(const SelectorInput &input) const override
    {
        SelectorOutput output = selectorKind("recency").make()->select(input);
        auto bits = output.selection.bits.accessor<std::int64_t, 3>();
        for (std::int64_t b = 0; b < bits.size(0); ++b) {
            for (std::int64_t t = 0; t + 1 < bits.size(1); ++t) {
                bits[b][t][(t + 1) / 64] |= static_cast<std::int64_t>(std::uint64_t{1} << ((t + 1) % 64));
            }
        }
        return output;
    }
};

/// Claims that no causal model gets below a loss that this one is far below.
class HighFloor : public DataSource {
public:
    explicit HighFloor(const DataSource &inner)
        : m_inner(inner)
    {}
    int vocabulary() const override { return m_inner.vocabulary(); }
    Batch training(std::int64_t index) const override { return m_inner.training(index); }
    Batch validation(std::int64_t index) const override { return m_inner.validation(index); }
    Probe probe(const std::string &text) const override { return m_inner.probe(text); }
    std::string word(std::int32_t id) const override { return m_inner.word(id); }
    SplitOverlap overlap(std::int64_t length) const override { return m_inner.overlap(length); }
    std::optional<double> floor() const override { return std::log(vocabulary()) + 1; }

private:
    const DataSource &m_inner;
};

} // namespace

/// Every gate holds on honest models and falls to the fault that is planted for it, and to no other.
class tst_Soundness : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void honestModelsPass_data();
    void honestModelsPass();
    void gatesLeaveTheModelAsItWas();
    void futureKeysAreFound();
    void aMissingKeyIsFound();
    void aFaultAsSmallAsRoundingIsFound();
    void aRecipeWithoutKlIsFound();
    void anIndexerThatTrainsTheModelIsFound_data();
    void anIndexerThatTrainsTheModelIsFound();
    void aBadStartIsFound();
    void anIndexerThatDidNotMoveIsFound();
    void worseThanChanceIsFound();
    void belowTheFloorIsFound();
    void fallingProbesAreAWarning();
    void everyPositionOfNoiseHasItsFloor();
    void tiesAreAWarning();
    void aSelectionThatDoesNotBindIsAWarning();
    void repeatedDocumentsAreFound();
    void trainedRunIsMeasured();
    void unequalFamiliesAreFound();
    void cheapGatesAreThoseOfTheStart();
    void aGateThatBreaksOffIsNotRun();
};

void tst_Soundness::honestModelsPass_data()
{
    QTest::addColumn<int>("family");
    for (const Family family : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
        QTest::newRow(displayName(family).c_str()) << static_cast<int>(family);
    }
}

void tst_Soundness::honestModelsPass()
{
    QFETCH(int, family);
    Subject subject(tinyRun(static_cast<Family>(family)));
    const auto results = checked(subject.untrained());
    QVERIFY2(failing(results).empty(), textOf(results));
    QVERIFY(results.at("causality").outcome == CheckOutcome::Passed);
    QVERIFY(results.at("start").outcome == CheckOutcome::Passed);
    QVERIFY(results.at("split-overlap").outcome == CheckOutcome::Passed);
    const bool sparse = isSparse(static_cast<Family>(family));
    for (const GateInfo &info : gates()) { // the table says which gates a run has; the procedures must agree
        QCOMPARE(results.count(info.name), applies(info, subject.config) ? 1u : 0u);
    }
    for (const char *gate : {"indexer-gradient", "dense-limit", "effective-k"}) {
        QCOMPARE(results.count(gate), sparse ? 1u : 0u);
        QVERIFY2(!sparse || results.at(gate).outcome == CheckOutcome::Passed, textOf(results));
    }
    QVERIFY(results.at("chance").outcome == CheckOutcome::NotRun);
}

void tst_Soundness::gatesLeaveTheModelAsItWas()
{
    Subject subject(tinyRun(Family::MhlaSparse));
    subject.scale("", 1.25); // so that it differs from the one at step 0
    std::map<std::string, at::Tensor> before;
    for (const Parameters::Entry &entry : subject.model->parameters().entries()) {
        before[entry.name] = entry.tensor.clone();
    }
    checked(subject.trained());
    for (const Parameters::Entry &entry : subject.model->parameters().entries()) {
        QVERIFY2(entry.tensor.equal(before.at(entry.name)), entry.name.c_str());
        QVERIFY2(!entry.tensor.grad().defined() && !entry.tensor.requires_grad(), entry.name.c_str());
    }
    const auto start = subject.atStart();
    for (const Parameters::Entry &entry : subject.fresh->parameters().entries()) {
        QVERIFY2(entry.tensor.equal(start->parameters().find(entry.name)->tensor), entry.name.c_str());
    }
}

void tst_Soundness::futureKeysAreFound()
{
    Subject subject(tinyRun(Family::Sparse));
    const NextKeyToo leak;
    GateSubject leaky = subject.untrained();
    leaky.selector = &leak;
    const auto results = checked(leaky);
    const CheckResult &causality = results.at("causality");
    QVERIFY(causality.outcome == CheckOutcome::Failed);
    QVERIFY2(causality.measured.find("in the future") != std::string::npos, textOf(results));
    QVERIFY2(causality.measured.find("change the past") != std::string::npos && *causality.value > *causality.limit,
             textOf(results));
}

void tst_Soundness::aMissingKeyIsFound()
{
    Subject subject(tinyRun(Family::Sparse));
    const Planting fault("missing-key");
    GateSubject faulty = subject.untrained();
    faulty.selector = fault.selector();
    const auto results = checked(faulty);
    // At k = L it is one key short as well.
    QCOMPARE(failing(results), (std::set<std::string>{"dense-limit", "effective-k"}));
    QVERIFY2(results.at("effective-k").measured.find("5 keys, 6 wanted") != std::string::npos, textOf(results));
}

void tst_Soundness::aFaultAsSmallAsRoundingIsFound()
{
    Subject subject(tinyRun(Family::Sparse));
    subject.scale("o_proj", 1e-6); // a missing key hardly counts ...
    subject.scale("lm_head", 1e4); // ... and an ulp of the logits is more than the limit
    GateSubject faulty = subject.untrained();
    QVERIFY(checkDenseLimit(faulty)->outcome == CheckOutcome::Passed);
    const Planting fault("missing-key");
    faulty.selector = fault.selector();
    const CheckResult result = *checkDenseLimit(faulty);
    QVERIFY2(result.outcome == CheckOutcome::Failed, result.measured.c_str());
    QVERIFY2(result.measured.find("in fp64") != std::string::npos, result.measured.c_str());
    QVERIFY(subject.model->parameters().entries().front().tensor.scalar_type() == at::kFloat);
}

void tst_Soundness::aRecipeWithoutKlIsFound()
{
    RunConfig config = tinyRun(Family::Sparse);
    config.training.recipe = Recipe::Custom;
    config.training.stages = {{"Sparse training", 10, StageAttention::Sparse, StageTrains::All, KlTarget::None, {}}};
    Subject subject(config);
    QCOMPARE(failing(checked(subject.untrained())), std::set<std::string>{"indexer-gradient"});
}

void tst_Soundness::anIndexerThatTrainsTheModelIsFound_data()
{
    QTest::addColumn<int>("family");
    for (const Family family : {Family::Sparse, Family::MhlaSparse}) {
        QTest::newRow(displayName(family).c_str()) << static_cast<int>(family);
    }
}

void tst_Soundness::anIndexerThatTrainsTheModelIsFound()
{
    QFETCH(int, family);
    Subject subject(tinyRun(static_cast<Family>(family)), true);
    const auto results = checked(subject.untrained());
    QCOMPARE(failing(results), std::set<std::string>{"indexer-gradient"});
    QVERIFY2(results.at("indexer-gradient").measured.find("KL reaches main weights") != std::string::npos,
             textOf(results));
}

void tst_Soundness::aBadStartIsFound()
{
    Subject subject(tinyRun(Family::Classic));
    subject.scale("lm_head", 60);
    QCOMPARE(failing(checked(subject.untrained())), std::set<std::string>{"start"});
}

void tst_Soundness::anIndexerThatDidNotMoveIsFound()
{
    Subject subject(tinyRun(Family::Sparse));
    subject.scale("lm_head", 1e-3); // not above chance
    const auto results = checked(subject.trained());
    QVERIFY2(failing(results).count("indexer-moves") == 1, textOf(results));
    QVERIFY2(results.at("indexer-moves").measured.find("those of step 0") != std::string::npos, textOf(results));
}

void tst_Soundness::worseThanChanceIsFound()
{
    Subject subject(tinyRun(Family::Classic));
    subject.scale("lm_head", 60);
    QCOMPARE(failing(checked(subject.trained())), std::set<std::string>{"chance"});
}

void tst_Soundness::belowTheFloorIsFound()
{
    Subject subject(tinyRun(Family::Classic));
    const HighFloor data(*subject.data);
    GateSubject judged{subject.config, data, *subject.model};
    judged.trained = true;
    judged.fresh = subject.fresh.get();
    const auto results = checked(judged);
    QCOMPARE(failing(results), std::set<std::string>{"chance"});
    QVERIFY2(results.at("chance").measured.find("no causal model") != std::string::npos, textOf(results));
}

void tst_Soundness::fallingProbesAreAWarning()
{
    const Series kl = {{11, 3}, {20, 2.6}, {30, 2.2}, {40, 2}};
    const auto found = [&](std::vector<double> kept, const Series &kls) {
        return judgedProbes({{{10, 0.99}, {20, kept[0]}, {30, kept[1]}, {40, kept[2]}}, kls}, {{10, 40}});
    };
    QVERIFY(found({0.8, 0.75, 0.71}, kl).outcome == CheckOutcome::Passed); // what came before the stage does not count
    const CheckResult fallen = found({0.8, 0.85, 0.74}, kl);
    QVERIFY(fallen.outcome == CheckOutcome::Warning);
    QVERIFY(std::abs(*fallen.value - 0.11) < 1e-12);
    QCOMPARE(fallen.measured,
             std::string("from step 30 to 40 the attention kept falls from 0.85 to 0.74, the KL from 2.2 to 2"));
    QVERIFY(found({0.8, 0.85, 0.4}, {{20, 2}, {30, 2.2}, {40, 2.3}}).outcome == CheckOutcome::Passed); // KL shows it
    QVERIFY(found({0.2, 0.5, 0.8}, kl).outcome == CheckOutcome::Passed);
    QVERIFY(judgedProbes({{{20, 0.8}}, kl}, {{10, 40}}).outcome == CheckOutcome::NotRun);
    QVERIFY(judgedProbes({{{20, 0.8}, {30, 0.4}}, kl}, {}).outcome == CheckOutcome::NotRun);
    // Between two sparse stages, and from one to the next, the KL is over other keys.
    const Series dropping = {{20, 0.9}, {30, 0.7}, {40, 0.5}, {50, 0.45}};
    QVERIFY(judgedProbes({dropping, {{20, 4}, {30, 3}, {40, 2}, {50, 1}}}, {{10, 20}, {30, 50}}).outcome ==
            CheckOutcome::Passed);
    QVERIFY(judgedProbes({dropping, {{20, 4}, {30, 3}, {40, 2}, {50, 1}}}, {{10, 30}, {30, 50}}).outcome ==
            CheckOutcome::Warning);
}

/// A leak at t < k alone need not show in the mean.
void tst_Soundness::everyPositionOfNoiseHasItsFloor()
{
    const double chance = std::log(256);
    MeasuredLosses losses{chance + 0.015, {}};
    for (int i = 0; i < 8; ++i) {
        losses.positions.emplace_back("val.loss.position/" + std::to_string(i), chance + 0.001);
    }
    QVERIFY(judgedLosses(losses, chance, chance).outcome == CheckOutcome::Passed);
    losses.positions[2].second = chance - 0.019;
    QVERIFY(judgedLosses(losses, chance, chance).outcome == CheckOutcome::Passed);
    losses.positions[2].second = chance - 0.021;
    const CheckResult found = judgedLosses(losses, chance, chance);
    QVERIFY(found.outcome == CheckOutcome::Failed);
    QCOMPARE(*found.value, chance - 0.021);
    QVERIFY2(found.measured.find("val.loss.position/2 5.524, and no causal model") == 0, found.measured.c_str());
    // The entropy of a task differs from place to place.
    losses.mean = 1.1;
    losses.positions[2].second = 0.2;
    QVERIFY(judgedLosses(losses, chance, 1.0).outcome == CheckOutcome::Passed);
}

void tst_Soundness::tiesAreAWarning()
{
    Subject subject(tinyRun(Family::Sparse));
    subject.scale(".indexer.weights_proj", 0); // all scores are 0
    const auto results = checked(subject.untrained());
    QVERIFY(results.at("ties").outcome == CheckOutcome::Warning);
    QCOMPARE(*results.at("ties").value, 1.0);
}

void tst_Soundness::aSelectionThatDoesNotBindIsAWarning()
{
    Subject half(tinyRun(Family::Sparse, {{"model.selection.top_k", "16"}}));
    QVERIFY(checked(half.untrained()).at("selection-binds").outcome == CheckOutcome::Warning);
    Subject all(tinyRun(Family::Sparse, {{"model.selection.top_k", "\"L\""}}));
    QVERIFY(checked(all.untrained()).at("selection-binds").outcome == CheckOutcome::Warning);
    Subject few(tinyRun(Family::Sparse, {{"model.selection.top_k", "3"}}));
    QVERIFY(checked(few.untrained()).at("selection-binds").outcome == CheckOutcome::Passed);
}

void tst_Soundness::repeatedDocumentsAreFound()
{
    QTemporaryDir folder;
    const auto overlapOf = [&](const std::string &name, bool repeated) {
        const std::string path = folder.filePath(QString::fromStdString(name)).toStdString();
        std::ofstream text(path);
        for (int document = 0; document < 40; ++document) {
            std::uint32_t state = static_cast<std::uint32_t>(repeated ? document % 10 : document) + 1;
            for (int letter = 0; letter < 200; ++letter) {
                state = state * 1664525u + 1013904223u;
                text << static_cast<char>('a' + (state >> 24) % 26);
            }
            text << "\n\n";
        }
        text.close();
        Subject subject(
            tinyRun(Family::Classic, {{"data.source", "text"}, {"data.path", path}, {"data.options", "{}"}}));
        return checked(subject.untrained()).at("split-overlap");
    };
    const CheckResult honest = overlapOf("honest.txt", false), repeated = overlapOf("repeated.txt", true);
    QVERIFY(honest.outcome == CheckOutcome::Passed);
    QCOMPARE(*honest.value, 0.0);
    QVERIFY(repeated.outcome == CheckOutcome::Failed);
    QVERIFY(*repeated.value > 0.6);
}

void tst_Soundness::trainedRunIsMeasured()
{
    QTemporaryDir folder;
    TrainingObserver nobody;
    const RunConfig config = tinyRun(Family::MhlaSparse);
    const std::filesystem::path path = std::filesystem::path(folder.path().toStdString()) / "run";
    {
        TrainRun run(config, path, {}, nobody);
        while (!run.finished()) {
            run.advance();
        }
        run.finish();
    }
    SoundnessOptions options;
    options.device = "cpu";
    options.checkpoint = RunReader(path).checkpoints().back().folder;
    std::vector<std::string> heard;
    options.onResult = [&](const CheckResult &result) { heard.push_back(result.gate); };
    const std::vector<CheckResult> results = checkRun(config, options);
    QCOMPARE(results.size(), heard.size());
    for (const CheckResult &result : results) {
        QVERIFY2(result.outcome != CheckOutcome::NotRun || result.gate == "dense-probe", result.gate.c_str());
        QCOMPARE(result.run, config.folder());
        QVERIFY2(result.gate != "causality" || result.outcome == CheckOutcome::Passed, result.measured.c_str());
    }
    QCOMPARE(heard.size(), std::size_t{11});
}

void tst_Soundness::unequalFamiliesAreFound()
{
    const auto failed = [](const std::vector<RunConfig> &runs) {
        std::set<std::string> names;
        for (const CheckResult &result : checkFairness(runs)) {
            if (result.outcome == CheckOutcome::Failed) {
                names.insert(result.gate);
            }
        }
        return names;
    };
    std::vector<RunConfig> runs = expand(tiny());
    QCOMPARE(failed(runs), std::set<std::string>{});
    std::vector<RunConfig> changed = runs;
    changed[1].training.batchSize = 8;
    QCOMPARE(failed(changed), std::set<std::string>{"data-order"});
    changed = runs;
    changed[2].training.weightDecay = 0;
    QCOMPARE(failed(changed), std::set<std::string>{"schedule"});
    changed = runs;
    changed[3].training.learningRate *= 2;
    const std::vector<CheckResult> results = checkFairness(changed);
    QCOMPARE(results.back().gate, std::string("learning-rates"));
    QVERIFY(results.back().outcome == CheckOutcome::Warning);
}

void tst_Soundness::cheapGatesAreThoseOfTheStart()
{
    Subject subject(tinyRun(Family::Sparse));
    SoundnessOptions options;
    options.cheapOnly = true;
    GateSubject judged = subject.untrained();
    judged.windows = 1;
    judged.lossAtStart = 3.0; // known: not measured again
    std::map<std::string, CheckResult> results;
    for (CheckResult &result : checkSubject(judged, options)) {
        results[result.gate] = std::move(result);
    }
    QCOMPARE(results.size(), std::size_t{3});
    QVERIFY2(results.at("causality").measured.find("of 16 probes") != std::string::npos, textOf(results));
    QVERIFY(results.at("effective-k").outcome == CheckOutcome::Passed);
    QVERIFY2(results.at("start").measured.find("3.000") != std::string::npos, textOf(results));
}

void tst_Soundness::aGateThatBreaksOffIsNotRun()
{
    class NoKeys : public Selector {
    public:
        SelectorOutput select(const SelectorInput &) const override { throw std::runtime_error("no keys today"); }
    };
    Subject subject(tinyRun(Family::Sparse));
    const NoKeys fault;
    GateSubject broken = subject.untrained();
    broken.selector = &fault;
    const auto results = checked(broken);
    QVERIFY(results.at("effective-k").outcome == CheckOutcome::NotRun);
    QCOMPARE(results.at("effective-k").measured, std::string("no keys today"));
    QVERIFY(withholds(results.at("effective-k")));
    QVERIFY(results.at("split-overlap").outcome == CheckOutcome::Passed); // the others go on
}

QTEST_GUILESS_MAIN(tst_Soundness)
#include "tst_soundness.moc"
