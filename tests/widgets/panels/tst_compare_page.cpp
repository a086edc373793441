// Longer than 400 lines: one stage with its runs serves every case of the page.
#include "widgets/panels/compare_page.h"

#include "tests/widgets/compared_runs.h"
#include "tests/widgets/sample_snapshot.h"
#include "widgets/panels/compare_header.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/metrics_table.h"
#include "widgets/panels/selector_card.h"
#include "widgets/plots/difference_heatmap.h"
#include "widgets/plots/loss_difference.h"
#include "widgets/plots/position_plot.h"
#include "widgets/plots/selector_plot.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QComboBox>
#include <QImage>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QSlider>
#include <QTemporaryDir>
#include <QTest>

using namespace sparsescope;

namespace {

struct Stage {
    test::ComparedRuns runs;
    ViewState view;
    HoverState hover;
    std::unique_ptr<ComparePage> page;

    explicit Stage(test::ComparedRuns made = test::ComparedRuns(), QSize size = {1270, 880})
        : runs(std::move(made))
    {
        page = std::make_unique<ComparePage>(&view, &hover);
        page->resize(size);
        page->show();
        page->setRuns(runs.all(), runs.owned.empty() ? nullptr : runs.owned.front().get());
        settle();
    }
    void settle() const { QTRY_VERIFY_WITH_TIMEOUT(page->settled(), 10000); }

    template <class T>
    T *child(const char *name) const
    {
        return page->findChild<T *>(QLatin1String(name));
    }
    MetricsTable *table() const { return child<MetricsTable>("metricsTable"); }
    int rowOf(const QString &metric) const
    {
        for (int row = 0; row < table()->rowCount(); ++row) {
            if (table()->item(row, MetricsTable::Metric)->text().startsWith(metric)) {
                return row;
            }
        }
        return -1;
    }
    QString cell(const QString &metric, int column) const
    {
        const int row = rowOf(metric);
        return row < 0 ? QStringLiteral("no such row") : table()->item(row, column)->text();
    }
    QStringList rowText(const QString &metric) const
    {
        QStringList words;
        for (int column = 1; column < MetricsTable::ColumnCount; ++column) {
            words << cell(metric, column);
        }
        return words;
    }
    const PlotContent &difference() const { return page->curves()->difference()->content(); }
    const PlotContent &loss() const { return page->curves()->loss()->content(); }
    void choose(const char *combo, const QString &title) const
    {
        auto *sides = child<QComboBox>(combo);
        const int index = sides->findText(title, Qt::MatchContains);
        QVERIFY2(index >= 0, qPrintable(title));
        sides->setCurrentIndex(index);
        Q_EMIT sides->activated(index);
        settle();
    }
    QString message() const { return page->findChild<MessageView *>()->title(); }
};

} // namespace

/// The page on runs whose numbers are known.
class tst_ComparePage : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }
    void sidesAreProposedAndJudged();
    void swapTurnsEverySign();
    void aFailedCheckTakesTheVerdictAway();
    void oneSeedHasNoInterval();
    void overFlopsTheEndIsTheRowsNumber();
    void overTimeTheDearerSideIsReadEarlier();
    void whatMatchesIsSaid();
    void oneFamilyOnBothSides();
    void furtherRunsAreCurvesAndRows();
    void positionsShadeTheDenseRows();
    void selectorsFollowTheSlider();
    void measuringIsShownAndCancelled();
    void attentionDifferenceIsALessB();
    void differentTextsHaveNoDifference();
    void nothingChosenIsSaid();
    void everyViewGoesToPaper();
    void controlsHaveNamesAndAnOrder();
    void theSmallestWindowCutsNothingOff();
};

