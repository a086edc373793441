// Longer than 400 lines: one plot with its runs serves every case of it.
#include "core/base/cost_model.h"
#include "tests/widgets/fake_runs.h"
#include "widgets/panels/legend_table.h"
#include "widgets/plots/loss_plot.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QComboBox>
#include <QFile>
#include <QHeaderView>
#include <QImage>
#include <QMenu>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QToolButton>
#include <QWheelEvent>

using namespace sparsescope;

class tst_LossPlot : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }
    void init();
    void cleanup();
    void contentHoldsEveryCurveOnce();
    void seedsAreAveraged();
    void clickSetsTheCursor();
    void hoverIsPublishedAndLeaves();
    void wheelZoomsAboutThePointer();
    void wheelWithShiftZoomsOnlyX();
    void doubleClickResets();
    void togglesAct();
    void eachSeedHasItsLine();
    void oneKindOfLossAtATime();
    void hiddenRunsLeaveTheMean();
    void stepsMoveToOtherAxes();
    void theCursorStaysAStep();
    void choicesComeBack();
    void aNarrowHeaderFolds();
    void theLastQuarterStandsInAFreeCorner();
    void csvEqualsTheShownSeries();
    void hiddenFamiliesAreNeitherShownNorExported();
    void smoothedValuesSaySo();
    void liveRecordsArriveWithinAFrame();
    void everyFormatIsWritten();
    void aRunThatFailedIsNotWaitedFor();

private:
    QWidget *canvas() { return m_plot->plot()->findChild<QWidget *>(); }
    QPoint at(double x, double y) { return m_plot->plot()->pixelAt(x, y).toPoint(); }
    std::vector<std::unique_ptr<RunData>> m_runs;
    std::unique_ptr<LossPlot> m_plot;
};

void tst_LossPlot::aRunThatFailedIsNotWaitedFor()
{
    const auto fresh = test::smallRuns();
    RunData *run = fresh.front().get();
    m_plot->setRuns({run});
    m_plot->setCurrent(run);
    QVERIFY(m_plot->plot()->content().empty.startsWith("No loss yet."));
    run->apply(StateChange{run->id().toStdString(), RunState::Failed, "not enough host memory", 0, 100});
    run->flush();
    m_plot->setCurrent(nullptr);
    m_plot->setRuns({run});
    m_plot->setCurrent(run);
    QCOMPARE(m_plot->plot()->content().empty, QString("No loss: the run failed before the end of its first step."));
    m_plot->setCurrent(nullptr); // the runs of this test go before the plot does
    m_plot->setRuns({});
}

void tst_LossPlot::init()
{
    m_runs = test::smallRuns();
    test::train(*m_runs[0], 100);
    test::train(*m_runs[1], 60, 0.2);
    test::train(*m_runs[2], 100, 0.1);
    m_plot = std::make_unique<LossPlot>();
    m_plot->resize(900, 500);
    m_plot->setRuns(test::pointers(m_runs));
    m_plot->setCurrent(m_runs[1].get());
    m_plot->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_plot.get()));
    QTest::qWait(50);
}

void tst_LossPlot::cleanup()
{
    m_plot.reset();
    m_runs.clear();
}

void tst_LossPlot::contentHoldsEveryCurveOnce()
{
    const PlotContent &content = m_plot->plot()->content();
    QStringList names;
    for (const PlotCurve &curve : content.curves) {
        names << curve.name;
    }
    QCOMPARE(names, QStringList({"raw", "Classic", "DSA", "Classic validation", "DSA validation"}));
    QCOMPARE(content.curves[0].opacity, 0.3);
    QCOMPARE(content.curves[0].points.size(), std::size_t{60});
    QCOMPARE(content.lines.size(), std::size_t{1});
    QCOMPARE(content.lines[0].text, QStringLiteral("Chance: ln 257 = 5.549"));
    QCOMPARE(content.stages.size(), std::size_t{2});
    QVERIFY(content.stages[0].shaded);
    QCOMPARE(content.xHigh, 100.0);
    const auto [low, high] = m_plot->plot()->yRange();
    QVERIFY(low < 1.2 && high > std::log(257.0)); // everything is in sight, the chance line too
}

