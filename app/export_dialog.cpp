#include "app/export_dialog.h"

#include "widgets/panels/role_label.h"
#include "widgets/state/number_text.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/dialogs.h"
#include "widgets/style/screen_room.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QElapsedTimer>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPainter>
#include <QPushButton>
#include <QSettings>
#include <QStandardItemModel>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr std::pair<const char *, const char *> kFigures[] = {{"loss", "Loss"},
                                                              {"comparison", "Comparison"},
                                                              {"selectors", "Selectors"},
                                                              {"needle", "Needles by length and depth"},
                                                              {"paired", "Loss and paired difference"},
                                                              {"metrics", "Metrics of both sides"},
                                                              {"position", "Loss by position"},
                                                              {"counterfactual", "Which selector"},
                                                              {"difference", "Attention difference"},
                                                              {"atlas", "Atlas"},
                                                              {"map", "Map of the layer"},
                                                              {"mask", "Selection mask"},
                                                              {"row", "Keys of the query"},
                                                              {"distance", "Average by distance"},
                                                              {"speed", "Time by context or shape"},
                                                              {"breakdown", "Breakdown"},
                                                              {"roofline", "Roofline"},
                                                              {"kernels", "Kernels"}};

constexpr double kNarrowest = 40, kWidest = 1000; ///< mm
constexpr int kPreviewMargin = 16, kFormWidth = 340;
constexpr int kAgain = 1000;  ///< ms between two previews of a figure that may have changed
constexpr qint64 kCheap = 60; ///< ms; what takes longer to draw is drawn when asked
constexpr double kInch = 25.4;

} // namespace

QString figureWords(const QString &figure)
{
    for (const auto &[name, label] : kFigures) {
        if (figure == QLatin1String(name)) {
            return QString::fromUtf8(label);
        }
    }
    return {};
}

FigurePreview::FigurePreview(QWidget *parent)
    : QWidget(parent)
{
    setObjectName(QStringLiteral("exportPreview"));
    setAccessibleName(QStringLiteral("Preview"));
    setMinimumSize(240, 180);
    m_again.setInterval(kAgain);
    connect(&m_again, &QTimer::timeout, this, &FigurePreview::draw);
}

void FigurePreview::setFigure(const ExportableView *view, const FigureOptions &options)
{
    m_view = view;
    m_options = options;
    setAccessibleDescription(view != nullptr ? view->figureTitle() : QString());
    draw();
}

void FigurePreview::draw()
{
    m_again.stop();
    m_image = {};
    if (m_view != nullptr && width() > 2 * kPreviewMargin && height() > 2 * kPreviewMargin) {
        QElapsedTimer took;
        took.start();
        const QSizeF box(width() - 2 * kPreviewMargin, height() - 2 * kPreviewMargin);
        m_image = previewFigure(*m_view, m_options, box, devicePixelRatioF());
        if (took.elapsed() < kCheap) {
            m_again.start();
        }
    }
    update();
}

void FigurePreview::paintEvent(QPaintEvent * /*event*/)
{
    QPainter painter(this);
    painter.fillRect(rect(), currentTokens().window);
    const QSizeF size = m_image.deviceIndependentSize();
    const QRectF paper(QPointF((width() - size.width()) / 2, (height() - size.height()) / 2), size);
    if (!m_image.isNull()) {
        painter.drawImage(paper.topLeft(), m_image);
    }
    painter.setPen(currentTokens().border);
    painter.drawRect(QRectF(rect()).adjusted(0, 0, -1, -1));
    if (!m_image.isNull()) {
        painter.drawRect(paper.adjusted(-1, -1, 0, 0));
    }
}

void FigurePreview::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    draw();
}

