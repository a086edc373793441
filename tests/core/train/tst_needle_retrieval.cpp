#include "core/train/needle_retrieval.h"

#include "core/base/error.h"
#include "core/data/needle_examples.h"
#include "core/model/hf_weights.h"
#include "core/train/step_inputs.h"
#include "core/train/trainer.h"
#include "tests/core/tiny_experiment.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>

#include <QTemporaryDir>
#include <QtTest>

#include <map>
#include <set>

using namespace sparsescope;

namespace {

constexpr int kDepths = 3, kExamples = 7;

/// A tiny model, trained a little, and its checkpoint on disk.
struct Frozen {
    RunConfig config;
    QTemporaryDir folder;

    explicit Frozen(Family family, const std::vector<Override> &overrides = {}, int steps = 40)
        : config(tinyRun(family, overrides))
    {
        const auto data = makeDataSource(config);
        Trainer trainer(config, data->vocabulary(), at::kCPU, false);
        const StageConfig stage{"Dense training",
                                steps,
                                StageAttention::Dense,
                                StageTrains::All,
                                isSparse(family) ? KlTarget::Visible : KlTarget::None,
                                {}};
        for (int i = 0; i < steps; ++i) {
            trainer.step(stage, data->training(i), i);
        }
        saveCheckpoint(trainer.model(), checkpoint());
    }
    std::filesystem::path checkpoint() const { return folder.filePath("checkpoint").toStdString(); }

    NeedleOptions options() const
    {
        NeedleOptions result;
        result.device = "cpu";
        result.checkpoint = checkpoint();
        result.lengths = {24, 96};
        result.depths = kDepths;
        result.examples = kExamples;
        result.chunk = 11;
        return result;
    }

    /// What the whole forward of every example says.
    NeedleRow expected(std::int64_t length, std::int64_t topK, bool yarn) const
    {
        RunConfig longer = config;
        longer.training.sequenceLength = length;
        if (yarn) {
            longer.model.yarn = YarnConfig{static_cast<double>(length) / 24, 24, 32.0, 1.0, 0.0, 0.0};
        }
        const NeedleExamples examples(longer, kDepths);
        Transformer model(modelOptions(longer, examples.vocabulary()));
        loadWeights(model, checkpoint());
        const Batch batch = examples.batch(0, kExamples);
        const at::NoGradGuard noGrad;
        std::vector<dsa::Selection> layers;
        ForwardOptions forward;
        forward.sparse = topK > 0;
        forward.topK = topK;
        forward.selections = &layers;
        const at::Tensor best = model.forward(toDevice(batch, at::kCPU).inputs, forward).logits.argmax(-1).contiguous();
        NeedleRow row;
        row.depths.resize(kDepths);
        std::map<std::pair<int, int>, std::pair<int, bool>> answers;
        if (topK > 0) {
            row.found.resize(layers.size(), 0);
        }
        std::vector<at::Tensor> masks;
        for (std::size_t layer = 0; layer < row.found.size(); ++layer) {
            masks.push_back(dsa::unpack_mask(layers[layer], length).to(at::kFloat));
        }
        for (const NeededKeys &needed : batch.needed) {
            const bool right = best[needed.row][needed.query].item<std::int64_t>() ==
                               batch.targets[static_cast<std::size_t>(needed.row * length + needed.query)];
            row.tokensRight += right ? 1 : 0;
            auto &answer = answers.try_emplace({needed.row, needed.answer}, 0, true).first->second;
            answer = {examples.depthOf(needed.keys[0]), answer.second && right};
            for (std::size_t layer = 0; layer < masks.size(); ++layer) {
                row.found[layer] += masks[layer][needed.row][needed.query][needed.keys[0]].item<double>() /
                                    static_cast<double>(batch.needed.size());
            }
        }
        for (const auto &[where, answer] : answers) {
            ++row.depths[static_cast<std::size_t>(answer.first)].answers;
            row.depths[static_cast<std::size_t>(answer.first)].exact += answer.second ? 1 : 0;
        }
        return row;
    }
};

Error failureOf(const RunConfig &config, const NeedleOptions &options)
{
    try {
        measureNeedles(config, options);
    } catch (const ConfigFailure &failure) {
        return failure.errors().front();
    }
    return {"nothing was thrown", "", "", "", ""};
}

} // namespace

class tst_NeedleRetrieval : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void countsWhatTheWholeForwardSays_data();
    void countsWhatTheWholeForwardSays();
    void keysMayGrowWithTheLength();
    void goesUpToTheLongest();
    void badRequestsAreNamed();
    void canBeStopped();
};

void tst_NeedleRetrieval::countsWhatTheWholeForwardSays_data()
{
    QTest::addColumn<int>("family");
    for (const Family family : {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse}) {
        QTest::newRow(toString(family).c_str()) << static_cast<int>(family);
    }
}