void tst_LossPlot::seedsAreAveraged()
{
    const LossGroup &classic = m_plot->groups()[0];
    QCOMPARE(classic.reached, 2);
    QCOMPARE(classic.validation.back().n, 2);
    QCOMPARE(classic.validation.back().mean,
             (m_runs[0]->series("val.loss").back().y + m_runs[2]->series("val.loss").back().y) / 2);
    QVERIFY(qAbs(classic.validation.back().std - 0.1 / std::sqrt(2.0)) < 1e-9);
    QCOMPARE(m_plot->groups()[1].reached, 1);
}

void tst_LossPlot::clickSetsTheCursor()
{
    QSignalSpy moved(m_plot.get(), &LossPlot::cursorMoved);
    QTest::mouseClick(canvas(), Qt::LeftButton, {}, at(42, 2));
    QCOMPARE(moved.count(), 1);
    QCOMPARE(moved[0][0].value<std::int64_t>(), std::int64_t{42});
    m_plot->plot()->setCursor(42);
    QCOMPARE(*m_plot->plot()->cursorStep(), std::int64_t{42});
}

void tst_LossPlot::hoverIsPublishedAndLeaves()
{
    QSignalSpy hovered(m_plot.get(), &LossPlot::hovered);
    QTest::mouseMove(canvas(), at(30, 2));
    QTRY_VERIFY(hovered.count() > 0);
    QCOMPARE(*hovered.last()[0].value<std::optional<std::int64_t>>(), std::int64_t{30});
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(canvas(), &leave);
    QVERIFY(!hovered.last()[0].value<std::optional<std::int64_t>>().has_value());
}

namespace {

void wheel(QWidget *widget, QPointF position, int delta, Qt::KeyboardModifiers modifiers = {})
{
    QWheelEvent event(position, widget->mapToGlobal(position), {}, {0, delta}, Qt::NoButton, modifiers,
                      Qt::NoScrollPhase, false);
    QApplication::sendEvent(widget, &event);
}

} // namespace

void tst_LossPlot::wheelZoomsAboutThePointer()
{
    const auto before = m_plot->plot()->xRange();
    const QPoint pointer = at(25, 3);
    wheel(canvas(), pointer, 120);
    const auto after = m_plot->plot()->xRange();
    QVERIFY(after.second - after.first < before.second - before.first);
    QVERIFY(qAbs(m_plot->plot()->pixelAt(25, 3).x() - pointer.x()) < 1.5); // the step under the pointer stays there
    QVERIFY(m_plot->plot()->zoomed());
}

void tst_LossPlot::wheelWithShiftZoomsOnlyX()
{
    const auto y = m_plot->plot()->yRange();
    const auto x = m_plot->plot()->xRange();
    wheel(canvas(), at(25, 3), 120, Qt::ShiftModifier);
    QCOMPARE(m_plot->plot()->yRange(), y);
    QVERIFY(m_plot->plot()->xRange() != x);
}

void tst_LossPlot::doubleClickResets()
{
    const auto before = m_plot->plot()->xRange();
    wheel(canvas(), at(25, 3), 120);
    QVERIFY(m_plot->plot()->xRange() != before);
    QTest::mouseDClick(canvas(), Qt::LeftButton, {}, at(25, 3));
    QCOMPARE(m_plot->plot()->xRange(), before);
    QVERIFY(!m_plot->plot()->zoomed());
}

void tst_LossPlot::togglesAct()
{
    QTest::mouseClick(m_plot->findChild<QToolButton *>(QStringLiteral("logXButton")), Qt::LeftButton);
    QVERIFY(m_plot->plot()->logX());
    QCOMPARE(m_plot->plot()->xRange().first, 1.0);
    QTest::mouseClick(m_plot->findChild<QToolButton *>(QStringLiteral("logYButton")), Qt::LeftButton);
    QVERIFY(m_plot->plot()->logY());
    QVERIFY(m_plot->plot()->yRange().first > 0);
    QTest::mouseClick(m_plot->findChild<QToolButton *>(QStringLiteral("rawButton")), Qt::LeftButton);
    QCOMPARE(m_plot->plot()->content().curves.front().name, QStringLiteral("Classic"));
}