void tst_ComparePage::sidesAreProposedAndJudged()
{
    Stage stage;
    QCOMPARE(stage.child<QComboBox>("sideA")->currentText(), QStringLiteral("DSA k16, seeds 0–2"));
    QCOMPARE(stage.child<QComboBox>("sideB")->currentText(), QStringLiteral("Classic, seeds 0–2"));
    QVERIFY(!stage.view.canUndo()); // nobody did that
    // sd 0.01, n 3: 4.302653 * 0.01 / sqrt(3) = 0.0248
    QCOMPARE(stage.rowText(QStringLiteral("Validation loss")),
             (QStringList{"5.500", "2.110", "2.000", "+0.110", "[+0.085, +0.135]", "A worse"}));
    QCOMPARE(stage.cell(QStringLiteral("Attention mass kept"), MetricsTable::B), QStringLiteral("–"));
    QCOMPARE(stage.cell(QStringLiteral("Attention mass kept"), MetricsTable::Chance), QStringLiteral("0.400"));
    QCOMPARE(stage.cell(QStringLiteral("Speed, median"), MetricsTable::Difference), QStringLiteral("−5.0"));
    QCOMPARE(stage.cell(QStringLiteral("Speed, median"), MetricsTable::Verdict), QStringLiteral("A slower"));
    QVERIFY(!stage.table()->item(0, 0)->text().contains('%'));
    // The same numbers in the plot, with a band of both sides of the mean.
    QCOMPARE(stage.difference().note, QStringLiteral("+0.110 (95 % CI +0.085 to +0.135)"));
    QCOMPARE(stage.difference().zero->above, QStringLiteral("A worse"));
    QCOMPARE(stage.difference().bands.front().points.size(), std::size_t{3});
    QVERIFY(std::abs(stage.difference().bands.front().points.back().std - 0.0248414) < 1e-6);
    QCOMPARE(stage.loss().curves.size(), std::size_t{2});
    QVERIFY(std::abs(stage.loss().bands.back().points.back().std - 0.01) < 1e-9); // over the seeds of A
    QVERIFY(stage.child<QFrame>("compareFault")->isHidden());
    QVERIFY(stage.page->pairingText().contains(QStringLiteral("n = 3")));
}

void tst_ComparePage::swapTurnsEverySign()
{
    Stage stage;
    QTest::mouseClick(stage.child<QPushButton>("swapButton"), Qt::LeftButton);
    stage.settle();
    QCOMPARE(stage.child<QComboBox>("sideA")->currentText(), QStringLiteral("Classic, seeds 0–2"));
    QCOMPARE(stage.rowText(QStringLiteral("Validation loss")),
             (QStringList{"5.500", "2.000", "2.110", "−0.110", "[−0.135, −0.085]", "A better"}));
    stage.view.undo();
    stage.settle();
    QCOMPARE(stage.cell(QStringLiteral("Validation loss"), MetricsTable::Verdict), QStringLiteral("A worse"));
    stage.view.redo();
    stage.settle();
    QCOMPARE(stage.cell(QStringLiteral("Validation loss"), MetricsTable::Verdict), QStringLiteral("A better"));
}

void tst_ComparePage::aFailedCheckTakesTheVerdictAway()
{
    test::ComparedRuns runs;
    runs.fail(Family::Sparse, "causality");
    Stage stage(std::move(runs));
    QCOMPARE(stage.cell(QStringLiteral("Validation loss"), MetricsTable::Verdict), QStringLiteral("Not comparable"));
    QCOMPARE(stage.cell(QStringLiteral("Validation loss"), MetricsTable::Interval), QString());
    QCOMPARE(stage.difference().note, QStringLiteral("Not comparable"));
    auto *bar = stage.child<QFrame>("compareFault");
    QVERIFY(bar->isVisible());
    QCOMPARE(bar->accessibleName(), QStringLiteral("Do not compare: 1 check failed"));
    QVERIFY(bar->accessibleDescription().startsWith(QStringLiteral("Future cannot leak")));
    // It is the other side that fails: the same.
    stage.view.swapSides();
    stage.settle();
    QCOMPARE(stage.cell(QStringLiteral("Validation loss"), MetricsTable::Verdict), QStringLiteral("Not comparable"));
}

