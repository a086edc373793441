#include "core/base/config.h"

#include <QtTest>

#include <set>

using namespace sparsescope;

namespace {

std::vector<RunConfig> runsOf(const char *sweep)
{
    nlohmann::ordered_json document{{"schema", 1}, {"name", "x"}};
    document["sweep"] = nlohmann::ordered_json::parse(sweep);
    return expand(parseExperiment(document, "exp.json"));
}

std::vector<std::string> foldersOf(const char *sweep)
{
    std::vector<std::string> folders;
    for (const RunConfig &run : runsOf(sweep))
        folders.push_back(run.folder());
    return folders;
}

using Folders = std::vector<std::string>;

} // namespace

class tst_expand : public QObject {
    Q_OBJECT
private slots:
    void noSweepIsOneRun() { QCOMPARE(foldersOf("{}"), (Folders{"seq_128/sparse/seed_0"})); }
    void familiesOfAGroupStandTogether()
    {
        // However the sweep is written.
        const Folders expected{"seq_64/classic/seed_0",  "seq_64/sparse/seed_0",   "seq_64/classic/seed_1",
                               "seq_64/sparse/seed_1",   "seq_128/classic/seed_0", "seq_128/sparse/seed_0",
                               "seq_128/classic/seed_1", "seq_128/sparse/seed_1"};
        QCOMPARE(foldersOf(R"({"sequence_length": [64, 128], "seed": [0, 1], "family": ["classic", "sparse"]})"),
                 expected);
        QCOMPARE(
            foldersOf(
                R"({"family": ["classic", "sparse"], "training.seed": [0, 1], "training.sequence_length": [64, 128]})"),
            expected);
    }
    void groupIsAllButTheFamily()
    {
        const auto runs = runsOf(R"({"family": ["classic", "mhla"], "seed": [3], "top_k": ["L/8", 32]})");
        QCOMPARE(runs.size(), std::size_t(4));
        QCOMPARE(runs[0].lockstepGroup(), runs[1].lockstepGroup());
        QCOMPARE(runs[2].lockstepGroup(), runs[3].lockstepGroup());
        QVERIFY(runs[1].lockstepGroup() != runs[2].lockstepGroup());
    }
    void furtherAxesNameFoldersInSweepOrder()
    {
        QCOMPARE(foldersOf(R"({"training.steps": [10], "top_k": ["L/8", 32]})"),
                 (Folders{"seq_128/sparse/seed_0/steps_10/top_k_L-8", "seq_128/sparse/seed_0/steps_10/top_k_32"}));
        QCOMPARE(foldersOf(R"({"model.n_heads": [4], "model.indexer.n_heads": [2]})"),
                 (Folders{"seq_128/sparse/seed_0/model.n_heads_4/model.indexer.n_heads_2"}));
    }
    void foldersNeverLeaveTheExperiment()
    {
        for (const std::string &folder : foldersOf(R"({"data.path": ["../../etc/passwd", "/tmp/a b.txt"]})")) {
            QVERIFY2(folder.find("/../") == std::string::npos && folder.find(' ') == std::string::npos, folder.c_str());
            QCOMPARE(std::count(folder.begin(), folder.end(), '/'), std::ptrdiff_t(3));
        }
    }
    void equalFoldersAreRefused()
    {
        try {
            runsOf(R"({"top_k": ["L/8", "L*8"]})");
            QFAIL("accepted");
        } catch (const ConfigFailure &failure) {
            QVERIFY2(QString(failure.what()).contains("same folder"), failure.what());
        }
    }
    void everyRunIsResolved()
    {
        for (const RunConfig &run :
             runsOf(R"({"family": ["classic", "sparse", "mhla", "mhla_sparse"], "model.d_model": [64, 128]})")) {
            QVERIFY(run.training.learningRate > 0 && run.training.indexerLearningRate > 0);
            QCOMPARE(run.model.headDim, run.model.dModel / 8);
            QCOMPARE(run.model.selection.kind, std::string(isSparse(run.model.family) ? "lightning" : "none"));
            QCOMPARE(run.model.attention == AttentionKind::Mla,
                     run.model.family == Family::Mhla || run.model.family == Family::MhlaSparse);
            QCOMPARE(run.experiment, std::string("x"));
            QVERIFY(!stagesOf(run).empty());
        }
    }
};

QTEST_GUILESS_MAIN(tst_expand)
#include "tst_expand.moc"
