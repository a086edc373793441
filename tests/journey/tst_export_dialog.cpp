#include "app/export_dialog.h"
#include "app/preferences_dialog.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QScreen>
#include <QSettings>
#include <QStandardItemModel>
#include <QTemporaryDir>
#include <QTest>

using namespace sparsescope;

namespace {

/// A figure of one colour that knows how wide it was painted.
class Plain : public ExportableView {
public:
    explicit Plain(QString title, bool table = false, double smallest = 480)
        : m_title(std::move(title))
        , m_table(table)
        , m_smallest(smallest)
    {}
    QString figureTitle() const override { return m_title; }
    QSizeF figureSize() const override { return {960, 480}; }
    double smallestWidth() const override { return m_smallest; }
    bool isTable() const override { return m_table; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &) const override
    {
        painted = size;
        painter.fillRect(QRectF({}, size), colour);
    }
    QString csv() const override { return QStringLiteral("a,b\n1,2\n"); }
    nlohmann::ordered_json exportContext() const override { return {{"seed", 0}}; }

    mutable QSizeF painted;
    QColor colour = Qt::red;

private:
    QString m_title;
    bool m_table;
    double m_smallest;
};

} // namespace

/// Ctrl+E: what is seen in the preview is what is written, as wide as it was asked for.
class tst_ExportDialog : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, m_folder.path());
        QSettings().setValue("exportFolder", m_folder.path());
        applyTheme(*qApp, Theme::Light);
    }
    void widthIsWhatIsWritten_data();
    void widthIsWhatIsWritten();
    void previewFollowsTheChoice();
    void tablesAreNoPictures();
    void dialogsStayOnTheirScreen();

private:
    QTemporaryDir m_folder;
};

void tst_ExportDialog::widthIsWhatIsWritten_data()
{
    QTest::addColumn<double>("smallest");
    QTest::addColumn<double>("width");
    QTest::addColumn<QSizeF>("painted");
    QTest::newRow("its own") << 480. << 0. << QSizeF(960, 480);
    QTest::newRow("drawn anew, narrower") << 480. << 180. << QSizeF(680.315, 340.157);
    QTest::newRow("as narrow as its words allow, then shrunk") << 480. << 85. << QSizeF(480, 240);
    QTest::newRow("of one size: shrunk") << 960. << 85. << QSizeF(960, 480);
    QTest::newRow("of one size: grown") << 960. << 508. << QSizeF(960, 480);
}

void tst_ExportDialog::widthIsWhatIsWritten()
{
    QFETCH(double, smallest);
    QFETCH(double, width);
    QFETCH(QSizeF, painted);
    const Plain view("plain", false, smallest);
    FigureOptions options;
    options.width = width;
    const double paper = width > 0 ? width : 254;
    const FigureMeasure measure = measureFigure(view, options);
    QVERIFY(std::abs(measure.paper.width() - paper) < 1e-6 && std::abs(measure.paper.height() - paper / 2) < 1e-6);
    exportFigure(view, m_folder.filePath("plain.png"), options);
    QVERIFY(std::abs(view.painted.width() - painted.width()) < 0.01 &&
            std::abs(view.painted.height() - painted.height()) < 0.01);
    const QImage image(m_folder.filePath("plain.png"));
    QCOMPARE(image.width(), qRound(2 * painted.width()));
    const double shown = 1000.0 * image.width() / image.dotsPerMeterX();
    QVERIFY2(std::abs(shown - paper) < 0.1, qPrintable(QString::number(shown)));
    exportFigure(view, m_folder.filePath("plain.svg"), options);
    QFile svg(m_folder.filePath("plain.svg"));
    QVERIFY(svg.open(QIODevice::ReadOnly));
    const QString head = QString::fromUtf8(svg.read(400));
    const auto said = QRegularExpression("width=\"([0-9.]+)mm\"").match(head);
    QVERIFY2(said.hasMatch() && std::abs(said.captured(1).toDouble() - paper) < 0.3, qPrintable(head));
    exportFigure(view, m_folder.filePath("plain.pdf"), options);
    QFile pdf(m_folder.filePath("plain.pdf"));
    QVERIFY(pdf.open(QIODevice::ReadOnly));
    const auto box = QRegularExpression("MediaBox \\[0 0 ([0-9.]+)").match(QString::fromLatin1(pdf.readAll()));
    QVERIFY(box.hasMatch() && std::abs(box.captured(1).toDouble() / 72 * 25.4 - paper) < 0.4);
}