void tst_ComparePage::oneSeedHasNoInterval()
{
    Stage stage;
    stage.choose("sideA", QStringLiteral("DSA k16 s1"));
    QVERIFY(stage.difference().bands.front().points.empty());
    QCOMPARE(stage.difference().note, QStringLiteral("+0.110, one seed: no interval"));
    QCOMPARE(stage.cell(QStringLiteral("Validation loss"), MetricsTable::Interval), QString());
    QCOMPARE(stage.cell(QStringLiteral("Validation loss"), MetricsTable::Verdict), QStringLiteral("One seed"));
    // Single runs of other seeds have nothing to pair.
    stage.choose("sideB", QStringLiteral("Classic s2"));
    QVERIFY(stage.difference().curves.empty());
    QCOMPARE(stage.difference().empty, QStringLiteral("No seed is on both sides: nothing can be paired."));
}

void tst_ComparePage::overFlopsTheEndIsTheRowsNumber()
{
    Stage stage;
    const std::string steps = stage.difference().xLabel.toStdString();
    auto *by = stage.child<QComboBox>("compareByCombo");
    by->setFocus();
    QTest::keyClick(by, Qt::Key_End);
    QCOMPARE(stage.view.view().compareBy, XAxis::Flops);
    stage.settle();
    QVERIFY(stage.difference().xLabel.startsWith(QStringLiteral("Computation")));
    QVERIFY(steps != stage.difference().xLabel.toStdString());
    const PairComparison &core = stage.page->content()->comparison;
    const double end = stage.difference().curves.front().points.back().y;
    QVERIFY(std::abs(end - *core.flops.statistics.mean) < 1e-9);
    QVERIFY(std::abs(end - *core.steps.statistics.mean) > 1e-3); // it is another number
    QCOMPARE(stage.cell(QStringLiteral("Loss at equal FLOPs"), MetricsTable::Difference),
             QStringLiteral("+%1").arg(end, 0, 'f', 3));
}

void tst_ComparePage::overTimeTheDearerSideIsReadEarlier()
{
    Stage stage;
    stage.view.setCompareBy(XAxis::Time);
    stage.settle();
    // Classic needs 10 s in all; DSA is half way then.
    const PlotContent &shown = stage.difference();
    QVERIFY(shown.xLabel.startsWith(QStringLiteral("Training time")));
    QVERIFY(std::abs(shown.curves.front().points.back().x - 10) < 1e-9);
    QVERIFY(shown.curves.front().points.back().y > 1);
}

void tst_ComparePage::whatMatchesIsSaid()
{
    Stage stage;
    auto *summary = stage.child<QWidget>("matchSummary");
    QVERIFY2(summary->toolTip().startsWith(QStringLiteral("Same data order, start weights, schedule, tokens")),
             qPrintable(summary->toolTip()));
    QVERIFY2(summary->toolTip().contains(QStringLiteral("A uses")), qPrintable(summary->toolTip()));
}

void tst_ComparePage::oneFamilyOnBothSides()
{
    Stage stage;
    stage.choose("sideA", QStringLiteral("DSA k16 s0"));
    stage.choose("sideB", QStringLiteral("DSA k16 s1"));
    for (const PlotCurve &curve : stage.loss().curves) {
        QCOMPARE(curve.second, curve.name.startsWith(QLatin1String("B ")));
    }
    QVERIFY(sideColour(Family::Sparse, true, currentTokens()) != familyColour(Family::Sparse, currentTokens()));
}

void tst_ComparePage::furtherRunsAreCurvesAndRows()
{
    Stage stage(test::ComparedRuns(2.1, 2, R"(["classic", "sparse", "mhla"])"));
    const std::size_t curves = stage.loss().curves.size();
    const int rows = stage.table()->rowCount();
    const QString folder = QString::fromStdString(stage.runs.of(Family::Mhla, 1)->folder().string());
    stage.view.setCompared({folder});
    stage.settle();
    QCOMPARE(stage.loss().curves.size(), curves + 1);
    QCOMPARE(stage.table()->rowCount(), rows + 1);
    QCOMPARE(stage.cell(QStringLiteral("MHLA s1"), MetricsTable::A), QStringLiteral("2.000"));
    QCOMPARE(stage.cell(QStringLiteral("MHLA s1"), MetricsTable::Difference), QString());
    stage.view.undo();
    stage.settle();
    QCOMPARE(stage.table()->rowCount(), rows);
}