ExportDialog::ExportDialog(Figures figures, const QString &chosen, QWidget *parent)
    : QDialog(parent)
    , m_figures(std::move(figures))
    , m_page(new QWidget(this))
    , m_figure(new ComboBox(m_page))
    , m_format(new ComboBox(m_page))
    , m_width(new QDoubleSpinBox(m_page))
    , m_scale(new ComboBox(m_page))
    , m_theme(new ComboBox(m_page))
    , m_folder(new QLineEdit(m_page))
    , m_choose(new QPushButton(QStringLiteral("Choose…"), m_page))
    , m_facts(makeLabel({}, "hint", m_page))
    , m_target(makeLabel({}, "hint", m_page))
    , m_result(new QLabel(m_page))
    , m_preview(new FigurePreview(this))
    , m_close(new QPushButton(QStringLiteral("Close"), this))
    , m_save(new QPushButton(QStringLiteral("Export"), this))
{
    setObjectName(QStringLiteral("exportDialog"));
    setWindowTitle(QStringLiteral("Export"));
    const auto named = [](QWidget *widget, const char *name, const QString &words) {
        widget->setObjectName(QLatin1String(name));
        widget->setAccessibleName(words);
    };
    named(m_figure, "exportFigure", QStringLiteral("Figure"));
    named(m_format, "exportFormat", QStringLiteral("Format"));
    named(m_theme, "exportTheme", QStringLiteral("Colours"));
    named(m_scale, "exportScale", QStringLiteral("Scale"));
    named(m_width, "exportWidth", QStringLiteral("Width"));
    named(m_folder, "exportFolder", QStringLiteral("Folder"));
    named(m_save, "exportSave", m_save->text());
    m_facts->setObjectName(QStringLiteral("exportFacts"));
    m_target->setObjectName(QStringLiteral("exportTarget"));
    m_result->setObjectName(QStringLiteral("exportResult"));
    for (const auto &[name, view] : m_figures) {
        m_figure->addItem(figureWords(name), name);
    }
    m_figure->setCurrentIndex(std::max(0, m_figure->findData(chosen)));
    for (const char *one : {"png", "svg", "pdf", "csv"}) {
        m_format->addItem(QString::fromLatin1(one).toUpper(), QLatin1String(one));
    }
    m_theme->addItem(QStringLiteral("Light for print"));
    m_theme->addItem(QStringLiteral("As on screen"));
    for (int scale = 1; scale <= 4; ++scale) {
        m_scale->addItem(QStringLiteral("%1×").arg(scale), scale);
    }
    m_scale->setCurrentIndex(1);
    m_width->setRange(kNarrowest, kWidest);
    m_width->setDecimals(0);
    m_width->setSingleStep(5);
    m_width->setSuffix(QStringLiteral(" mm"));
    m_width->setToolTip(QStringLiteral("One column of a paper is about 85 mm wide, both together 175 mm"));
    m_folder->setText(QSettings().value(QStringLiteral("exportFolder"), QDir::currentPath()).toString());
    build();

    connect(m_figure, &QComboBox::currentIndexChanged, this, &ExportDialog::chooseFigure);
    connect(m_format, &QComboBox::currentIndexChanged, this, &ExportDialog::showChoice);
    connect(m_theme, &QComboBox::currentIndexChanged, this, &ExportDialog::showChoice);
    connect(m_scale, &QComboBox::currentIndexChanged, this, &ExportDialog::showChoice);
    connect(m_width, &QDoubleSpinBox::valueChanged, this, [this] {
        m_ownWidth = true;
        showChoice();
    });
    connect(m_folder, &QLineEdit::textChanged, this, &ExportDialog::showChoice);
    connect(m_save, &QPushButton::clicked, this, &ExportDialog::save);
    chooseFigure();
}

void ExportDialog::build()
{
    auto *folderRow = new QHBoxLayout;
    folderRow->setSpacing(8);
    folderRow->addWidget(m_folder, 1);
    folderRow->addWidget(m_choose);
    m_page->setMinimumWidth(kFormWidth);
    auto *form = new QFormLayout;
    form->setHorizontalSpacing(12);
    form->setVerticalSpacing(10);
    const auto row = [&](const char *words, auto *field) {
        form->addRow(makeLabel(QLatin1String(words), "sub", m_page), field);
    };
    row("Figure", m_figure);
    row("Format", m_format);
    row("Width", m_width);
    row("Scale", m_scale);
    row("Colours", m_theme);
    row("Folder", folderRow);
    m_facts->setWordWrap(true);
    m_result->setWordWrap(true);
    auto *side = new QVBoxLayout(m_page);
    side->setContentsMargins(0, 0, 12, 0);
    side->setSpacing(12);
    side->addLayout(form);
    side->addWidget(m_facts);
    side->addWidget(m_target);
    side->addWidget(m_result);
    side->addStretch(1);

    m_save->setDefault(true);
    setRole(m_save, "primary");
    m_close->setObjectName(QStringLiteral("exportClose"));
    auto *buttons = new QHBoxLayout;
    buttons->addStretch(1);
    buttons->addWidget(m_close);
    buttons->addWidget(m_save);
    auto *scroll = new ScrolledPage(m_page, QStringLiteral("What to export"), this);
    scroll->setMinimumWidth(kFormWidth + 12);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto *upper = new QHBoxLayout;
    upper->setSpacing(20);
    upper->addWidget(m_preview, 1);
    upper->addWidget(scroll);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 20, 20, 16);
    layout->setSpacing(12);
    layout->addLayout(upper, 1);
    layout->addLayout(buttons);
    resizeWithinScreen(this, {1040, 560});

    connect(m_choose, &QPushButton::clicked, this, [this] {
        const QString folder = dialogs::chooseFolder(this, QStringLiteral("Folder for exports"), m_folder->text());
        if (!folder.isEmpty()) {
            m_folder->setText(folder);
        }
    });
    connect(m_close, &QPushButton::clicked, this, &QDialog::reject);
}