void tst_NeedleRetrieval::countsWhatTheWholeForwardSays()
{
    QFETCH(int, family);
    const Frozen frozen(static_cast<Family>(family));
    const bool sparse = isSparse(frozen.config.model.family);
    const NeedleTable table = measureNeedles(frozen.config, frozen.options());
    QCOMPARE(table.run, frozen.config.folder());
    QCOMPARE(table.trainedLength, std::int64_t{24});
    QCOMPARE(table.digits, 2);
    QVERIFY(std::abs(table.exactChance - 0.01) < 1e-12);
    QCOMPARE(table.rows.size(), std::size_t{3}); // plain at both lengths, stretched beyond the trained one
    std::set<std::string> asked;
    std::int64_t right = 0;
    for (const NeedleRow &row : table.rows) {
        asked.insert(row.positions + " " + std::to_string(row.length));
        QCOMPARE(row.topK, std::int64_t{sparse ? 6 : 0});
        QCOMPARE(row.examples, std::int64_t{kExamples});
        QCOMPARE(row.yarnFactor, row.positions == "yarn" ? 4.0 : 1.0);
        const NeedleRow expected = frozen.expected(row.length, row.topK, row.positions == "yarn");
        QCOMPARE(row.tokens, std::int64_t{kExamples * 2 * 2});
        QCOMPARE(row.tokensRight, expected.tokensRight);
        for (int depth = 0; depth < kDepths; ++depth) {
            QCOMPARE(row.depths[depth].answers, expected.depths[depth].answers);
            QCOMPARE(row.depths[depth].exact, expected.depths[depth].exact);
        }
        QCOMPARE(row.answers(), std::int64_t{kExamples * 2});
        QCOMPARE(row.found.size(), expected.found.size());
        for (std::size_t layer = 0; layer < row.found.size(); ++layer) {
            QVERIFY(std::abs(row.found[layer] - expected.found[layer]) < 1e-6);
        }
        QCOMPARE(row.foundChance.has_value(), sparse);
        if (sparse) { // 6 of about as many keys as the window has
            QVERIFY(std::abs(*row.foundChance - 6.0 / (static_cast<double>(row.length) - 2.5)) < 0.02);
        }
        QVERIFY(row.problem.empty() && row.secondsPerExample > 0 && !row.peakBytes);
        right += row.tokensRight;
    }
    QCOMPARE(asked, (std::set<std::string>{"plain 24", "plain 96", "yarn 96"}));
    QVERIFY(right > 0); // else the comparison would say little
}

void tst_NeedleRetrieval::keysMayGrowWithTheLength()
{
    const Frozen frozen(Family::Sparse, {}, 2);
    NeedleOptions options = frozen.options();
    options.keys = {"L/4", "6"};
    options.positions = {"plain"};
    const NeedleTable table = measureNeedles(frozen.config, options);
    QCOMPARE(table.rows.size(), std::size_t{4});
    QCOMPARE(table.rows[0].keys, std::string("L/4"));
    QCOMPARE(table.rows[0].topK, std::int64_t{6});
    QCOMPARE(table.rows[1].topK, std::int64_t{24});
    QCOMPARE(table.rows[3].topK, std::int64_t{6});
    // One setting at the trained length, two at the longer one.
    QCOMPARE(table.rows[0].found, table.rows[2].found);
    QVERIFY(table.rows[1].found != table.rows[3].found);
    const std::vector<double> expected = frozen.expected(96, 24, false).found;
    for (std::size_t layer = 0; layer < expected.size(); ++layer) {
        QVERIFY(std::abs(table.rows[1].found[layer] - expected[layer]) < 1e-6); // summed in another order
    }
}

void tst_NeedleRetrieval::goesUpToTheLongest()
{
    QCOMPARE(needleLengths(512).front(), std::int64_t{512});
    QCOMPARE(needleLengths(512).size(), std::size_t{9});
    QCOMPARE(needleLengths(100000), (std::vector<std::int64_t>{100000, 131072}));
    QCOMPARE(needleLengths(131072), (std::vector<std::int64_t>{131072}));
}

void tst_NeedleRetrieval::badRequestsAreNamed()
{
    const RunConfig config = tinyRun(Family::Sparse);
    NeedleOptions options;
    options.device = "cpu";
    options.depths = kDepths;
    options.lengths = {131073};
    QCOMPARE(failureOf(config, options).where, std::string("--lengths"));
    options.lengths = {24};
    options.depths = 100;
    QCOMPARE(failureOf(config, options).where, std::string("--depths"));
    options.depths = kDepths;
    options.positions = {"linear"};
    QCOMPARE(failureOf(config, options).where, std::string("--positions"));
    options.positions = {};
    options.examples = 0;
    QCOMPARE(failureOf(config, options).where, std::string("--examples"));
    options.examples = 1;
    RunConfig other = config;
    other.data.source = "mqar";
    QCOMPARE(failureOf(other, options).where, std::string("data.source"));
}

/// Nothing of the row that was not finished comes back.
void tst_NeedleRetrieval::canBeStopped()
{
    const Frozen frozen(Family::Classic, {}, 2);
    NeedleOptions options = frozen.options();
    bool second = false;
    double last = 0;
    options.onProgress = [&](const std::string &what, double done) {
        second = what.find("L 96") != std::string::npos;
        QVERIFY(done >= last && done <= 1);
        last = done;
    };
    options.cancelled = [&] { return second; };
    const NeedleTable table = measureNeedles(frozen.config, options);
    QCOMPARE(table.rows.size(), std::size_t{1});
    QCOMPARE(table.rows[0].length, std::int64_t{24});
}

QTEST_GUILESS_MAIN(tst_NeedleRetrieval)
#include "tst_needle_retrieval.moc"
