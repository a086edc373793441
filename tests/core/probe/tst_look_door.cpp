#include "core/base/error.h"
#include "core/base/maps.h"
#include "core/base/run_store.h"
#include "core/model/forward_results.h"
#include "core/model/hf_weights.h"
#include "core/model/paged_model.h"
#include "core/probe/look_door.h"
#include "tests/core/model/small_models.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

ModelOptions readsBytes(const std::string &family)
{
    ModelOptions options = sparsescope::testing::smallOptions(family);
    options.vocabulary = 257;
    return options;
}

const std::string kText = "The key of the red door is 7. The key of the blue door is 4. Which opens the red door?";

} // namespace

/// A stored checkpoint looks at a text: the snapshot is what the whole model computes, with one block in memory at a time.
class tst_LookDoor : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void snapshotIsWhatTheModelComputes_data();
    void snapshotIsWhatTheModelComputes();
    void sharedSelectionsAreOfTheirOwner();
    void refusesWhatTheModelCannotRead();
    void onlyOneBlockIsInMemory();
    void oneLayerIsThatOfAllLayers();
    void canBeGivenUpAfterEveryBlock();

private:
    fs::path place(const QByteArray &name) const { return fs::path(m_place.path().toStdString()) / name.constData(); }
    QTemporaryDir m_place;
};

void tst_LookDoor::snapshotIsWhatTheModelComputes_data()
{
    QTest::addColumn<QString>("family");
    for (const std::string &family : sparsescope::testing::families()) {
        QTest::newRow(family.c_str()) << QString::fromStdString(family);
    }
}

void tst_LookDoor::snapshotIsWhatTheModelComputes()
{
    QFETCH(QString, family);
    Transformer model(readsBytes(family.toStdString()));
    const fs::path folder = place(family.toUtf8());
    saveCheckpoint(model, folder);
    const LookRequest request{folder, kText, {}, place("snapshot.safetensors"), place("run-" + family.toUtf8())};
    const LookSummary summary = lookAtText(request);
    QCOMPARE(summary.tokens, static_cast<int>(kText.size()));
    const Snapshot snapshot = readSnapshot(request.out);
    std::vector<std::int64_t> ids(kText.begin(), kText.end());
    const at::Tensor tokens = at::from_blob(ids.data(), {1, static_cast<std::int64_t>(ids.size())}, at::kLong);
    const NamedTensors results = forwardResults(model, tokens);
    QCOMPARE(snapshot.layers.size(), std::size_t{2});
    QCOMPARE(summary.layers.size(), std::size_t{2});
    const int length = snapshot.length();
    for (std::size_t i = 0; i < snapshot.layers.size(); ++i) {
        const LayerSnapshot &layer = snapshot.layers[i];
        const bool sparse = family.contains("sparse");
        QCOMPARE(layer.hasSelection(), sparse);
        QCOMPARE(summary.layers[i].massKept.has_value(), sparse);
        if (!sparse) {
            continue;
        }
        const std::string prefix = "layer" + std::to_string(i) + ".";
        const at::Tensor selected = results.at(prefix + "selected"), scores = results.at(prefix + "index_scores");
        const Map map = indexScoreMap(layer, length);
        for (int t = 0; t < length; ++t) {
            for (int s = 0; s <= t; ++s) {
                QCOMPARE(layer.isSelected(t, s, length), selected[0][t][s].item<int>() == 1);
                const double expected = scores[0][t][s].item<double>();
                QVERIFY(std::abs(map.at(t, s) - expected) <= 1e-5 + 1e-5 * std::abs(expected));
            }
        }
        QVERIFY(*summary.layers[i].massKept > 0 && *summary.layers[i].massKept < 1);
        QVERIFY(*summary.layers[i].massKeptChance < 0.5);
    }
    // The run folder is one that every reader of runs opens.
    const RunReader run(request.run);
    QVERIFY(run.state() == RunState::Finished);
    QCOMPARE(QString::fromStdString(toString(run.config().model.family)), family);
    QCOMPARE(run.snapshots().size(), std::size_t{1});
    const Snapshot stored = readSnapshot(run.snapshots().front().file);
    QCOMPARE(stored.run, run.config().folder());
    for (std::size_t i = 0; i < stored.layers.size(); ++i) {
        QCOMPARE(stored.layers[i].selected, snapshot.layers[i].selected);
    }
    QVERIFY_EXCEPTION_THROWN(lookAtText(request), ConfigFailure);
    QVERIFY_EXCEPTION_THROWN(lookAtText({folder, kText, {}, {}, folder}), ConfigFailure);
    QVERIFY(!fs::exists(folder / "run.json"));
}

void tst_LookDoor::sharedSelectionsAreOfTheirOwner()
{
    ModelOptions options = readsBytes("mhla_sparse");
    options.modelType = "glm_moe_dsa";
    options.indexRope = RopeStyle::Interleaved;
    options.ownsIndexer = {true, false};
    saveCheckpoint(Transformer(options), place("shared"));
    const LookRequest request{place("shared"), kText, {}, place("shared.safetensors"), {}};
    lookAtText(request);
    const Snapshot snapshot = readSnapshot(request.out);
    QCOMPARE(snapshot.layers[1].selected, snapshot.layers[0].selected);
}

