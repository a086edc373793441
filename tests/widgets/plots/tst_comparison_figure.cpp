#include "widgets/plots/comparison_figure.h"

#include "core/base/stored_summary.h"
#include "tests/journey/drawn_text.h"
#include "tests/widgets/fake_runs.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/group_look.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QFile>
#include <QPainter>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

#include <fstream>
#include <set>

using namespace sparsescope;

/// The figure of an experiment: who stands with whom, and what it says of it.
class tst_ComparisonFigure : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void sweptValuesAreGroupsOfTheirOwn();
    void familiesAloneNeedNoValues();
    void theDataNamesTheGroup();
    void everyGroupLooksDifferent();
    void tasksAndTextsAreNamedForWhatTheyAre();
    void manyGroupsHaveTheirRoom();
    void vectorsStayInsideTheAxes();
    void aSummaryGivesTheSameNumbers();
    void damagedSummariesAreRefused_data();
    void damagedSummariesAreRefused();

private:
    static nlohmann::ordered_json swept(const char *sweep)
    {
        nlohmann::ordered_json document = test::smallDocument();
        document["sweep"] = nlohmann::ordered_json::parse(sweep);
        return document;
    }
    /// Final losses 1, 2, 3, ... in the order of the runs.
    static void finish(const std::vector<std::unique_ptr<RunData>> &runs, std::vector<Scalar> more = {})
    {
        double loss = 1;
        for (const auto &run : runs) {
            for (const std::int64_t step : {50, 100}) {
                std::vector<Scalar> values = more;
                values.push_back({"val.loss", loss});
                run->apply(EvalRecord{run->id().toStdString(), step, 0, values});
            }
            run->flush();
            loss += 1;
        }
    }
    static QStringList labels(const Comparison &comparison)
    {
        QStringList labels;
        for (const GroupResult *group : comparison.groups()) {
            labels << group->label;
        }
        return labels;
    }
    static QStringList textsOf(const ComparisonFigure &figure)
    {
        test::TextRecorder recorder(figure.figureSize().toSize());
        QPainter painter(&recorder);
        figure.paintFigure(painter, figure.figureSize(), tokens(Theme::Light));
        painter.end();
        QStringList texts;
        for (const test::DrawnText &drawn : recorder.texts()) {
            texts << drawn.text;
        }
        return texts;
    }
};

void tst_ComparisonFigure::sweptValuesAreGroupsOfTheirOwn()
{
    const auto runs = test::smallRuns(
        swept(R"({"training.recipe": ["scratch", "warmup", "joint"], "family": ["sparse"], "seed": [0, 1, 2]})"));
    finish(runs);
    const Comparison comparison = comparisonOf(test::pointers(runs));
    QCOMPARE(comparison.results.size(), 3u);
    QCOMPARE(comparison.seeds, 3);
    for (const GroupResult &group : comparison.results) {
        QCOMPARE(group.seeds, 3);
        double mean = 0;
        for (std::size_t i = 0; i < runs.size(); ++i) {
            mean += runs[i]->config().extraAxes == group.axes ? static_cast<double>(i + 1) / 3 : 0;
        }
        QVERIFY(std::abs(*group.loss.mean() - mean) < 1e-12);
        QCOMPARE(group.validation.back().n, 3);
    }
    QStringList sorted = labels(comparison);
    sorted.sort();
    QCOMPARE(sorted, QStringList({"DSA, recipe joint", "DSA, recipe scratch", "DSA, recipe warmup"}));
    const QStringList texts = textsOf(ComparisonFigure(comparison));
    QVERIFY(texts.contains("DSA, recipe warmup"));
    QVERIFY(texts.filter("3 seeds").size() == 1 && texts.filter("9 seeds").empty());
}

void tst_ComparisonFigure::familiesAloneNeedNoValues()
{
    const auto runs = test::smallRuns(
        swept(R"({"training.recipe": ["joint"], "family": ["classic", "sparse"], "sequence_length": [32, 64]})"));
    finish(runs);
    const Comparison comparison = comparisonOf(test::pointers(runs));
    QCOMPARE(labels(comparison), QStringList({"Classic", "DSA"}));
    QCOMPARE(comparison.results.size(), 4u); // at two lengths
    QCOMPARE(comparison.results.front().variant, 0);
}

