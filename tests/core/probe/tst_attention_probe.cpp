#include "core/base/maps.h"
#include "core/base/selection_metrics.h"
#include "core/model/index_score.h"
#include "core/probe/attention_probe.h"
#include "core/probe/selection_statistics.h"
#include "tests/core/tiny_experiment.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace sparsescope;

class tst_AttentionProbe : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void mapsEqualWhatTheModelComputed_data();
    void mapsEqualWhatTheModelComputed();
    void statisticsAgreeWithTheSnapshot();
    void headsAreComparedByTheirOwnKeys();
    void aSnapshotSurvivesTheFile();
};

namespace {

struct Probed {
    RunConfig config;
    std::unique_ptr<DataSource> data;
    std::unique_ptr<Transformer> model;
    Probe probe;
    at::Tensor ids;

    explicit Probed(Family family, const std::string &activation = "relu")
        : config(tinyRun(family, {{"model.indexer.activation", activation}}))
        , data(makeDataSource(config))
    {
        model = std::make_unique<Transformer>(modelOptions(config, data->vocabulary()));
        model->parameters().initialise(3);
        probe = data->probe("");
        std::vector<std::int64_t> tokens(probe.tokens.begin(), probe.tokens.end());
        ids = at::from_blob(tokens.data(), {1, std::int64_t(tokens.size())}, at::kLong).clone();
    }

    std::vector<AttentionTrace> trace(bool sparse)
    {
        at::NoGradGuard noGrad;
        std::vector<AttentionTrace> result;
        ForwardOptions options;
        options.sparse = sparse;
        options.trace = &result;
        model->forward(ids, options);
        return result;
    }

    Snapshot snapshot(bool sparse)
    {
        return takeSnapshot(*model, probe, {"run", 5, "Sparse training", sparse, model->options().selector}, at::kCPU);
    }
};

double difference(const Map &map, const at::Tensor &expected)
{
    double largest = 0;
    for (int t = 0; t < map.rows; ++t) {
        for (int s = 0; s <= t; ++s) {
            largest = std::max(largest, std::abs(double(map.at(t, s)) - expected[t][s].item<double>()));
        }
    }
    return largest;
}

} // namespace

void tst_AttentionProbe::mapsEqualWhatTheModelComputed_data()
{
    QTest::addColumn<int>("family");
    QTest::addColumn<bool>("sparse");
    QTest::addColumn<QString>("activation");
    QTest::newRow("sparse, sparse") << int(Family::Sparse) << true << "relu";
    QTest::newRow("sparse, dense") << int(Family::Sparse) << false << "relu";
    QTest::newRow("mhla_sparse, sparse") << int(Family::MhlaSparse) << true << "relu";
    QTest::newRow("classic") << int(Family::Classic) << false << "relu";
    for (const char *activation : {"gelu", "silu", "identity", "prelu"})
        QTest::newRow(activation) << int(Family::MhlaSparse) << true << activation;
}

