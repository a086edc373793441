#include "app/window_frame.h"

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QLayout>
#include <QPainter>
#include <QPushButton>
#include <QToolButton>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kTitleHeight = 36;

/// Ground and rule in token colours; QDockWidget asks for a size hint and ignores a fixed height.
class TitleBar : public QWidget {
public:
    using QWidget::QWidget;
    QSize sizeHint() const override { return {QWidget::sizeHint().width(), kTitleHeight}; }
    QSize minimumSizeHint() const override { return {60, kTitleHeight}; }

protected:
    void paintEvent(QPaintEvent *) override
    {
        const Tokens &t = currentTokens();
        QPainter painter(this);
        painter.fillRect(rect(), t.panel);
        painter.fillRect(QRect(0, height() - 1, width(), 1), t.border);
    }
};

QPushButton *button(const QString &text, const char *name, const QString &tip, Icon sign)
{
    auto *button = new QPushButton(text);
    button->setObjectName(QLatin1String(name));
    button->setAccessibleName(text);
    button->setToolTip(tip);
    button->setIcon(makeIcon(sign));
    return button;
}

} // namespace

RunToolbar::RunToolbar(QWidget *parent)
    : QToolBar(parent)
    , m_train(new QToolButton)
    , m_inspect(new QToolButton)
    , m_compare(new QToolButton)
    , m_speed(new QToolButton)
    , m_theme(new QToolButton)
    , m_start(
          button(QStringLiteral("Start"), "startButton", QStringLiteral("Start the queue (Ctrl+Return)"), Icon::Start))
    , m_pause(button(QStringLiteral("Pause"), "pauseButton", QStringLiteral("Pause or resume (F6)"), Icon::Pause))
    , m_stop(
          button(QStringLiteral("Stop"), "stopButton", QStringLiteral("Stop with a checkpoint (Shift+F6)"), Icon::Stop))
    , m_new(button(QStringLiteral("New experiment"), "newExperimentButton", QStringLiteral("New experiment (Ctrl+N)"),
                   Icon::Add))
    , m_export(button(QStringLiteral("Export…"), "exportButton", QStringLiteral("Export figure or data (Ctrl+E)"),
                      Icon::Export))
    , m_device(new QLabel)
    , m_deviceIcon(new QLabel)
{
    setObjectName(QStringLiteral("toolbar"));
    setWindowTitle(QStringLiteral("Toolbar"));
    setMovable(false);
    setIconSize(QSize(16, 16));
    setFloatable(false);
    setContextMenuPolicy(Qt::PreventContextMenu);
    auto *pages = new QFrame;
    pages->setObjectName(QStringLiteral("pageSwitch"));
    setRole(pages, "pages");
    pages->setAccessibleName(QStringLiteral("Pages"));
    auto *pagesLayout = new QHBoxLayout(pages);
    pagesLayout->setContentsMargins(2, 2, 2, 2);
    pagesLayout->setSpacing(2);
    const auto page = [&](QToolButton *page, const QString &text, const char *name, Icon sign, const QString &key,
                          Page which) {
        page->setText(text);
        page->setObjectName(QLatin1String(name));
        page->setAccessibleName(text);
        page->setToolTip(QStringLiteral("%1 (%2)").arg(text, key));
        page->setIcon(makeIcon(sign, IconRole::Switch));
        page->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        page->setCheckable(true);
        page->setAutoExclusive(true);
        setRole(page, "page");
        pagesLayout->addWidget(page);
        connect(page, &QToolButton::clicked, this, [this, which] { Q_EMIT pageRequested(which); });
    };
    page(m_train, QStringLiteral("Train"), "trainPageButton", Icon::Train, QStringLiteral("Ctrl+1"), Page::Train);
    page(m_inspect, QStringLiteral("Inspect"), "inspectPageButton", Icon::Inspect, QStringLiteral("Ctrl+2"),
         Page::Inspect);
    page(m_compare, QStringLiteral("Compare"), "comparePageButton", Icon::Compare, QStringLiteral("Ctrl+3"),
         Page::Compare);
    page(m_speed, QStringLiteral("Speed"), "speedPageButton", Icon::Speed, QStringLiteral("Ctrl+4"), Page::Speed);
    m_train->setChecked(true);

    m_device->setObjectName(QStringLiteral("deviceChip"));
    m_deviceWords = QStringLiteral("Looking for devices…");
    m_device->setText(m_deviceWords);
    setRole(m_device, "sub");
    m_theme->setObjectName(QStringLiteral("themeButton"));
    m_theme->setAccessibleName(QStringLiteral("Light or dark"));
    m_theme->setToolTip(QStringLiteral("Light or dark (Ctrl+T)"));
    setRole(m_theme, "icon");
    const auto gap = [this](int width) {
        auto *space = new QWidget;
        space->setFixedWidth(width);
        addWidget(space);
    };
    addWidget(pages);
    gap(12);
    for (QPushButton *control : {m_start, m_pause, m_stop}) {
        addWidget(control);
    }
    gap(8);
    addWidget(m_new);
    addWidget(m_export);
    auto *stretch = new QWidget;
    stretch->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    addWidget(stretch);
    addWidget(m_deviceIcon);
    gap(4);
    addWidget(m_device);
    gap(6);
    addWidget(m_theme);

    connect(m_start, &QPushButton::clicked, this, &RunToolbar::startRequested);
    connect(m_pause, &QPushButton::clicked, this, &RunToolbar::pauseRequested);
    connect(m_stop, &QPushButton::clicked, this, &RunToolbar::stopRequested);
    connect(m_new, &QPushButton::clicked, this, &RunToolbar::newExperimentRequested);
    connect(m_export, &QPushButton::clicked, this, &RunToolbar::exportRequested);
    connect(m_theme, &QToolButton::clicked, this, &RunToolbar::themeRequested);
    setTraining(Training::Idle, false);
    setExportable(false);
    showDevice();
}