void tst_ComparisonFigure::theDataNamesTheGroup()
{
    const auto runs = test::smallRuns(swept(R"({"top_k": [8, 16], "family": ["sparse"]})"));
    finish(runs);
    const ComparisonFigure figure(comparisonOf(test::pointers(runs)));
    const QStringList lines = figure.csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines[0], QString("family,sequence_length,metric,mean,std,n,axes"));
    QVERIFY(lines.contains("sparse,64,val.loss,1,,1,top_k=8"));
    QVERIFY(lines.contains("sparse,64,val.loss,2,,1,top_k=16"));
    QCOMPARE(figure.exportContext()["groups"].size(), 2u);
}

void tst_ComparisonFigure::everyGroupLooksDifferent()
{
    for (const Theme theme : {Theme::Light, Theme::Dark}) {
        std::set<std::pair<QRgb, int>> looks;
        for (int variant = 0; variant < 25; ++variant) {
            const QColor colour = groupColour(Family::Sparse, variant, tokens(theme));
            QVERIFY(contrast(colour, tokens(theme).panel) >= 3);
            looks.insert({colour.rgb(), static_cast<int>(groupLine(variant))});
        }
        QCOMPARE(looks.size(), 25u);
        QCOMPARE(groupColour(Family::Mhla, 0, tokens(theme)), familyColour(Family::Mhla, tokens(theme)));
    }
}

void tst_ComparisonFigure::tasksAndTextsAreNamedForWhatTheyAre()
{
    const std::vector<Scalar> swapped = {
        {"val.accuracy", 0.5}, {"counterfactual.accuracy.random", 0.2}, {"counterfactual.accuracy.recency", 0.4}};
    auto runs = test::smallRuns();
    finish(runs, swapped);
    QStringList texts = textsOf(ComparisonFigure(comparisonOf(test::pointers(runs))));
    QVERIFY(texts.contains("Token accuracy when others select"));
    QVERIFY(texts.filter("Answers").empty());

    std::vector<Scalar> task = swapped;
    task.push_back({"val.exact", 0.25});
    runs = test::smallRuns();
    finish(runs, task);
    texts = textsOf(ComparisonFigure(comparisonOf(test::pointers(runs))));
    QVERIFY(texts.contains("Answers right"));
    QVERIFY(texts.contains("Answers right when others select"));
}

void tst_ComparisonFigure::manyGroupsHaveTheirRoom()
{
    const auto runs = test::smallRuns(swept(
        R"({"training.learning_rate": [0.001, 0.002, 0.003, 0.004, 0.005], "family": ["classic", "sparse", "mhla", "mhla_sparse"]})"));
    finish(runs, {{"selection.recall", 0.5}});
    const ComparisonFigure figure(comparisonOf(test::pointers(runs)));
    QVERIFY(figure.figureSize().height() > 1000);
    const QStringList texts = textsOf(figure);
    for (const QString &label : labels(figure.comparison())) {
        QVERIFY2(texts.count(label) >= 3, qPrintable(label)); // legend and both kinds of bars
    }
}

/// Bands of a few seeds that lie far apart, over lengths: nothing of them leaves the axes, whatever the format clips.
void tst_ComparisonFigure::vectorsStayInsideTheAxes()
{
    const auto runs =
        test::smallRuns(swept(R"({"family": ["sparse"], "sequence_length": [128, 256, 512], "seed": [0, 1]})"));
    double loss = 1;
    for (const auto &run : runs) {
        run->apply(EvalRecord{run->id().toStdString(), 100, 0, {{"val.loss", loss = 4 / loss}}});
        run->flush();
    }
    const ComparisonFigure figure(comparisonOf(test::pointers(runs)));
    const QStringList texts = textsOf(figure);
    for (const char *tick : {"128", "256", "512"}) {
        QVERIFY2(texts.contains(tick), tick);
    }
    QVERIFY(!texts.contains("200") && !texts.contains("300"));
    QTemporaryDir folder;
    const QString path = folder.filePath("figure.svg");
    exportFigure(figure, path, {});
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QString svg = QString::fromUtf8(file.readAll());
    // The band is the one translucent path: its ordinates, moved by the group's matrix, lie below the title's rows.
    static const QRegularExpression band(
        R"re(fill-opacity="0\.2[^>]*transform="matrix\(([^)]*)\)"[^<]*<path[^>]* d="([^"]*)")re");
    const auto match = band.match(svg);
    QVERIFY(match.hasMatch());
    const QStringList matrix = match.captured(1).split(',');
    static const QRegularExpression place(R"([ML](-?[\d.e]+),(-?[\d.e]+))");
    int points = 0;
    for (auto at = place.globalMatch(match.captured(2)); at.hasNext(); ++points) {
        const double y = at.next().captured(2).toDouble() * matrix[3].toDouble() + matrix[5].toDouble();
        QVERIFY2(y > 140 && y < figure.figureSize().height() - 40, qPrintable(QString::number(y)));
    }
    QVERIFY(points >= 4);
}