void tst_AttentionProbe::mapsEqualWhatTheModelComputed()
{
    QFETCH(int, family);
    QFETCH(bool, sparse);
    QFETCH(QString, activation);
    Probed probed(Family(family), activation.toStdString());
    for (const Parameters::Entry &entry : probed.model->parameters().entries()) {
        if (entry.name.ends_with("indexer.activation.weight")) {
            const at::NoGradGuard noGrad;
            at::Tensor(entry.tensor).fill_(-0.4); // as if it had learned one
        }
    }
    const auto trace = probed.trace(sparse);
    const Snapshot snapshot = probed.snapshot(sparse);
    QCOMPARE(snapshot.layers.size(), trace.size());
    const int length = snapshot.length();
    for (std::size_t i = 0; i < trace.size(); ++i) {
        const LayerSnapshot &layer = snapshot.layers[i];
        const bool indexed = trace[i].index.defined();
        QCOMPARE(layer.hasIndexer(), indexed);
        QCOMPARE(layer.hasSelection(), trace[i].selection.bits.defined());
        const at::Tensor q = trace[i].q[0], k = trace[i].k[0];
        at::Tensor mask;
        if (layer.hasSelection()) {
            mask = dsa::unpack_mask(trace[i].selection, length)[0];
            for (int t = 0; t < length; ++t) {
                for (int s = 0; s < length; ++s) {
                    QCOMPARE(layer.isSelected(t, s, length), mask[t][s].item<bool>());
                }
            }
        }
        if (indexed) {
            const at::Tensor scores = indexScores(trace[i].index)[0];
            if (activation != "relu") {
                const at::Tensor relu = dsa::index_scores(trace[i].index.q, trace[i].index.k, trace[i].index.w)[0];
                QVERIFY((scores - relu).tril().nan_to_num(0).abs().max().item<double>() > 1e-4);
            }
            QVERIFY(difference(indexScoreMap(layer, length), scores) < 1e-5);
        }
        for (int head = 0; head < layer.heads; ++head) {
            const at::Tensor logits = q[head].matmul(k[head / (layer.heads / layer.kvHeads)].t()) * snapshot.scale;
            const at::Tensor dense = (logits - trace[i].lseDense[0][head].unsqueeze(1)).exp();
            at::Tensor ran = (logits - trace[i].lse[0][head].unsqueeze(1)).exp();
            if (sparse && mask.defined()) {
                ran = ran * mask;
            }
            QVERIFY(difference(denseAttentionMap(layer, length, snapshot.scale, head), dense) < 2e-3);
            QVERIFY(difference(attentionMap(layer, length, snapshot.scale, head), ran) < 2e-3);
            const at::Tensor total = ran.tril().sum(1); // the log-sum-exp normalises what ran
            QVERIFY((total - 1.0).abs().max().item<double>() < 1e-4);
        }
    }
}

void tst_AttentionProbe::statisticsAgreeWithTheSnapshot()
{
    Probed probed(Family::Sparse);
    const auto trace = probed.trace(true);
    Batch batch;
    batch.rows = 1;
    batch.length = int(probed.probe.tokens.size());
    for (int t = 0; t < int(probed.probe.needed.size()); ++t) {
        if (!probed.probe.needed[t].empty()) {
            batch.needed.push_back({0, t, probed.probe.needed[t]});
        }
    }
    SelectionStatistics statistics(probed.config.topK(), probed.model->options().attentionScale(), 0);
    statistics.add(trace, batch);
    std::map<std::string, double> found;
    for (const Scalar &scalar : statistics.scalars()) {
        found[scalar.metric] = scalar.value;
    }
    const Snapshot snapshot = probed.snapshot(true);
    for (std::size_t layer = 0; layer < trace.size(); ++layer) {
        const SelectionMetrics metrics = selectionMetrics(snapshot, layer);
        const std::string at = "/" + std::to_string(layer);
        auto equal = [&](const std::optional<double> &value, const std::string &metric, double tolerance) {
            QVERIFY2(value && found.count(metric + at), metric.c_str());
            QVERIFY2(std::abs(*value - found[metric + at]) <= tolerance, metric.c_str());
        };
        equal(metrics.massKept, "selection.mass_kept", 2e-3);
        equal(metrics.massKeptChance, "selection.mass_kept.chance", 1e-9);
        equal(metrics.oracleMass, "selection.mass_kept.oracle", 2e-3);
        equal(metrics.massKeptWorst, "selection.mass_kept.worst", 5e-3);
        equal(metrics.lookBack, "selection.look_back", 1e-6);
        equal(metrics.lookBackChance, "selection.look_back.chance", 1e-6);
        equal(metrics.coverage, "selection.coverage", 1e-6);
        equal(metrics.sinkKept, "selection.sink_kept", 1e-6);
        equal(metrics.effectiveK, "selection.k_effective", 1e-6);
        equal(metrics.pairsKept, "selection.pairs_kept", 1e-6);
        equal(metrics.neededRecall, "oracle.recall", 1e-6);
        equal(metrics.neededRecallChance, "oracle.recall.chance", 1e-6);
    }
    QVERIFY(found.at("selection.mass_kept") > 0 &&
            found.at("selection.mass_kept") <= found.at("selection.mass_kept.oracle") + 1e-6);
    QVERIFY(found.count("selection.agreement.1"));
}