void RunToolbar::setTraining(Training training, bool canStart)
{
    if (m_shown == std::pair(training, canStart)) {
        return; // asked every frame
    }
    m_shown = std::pair(training, canStart);
    const bool paused = training == Training::Paused || training == Training::Pausing;
    m_start->setText(training == Training::Paused ? QStringLiteral("Resume") : QStringLiteral("Start"));
    m_start->setAccessibleName(m_start->text());
    m_start->setEnabled(training == Training::Paused || (training == Training::Idle && canStart));
    const bool primary = m_start->isEnabled();
    m_start->setIcon(makeIcon(Icon::Start, primary ? IconRole::OnAccent : IconRole::Normal));
    if ((m_start->property("role").toString() == QLatin1String("primary")) != primary) {
        setRole(m_start, primary ? "primary" : "");
    }
    m_pause->setText(training == Training::Pausing ? QStringLiteral("Pausing…") : QStringLiteral("Pause"));
    m_pause->setAccessibleName(m_pause->text());
    m_pause->setEnabled(training == Training::Running && !paused);
    m_stop->setText(training == Training::Stopping ? QStringLiteral("Stopping…") : QStringLiteral("Stop"));
    m_stop->setAccessibleName(m_stop->text());
    m_stop->setEnabled(training == Training::Running || paused);
}

void RunToolbar::setPage(Page page)
{
    QToolButton *const shown = page == Page::Train     ? m_train
                               : page == Page::Inspect ? m_inspect
                               : page == Page::Compare ? m_compare
                                                       : m_speed;
    shown->setChecked(true);
}

void RunToolbar::setExportable(bool exportable) { m_export->setEnabled(exportable); }

void RunToolbar::setDevice(const QString &words, bool warning, const QString &details)
{
    m_deviceWarning = warning;
    m_deviceWords = words;
    m_deviceDetails = details;
    fitWidth();
    m_device->setAccessibleName(QStringLiteral("Device: ") + words);
    showDevice();
}