void tst_ComparePage::positionsShadeTheDenseRows()
{
    Stage stage;
    const PlotContent &shown = stage.child<PositionPlot>("positionPlot")->content();
    QCOMPARE(shown.curves.size(), std::size_t{2});
    QCOMPARE(shown.curves.front().points.size(), std::size_t{16}); // eight steps
    QCOMPARE(shown.curves.front().points.front().y, 2.1 + 0.01 + 0.7);
    QCOMPARE(shown.xHigh, 128.0);
    QVERIFY(shown.stages.front().shaded);
    QCOMPARE(shown.stages.front().to, 16.0);
    QVERIFY2(shown.keys.front().text.contains(QStringLiteral("+0.110 for t ≥ k")), qPrintable(shown.keys.front().text));
}

void tst_ComparePage::selectorsFollowTheSlider()
{
    Stage stage;
    QVERIFY(!stage.child<SelectorPlot>("counterfactualPlot")->isVisible());
    test::ComparedRuns::measure(stage.runs.of(Family::Sparse, 0));
    stage.page->setRuns(stage.runs.all(), stage.runs.owned.front().get());
    stage.settle();
    auto *slider = stage.child<QSlider>("counterfactualK");
    auto *verdict = stage.child<QLabel>("counterfactualVerdict");
    QVERIFY(stage.child<SelectorPlot>("counterfactualPlot")->isVisible());
    QCOMPARE(slider->value(), 1); // the k of the run
    QCOMPARE(verdict->text(), QStringLiteral("Learned closes 100 % of the gap from random to oracle."));
    slider->setFocus();
    QTest::keyClick(slider, Qt::Key_Left);
    QCOMPARE(verdict->text(), QStringLiteral("Learned closes 75 % of the gap from random to oracle."));
    QCOMPARE(stage.child<SelectorPlot>("counterfactualPlot")->topK(), std::int64_t{8});
    QVERIFY(stage.child<SelectorPlot>("counterfactualPlot")->csv().contains(QStringLiteral("lightning,8,0.1,1")));
}

void tst_ComparePage::measuringIsShownAndCancelled()
{
    Stage stage;
    SelectorCard *card = stage.page->selectors();
    auto *measure = stage.child<QPushButton>("counterfactualMeasure"),
         *cancel = stage.child<QPushButton>("counterfactualCancel");
    QVERIFY(!measure->isVisible()); // nobody can measure here
    card->setMeasurable(true, QStringLiteral("Takes some minutes"));
    QVERIFY(measure->isVisible() && !cancel->isVisible());
    QSignalSpy asked(card, &SelectorCard::measureRequested), ended(card, &SelectorCard::cancelRequested);
    QTest::mouseClick(measure, Qt::LeftButton);
    QCOMPARE(asked.count(), 1);
    card->setMeasuring(QStringLiteral("s0, k = 8: Learned"), 0.25);
    QVERIFY(!measure->isVisible() && cancel->isVisible());
    QCOMPARE(stage.child<QProgressBar>("counterfactualProgress")->value(), 250);
    QTest::mouseClick(cancel, Qt::LeftButton);
    QCOMPARE(ended.count(), 1);
    QCOMPARE(stage.page->selectorRuns().size(), std::size_t{3}); // all seeds of the side that selects
    stage.view.swapSides();
    QVERIFY(isSparse(stage.page->selectorRuns().front()->config().model.family));
}

namespace {

void addSnapshot(RunData *run, const sample::Options &options)
{
    auto made = std::make_shared<Snapshot>(*sample::snapshot(options));
    made->run = run->id().toStdString();
    run->addSnapshot(made);
    run->flush();
}

} // namespace

