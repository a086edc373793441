#include "core/base/cost_model.h"

#include <QtTest>

using namespace sparsescope;

namespace {

RunConfig runOf(const char *patch)
{
    nlohmann::ordered_json document{{"schema", 1}, {"name", "x"}};
    document.merge_patch(nlohmann::ordered_json::parse(patch));
    return expand(parseExperiment(document, "")).at(0);
}

constexpr const char *kSmall =
    R"({"model": {"family": "classic", "d_model": 16, "n_layers": 1, "n_heads": 2, "d_ff": 32, "moe": {"n_experts": 0}},
                                   "training": {"sequence_length": 4, "batch_size": 1, "steps": 10}})";

} // namespace

class tst_cost_model : public QObject {
    Q_OBJECT
private slots:
    void pairsByCounting()
    {
        for (const std::int64_t length : {1, 2, 7, 64}) {
            for (const std::int64_t k : {1, 3, 8, 64, 100}) {
                double dense = 0, selected = 0;
                for (std::int64_t t = 0; t < length; ++t) {
                    dense += double(t + 1);
                    selected += double(std::min(k, t + 1));
                }
                QCOMPARE(densePairs(length), dense);
                QCOMPARE(selectedPairs(length, k), selected);
            }
        }
    }
    void parametersByHand()
    {
        // embedding and head 2*10*16, final norm 16; norms 32, q k v o 4*16*16, feed-forward 3*16*32
        QCOMPARE(parameterCount(runOf(kSmall), 10).main, std::int64_t(320 + 16 + 32 + 1024 + 1536));
        QCOMPARE(parameterCount(runOf(kSmall), 10).indexer, std::int64_t(0));
        RunConfig sparse = runOf(kSmall);
        sparse.model.family = Family::Sparse;
        sparse.model.selection.kind = "lightning";
        sparse.model.indexer.nHeads = 2;
        sparse.model.indexer.headDim = 8;
        // wq_b 2*8*16, wk 8*16, weights_proj 2*16, k_norm 2*8
        QCOMPARE(parameterCount(sparse, 10).indexer, std::int64_t(256 + 128 + 32 + 16));
        QCOMPARE(parameterCount(sparse, 10).main, parameterCount(runOf(kSmall), 10).main);
    }
    void denseStepByHand()
    {
        const RunConfig run = runOf(kSmall);
        const StepFlops flops = stepFlops(run, 10, stagesOf(run)[0]);
        QCOMPARE(flops.projections, 3.0 * 2 * 4 * 1024);
        QCOMPARE(flops.attention, 3.0 * 2 * 10 * 2 * (8 + 8)); // ten causal pairs, two heads of 8
        QCOMPARE(flops.feedForward, 3.0 * 2 * 4 * 1536);
        QCOMPARE(flops.head, 3.0 * 2 * 4 * 16 * 10);
        QCOMPARE(flops.indexer + flops.indexerLoss, 0.0);
        QCOMPARE(runFlops(run, 10), 10 * flops.total());
    }
    void sparseAttendsLessAndPaysTheIndexer()
    {
        const RunConfig sparse = runOf(R"({"training": {"recipe": "warmup"}})"),
                        classic = runOf(R"({"model": {"family": "classic"}})");
        const auto stages = stagesOf(sparse);
        const StepFlops dense = stepFlops(sparse, 257, stages[0]), warmup = stepFlops(sparse, 257, stages[1]),
                        last = stepFlops(sparse, 257, stages[2]);
        QCOMPARE(dense.total(), stepFlops(classic, 257, stagesOf(classic)[0]).total());
        QCOMPARE(last.attention / dense.attention, selectedPairs(128, 16) / densePairs(128));
        QVERIFY(last.indexer > 0 && last.indexerLoss > 0);
        QCOMPARE(warmup.attention * 3, dense.attention); // forward only
        QCOMPARE(warmup.head, 0.0);
        QVERIFY(warmup.indexerLoss > last.indexerLoss); // all visible keys, not k
    }
    void executedVisitsEveryVisiblePair()
    {
        const RunConfig sparse = runOf(R"({"training": {"recipe": "warmup", "steps": 10, "warmup_indexer_steps": 4}})");
        const auto stages = stagesOf(sparse);
        for (int i = 0; i < 2; ++i) // dense attention: nothing is masked away
            QCOMPARE(stepFlops(sparse, 257, stages[i], FlopsCounted::Executed).total(),
                     stepFlops(sparse, 257, stages[i]).total());
        const StepFlops needed = stepFlops(sparse, 257, stages[2]),
                        executed = stepFlops(sparse, 257, stages[2], FlopsCounted::Executed);
        QCOMPARE(executed.attention / needed.attention, densePairs(128) / selectedPairs(128, 16));
        QCOMPARE(executed.indexer, needed.indexer); // it scores every visible key in any case
        QVERIFY(executed.indexerLoss > needed.indexerLoss);

        QCOMPARE(flopsSoFar(sparse, 257, 0, 0).model, 0.0);
        QCOMPARE(flopsSoFar(sparse, 257, 1, 3).model,
                 7 * stepFlops(sparse, 257, stages[0]).total() + 3 * stepFlops(sparse, 257, stages[1]).total());
        QCOMPARE(flopsSoFar(sparse, 257, 3, 0).model, runFlops(sparse, 257)); // past the last stage
    }
    void cacheByHand()
    {
        const auto cache = [](const char *model) {
            return kvCachePerToken(runOf((std::string(R"({"model": )") + model + "}").c_str()).model);
        };
        // 2 layers, 4 heads of 8; two bytes a number
        const char *const kSizes = R"("d_model": 32, "n_layers": 2, "n_heads": 4)";
        const auto with = [&](const std::string &more) { return "{" + std::string(kSizes) + ", " + more + "}"; };
        QCOMPARE(cache(with(R"("family": "classic")").c_str()).bytes, 2.0 * 2 * 64);
        QCOMPARE(cache(with(R"("family": "classic", "n_kv_heads": 1)").c_str()).bytes, 2.0 * 2 * 16);
        QCOMPARE(cache(with(R"("family": "classic", "n_kv_heads": 1)").c_str()).mhaBytes, 2.0 * 2 * 64);
        const std::string latent = R"("mla": {"kv_lora_rank": 12, "qk_rope_head_dim": 4}, "indexer": {"head_dim": 8})";
        QCOMPARE(cache(with(R"("family": "mhla", )" + latent).c_str()).bytes, 2.0 * 2 * 16);
        QCOMPARE(cache(with(R"("family": "mhla_sparse", )" + latent).c_str()).bytes, 2.0 * 2 * (16 + 8));
        QCOMPARE(cache(with(R"("family": "mhla_sparse", "share_pattern": "FS", )" + latent).c_str()).bytes,
                 2.0 * (2 * 16 + 8));
    }
    void memoryGrowsWithTheBatchAndBoundsIt()
    {
        RunConfig run = runOf("{}");
        const double budget = 200e6;
        const int batch = largestBatch(run, 257, 4, budget);
        QVERIFY(batch > 0 && batch < 4096);
        run.training.batchSize = batch;
        QVERIFY(trainingMemory(run, 257, 4) <= budget);
        run.training.batchSize = batch + 1;
        QVERIFY(trainingMemory(run, 257, 4) > budget);
        QCOMPARE(largestBatch(run, 257, 4, 1e3), 0);
        QVERIFY(trainingMemory(run, 257, 2) < trainingMemory(run, 257, 4));
    }
    void expectedVocabularies()
    {
        QCOMPARE(expectedVocabulary(runOf("{}")), 257);
        QCOMPARE(expectedVocabulary(runOf(R"({"data": {"source": "needle"}})")), 272);
        QCOMPARE(expectedVocabulary(runOf(R"({"data": {"source": "needle", "options": {"keys": 4}}})")), 260);
        QCOMPARE(expectedVocabulary(runOf(R"({"data": {"source": "noise"}})")), 256);
        QCOMPARE(expectedVocabulary(runOf(R"({"data": {"source": "mqar", "options": {"keys": 5}}})")), 11);
    }
};

QTEST_GUILESS_MAIN(tst_cost_model)
#include "tst_cost_model.moc"
