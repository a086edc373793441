// Longer than 400 lines: one page, its four views and the samples they share.
#include "widgets/panels/kernel_table.h"
#include "widgets/panels/speed_page.h"
#include "widgets/plots/breakdown_view.h"
#include "widgets/plots/layer_time_plot.h"
#include "widgets/plots/roofline_plot.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QAbstractButton>
#include <QApplication>
#include <QComboBox>
#include <QScrollBar>
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <filesystem>
#include <memory>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

MeasuredRow rowOf(const std::string &op, std::int64_t context, double ours, double floor, double flops)
{
    MeasuredRow row{op, 1, context, context, 2048, 128, 576};
    row.flops = flops;
    row.bytes = 1e9;
    row.floorMicroseconds = floor;
    row.timings = {{"ours", "kernel", ours, 0.99 * ours, 1.01 * ours, {}}};
    return row;
}

/// Two contexts: 2 times slower and 4 times faster than dense attention; parts 50 : 30 : 20.
std::shared_ptr<BenchDocument> core(const std::string &direction)
{
    auto document = std::make_shared<BenchDocument>();
    document->file = "/nowhere/core_" + direction + ".json";
    document->subject = "attention";
    document->indexer = "4x64";
    document->direction = direction;
    document->machine = "Card";
    document->bytesPerSecond = 3e12;
    document->flopsPerSecond = 8e14;
    document->rounds = 3;
    for (const std::int64_t context : {4096, 131072}) {
        const double ours = context == 4096 ? 2000 : 100000, dense = context == 4096 ? 1000 : 400000;
        document->rows.push_back(rowOf("index_scores", context, 0.3 * ours, 0.1 * ours, 1e12));
        document->rows.push_back(rowOf("topk_select", context, 0.2 * ours, 0.1 * ours, 0));
        document->rows.push_back(rowOf("gathered_attention", context, 0.5 * ours, 0.5 * ours, 5e12));
        document->rows.push_back(rowOf("attention core " + direction, context, ours, 0.7 * ours, 6e12));
        document->rows.back().timings.push_back({"torch.sdpa", "cuDNN", dense, dense, dense, {}});
    }
    return document;
}

QString cell(const KernelTable &table, int row, int column) { return table.item(row, column)->text(); }

} // namespace

class tst_SpeedPage : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }
    void saysWhatToOpenWhileNothingIs();
    void factorsFloorsAndParts();
    void aClickChoosesAContext();
    void theOtherDirectionKeepsTheContext();
    void anotherPrecisionKeepsTheContext();
    void nothingOfTheHeaderIsCut_data();
    void nothingOfTheHeaderIsCut();
    void errorsAndRepeatsAreSaidWhereTheyWereKept();
    void denseStandsBesideThePartsWhereItsWorkIsKnown();
    void whatIsWrongHasNoTime();
    void everyStoredMeasurementIsShown();
    void exports();
    void whyNothingIsMeasuredIsRead();
};

void tst_SpeedPage::denseStandsBesideThePartsWhereItsWorkIsKnown()
{
    const auto content = [](bool known) {
        auto document = core("forward");
        for (MeasuredRow &row : document->rows) {
            row.bytes = 1e9;
            if (known && row.timings.size() > 1) {
                row.timings[1].flops = 4e11; // in 1 ms: 400 TFLOP/s, half of the card's
                row.timings[1].bytes = 2e8;
            }
        }
        return std::make_shared<const SpeedContent>(speedContent(document));
    };
    const auto lineOf = [](const QString &csv, const QString &start) {
        const QStringList lines = csv.split(QLatin1Char('\n'));
        const auto found =
            std::find_if(lines.begin(), lines.end(), [&](const QString &x) { return x.startsWith(start); });
        return found == lines.end() ? QString() : *found;
    };
    KernelTable table;
    RooflinePlot roofline;
    BreakdownView breakdown;
    const auto show = [&](bool known) {
        const auto shown = content(known);
        table.setPoint(shown, 0);
        roofline.setPoint(shown, 0);
        breakdown.setPoint(shown, 0);
    };
    show(true);
    const int dense = table.rowCount() - 1;
    QCOMPARE(cell(table, dense, 0), QStringLiteral("Dense attention"));
    QCOMPARE(cell(table, dense, 3), QStringLiteral("400 TFLOP/s"));
    QCOMPARE(cell(table, dense, 4), QStringLiteral("50.0 %"));
    QCOMPARE(lineOf(roofline.csv(), QStringLiteral("Dense")), QStringLiteral("Dense attention,torch.sdpa,2000,4e+14"));
    // 1 GB of scores in 400 us: a comparison for each of four bytes.
    QVERIFY2(lineOf(roofline.csv(), QStringLiteral("\"Top-k")).endsWith(QStringLiteral(",ours,0.25,6.25e+11")),
             qPrintable(roofline.csv()));
    QCOMPARE(lineOf(breakdown.csv(), QStringLiteral("Dense")), QStringLiteral("Dense attention,4e+11,200000000,1000,500"));
    show(false);
    QCOMPARE(cell(table, dense, 3), QStringLiteral("–"));
    QVERIFY(lineOf(roofline.csv(), QStringLiteral("Dense")).isEmpty());
    QCOMPARE(lineOf(breakdown.csv(), QStringLiteral("Dense")), QStringLiteral("Dense attention,,,1000,"));
}