void tst_ComparePage::attentionDifferenceIsALessB()
{
    Stage stage;
    addSnapshot(stage.runs.of(Family::Sparse), {.topK = 8, .step = 50});
    addSnapshot(stage.runs.of(Family::Sparse), {.topK = 16, .step = 100});
    addSnapshot(stage.runs.of(Family::Classic), {.topK = 64, .step = 100, .indexer = false, .sparse = false});
    stage.settle();
    auto *map = stage.child<DifferenceHeatmap>("differenceHeatmap");
    QTRY_VERIFY_WITH_TIMEOUT(map->isVisible() && map->picture(), 10000);
    const DifferencePicture &shown = *map->picture();
    QCOMPARE(shown.request.a->step, std::int64_t{100}); // the step that both have
    const Map a = attentionMap(shown.request.a->layers[0], 64, shown.request.a->scale, -1);
    const Map b = attentionMap(shown.request.b->layers[0], 64, shown.request.b->scale, -1);
    for (const auto &[t, s] : {std::pair(3, 1), std::pair(40, 12), std::pair(63, 63)}) {
        QCOMPARE(shown.difference.at(t, s), a.at(t, s) - b.at(t, s));
    }
    QVERIFY(std::isnan(shown.difference.at(3, 4)));
    QCOMPARE(shown.scale.low, -shown.scale.high);
    // Locked limits stay while the layer changes, and give way together.
    const double limit = shown.scale.high;
    QTest::keyClick(stage.page.get(), Qt::Key_K);
    QCOMPARE(*stage.view.view().differenceLimit, limit);
    stage.view.setLayer(1);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() && map->picture()->request.layer == 1, 10000);
    QCOMPARE(map->picture()->scale.high, limit);
    stage.child<QComboBox>("differenceKind")->setCurrentIndex(1);
    QTRY_VERIFY_WITH_TIMEOUT(map->picture() && map->picture()->request.kind == DifferenceKind::Selection, 10000);
    // Classic reads every key: only it reads those that DSA did not select.
    QCOMPARE(map->picture()->difference.at(63, 63) <= 0, true);
    QCOMPARE(map->picture()->difference.at(5, 2), 0.0F); // t < k: both read it
    QTest::mouseClick(map, Qt::LeftButton, {}, cellCentre(30, 7, map->mapping()).toPoint());
    QCOMPARE(stage.view.view().query, 30);
    QCOMPARE(stage.view.view().key, 7);
}

void tst_ComparePage::differentTextsHaveNoDifference()
{
    Stage stage;
    addSnapshot(stage.runs.of(Family::Sparse), {.topK = 16, .step = 100});
    addSnapshot(stage.runs.of(Family::Classic), {.length = 32, .step = 100, .indexer = false, .sparse = false});
    stage.settle();
    auto *map = stage.child<DifferenceHeatmap>("differenceHeatmap");
    QVERIFY(!map->isVisible());
    bool said = false;
    for (const MessageView *message : stage.page->findChildren<MessageView *>()) {
        said = said || message->accessibleDescription().contains(QStringLiteral("different probe texts"));
    }
    QVERIFY(said);
}

void tst_ComparePage::nothingChosenIsSaid()
{
    const auto shown = [](const ComparePage &page) {
        for (const MessageView *message : page.findChildren<MessageView *>()) {
            if (message->isVisible()) {
                return message->title();
            }
        }
        return QString();
    };
    Stage one(test::ComparedRuns(2.1, 1, R"(["sparse"])"));
    QCOMPARE(shown(*one.page), QStringLiteral("One run only"));
    QVERIFY(!one.child<QPushButton>("exportComparisonButton")->isEnabled());
    Stage two(test::ComparedRuns(2.1, 2, R"(["sparse"])")); // one group of two seeds: nothing to propose
    QCOMPARE(shown(*two.page), QStringLiteral("Choose two sides"));
    two.choose("sideA", QStringLiteral("DSA k16 s0"));
    QVERIFY(two.child<QWidget>("comparePlot")->isVisible());
    QVERIFY(!two.child<QPushButton>("exportComparisonButton")->isEnabled());
    two.page->setRuns({}, nullptr);
    two.settle();
    QCOMPARE(shown(*two.page), QStringLiteral("No runs yet"));
}