void tst_ComparisonFigure::aSummaryGivesTheSameNumbers()
{
    const auto runs = test::smallRuns(swept(R"({"top_k": [16, 8], "family": ["classic", "sparse"], "seed": [0, 1]})"));
    finish(runs, {{"val.accuracy", 0.5}, {"val.exact", 0.25}});
    QTemporaryDir folder;
    const std::filesystem::path place = folder.path().toStdString();
    std::ofstream(place / "experiment.json")
        << swept(R"({"top_k": [16, 8], "family": ["classic", "sparse"], "seed": [0, 1]})");
    nlohmann::ordered_json summary = {{"schema", 1},
                                      {"experiment", "small"},
                                      {"question", "Does it show?"},
                                      {"problems", nlohmann::json::array()},
                                      {"runs", nlohmann::json::array()},
                                      {"gates", nlohmann::json::array()}};
    for (const auto &run : runs) {
        const RunConfig &config = run->config();
        summary["runs"].push_back({{"run", config.folder()},
                                   {"family", toString(config.model.family)},
                                   {"sequence_length", config.training.sequenceLength},
                                   {"seed", config.training.seed},
                                   {"axes", {{"top_k", config.extraAxes[0].second}}},
                                   {"state", "finished"},
                                   {"steps", 100},
                                   {"val_loss", *run->last("val.loss")},
                                   {"val_accuracy", 0.5},
                                   {"val_exact", 0.25},
                                   {"captured", nullptr}});
    }
    summary["runs"].push_back({{"run", "seq_64/sparse/seed_2/top_k_8"}, {"state", nullptr}, {"error", "damaged"}});
    std::ofstream(place / "summary.json") << summary;
    QVERIFY(isReduced(place));
    const ComparisonFigure reduced(comparisonOf(readSummary(place))), whole(comparisonOf(test::pointers(runs)));
    QStringList one = reduced.csv().split('\n'), other = whole.csv().split('\n');
    one.sort();
    other.sort();
    QCOMPARE(one, other);
    QCOMPARE(labels(reduced.comparison()),
             QStringList({"Classic, top_k 16", "Classic, top_k 8", "DSA, top_k 16", "DSA, top_k 8"})); // as swept
    const QStringList texts = textsOf(reduced);
    QVERIFY(texts.contains("Final validation loss, seed by seed"));
    QVERIFY(texts.filter("from the summary").size() == 1);
    QVERIFY(texts.filter("Needed keys").empty()); // which it does not have
}

void tst_ComparisonFigure::damagedSummariesAreRefused_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("words");
    QTest::newRow("no JSON") << "{"
                             << "summary.json";
    QTest::newRow("another schema") << R"({"schema": 9})"
                                    << "schema";
    QTest::newRow("no runs") << R"({"schema": 1, "experiment": "a", "question": "", "runs": []})"
                             << "runs";
    QTest::newRow("a loss in words")
        << R"({"schema": 1, "experiment": "a", "question": "", "runs": [{"run": "r", "family": "classic",
               "sequence_length": 64, "seed": 0, "axes": {}, "state": "finished", "steps": 1, "val_loss": "low"}]})"
        << "runs[0].val_loss";
}

void tst_ComparisonFigure::damagedSummariesAreRefused()
{
    QFETCH(QString, text);
    QFETCH(QString, words);
    QTemporaryDir folder;
    const std::filesystem::path place = folder.path().toStdString();
    std::ofstream(place / "summary.json") << text.toStdString();
    try {
        readSummary(place);
        QFAIL("it was read");
    } catch (const std::exception &failure) {
        QVERIFY2(QString(failure.what()).contains(words), failure.what());
    }
}

QTEST_MAIN(tst_ComparisonFigure)
#include "tst_comparison_figure.moc"