void tst_SpeedPage::whyNothingIsMeasuredIsRead()
{
    SpeedPage page;
    page.resize(1100, 640);
    page.add(core("forward"), true);
    page.show();
    const auto *remark = page.findChild<QLabel *>("measureRemark");
    QVERIFY(remark != nullptr && !remark->isVisible());
    page.setRemark("No GPU is used here.");
    QVERIFY(remark->isVisible() && remark->text() == "No GPU is used here.");
    page.setRemark({});
    QVERIFY(!remark->isVisible());
}

void tst_SpeedPage::saysWhatToOpenWhileNothingIs()
{
    SpeedPage page;
    page.resize(1100, 640);
    page.show();
    QVERIFY(page.shown() == nullptr && page.exportableViews().empty());
    const auto *message = page.findChild<QWidget *>("kernelTable");
    QVERIFY(message != nullptr && !message->isVisible());
    QSignalSpy open(&page, &SpeedPage::openRequested), first(&page, &SpeedPage::firstRequested),
        cancel(&page, &SpeedPage::cancelRequested);
    const auto press = [&](const char *name) {
        auto *button = page.findChild<QPushButton *>(QLatin1String(name));
        QVERIFY2(button != nullptr, name);
        QTest::mouseClick(button, Qt::LeftButton);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    };
    const auto says = [&](const char *words) {
        for (const QLabel *label : page.findChildren<QLabel *>()) {
            if (label->isVisible() && label->text().contains(QLatin1String(words))) {
                return true;
            }
        }
        return false;
    };
    page.setFirst({}, "Measuring needs an NVIDIA card.");
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    QVERIFY(says("needs an NVIDIA card") && !says("sparsescope-cli"));
    QVERIFY(page.findChild<QPushButton *>("measureFirst") == nullptr);
    press("openMeasurement");
    QCOMPARE(open.size(), 1);
    page.setFirst("Measure this card", {});
    press("measureFirst");
    QCOMPARE(first.size(), 1);
    page.setMeasuring("attention core, 4096 tokens", 0.1);
    QVERIFY(says("4096 tokens"));
    press("measureFirstCancel");
    QCOMPARE(cancel.size(), 1);
    page.setMeasuring({}, 0);
    QVERIFY(says("No measurement is open"));
}

void tst_SpeedPage::factorsFloorsAndParts()
{
    const SpeedContent content = speedContent(core("forward"));
    QCOMPARE(content.points.size(), std::size_t{2});
    const SpeedPoint &shortest = content.points[0], &longest = content.points[1];
    QCOMPARE(shortest.label, QString("4K"));
    QCOMPARE(longest.label, QString("128K"));
    QCOMPARE(shortest.factor().value_or(0), 0.5);
    QCOMPARE(longest.factor().value_or(0), 4.0);
    QCOMPARE(longest.pieces.size(), std::size_t{3});
    QVERIFY(longest.pieces[0].part == SpeedPart::Attention && longest.pieces[2].part == SpeedPart::Selection);
    QCOMPARE(factorText(0.5), QString("0.50×"));
    QCOMPARE(factorText(4.0), QString("4.0×"));

    SpeedPage page;
    page.add(core("forward"), true);
    QCOMPARE(page.point(), 1); // the longest
    auto *breakdown = page.findChild<BreakdownView *>("breakdownView");
    // In the lowest window, below three notices, too: every line has its room.
    page.resize(1100, 400);
    page.show();
    QVERIFY(QTest::qWaitForWindowExposed(&page));
    constexpr int kLine = 16, kLines = 4 + 6; // bars and words
    QVERIFY2(breakdown->height() >= kLines * kLine, qPrintable(QString::number(breakdown->height())));
    const auto gains = breakdown->gains();
    QCOMPARE(gains.size(), std::size_t{5});
    QCOMPARE(gains[0].second, 4.0);
    QCOMPARE(gains[1].second, 4.0);       // attention stands at its floor
    QCOMPARE(gains[2].second, 4.0 / 0.8); // the indexer saves 0.3 - 0.1
    QCOMPARE(gains[4].second, 4.0 / 0.7);
}

