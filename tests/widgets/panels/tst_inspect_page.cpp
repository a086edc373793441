// Longer than 400 lines: one stage with its runs serves every case of the page.
#include "widgets/panels/inspect_page.h"

#include "tests/widgets/fake_runs.h"
#include "tests/widgets/paper_scale.h"
#include "tests/widgets/sample_snapshot.h"
#include "widgets/panels/key_table.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/value_list.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/row_plot.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/plots/snapshot_slider.h"
#include "widgets/plots/token_strip.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QLabel>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QToolButton>
#include <QWheelEvent>

using namespace sparsescope;

namespace {

/// A page of its own with a sparse run of three snapshots and a classic one of one.
struct Stage {
    std::vector<std::unique_ptr<RunData>> runs = test::smallRuns();
    ViewState view;
    HoverState hover;
    std::unique_ptr<InspectPage> page;
    RunData *sparse = nullptr, *classic = nullptr;

    explicit Stage(int length = 64, bool fault = false, QSize size = {1584, 880},
                   InspectView inspect = InspectView::Focus)
    {
        for (const auto &run : runs) {
            (run->config().model.family == Family::Sparse ? sparse : classic) = run.get();
        }
        for (RunData *run : {sparse, classic}) {
            run->apply(StageChange{run->id().toStdString(), 0, 30, 0, "Dense warm-up", ""});
            run->apply(StageChange{run->id().toStdString(), 30, 100, 1, "Sparse training", ""});
            test::train(*run, 80);
        }
        for (const int step : {20, 40, 80}) {
            addSnapshot(
                sparse,
                {.length = length, .topK = length / 4, .step = step, .futureFault = fault, .noise = 8.0 / step});
        }
        addSnapshot(classic, {.length = length, .topK = length, .step = 80, .indexer = false, .sparse = false});
        page = std::make_unique<InspectPage>(&view, &hover);
        page->resize(size);
        page->show();
        page->setRuns(test::pointers(runs));
        page->setRun(sparse);
        view.setInspect(inspect);
    }

    static void addSnapshot(RunData *run, const sample::Options &options)
    {
        auto made = std::make_shared<Snapshot>(*sample::snapshot(options));
        made->run = run->id().toStdString();
        run->addSnapshot(made);
        run->flush();
    }

    IndexerHeatmap *map() const { return page->findChild<IndexerHeatmap *>("indexerHeatmap"); }
    SelectionMaskView *mask() const { return page->findChild<SelectionMaskView *>("maskView"); }
    TokenStrip *strip() const { return page->findChild<TokenStrip *>("tokenStrip"); }
    SnapshotSlider *slider() const { return page->findChild<SnapshotSlider *>("snapshotSlider"); }
    QComboBox *combo(const char *name) const { return page->findChild<QComboBox *>(name); }
    std::int64_t stepOnMap() const { return map()->picture() ? map()->picture()->request.snapshot->step : -1; }
    bool waitForStep(std::int64_t step) const
    {
        return QTest::qWaitFor([&] { return stepOnMap() == step; }, 10000);
    }
    QString rowStat(const char *name) const { return page->findChild<ValueList *>("rowStats")->text(name); }

    QStringList exportNames() const
    {
        QStringList names;
        for (const auto &[name, view] : page->exportableViews()) {
            names << name;
        }
        return names;
    }

    QPoint pixelOf(const HeatmapPlot *plot, int query, int key) const
    {
        return cellCentre(query, key, plot->mapping()).toPoint();
    }
};

QString shotFolder() { return qEnvironmentVariable("SPARSESCOPE_SHOTS"); }

} // namespace