void tst_ComparePage::everyViewGoesToPaper()
{
    Stage stage;
    test::ComparedRuns::measure(stage.runs.of(Family::Sparse, 0));
    addSnapshot(stage.runs.of(Family::Sparse), {.topK = 16, .step = 100});
    addSnapshot(stage.runs.of(Family::Classic), {.topK = 64, .step = 100, .indexer = false, .sparse = false});
    stage.page->setRuns(stage.runs.all(), stage.runs.owned.front().get());
    stage.settle();
    const std::map<QString, QByteArray> headers = {{"paired", "series,x,mean,std,n,low,high"},
                                                   {"metrics", "metric,name,chance,a,b,difference,n,low,high,verdict"},
                                                   {"position", "series,from,to,loss"},
                                                   {"counterfactual", "selector,top_k,loss_increase,runs"},
                                                   {"difference", "t,s,value"}};
    const auto views = stage.page->exportableViews();
    QCOMPARE(views.size(), headers.size());
    QTemporaryDir folder;
    for (const auto &[name, view] : views) {
        for (const char *format : {"png", "svg", "pdf", "csv"}) {
            const QString file = folder.filePath(name + '.' + format);
            exportFigure(*view, file);
            QFile written(file);
            QVERIFY(written.open(QIODevice::ReadOnly));
            const QByteArray content = written.readAll();
            if (format == QByteArray("csv")) {
                QCOMPARE(content.left(content.indexOf('\n')), headers.at(name));
                QVERIFY2(content.count('\n') > 2, qPrintable(name));
            } else if (format == QByteArray("svg")) {
                QVERIFY2(content.contains("<text"), qPrintable(name)); // words stay words
            }
        }
        const QImage picture(folder.filePath(name + ".png"));
        QVERIFY2(picture.width() > 800, qPrintable(name));
    }
}

void tst_ComparePage::controlsHaveNamesAndAnOrder()
{
    Stage stage;
    for (const char *name : {"sideA", "sideB", "swapButton", "compareByCombo", "exportComparisonButton", "comparePlot",
                             "differencePlot", "metricsTable", "positionPlot", "counterfactualPlot", "counterfactualK",
                             "differenceHeatmap", "differenceLayer", "differenceKind", "differenceLock"}) {
        auto *widget = stage.child<QWidget>(name);
        QVERIFY2(widget != nullptr, name);
        QVERIFY2(!widget->accessibleName().isEmpty(), name);
    }
    // Tab goes from left to right through the header.
    stage.child<QWidget>("sideA")->setFocus();
    for (const char *next : {"sideB", "swapButton", "compareByCombo", "exportComparisonButton"}) {
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
        QCOMPARE(QApplication::focusWidget()->objectName(), QLatin1String(next));
    }
}

void tst_ComparePage::theSmallestWindowCutsNothingOff()
{
    Stage stage(test::ComparedRuns(), {820, 590}); // the page of a window of 1100 x 700 beside its runs
    QVERIFY2(stage.page->minimumSizeHint().width() <= 820,
             qPrintable(QString::number(stage.page->minimumSizeHint().width())));
    auto *header = stage.page->header();
    auto *exports = stage.child<QWidget>("exportComparisonButton");
    QVERIFY(exports->mapTo(header, QPoint(exports->width(), 0)).x() <= header->width());
    auto *summary = stage.child<QWidget>("matchSummary");
    QVERIFY(summary->y() > stage.child<QWidget>("sideA")->y()); // a row of its own
    QTest::qWait(50);                                           // words are laid out once widths are known
    QString said;
    for (const auto *label : summary->findChildren<QLabel *>()) {
        said += label->text() + QLatin1Char('\n');
        QVERIFY2(label->text().isEmpty() || label->height() >= label->heightForWidth(label->width()),
                 qPrintable(label->text()));
    }
    for (const QString &reason : summary->toolTip().split(QLatin1Char('\n'))) {
        QVERIFY2(said.contains(reason), qPrintable(reason + QStringLiteral(" is not in ") + said));
    }
    for (const char *name : {"comparePlot", "differencePlot", "metricsTable", "positionPlot", "differenceHeatmap"}) {
        auto *view = stage.child<QWidget>(name);
        QVERIFY2(view->width() >= 220 || !view->isVisible(), name);
        QVERIFY2(view->mapTo(stage.page.get(), QPoint(view->width(), 0)).x() <= 820, name);
    }
}

QTEST_MAIN(tst_ComparePage)
#include "tst_compare_page.moc"