void tst_LookDoor::refusesWhatTheModelCannotRead()
{
    saveCheckpoint(Transformer(sparsescope::testing::smallOptions("sparse")), place("small")); // 61 kinds of tokens
    const auto refused = [&](const LookRequest &request, const char *word) {
        try {
            lookAtText(request);
        } catch (const ConfigFailure &failure) {
            return QString(failure.what()).contains(word) && !fs::exists(request.out);
        }
        return false;
    };
    const fs::path out = place("never.safetensors");
    QVERIFY(refused({place("small"), kText, {}, out, {}}, "token ids"));
    QVERIFY(refused({place("small"), "", {3, 61}, out, {}}, "0 to 60"));
    QVERIFY(refused({place("small"), "", {-1}, out, {}}, "0 to 60"));
    QVERIFY(refused({place("small"), "", {}, out, {}}, "nothing"));
    lookAtText({place("small"), "", {3, 60, 5}, out, {}});
    QCOMPARE(readSnapshot(out).words, (std::vector<std::string>{"3", "60", "5"}));
}

void tst_LookDoor::onlyOneBlockIsInMemory()
{
    saveCheckpoint(Transformer(readsBytes("mhla_sparse")), place("paged"));
    PagedModel paged(place("paged"), at::kFloat);
    const auto inMemory = [&](const std::string &start) {
        std::size_t count = 0;
        for (const Parameters::Entry &entry : paged.model().parameters().entries()) {
            const bool there = entry.tensor.storage().nbytes() == entry.tensor.numel() * sizeof(float);
            count += entry.name.rfind(start, 0) == 0 && entry.tensor.numel() > 1 && there;
        }
        return count;
    };
    QCOMPARE(inMemory(""), std::size_t{0});
    paged.bring(1);
    QVERIFY(inMemory("model.layers.1.") > 10);
    QCOMPARE(inMemory(""), inMemory("model.layers.1."));
    paged.release(1);
    const at::Tensor ids = sparsescope::testing::randomTokens(1, 20, 257, 3);
    const NamedTensors found = forwardResults(paged.model(), ids, &paged);
    QCOMPARE(inMemory(""), std::size_t{0});
    const NamedTensors expected = forwardResults(*loadCheckpoint(place("paged"), at::kFloat), ids);
    QCOMPARE(found.size(), expected.size());
    for (const auto &[name, tensor] : expected) {
        QVERIFY2(found.at(name).equal(tensor), name.c_str());
    }
}

void tst_LookDoor::oneLayerIsThatOfAllLayers()
{
    ModelOptions options = readsBytes("mhla_sparse");
    options.modelType = "glm_moe_dsa";
    options.indexRope = RopeStyle::Interleaved;
    options.ownsIndexer = {true, false};
    saveCheckpoint(Transformer(options), place("one"));
    LookRequest request{place("one"), kText, {}, place("all.safetensors"), {}};
    lookAtText(request);
    const Snapshot all = readSnapshot(request.out);
    request.out = place("one.safetensors");
    for (int layer = 0; layer < 2; ++layer) {
        request.layer = layer;
        QCOMPARE(lookAtText(request).layers.size(), std::size_t{1});
        const Snapshot one = readSnapshot(request.out);
        QCOMPARE(one.layers.size(), std::size_t{1});
        const LayerSnapshot &found = one.layers.front(), &expected = all.layers[static_cast<std::size_t>(layer)];
        QCOMPARE(found.layer, layer);
        QCOMPARE(found.selected, expected.selected);
        QCOMPARE(found.q, expected.q);
        QCOMPARE(found.indexQ, expected.indexQ);
        QCOMPARE(found.lseDense, expected.lseDense);
    }
    request.layer = 2;
    QVERIFY_EXCEPTION_THROWN(lookAtText(request), ConfigFailure);
}

void tst_LookDoor::canBeGivenUpAfterEveryBlock()
{
    saveCheckpoint(Transformer(readsBytes("sparse")), place("given-up"));
    LookRequest request{place("given-up"), kText, {}, place("given-up.safetensors"), place("given-up-run")};
    std::vector<std::pair<int, int>> asked;
    for (int last = 0; last <= 2; ++last) {
        request.goOn = [last](int done, int) { return done < last; };
        QVERIFY(lookAtText(request).givenUp);
        QVERIFY(!fs::exists(request.out) && !fs::exists(request.run));
    }
    request.goOn = [&asked](int done, int all) {
        asked.emplace_back(done, all);
        return true;
    };
    QVERIFY(!lookAtText(request).givenUp);
    QVERIFY(fs::exists(request.out) && fs::exists(request.run));
    QCOMPARE(asked.back(), std::pair(2, 2));
    QVERIFY(std::is_sorted(asked.begin(), asked.end()));
}

QTEST_GUILESS_MAIN(tst_LookDoor)
#include "tst_look_door.moc"