void ExportDialog::setFolder(const QString &folder) { m_folder->setText(folder); }

ExportableView *ExportDialog::view() const
{
    const int index = m_figure->currentIndex();
    return index < 0 ? nullptr : m_figures[static_cast<std::size_t>(index)].second.get();
}

QString ExportDialog::format() const { return m_format->currentData().toString(); }

FigureOptions ExportDialog::options() const
{
    FigureOptions options;
    options.theme = m_theme->currentIndex() == 0 ? Theme::Light : currentTheme();
    options.scale = m_scale->currentData().toDouble();
    options.width = m_ownWidth ? m_width->value() : 0;
    return options;
}

/// Another figure brings its own width, where nobody has chosen one, and the formats that it has.
void ExportDialog::chooseFigure()
{
    const ExportableView *shown = view();
    if (shown != nullptr && !m_ownWidth) {
        const QSignalBlocker quiet(m_width);
        m_width->setValue(std::round(naturalWidth(*shown)));
    }
    auto *formats = qobject_cast<QStandardItemModel *>(m_format->model());
    const bool table = shown != nullptr && shown->isTable();
    for (int index = 0; index < m_format->count(); ++index) {
        const QString name = m_format->itemData(index).toString();
        const bool picture = name == QLatin1String("png") || name == QLatin1String("svg");
        formats->item(index)->setEnabled(!table || !picture);
    }
    if (!formats->item(m_format->currentIndex())->isEnabled()) {
        m_format->setCurrentIndex(m_format->findData(QStringLiteral("pdf")));
    }
    showChoice();
}

QString ExportDialog::facts() const
{
    if (format() == QLatin1String("csv")) {
        return QStringLiteral("The numbers behind the picture; configuration, seed, step and checks in a .json beside "
                              "them.");
    }
    const FigureMeasure measure = measureFigure(*view(), options());
    const QString paper =
        QStringLiteral("%1 × %2 mm")
            .arg(countText(std::llround(measure.paper.width())), countText(std::llround(measure.paper.height())));
    if (format() != QLatin1String("png")) {
        return paper + QStringLiteral(", text stays text.");
    }
    const QSize pixels = (measure.painted * options().scale).toSize();
    return QStringLiteral("%1, %2 × %3 pixels, %4 dots per inch.")
        .arg(paper, countText(pixels.width()), countText(pixels.height()),
             countText(std::llround(pixels.width() / measure.paper.width() * kInch)));
}

void ExportDialog::showChoice()
{
    const ExportableView *shown = view();
    const bool drawn = format() != QLatin1String("csv");
    m_save->setEnabled(shown != nullptr);
    m_scale->setEnabled(format() == QLatin1String("png"));
    m_width->setEnabled(drawn);
    m_theme->setEnabled(drawn);
    m_preview->setFigure(shown, options());
    m_facts->setText(shown != nullptr ? facts() : QString());
    const QString file = shown != nullptr ? target() : QStringLiteral("Nothing to export yet");
    m_target->setText(m_target->fontMetrics().elidedText(file, Qt::ElideMiddle, kFormWidth));
    m_target->setToolTip(file);
}

QString ExportDialog::target() const
{
    return QDir(m_folder->text()).filePath(proposedFileName(*view()) + QLatin1Char('.') + format());
}

void ExportDialog::save()
{
    const QString file = target();
    if (QFileInfo::exists(file) && file != m_written &&
        dialogs::ask(this, QStringLiteral("Replace the file?"),
                     QStringLiteral("%1 is there already.").arg(QDir::toNativeSeparators(file)),
                     {QStringLiteral("Keep it"), QStringLiteral("Replace it")}) != 1) {
        return;
    }
    try {
        const QStringList files = exportFigure(*view(), target(), options());
        m_written = file;
        QSettings().setValue(QStringLiteral("exportFolder"), m_folder->text());
        QStringList names;
        for (const QString &file : files) {
            names << QFileInfo(file).fileName();
        }
        m_result->setText(QStringLiteral("Wrote %1").arg(names.join(QStringLiteral(", "))));
        m_result->setToolTip(files.join(QLatin1Char('\n')));
        setRole(m_result, "passed");
    } catch (const std::exception &error) {
        m_result->setText(QString::fromUtf8(error.what()));
        setRole(m_result, "failed");
    }
}

} // namespace sparsescope