void tst_AttentionProbe::headsAreComparedByTheirOwnKeys()
{
    Probed probed(Family::Sparse);
    const auto trace = probed.trace(true);
    const auto topK = probed.config.topK();
    SelectionStatistics statistics(topK, probed.model->options().attentionScale(), 0);
    statistics.add(trace, Batch());
    std::map<std::string, double> found;
    for (const Scalar &scalar : statistics.scalars()) {
        found[scalar.metric] = scalar.value;
    }
    for (std::size_t layer = 0; layer < trace.size(); ++layer) {
        const at::Tensor q = trace[layer].index.q[0], k = trace[layer].index.k[0], w = trace[layer].index.w[0];
        const int length = int(q.size(0)), heads = int(q.size(1));
        QVERIFY(heads > 1 && length > topK);
        double common = 0, chance = 0;
        for (int t = int(topK); t < length; ++t) {
            std::vector<std::set<int>> taken(heads);
            for (int head = 0; head < heads; ++head) {
                std::vector<std::pair<float, int>> order; // of two equal scores the lower index wins
                for (int s = 0; s <= t; ++s) {
                    const float product = std::max(0.0F, q[t][head].dot(k[s]).item<float>());
                    order.emplace_back(-w[t][head].item<float>() * product, s);
                }
                std::sort(order.begin(), order.end());
                for (int i = 0; i < topK; ++i) {
                    taken[head].insert(order[i].second);
                }
            }
            double here = 0;
            for (int a = 0; a < heads; ++a) {
                for (int b = 0; b < a; ++b) {
                    here += double(std::count_if(taken[a].begin(), taken[a].end(),
                                                 [&](int key) { return taken[b].count(key) > 0; }));
                }
            }
            common += here / (heads * (heads - 1) / 2) / double(topK);
            chance += double(topK) / (t + 1);
        }
        const std::string at = "/" + std::to_string(layer);
        QVERIFY(std::abs(found.at("indexer.head_overlap" + at) - common / double(length - topK)) < 2e-3);
        QVERIFY(std::abs(found.at("indexer.head_overlap.chance" + at) - chance / double(length - topK)) < 1e-6);
    }
}

void tst_AttentionProbe::aSnapshotSurvivesTheFile()
{
    QTemporaryDir folder;
    Probed probed(Family::MhlaSparse);
    const Snapshot snapshot = probed.snapshot(true);
    const std::filesystem::path file = folder.filePath("00000005.safetensors").toStdString();
    writeSnapshot(snapshot, file);
    const Snapshot back = readSnapshot(file);
    QCOMPARE(back.step, snapshot.step);
    QCOMPARE(back.tokens, snapshot.tokens);
    QCOMPARE(back.words, snapshot.words);
    QCOMPARE(back.needed, snapshot.needed);
    QCOMPARE(back.layers.size(), snapshot.layers.size());
    for (std::size_t i = 0; i < back.layers.size(); ++i) {
        QCOMPARE(back.layers[i].selected, snapshot.layers[i].selected);
        QCOMPARE(back.layers[i].indexQ, snapshot.layers[i].indexQ);
        QCOMPARE(back.layers[i].q, snapshot.layers[i].q);
        QCOMPARE(back.layers[i].lseDense, snapshot.layers[i].lseDense);
    }
}

QTEST_GUILESS_MAIN(tst_AttentionProbe)
#include "tst_attention_probe.moc"