void tst_SpeedPage::aClickChoosesAContext()
{
    SpeedPage page;
    page.resize(1400, 800);
    page.add(core("forward"), true);
    page.show();
    QVERIFY(QTest::qWaitForWindowExposed(&page));
    auto *plot = page.findChild<LayerTimePlot *>("layerTimePlot");
    QTest::mouseClick(plot, Qt::LeftButton, Qt::NoModifier, plot->pointBox(0).center().toPoint());
    QCOMPARE(page.point(), 0);
    const auto *table = page.findChild<KernelTable *>("kernelTable");
    QCOMPARE(cell(*table, 0, 0), QString("Sparse attention"));
    QCOMPARE(cell(*table, 0, 2), QString("1.00 ms")); // half of 2 ms
    QCOMPARE(cell(*table, 0, 4), QString("100.0 %"));
    QCOMPARE(cell(*table, 4, 5), QString("reference"));
    QTest::keyClick(plot, Qt::Key_Right);
    QCOMPARE(page.point(), 1);
    QTest::keyClick(plot, Qt::Key_Right);
    QCOMPARE(page.point(), 1);
    QVERIFY(plot->accessibleDescription().contains("4.0×"));
}

void tst_SpeedPage::theOtherDirectionKeepsTheContext()
{
    SpeedPage page;
    page.resize(1400, 800);
    page.add(core("forward"), true);
    page.show();
    auto *directions = page.findChild<QWidget *>("directionSwitch");
    const auto buttons = directions->findChildren<QAbstractButton *>();
    QCOMPARE(buttons.size(), 2);
    QVERIFY(buttons[0]->isChecked() && !buttons[1]->isEnabled());
    page.add(core("training"), false);
    QVERIFY(buttons[1]->isEnabled());
    page.setPoint(0);
    QTest::mouseClick(buttons[1], Qt::LeftButton);
    QCOMPARE(page.shown()->direction, std::string("training"));
    QCOMPARE(page.point(), 0);
    QVERIFY(buttons[1]->isChecked());
    page.add(core("forward"), false); // read again: not twice in the list
    QCOMPARE(page.findChild<QComboBox *>("kernelModelCombo")->count(), 2);
}

void tst_SpeedPage::anotherPrecisionKeepsTheContext()
{
    SpeedPage page;
    page.resize(1400, 800);
    page.add(core("forward"), true);
    page.show();
    auto *precision = page.findChild<QComboBox *>("precisionCombo");
    QVERIFY(precision->isVisible() && !precision->isEnabled());
    QCOMPARE(precision->currentText(), QString("bf16"));
    auto quantized = core("forward");
    quantized->file = "/nowhere/e4m3.json";
    quantized->indexer = "4x64-e4m3";
    page.add(quantized, false);
    QVERIFY(precision->isEnabled());
    QCOMPARE(precision->count(), 2);
    page.setPoint(0);
    precision->setFocus();
    QTest::keyClick(precision, Qt::Key_Down);
    QCOMPARE(page.shown()->indexer, std::string("4x64-e4m3"));
    QCOMPARE(precision->currentText(), QString("bf16, fp8 indexer"));
    QCOMPARE(page.point(), 0);
    // The training was measured in bf16 alone: there is no other direction of this one.
    page.add(core("training"), false);
    const auto buttons = page.findChild<QWidget *>("directionSwitch")->findChildren<QAbstractButton *>();
    QVERIFY(!buttons[1]->isEnabled());
}

void tst_SpeedPage::nothingOfTheHeaderIsCut_data()
{
    QTest::addColumn<int>("width");
    for (const int width : {1100, 1280, 1400, 1680})
        QTest::addRow("%d", width) << width;
}

void tst_SpeedPage::nothingOfTheHeaderIsCut()
{
    QFETCH(int, width);
    auto document = core("training");
    document->machine = "NVIDIA H100 80GB HBM3";
    document->measured = "2026-11-27T20:58:09Z";
    SpeedPage page;
    page.resize(width, 640);
    page.add(document, true);
    page.show();
    QTest::qWait(30);
    QCOMPARE(page.width(), width);
    const auto whole = [&](const QWidget *widget) {
        return !widget->isVisible() || (widget->width() >= widget->sizeHint().width() &&
                                        widget->mapTo(&page, QPoint(widget->width(), 0)).x() <= width);
    };
    const QWidget *bar = page.findChild<QWidget *>("kernelModelCombo")->parentWidget();
    for (const QWidget *widget : bar->findChildren<QWidget *>(QString(), Qt::FindDirectChildrenOnly))
        QVERIFY2(whole(widget),
                 qPrintable(QStringLiteral("%1 %2: %3 of %4")
                                .arg(QLatin1String(widget->metaObject()->className()), widget->objectName())
                                .arg(widget->width())
                                .arg(widget->sizeHint().width())));
    const auto *table = page.findChild<KernelTable *>("kernelTable");
    for (int row = 0; row < table->rowCount(); ++row)
        for (int column = 0; column < table->columnCount(); ++column) {
            const QTableWidgetItem &item = *table->item(row, column);
            const QFontMetrics metrics(item.data(Qt::FontRole).isValid() ? item.font() : table->font());
            QVERIFY2(metrics.horizontalAdvance(item.text()) + 10 <= table->columnWidth(column),
                     qPrintable(item.text()));
        }
    QVERIFY(!table->horizontalScrollBar()->isVisible());
    page.resize(1700, 640); // and back in one row where there is room
    QTest::qWait(30);
    const auto middle = [&](const char *name) {
        const auto *widget = page.findChild<QWidget *>(name);
        return widget->mapTo(&page, widget->rect().center()).y();
    };
    QVERIFY(std::abs(middle("precisionCombo") - middle("measureButton")) < 4);
}