namespace {

QStringList namesOf(const PlotContent &content)
{
    QStringList names;
    for (const PlotCurve &curve : content.curves) {
        names << curve.name;
    }
    return names;
}

} // namespace

void tst_LossPlot::eachSeedHasItsLine()
{
    m_plot->findChild<QComboBox *>(QStringLiteral("groupCombo"))->setCurrentIndex(1);
    QCOMPARE(namesOf(m_plot->plot()->content()),
             QStringList({"raw", "Classic s0", "Classic s1", "DSA s0", "Classic validation s0", "Classic validation s1",
                          "DSA validation s0"}));
    QVERIFY(m_plot->plot()->content().bands.empty());
    QVERIFY(m_plot->csv().contains(QStringLiteral("\nClassic s1,train,")));
}

void tst_LossPlot::oneKindOfLossAtATime()
{
    auto *kind = m_plot->findChild<QComboBox *>(QStringLiteral("metricCombo"));
    kind->setCurrentText(QStringLiteral("Train"));
    QCOMPARE(namesOf(m_plot->plot()->content()), QStringList({"raw", "Classic", "DSA"}));
    QVERIFY(!m_plot->csv().contains(QStringLiteral(",validation,")));
    kind->setCurrentText(QStringLiteral("Validation"));
    QCOMPARE(namesOf(m_plot->plot()->content()), QStringList({"Classic validation", "DSA validation"}));
    QVERIFY(m_plot->plot()->content().curves[0].markersOnLine);
    QVERIFY(!m_plot->csv().contains(QStringLiteral(",train,")));
}

void tst_LossPlot::hiddenRunsLeaveTheMean()
{
    m_runs[2]->showCurves(false);
    m_plot->refresh();
    QCOMPARE(m_plot->groups()[0].reached, 1);
    QCOMPARE(m_plot->groups()[0].validation.back().mean, m_runs[0]->series("val.loss").back().y);
    m_runs[1]->showCurves(false);
    m_plot->refresh();
    QCOMPARE(namesOf(m_plot->plot()->content()), QStringList({"Classic", "Classic validation"}));
}

void tst_LossPlot::stepsMoveToOtherAxes()
{
    const RunData &run = *m_runs[1]; // DSA: dense, then sparse
    const StepAxis tokens(run, XAxis::Tokens);
    QCOMPARE(tokens.at(10), 10.0 * 64 * 4);
    QCOMPARE(tokens.stepAt(tokens.at(37)), 37.0);
    m_runs[1]->apply(StepRecord{"", 1, 0, {{"time.step", 2.0}}});
    m_runs[1]->apply(StepRecord{"", 3, 0, {{"time.step", 0.5}}}); // two steps of half a second
    const StepAxis time(run, XAxis::Time);
    QCOMPARE(time.at(1), 2.0);
    QCOMPARE(time.at(2), 2.5);
    QCOMPARE(time.at(3), 3.0);
    QCOMPARE(time.at(6), 6.0); // to come, at the mean pace
    QCOMPARE(time.stepAt(2.5), 2.0);
    const StepAxis flops(run, XAxis::Flops);
    QVERIFY(qAbs(flops.at(100) / runFlops(run.config(), expectedVocabulary(run.config())) - 1) < 1e-9);
    QVERIFY(flops.at(20) > 0 && flops.at(20) < flops.at(21));
    QCOMPARE(axisUnit(XAxis::Tokens, 5e6).label, QStringLiteral("Tokens (million)"));
    QCOMPARE(axisUnit(XAxis::Time, 7300).label, QStringLiteral("Training time (h)"));
}

void tst_LossPlot::theCursorStaysAStep()
{
    m_plot->findChild<QComboBox *>(QStringLiteral("xAxisCombo"))->setCurrentText(QStringLiteral("By tokens"));
    const PlotContent &content = m_plot->plot()->content();
    QCOMPARE(content.xLabel, QStringLiteral("Tokens (thousand)"));
    QCOMPARE(content.xHigh, 100 * 64 * 4 / 1e3);
    QSignalSpy moved(m_plot.get(), &LossPlot::cursorMoved);
    QTest::mouseClick(canvas(), Qt::LeftButton, {}, at(content.axis.at(42), 2));
    QCOMPARE(moved.count(), 1);
    QCOMPARE(moved[0][0].value<std::int64_t>(), std::int64_t{42});
    QCOMPARE(content.stages[1].from, content.axis.at(70));
}