class TestInspectPage : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }

    void showsTheNewestSnapshotAndItsCells()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QCOMPARE(stage.combo("mapCombo")->currentText(), QStringLiteral("Indexer score, all heads"));
        QCOMPARE(stage.combo("mapCombo")->count(), 1 + 4 + 1 + 4 + 1);
        QCOMPARE(stage.combo("layerCombo")->count(), 2);
        // What is on the screen is the colour of the raw value.
        const LayerPicture &picture = *stage.map()->picture();
        const ColourTable &table = colourTable(picture.scale.map, false);
        const QImage screen = stage.map()->grab().toImage();
        for (const auto &[t, s] : {std::pair{20, 3}, {30, 28}, {50, 0}, {47, 12}}) {
            const double value = picture.values->at(t, s);
            QCOMPARE(screen.pixel(stage.pixelOf(stage.map(), t, s) * screen.devicePixelRatio()),
                     table[static_cast<std::size_t>(picture.scale.index(value))]);
        }
        // The mask's states, a missed key as an outline around the ground.
        stage.view.setMap(MapKind::Mask, -1);
        QTRY_VERIFY(stage.mask()->isVisible());
        const MaskMap &states = *stage.mask()->picture()->mask;
        const QImage maskScreen = stage.mask()->grab().toImage();
        const double cell = stage.mask()->mapping().cell;
        bool sawNeeded = false, sawMissed = false;
        for (int t = 17; t < 40; ++t) {
            for (int s = 0; s <= t; ++s) {
                const QRectF box = cellRect(t, s, stage.mask()->mapping());
                const QRgb centre = maskScreen.pixel(box.center().toPoint());
                if (std::abs(t - stage.view.view().query) <= 1) { // the row's outline lies over its neighbours
                    continue;
                }
                if (states.at(t, s) == KeyState::SelectedNeeded) {
                    QCOMPARE(centre, tokens(Theme::Light).selectedNeeded.rgb());
                    sawNeeded = true;
                } else if (states.at(t, s) == KeyState::Missed) {
                    const QRgb expected =
                        cell >= 6 ? tokens(Theme::Light).panel.rgb() : tokens(Theme::Light).missed.rgb();
                    QCOMPARE(centre, expected);
                    QCOMPARE(maskScreen.pixel((box.topLeft() + QPointF(0.5, box.height() / 2)).toPoint()),
                             tokens(Theme::Light).missed.rgb());
                    sawMissed = true;
                }
            }
        }
        QVERIFY(sawNeeded && sawMissed);
    }

    void hoverAndClickReachTheSharedState()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QTest::mouseMove(stage.map(), stage.pixelOf(stage.map(), 40, 11));
        QTRY_COMPARE(stage.hover.hover().query, 40);
        QCOMPARE(stage.hover.hover().key, 11);
        QTRY_VERIFY(stage.page->findChild<QLabel *>("queryText")->text().startsWith("Query 40"));
        QVERIFY(stage.page->cursorText().contains("query 40"));
        QTest::mouseClick(stage.map(), Qt::LeftButton, {}, stage.pixelOf(stage.map(), 50, 7));
        QCOMPARE(stage.view.view().query, 50);
        QCOMPARE(stage.view.view().key, 7);
        stage.view.setInspect(InspectView::Atlas);
        QTest::mouseClick(stage.strip(), Qt::LeftButton, {}, stage.strip()->tokenRect(34).center());
        QCOMPARE(stage.view.view().query, 34);
        QTRY_VERIFY(stage.rowStat("Needed by the task").endsWith("of 1 selected"));
    }

    void arrowsMoveTheCell()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        stage.view.setCell(30, 5);
        stage.map()->setFocus();
        QTest::keyClick(stage.map(), Qt::Key_Down);
        QTest::keyClick(stage.map(), Qt::Key_Right);
        QCOMPARE(stage.view.view().query, 31);
        QCOMPARE(stage.view.view().key, 6);
        QTest::keyClick(stage.map(), Qt::Key_Up, Qt::ShiftModifier);
        QCOMPARE(stage.view.view().query, 21);
        QTest::keyClick(stage.map(), Qt::Key_Left, Qt::ShiftModifier);
        QCOMPARE(stage.view.view().key, 0);
    }

    void wheelZoomsAboutTheCellAndDoubleClickFits()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        const CellMapping before = stage.map()->mapping();
        const QPoint pixel = stage.pixelOf(stage.map(), 40, 20);
        QWheelEvent wheel(pixel, stage.map()->mapToGlobal(pixel), {}, {0, 240}, Qt::NoButton, Qt::NoModifier,
                          Qt::NoScrollPhase, false);
        QApplication::sendEvent(stage.map(), &wheel);
        QVERIFY(stage.map()->mapping().cell > before.cell);
        QCOMPARE(cellAt(pixel, stage.map()->mapping(), QSize(64, 64)), std::optional(QPoint(20, 40)));
        QTest::mouseDClick(stage.map(), Qt::LeftButton, {}, pixel);
        QCOMPARE(stage.map()->mapping(), before);
    }

    void scrubsBackByKeysAndFollowsLiveAgain()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QVERIFY(stage.page->findChild<QCheckBox *>("followLive")->isChecked());
        stage.slider()->setFocus();
        QTest::keyClick(stage.slider(), Qt::Key_Left);
        QTest::keyClick(stage.slider(), Qt::Key_Left);
        QVERIFY(stage.waitForStep(20));
        QVERIFY(!stage.page->findChild<QCheckBox *>("followLive")->isChecked());
        QTest::mouseClick(stage.page->findChild<QToolButton *>("snapshotNext"), Qt::LeftButton);
        QVERIFY(stage.waitForStep(40));
        QTRY_VERIFY(QRegularExpression("Churn 0\\.\\d\\d since 20")
                        .match(stage.page->findChild<QLabel *>("churnLabel")->text())
                        .hasMatch());
        // A new snapshot does not take the reader away ...
        Stage::addSnapshot(stage.sparse, {.length = 64, .topK = 16, .step = 90});
        QTest::qWait(50);
        QCOMPARE(stage.stepOnMap(), std::int64_t{40});
        // ... until the cursor follows again.
        QTest::mouseClick(stage.page->findChild<QCheckBox *>("followLive"), Qt::LeftButton, {}, QPoint(8, 10));
        QVERIFY(stage.waitForStep(90));
        Stage::addSnapshot(stage.sparse, {.length = 64, .topK = 16, .step = 95});
        QVERIFY(stage.waitForStep(95));
    }

    void everyMapOfTheComboShows()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QComboBox *maps = stage.combo("mapCombo");
        for (int i = maps->count() - 1; i >= 0; --i) {
            const QPoint chosen = maps->itemData(i).toPoint();
            maps->setCurrentIndex(i);
            QTRY_COMPARE(static_cast<int>(stage.map()->picture()->request.kind), chosen.x());
            QTRY_COMPARE(stage.map()->picture()->request.head, chosen.y());
            QCOMPARE(maps->currentIndex(), i);
        }
        stage.combo("layerCombo")->setCurrentIndex(1);
        QTRY_COMPARE(stage.map()->picture()->request.layer, 1);
        QVERIFY(stage.map()->picture()->scale.logarithmic);
        QTest::mouseClick(stage.page->findChild<QWidget *>("scaleSwitch")->findChildren<QPushButton *>().last(),
                          Qt::LeftButton);
        QTRY_VERIFY(!stage.map()->picture()->scale.logarithmic);
    }

    void aClassicRunSaysThatItHasNoIndexer()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        stage.view.setInspect(InspectView::Atlas);
        stage.page->setRun(stage.classic);
        QTRY_VERIFY(stage.map()->picture() && !stage.map()->picture()->mask);
        QCOMPARE(stage.map()->picture()->request.kind, MapKind::Attention);
        QVERIFY(!stage.mask()->isVisible());
        const auto labels = stage.page->findChildren<QLabel *>();
        QVERIFY(std::any_of(labels.begin(), labels.end(), [](const QLabel *label) {
            return label->isVisible() && label->text().startsWith("This run has no indexer. Classic attention keeps");
        }));
        QTRY_VERIFY(stage.page->settled());
        QCOMPARE(stage.exportNames(), QStringList({"atlas", "map", "row", "distance"}));
    }

    void saysThatThereIsNothingYet()
    {
        ViewState view;
        HoverState hover;
        InspectPage page(&view, &hover);
        page.show();
        const auto shown = [&page] {
            for (const MessageView *message : page.findChildren<MessageView *>()) {
                if (message->isVisible()) {
                    return message->title();
                }
            }
            return QString();
        };
        QCOMPARE(shown(), QStringLiteral("No run yet"));
        auto runs = test::smallRuns();
        page.setRuns(test::pointers(runs));
        QCOMPARE(shown(), QStringLiteral("No snapshot yet"));
        page.setRuns({});
    }

    void aFutureKeyShouts()
    {
        Stage stage(64, true);
        QVERIFY(stage.waitForStep(80));
        QCOMPARE(stage.map()->picture()->futureSelected, 1);
        // On the map of the values as on the mask.
        QCOMPARE(stage.map()->grab().toImage().pixel(stage.pixelOf(stage.map(), 2, 5)),
                 tokens(Theme::Light).futureSelected.rgb());
        QTest::mouseClick(stage.page->findChild<QPushButton *>("showFaultButton"), Qt::LeftButton);
        QCOMPARE(stage.view.view().query, 2);
        QCOMPARE(stage.view.view().key, 5);
        stage.view.setCell(40, 1);
        stage.view.setMap(MapKind::Mask, -1);
        QTRY_VERIFY(stage.mask()->isVisible());
        const QPoint at = stage.pixelOf(stage.mask(), 2, 5);
        QCOMPARE(stage.mask()->grab().toImage().pixel(at), tokens(Theme::Light).futureSelected.rgb());
        bool said = false;
        for (const QLabel *label : stage.page->findChildren<QLabel *>()) {
            said = said || (label->isVisible() && label->text().startsWith("Future keys were selected: 1 of 2,016"));
        }
        QVERIFY(said);
    }

    void exportsWhatItShows()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QTemporaryDir folder;
        QTRY_VERIFY(stage.page->settled());
        const auto views = stage.page->exportableViews();
        QCOMPARE(stage.exportNames(), QStringList({"atlas", "map", "mask", "row", "distance"}));
        for (const auto &[name, view] : views) {
            const QString base = folder.filePath(proposedFileName(*view));
            const QString png = exportFigure(*view, base + ".png", {.scale = 2}).front();
            const QImage image(png);
            QCOMPARE(image.size(), (view->figureSize() * 2).toSize());
            exportFigure(*view, base + ".svg");
            QFile svg(base + ".svg");
            QVERIFY(svg.open(QIODevice::ReadOnly));
            const QByteArray text = svg.readAll();
            QVERIFY(text.contains("<text"));
            if (name == "map" || name == "mask") {
                QVERIFY(text.contains("Query position t") && text.contains("<image"));
            }
            exportFigure(*view, base + ".pdf");
            QFile pdf(base + ".pdf");
            QVERIFY(pdf.open(QIODevice::ReadOnly));
            const QByteArray paper = pdf.readAll();
            QVERIFY(paper.startsWith("%PDF"));
            // Points of paper are larger than pixels: whatever enlarges once more has left the page.
            QVERIFY2(test::largestScale(paper) <= 1,
                     qPrintable(name + QString(" is drawn %1 times too large").arg(test::largestScale(paper))));
            if (!shotFolder().isEmpty()) {
                exportFigure(*view, shotFolder() + "/figure-" + proposedFileName(*view) + ".png", {.scale = 1});
            }
        }
        const QStringList written = exportFigure(*stage.map(), folder.filePath("map.csv"));
        QCOMPARE(written.size(), 2);
        QFile csv(written[0]);
        QVERIFY(csv.open(QIODevice::ReadOnly));
        QCOMPARE(csv.readLine(), QByteArray("t,s,value\n"));
        int rows = 0;
        while (!csv.atEnd()) {
            const auto fields = csv.readLine().trimmed().split(',');
            const double value = stage.map()->picture()->values->at(fields[0].toInt(), fields[1].toInt());
            QVERIFY(std::abs(fields[2].toDouble() - value) <= 1e-8 * std::abs(value));
            ++rows;
        }
        QCOMPARE(rows, 64 * 65 / 2);
        QFile context(written[1]);
        QVERIFY(context.open(QIODevice::ReadOnly));
        const auto document = nlohmann::json::parse(context.readAll().toStdString());
        QCOMPARE(document.at("step").get<int>(), 80);
        exportFigure(*stage.mask(), folder.filePath("mask.csv"));
        QFile mask(folder.filePath("mask.csv"));
        QVERIFY(mask.open(QIODevice::ReadOnly));
        QVERIFY(mask.readAll().contains("selected_needed"));
    }

    void aFailedExportLeavesWhatWasThere()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QVERIFY_EXCEPTION_THROWN(exportFigure(*stage.map(), "/nowhere/at/all/map.png"), Failure);
        QVERIFY_EXCEPTION_THROWN(exportFigure(*stage.map(), "map.bmp"), Failure);
        try {
            exportFigure(*stage.map(), "/nowhere/at/all/map.png");
        } catch (const Failure &failure) {
            QVERIFY(failure.error().where.find("/nowhere/at/all/map.png") != std::string::npos);
        }
    }

    void theRowIsSortedByScoreAndLinked()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        stage.view.setCell(50, -1);
        auto *table = stage.page->findChild<KeyTable *>("keyTable");
        QTRY_VERIFY(table->keys()->row() && table->keys()->row()->request.query == 50);
        const RowAnswer &row = *table->keys()->row();
        QCOMPARE(row.order.size(), std::size_t{51});
        for (std::size_t rank = 1; rank < row.order.size(); ++rank) {
            QVERIFY(row.row.score[row.order[rank - 1]] >= row.row.score[row.order[rank]]);
        }
        QCOMPARE(row.selected, 16);
        // First five, the two about the k-th place, all missed; in the order of rank.
        QCOMPARE(table->keys()->rankAt(0), 1);
        int missed = 0;
        for (int i = 0; i < table->keys()->rowCount(); ++i) {
            missed += table->keys()->stateAt(i) == KeyState::Missed ? 1 : 0;
            QVERIFY(i == 0 || table->keys()->rankAt(i) > table->keys()->rankAt(i - 1));
        }
        QCOMPARE(missed, row.missed);
        QVERIFY(table->keys()->rowOfKey(row.order[15]) >= 0);
        // The terms of a key sum to its score.
        float sum = 0;
        for (const float term : table->keys()->termsAt(0)) {
            sum += term;
        }
        QVERIFY(std::abs(sum - row.row.score[row.order[0]]) < 1e-4F);
        // A key hovered in the bars gets a row of its own, and every view hears of it.
        auto *bars = stage.page->findChild<RowPlot *>("rowInspectorPlot");
        const int rank = 30, key = row.order[rank - 1];
        QTest::mouseMove(bars->childAt(bars->barCentre(rank)), bars->barCentre(rank));
        QTRY_COMPARE(stage.hover.hover().key, key);
        QCOMPARE(stage.hover.hover().query, 50);
        QVERIFY(table->keys()->rowOfKey(key) >= 0);
        QTest::mouseClick(stage.page->findChild<QCheckBox *>("allKeysBox"), Qt::LeftButton, {}, QPoint(8, 10));
        QCOMPARE(table->keys()->rowCount(), 51);
        // Attention of one head: its values are those of the dense attention.
        stage.combo("attentionHeadCombo")->setCurrentIndex(2);
        QTRY_COMPARE(table->keys()->row()->request.head, 1);
        const Snapshot &snapshot = *table->keys()->row()->request.snapshot;
        QCOMPARE(table->keys()->row()->attention, attentionRow(snapshot.layers[0], 64, snapshot.scale, 50, 1));
    }

    void keysAndUndo()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QTest::keyClick(stage.map(), Qt::Key_M);
        QVERIFY(stage.view.view().overlay);
        QTest::keyClick(stage.map(), Qt::Key_PageDown);
        QCOMPARE(stage.view.view().layer, 1);
        QTRY_COMPARE(stage.map()->picture()->request.layer, 1);
        QTest::keyClick(stage.map(), Qt::Key_K);
        const auto limits = stage.view.view().limitsOf(MapKind::IndexScore);
        QVERIFY(limits.has_value());
        stage.page->stepSnapshot(-1);
        QVERIFY(stage.waitForStep(40));
        QCOMPARE(stage.map()->picture()->scale.high, limits->second);
        QTest::keyClick(stage.map(), Qt::Key_K);
        QVERIFY(!stage.view.view().limitsOf(MapKind::IndexScore));
        const double fitted = stage.map()->mapping().cell;
        QTest::keyClick(stage.map(), Qt::Key_Plus);
        QVERIFY(stage.map()->mapping().cell > fitted);
        stage.view.undo();
        QCOMPARE(stage.map()->mapping().cell, fitted);
        for (int i = 0; i < 5; ++i) {
            stage.view.undo();
        }
        QVERIFY(!stage.view.view().overlay);
        QVERIFY(stage.view.view().followLive);
        QVERIFY(stage.waitForStep(80));
        QTest::keyClick(stage.map(), Qt::Key_Escape);
        QCOMPARE(stage.view.view().inspect, InspectView::Atlas);
        QTest::keyClick(stage.page.get(), Qt::Key_Return);
        QCOMPARE(stage.view.view().inspect, InspectView::Focus);
    }

    void playsTheSnapshots()
    {
        Stage stage;
        QVERIFY(stage.waitForStep(80));
        QTest::mouseClick(stage.page->findChild<QToolButton *>("snapshotPlay"), Qt::LeftButton);
        QCOMPARE(stage.view.view().step, std::int64_t{20}); // it stood at the newest: from the first one
        QTRY_COMPARE(stage.view.view().step, std::int64_t{80});
        QTRY_COMPARE(stage.page->findChild<QToolButton *>("snapshotPlay")->accessibleName(), QStringLiteral("Play"));
    }

    void aDamagedSnapshotIsSaidInTheViewAndSettles()
    {
        QTemporaryDir folder;
        auto runs = test::smallRuns();
        QDir(folder.path()).mkpath("snapshots");
        QFile file(folder.filePath("snapshots/00000010.safetensors"));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(QByteArray(100, 'x'));
        file.close();
        RunData run(runs.front()->config(), folder.path().toStdString(), folder.path().toStdString());
        run.addSnapshotStep(10);
        ViewState view;
        HoverState hover;
        InspectPage page(&view, &hover);
        QSignalSpy failed(&run, &RunData::snapshotFailed);
        page.show();
        page.setRuns({&run});
        QTRY_VERIFY(page.settled());
        QVERIFY(page.failure().startsWith("Could not read snapshot 10."));
        const auto messages = page.findChildren<MessageView *>();
        QVERIFY(std::any_of(messages.begin(), messages.end(), [](const MessageView *message) {
            return message->isVisible() && message->title() == "Could not show the snapshot";
        }));
        // What cannot be read is read once, however often it was asked for meanwhile and is wanted again.
        view.setLayer(1);
        QTest::qWait(100);
        QCOMPARE(failed.count(), 1);
        page.setRuns({});
    }

    /// Not a check: writes pictures for the eye where SPARSESCOPE_SHOTS names a folder.
    void pictures()
    {
        if (shotFolder().isEmpty()) {
            QSKIP("SPARSESCOPE_SHOTS is not set");
        }
        for (const Theme theme : {Theme::Light, Theme::Dark}) {
            applyTheme(*qApp, theme);
            const QString name = theme == Theme::Dark ? "dark" : "light";
            for (const int length : {64, 128}) {
                for (const QSize size : {QSize(1584, 900), QSize(1084, 600)}) {
                    Stage stage(length, false, size);
                    QVERIFY(stage.waitForStep(80));
                    QTest::mouseMove(stage.map(), stage.pixelOf(stage.map(), length - 14, 19));
                    QTest::qWait(400);
                    stage.page->grab().save(QStringLiteral("%1/inspect-%2-%3-%4.png")
                                                .arg(shotFolder(), name)
                                                .arg(length)
                                                .arg(size.width()));
                    if (length == 64 && size.width() > 1500) {
                        stage.combo("mapCombo")->setCurrentIndex(2);
                        QTest::qWait(300);
                        stage.page->grab().save(QStringLiteral("%1/term-%2.png").arg(shotFolder(), name));
                        stage.page->setRun(stage.classic);
                        QTest::qWait(400);
                        stage.page->grab().save(QStringLiteral("%1/classic-%2.png").arg(shotFolder(), name));
                    }
                }
            }
        }
        applyTheme(*qApp, Theme::Light);
    }
};

QTEST_MAIN(TestInspectPage)
#include "tst_inspect_page.moc"