void tst_ExportDialog::previewFollowsTheChoice()
{
    const auto red = std::make_shared<Plain>("red"), blue = std::make_shared<Plain>("blue");
    blue->colour = Qt::blue;
    ExportDialog dialog({{"loss", red}, {"map", blue}}, "loss");
    dialog.show();
    auto *preview = dialog.findChild<QWidget *>("exportPreview");
    const auto middle = [&] { return preview->grab().toImage().pixelColor(preview->rect().center()); };
    QCOMPARE(middle(), QColor(Qt::red));
    dialog.findChild<QComboBox *>("exportFigure")->setCurrentIndex(1);
    QCOMPARE(middle(), QColor(Qt::blue));
    blue->colour = Qt::green; // a run that goes on
    QTRY_COMPARE(middle(), QColor(Qt::green));
    auto *width = dialog.findChild<QDoubleSpinBox *>("exportWidth");
    QCOMPARE(width->value(), 254.);
    width->setValue(130);
    QCOMPARE(qRound(blue->painted.width()), qRound(130 / 25.4 * 96));
    const auto *facts = dialog.findChild<QLabel *>("exportFacts");
    QCOMPARE(facts->text(), QString("130 × 65 mm, 983 × 491 pixels, 192 dots per inch."));
    dialog.findChild<QComboBox *>("exportFormat")->setCurrentIndex(2);
    QCOMPARE(facts->text(), QString("130 × 65 mm, text stays text."));
    QVERIFY(!dialog.findChild<QComboBox *>("exportScale")->isEnabled());
    dialog.findChild<QComboBox *>("exportFigure")->setCurrentIndex(0);
    QCOMPARE(width->value(), 130.); // what was chosen stays
    dialog.findChild<QPushButton *>("exportSave")->click();
    QVERIFY(QFile::exists(m_folder.filePath("red.pdf")));
    QCOMPARE(dialog.findChild<QLabel *>("exportResult")->text(), QString("Wrote red.pdf"));
}

void tst_ExportDialog::tablesAreNoPictures()
{
    ExportDialog dialog(
        {{"loss", std::make_shared<Plain>("plot")}, {"metrics", std::make_shared<Plain>("table", true)}}, "loss");
    auto *format = dialog.findChild<QComboBox *>("exportFormat");
    QCOMPARE(format->currentText(), QString("PNG"));
    dialog.findChild<QComboBox *>("exportFigure")->setCurrentIndex(1);
    QCOMPARE(format->currentText(), QString("PDF"));
    QStringList offered;
    for (int index = 0; index < format->count(); ++index) {
        if (qobject_cast<QStandardItemModel *>(format->model())->item(index)->isEnabled()) {
            offered << format->itemText(index);
        }
    }
    QCOMPARE(offered, QStringList({"PDF", "CSV"}));
    ExportDialog none({}, "loss");
    QVERIFY(!none.findChild<QPushButton *>("exportSave")->isEnabled());
    QCOMPARE(none.findChild<QLabel *>("exportTarget")->text(), QString("Nothing to export yet"));
}

void tst_ExportDialog::dialogsStayOnTheirScreen()
{
    const QSize screen = QGuiApplication::primaryScreen()->availableSize();
    ExportDialog exporting({{"loss", std::make_shared<Plain>("plot")}}, "loss");
    PreferencesDialog preferences({});
    for (QDialog *dialog : {static_cast<QDialog *>(&exporting), static_cast<QDialog *>(&preferences)}) {
        dialog->setAttribute(Qt::WA_DeleteOnClose, false);
        dialog->show();
        QVERIFY(dialog->width() <= screen.width() && dialog->height() <= screen.height());
        dialog->resize(480, 270); // of a screen that is enlarged four times
        for (QPushButton *button : dialog->findChildren<QPushButton *>()) {
            if (button->isDefault()) {
                QTRY_VERIFY(dialog->rect().contains(QRect(button->mapTo(dialog, QPoint()), button->size())));
            }
        }
    }
}

QTEST_MAIN(tst_ExportDialog)
#include "tst_export_dialog.moc"