void tst_LossPlot::choicesComeBack()
{
    m_plot->findChild<QComboBox *>(QStringLiteral("xAxisCombo"))->setCurrentIndex(3);
    m_plot->findChild<QComboBox *>(QStringLiteral("groupCombo"))->setCurrentIndex(1);
    m_plot->toggleLogY();
    m_plot->toggleRaw();
    LossPlot other;
    other.restoreState(m_plot->state());
    QCOMPARE(other.state().dump(), m_plot->state().dump());
    QCOMPARE(other.xAxis(), XAxis::Flops);
    QVERIFY(other.plot()->logY());
    QVERIFY_EXCEPTION_THROWN(other.restoreState({{"log_x", "yes"}}), std::exception);
}

void tst_LossPlot::aNarrowHeaderFolds()
{
    auto *axis = m_plot->findChild<QComboBox *>(QStringLiteral("xAxisCombo"));
    auto *more = m_plot->findChild<QToolButton *>(QStringLiteral("lossMoreButton"));
    QVERIFY(axis->isVisible() && !more->isVisible());
    m_plot->resize(520, 400);
    QTRY_VERIFY(!axis->isVisible() && more->isVisible());
    QTimer::singleShot(0, this, [&] { // what the menu offers is what the combos would
        auto *menu = qobject_cast<QMenu *>(QApplication::activePopupWidget());
        QVERIFY(menu != nullptr);
        for (QAction *entry : menu->actions()) {
            if (entry->text() == QLatin1String("By time")) {
                entry->trigger();
            }
        }
        menu->close();
    });
    QTest::mouseClick(more, Qt::LeftButton);
    QCOMPARE(m_plot->xAxis(), XAxis::Time);
}

void tst_LossPlot::theLastQuarterStandsInAFreeCorner()
{
    SeriesPlot *plot = m_plot->plot();
    QTRY_VERIFY(plot->insetShown());
    PlotContent content = plot->content();
    const auto range = plot->yRange();
    QVERIFY(insetFits(content, range));
    content.curves.back().points.push_back({80, range.second}); // through the corner
    QVERIFY(!insetFits(content, range));
    content = plot->content();
    content.xHigh = 400; // has not come that far
    QVERIFY(!insetFits(content, range));

    wheel(canvas(), at(25, 3), 120);
    QTRY_VERIFY(!plot->insetShown()); // what is zoomed needs no enlargement
    plot->resetView();
    QTRY_VERIFY(plot->insetShown());
    m_plot->toggleLogX();
    QTRY_VERIFY(!plot->insetShown());
    m_plot->toggleLogX();
    QTRY_VERIFY(plot->insetShown());
    QTest::mouseClick(canvas(), Qt::LeftButton, {}, plot->insetCross().center().toPoint());
    QTRY_VERIFY(!plot->insetShown());
    QVERIFY(!m_plot->insetWanted());
}

void tst_LossPlot::csvEqualsTheShownSeries()
{
    const QStringList lines = m_plot->csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QCOMPARE(lines.front(), QStringLiteral("series,quantity,step,raw,smoothed,mean,std,n"));
    QHash<QString, QString> means, raws;
    for (const QString &line : lines.mid(1)) {
        const QStringList cells = line.split(QLatin1Char(','));
        QCOMPARE(cells.size(), 8);
        means.insert(cells[0] + cells[1] + cells[2], cells[5]);
        raws.insert(cells[0] + cells[1] + cells[2], cells[3]);
    }
    qsizetype points = 0;
    for (const PlotCurve &curve : m_plot->plot()->content().curves) {
        for (const Point &point : curve.points) {
            const bool raw = curve.name == QLatin1String("raw");
            const QString family = raw ? QStringLiteral("DSA") : curve.name.section(QLatin1Char(' '), 0, 0);
            const QString key = family + (curve.markers ? QStringLiteral("validation") : QStringLiteral("train")) +
                                QString::number(point.x);
            QCOMPARE((raw ? raws : means).value(key), csvNumber(point.y));
            points += raw ? 0 : 1;
        }
    }
    QCOMPARE(means.size(), points); // and nothing that is not shown
    // Raw: the loss as it came, mean over the two seeds of Classic.
    const Series first = m_runs[0]->series("train.loss"), second = m_runs[2]->series("train.loss");
    QVERIFY(m_runs[0]->config().model.family == m_runs[2]->config().model.family);
    QVERIFY(first.size() > 10);
    QCOMPARE(second.size(), first.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
        QCOMPARE(raws.value(QStringLiteral("Classictrain") + QString::number(first[i].x)),
                 csvNumber((first[i].y + second[i].y) / 2));
    }
}