void tst_SpeedPage::errorsAndRepeatsAreSaidWhereTheyWereKept()
{
    auto document = core("forward");
    document->rows[6].largestError = 0.0041; // attention at 128K
    document->rows[6].deterministic = false;
    document->rows[5].largestError = 0;
    document->rows[5].deterministic = true;
    SpeedPage page;
    page.add(document, true);
    const auto *table = page.findChild<KernelTable *>("kernelTable");
    QCOMPARE(table->horizontalHeaderItem(5)->text(), QString("Largest error"));
    QCOMPARE(table->horizontalHeaderItem(6)->text(), QString("Deterministic"));
    QMap<QString, QString> said;
    for (int row = 0; row < table->rowCount(); ++row)
        said[cell(*table, row, 0)] = cell(*table, row, 5) + '|' + cell(*table, row, 6);
    QCOMPARE(said["Sparse attention"], QString("0.004, passed|no"));
    QCOMPARE(said["Top-k selection"], QString("exact, passed|yes"));
    QCOMPARE(said["Indexer scores"], QString("passed|–")); // not kept
}

void tst_SpeedPage::whatIsWrongHasNoTime()
{
    auto document = core("forward");
    document->rows[5].right = false; // the selection at 128K
    SpeedPage page;
    page.add(document, true);
    const SpeedContent content = speedContent(document);
    QVERIFY(!content.points[1].right() && !content.points[1].factor());
    QVERIFY(content.points[0].factor().has_value());
    const auto *table = page.findChild<KernelTable *>("kernelTable");
    bool found = false;
    for (int row = 0; row < table->rowCount(); ++row) {
        if (cell(*table, row, 5) == "wrong") {
            found = true;
            QCOMPARE(cell(*table, row, 0), QString("Top-k selection"));
            QCOMPARE(cell(*table, row, 2), QString("–"));
        }
    }
    QVERIFY(found);
    const QString csv = page.findChild<LayerTimePlot *>("layerTimePlot")->csv();
    QVERIFY2(csv.contains("128K,Top-k selection,,,,"), qPrintable(csv));
    QVERIFY(page.findChild<BreakdownView *>("breakdownView")->gains().empty());
}

void tst_SpeedPage::everyStoredMeasurementIsShown()
{
    const fs::path folder =
        fs::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) / "experiments/results/bench";
    SpeedPage page;
    page.resize(1100, 640);
    page.show();
    for (const fs::directory_entry &entry : fs::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".json") {
            page.add(std::make_shared<const BenchDocument>(readBench(entry.path())), true);
            QVERIFY(page.shown()->file == entry.path());
            QVERIFY(page.point() >= 0);
            QVERIFY(!page.subjectText().isEmpty());
            QVERIFY(page.findChild<KernelTable *>("kernelTable")->rowCount() >= 2);
            page.grab(); // paints all of it
        }
    }
}

void tst_SpeedPage::exports()
{
    QTemporaryDir folder;
    SpeedPage page;
    page.add(core("forward"), true);
    QCOMPARE(page.exportableViews().size(), std::size_t{4});
    for (const auto &[name, view] : page.exportableViews()) {
        for (const char *format : {"png", "svg", "pdf", "csv"}) {
            const QString path = folder.filePath(name + "." + format);
            exportFigure(*view, path);
            QVERIFY2(QFile(path).size() > 60, qPrintable(path));
        }
        QFile svg(folder.filePath(name + ".svg"));
        QVERIFY(svg.open(QIODevice::ReadOnly) && svg.readAll().contains("<text"));
    }
    QFile csv(folder.filePath("speed.csv"));
    QVERIFY(csv.open(QIODevice::ReadOnly));
    const QStringList lines = QString::fromUtf8(csv.readAll()).split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 1 + 2 * 4);
    QVERIFY2(lines.back().startsWith("128K,\"Attention core, forward\",100000,99000,101000,torch.sdpa,400000,4,"),
             qPrintable(lines.back()));
}

QTEST_MAIN(tst_SpeedPage)
#include "tst_speed_page.moc"