void RunToolbar::fitWidth()
{
    constexpr int kFewest = 28; ///< px: "CPU"
    const auto write = [](QPushButton *button, const QString &words) {
        if (button->text() != words) {
            button->setText(words);
            button->setAccessibleName(words);
        }
    };
    write(m_new, QStringLiteral("New experiment"));
    m_device->setText(m_deviceWords);
    layout()->activate();
    constexpr int kAround = 28; ///< px at its ends, which its hint leaves out
    auto *pages = findChild<QFrame *>(QStringLiteral("pageSwitch"));
    const auto press = [pages](const QString &sheet) { // every sheet that is set goes through the widgets again
        if (pages->styleSheet() != sheet) {
            pages->setStyleSheet(sheet);
        }
    };
    press({});
    int over = sizeHint().width() + kAround - width();
    if (over > 0 && m_device->sizeHint().width() - over < kFewest) {
        const int before = m_new->sizeHint().width();
        write(m_new, QStringLiteral("New"));
        over -= before - m_new->sizeHint().width();
    }
    if (over > 0 && m_device->sizeHint().width() - over < kFewest) {
        const int before = pages->sizeHint().width();
        press(QStringLiteral("QToolButton { padding: 4px 6px; }"));
        over -= before - pages->sizeHint().width();
    }
    if (over > 0) {
        const int room = std::max(m_device->sizeHint().width() - over, kFewest);
        m_device->setText(m_device->fontMetrics().elidedText(m_deviceWords, Qt::ElideRight, room));
    }
    const bool cut = m_device->text() != m_deviceWords;
    m_device->setToolTip(!cut                        ? m_deviceDetails
                         : m_deviceDetails.isEmpty() ? m_deviceWords
                                                     : m_deviceWords + QLatin1Char('\n') + m_deviceDetails);
}

void RunToolbar::resizeEvent(QResizeEvent *event)
{
    QToolBar::resizeEvent(event);
    // Its layout has gone by the old words: it is asked again once it has come to its end.
    QMetaObject::invokeMethod(
        this,
        [this] {
            fitWidth();
            layout()->invalidate();
        },
        Qt::QueuedConnection);
}

void RunToolbar::showDevice()
{
    constexpr QSize kSize(16, 16);
    QPixmap sign = makeIcon(Icon::Device).pixmap(kSize, devicePixelRatioF());
    if (m_deviceWarning) { // in the colour of a warning, unlike the icons of actions
        sign.fill(Qt::transparent);
        QPainter painter(&sign);
        paintIcon(painter, QRectF(QPointF(), kSize), Icon::Check, currentTokens().check, currentTokens().panel);
    }
    m_deviceIcon->setPixmap(sign);
    m_theme->setIcon(makeIcon(currentTheme() == Theme::Dark ? Icon::Sun : Icon::Moon));
}

void RunToolbar::changeEvent(QEvent *event)
{
    QToolBar::changeEvent(event);
    if (event->type() == QEvent::StyleChange) {
        showDevice();
    }
}

PanelDock::PanelDock(const QString &title, const char *name, QWidget *content, QWidget *parent)
    : QDockWidget(title, parent)
    , m_title(new TitleBar(this))
    , m_lastInTitle(m_title)
{
    setObjectName(QLatin1String(name));
    setAccessibleName(title);
    setFeatures(QDockWidget::DockWidgetMovable | QDockWidget::DockWidgetClosable);
    auto *layout = new QHBoxLayout(m_title);
    layout->setContentsMargins(12, 0, 8, 0);
    auto *words = new QLabel(title, m_title);
    setRole(words, "heading");
    layout->addWidget(words);
    layout->addStretch(1);
    setTitleBarWidget(m_title);
    content->setAutoFillBackground(true);
    content->setBackgroundRole(QPalette::Button); // the panel's colour
    setWidget(content);
}

void PanelDock::addTitleWidget(QWidget *widget)
{
    m_title->layout()->addWidget(widget);
    setTabOrder(m_lastInTitle, widget); // before what the dock holds
    m_lastInTitle = widget;
}

} // namespace sparsescope