void tst_LossPlot::hiddenFamiliesAreNeitherShownNorExported()
{
    LegendTable legend;
    legend.setGroups(m_plot->groups(), std::nullopt, {}, m_plot->smoothing());
    legend.resize(600, 120);
    legend.show();
    connect(&legend, &LegendTable::hiddenChanged, m_plot.get(), &LossPlot::setHidden);
    QTest::mouseClick(legend.viewport(), Qt::LeftButton, {}, legend.visualItemRect(legend.item(0, 0)).center());
    QVERIFY(m_plot->hidden().count(Family::Classic) > 0);
    QVERIFY(!m_plot->csv().contains(QStringLiteral("Classic")));
    for (const PlotCurve &curve : m_plot->plot()->content().curves) {
        QVERIFY(curve.family != Family::Classic);
    }
}

void tst_LossPlot::smoothedValuesSaySo()
{
    for (const int width : {900, 520}) {
        LegendTable legend;
        legend.resize(width, 120);
        legend.show();
        for (const double smoothing : {0.0, 0.845}) {
            legend.setGroups(m_plot->groups(), 42, {}, smoothing);
            const QString words = legend.horizontalHeaderItem(1)->text();
            QVERIFY2(words.contains(QStringLiteral("Train")), qPrintable(words));
            QCOMPARE(words.contains(QStringLiteral("smoothed")), smoothing > 0);
            const int room = legend.horizontalHeader()->sectionSize(1);
            QVERIFY(room >= QFontMetrics(legend.horizontalHeader()->font()).horizontalAdvance(words));
            QVERIFY2(legend.horizontalHeader()->sectionSize(0) >= 130, qPrintable(QString::number(width)));
        }
    }
    RunData &run = *m_runs[1];
    test::train(run, 100, 0.2); // long enough for a metric to be smoothed
    const auto smoothed = [&](double smoothing) {
        return metricContent(run, "train.loss", smoothing, XAxis::Step).curves.back().smoothed;
    };
    QVERIFY(smoothed(0.9));
    QVERIFY(!smoothed(0));
}

void tst_LossPlot::liveRecordsArriveWithinAFrame()
{
    const std::size_t before = m_plot->plot()->content().curves[0].points.size();
    test::train(*m_runs[1], 80, 0.2);
    QTRY_COMPARE_WITH_TIMEOUT(m_plot->plot()->content().curves[0].points.size(), before + 20, 500);
}

void tst_LossPlot::everyFormatIsWritten()
{
    QTemporaryDir folder;
    for (const char *suffix : {"png", "svg", "pdf", "csv"}) {
        const QString path = folder.filePath(QStringLiteral("loss.") + QLatin1String(suffix));
        exportFigure(*m_plot, path);
        QVERIFY(QFile(path).size() > 500);
    }
    QFile svg(folder.filePath(QStringLiteral("loss.svg")));
    QVERIFY(svg.open(QIODevice::ReadOnly));
    QVERIFY(svg.readAll().contains("Chance: ln 257 = 5.549")); // text stays text
    const QImage image(folder.filePath(QStringLiteral("loss.png")));
    QCOMPARE(image.width(), 1800);
    QFile csv(folder.filePath(QStringLiteral("loss.csv")));
    QVERIFY(csv.open(QIODevice::ReadOnly));
    QCOMPARE(QString::fromUtf8(csv.readAll()), m_plot->csv());
}

QTEST_MAIN(tst_LossPlot)
#include "tst_loss_plot.moc"
