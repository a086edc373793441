#include "widgets/plots/loss_plot.h"

#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QSlider>
#include <QToolButton>

#include <cmath>

namespace sparsescope {

namespace {

double smoothingOf(int slider) { return slider == 0 ? 0.0 : 1.0 - std::pow(10.0, -0.03 * slider); }

QToolButton *toggle(const QString &text, const char *name, const char *edge, const QString &tip, QWidget *parent)
{
    auto *button = new QToolButton(parent);
    button->setText(text);
    button->setObjectName(QLatin1String(name));
    button->setCheckable(true);
    button->setToolTip(tip);
    button->setAccessibleName(text);
    button->setProperty("edge", QLatin1String(edge));
    setRole(button, "seg");
    return button;
}

} // namespace

LossPlot::LossPlot(QWidget *parent)
    : QWidget(parent)
    , m_plot(new SeriesPlot(this))
    , m_slider(new QSlider(Qt::Horizontal, this))
    , m_smoothingText(new QLabel(this))
    , m_group(new QComboBox(this))
    , m_groupLabel(new QLabel(QStringLiteral("Setting"), this))
    , m_logX(toggle(QStringLiteral("log x"), "logXButton", "l", QStringLiteral("Logarithmic steps (L)"), this))
    , m_logY(toggle(QStringLiteral("log y"), "logYButton", "m", QStringLiteral("Logarithmic loss (Y)"), this))
    , m_raw(toggle(QStringLiteral("raw"), "rawButton", "r", QStringLiteral("Unsmoothed loss of the selected run (R)"),
                   this))
{
    auto *title = new QLabel(QStringLiteral("Loss"), this);
    setRole(title, "heading");
    auto *smoothing = new QLabel(QStringLiteral("Smoothing"), this);
    setRole(smoothing, "sub");
    m_slider->setObjectName(QStringLiteral("smoothingSlider"));
    m_slider->setAccessibleName(QStringLiteral("Smoothing"));
    m_slider->setRange(0, 100);
    m_slider->setFixedWidth(90);
    m_smoothingText->setFont(monoFont(12));
    m_smoothingText->setFixedWidth(44);
    setRole(m_groupLabel, "sub");
    m_group->setObjectName(QStringLiteral("groupCombo"));
    m_group->setAccessibleName(QStringLiteral("Setting"));
    m_groupLabel->hide();
    m_group->hide();
    auto *fit = new QToolButton(this);
    fit->setObjectName(QStringLiteral("fitButton"));
    fit->setIcon(makeIcon(Icon::Fit));
    fit->setToolTip(QStringLiteral("Show everything (0)"));
    fit->setAccessibleName(QStringLiteral("Show everything"));
    setRole(fit, "icon");
    m_raw->setChecked(true);
    m_plot->setObjectName(QStringLiteral("lossPlot"));
    m_plot->setAccessibleName(QStringLiteral("Loss"));

    auto *toggles = new QHBoxLayout;
    toggles->setSpacing(0);
    for (QToolButton *button : {m_logX, m_logY, m_raw}) {
        toggles->addWidget(button);
    }
    auto *header = new QHBoxLayout;
    header->setContentsMargins(12, 8, 12, 2);
    header->setSpacing(8);
    for (QWidget *widget : {static_cast<QWidget *>(title), static_cast<QWidget *>(smoothing),
                            static_cast<QWidget *>(m_slider), static_cast<QWidget *>(m_smoothingText),
                            static_cast<QWidget *>(m_groupLabel), static_cast<QWidget *>(m_group)}) {
        header->addWidget(widget);
    }
    header->insertSpacing(1, 8);
    header->addStretch(1);
    header->addLayout(toggles);
    header->addWidget(fit);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(header);
    layout->addWidget(m_plot, 1);

    m_refresh.setSingleShot(true);
    m_refresh.setInterval(30);
    connect(&m_refresh, &QTimer::timeout, this, &LossPlot::refresh);
    connect(m_slider, &QSlider::valueChanged, this, [this](int value) {
        m_options.smoothing = smoothingOf(value);
        m_smoothingText->setText(QString::number(m_options.smoothing, 'f', 3));
        refresh();
    });
    m_slider->setValue(27);
    connect(m_logX, &QToolButton::toggled, m_plot, &SeriesPlot::setLogX);
    connect(m_logY, &QToolButton::toggled, m_plot, &SeriesPlot::setLogY);
    connect(m_raw, &QToolButton::toggled, this, [this](bool on) {
        m_options.raw = on;
        refresh();
    });
    connect(fit, &QToolButton::clicked, m_plot, &SeriesPlot::resetView);
    connect(m_group, &QComboBox::activated, this, [this] {
        m_setting = m_group->currentText();
        m_plot->resetView();
        refresh();
    });
    connect(m_plot, &SeriesPlot::cursorMoved, this, &LossPlot::cursorMoved);
    connect(m_plot, &SeriesPlot::hovered, this, &LossPlot::hovered);
    connect(m_plot, &SeriesPlot::menuRequested, this, &LossPlot::menuRequested);
}

void LossPlot::watch(RunData *run)
{
    for (const auto signal : {&RunData::seriesChanged, &RunData::stateChanged, &RunData::snapshotsChanged}) {
        connect(run, signal, &m_refresh, [this] {
            if (!m_refresh.isActive()) { // not restarted: a steady stream must not put the refresh off for ever
                m_refresh.start();
            }
        });
    }
}

void LossPlot::setRuns(const std::vector<RunData *> &runs)
{
    for (const auto &run : m_runs) {
        if (run) {
            disconnect(run, nullptr, &m_refresh, nullptr);
        }
    }
    m_runs.assign(runs.begin(), runs.end());
    for (RunData *run : runs) {
        watch(run);
    }
    chooseSetting();
    refresh();
}

void LossPlot::setCurrent(RunData *run)
{
    if (m_current == run) {
        return;
    }
    m_current = run;
    chooseSetting();
    refresh();
}

void LossPlot::chooseSetting()
{
    QStringList settings;
    for (const auto &run : m_runs) {
        if (run && !settings.contains(settingText(run->config()))) {
            settings << settingText(run->config());
        }
    }
    if (m_current) {
        m_setting = settingText(m_current->config());
    }
    if (!settings.contains(m_setting)) {
        m_setting = settings.value(0);
    }
    m_group->clear();
    m_group->addItems(settings);
    m_group->setCurrentText(m_setting);
    m_group->setVisible(settings.size() > 1);
    m_groupLabel->setVisible(settings.size() > 1);
}

void LossPlot::setHidden(const std::set<Family> &hidden)
{
    m_options.hidden = hidden;
    refresh();
}

void LossPlot::toggleLogX() { m_logX->toggle(); }

void LossPlot::toggleLogY() { m_logY->toggle(); }

void LossPlot::toggleRaw() { m_raw->toggle(); }

void LossPlot::refresh()
{
    m_refresh.stop();
    std::vector<RunData *> runs;
    for (const auto &run : m_runs) {
        if (run) {
            runs.push_back(run);
        }
    }
    m_groups = lossGroups(runs, m_setting, m_options.smoothing);
    m_plot->setContent(lossContent(m_groups, m_current, m_options));
    QStringList words{QStringLiteral("Loss, %1 series").arg(m_groups.size())};
    for (const LossGroup &group : m_groups) {
        words << QStringLiteral("%1 %2").arg(familyText(group.family),
                                             group.train.empty() ? unknownText() : lossText(group.train.back().mean));
    }
    m_plot->setAccessibleDescription(words.join(QStringLiteral(", ")));
    Q_EMIT groupsChanged();
}

QString LossPlot::figureTitle() const
{
    QString title = QStringLiteral("Loss");
    for (const auto &run : m_runs) {
        if (run) {
            title += QStringLiteral(", ") + run->experiment();
            break;
        }
    }
    return m_setting.isEmpty() ? title : title + QStringLiteral(", ") + m_setting;
}

void LossPlot::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    painter.fillRect(QRectF(QPointF(0, 0), size), tokens.panel);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setFont(uiFont(15, QFont::DemiBold));
    painter.setPen(tokens.text);
    painter.drawText(QRectF(16, 8, size.width() - 32, 24), Qt::AlignLeft | Qt::AlignVCenter, figureTitle());
    double left = 18;
    for (const LossGroup &group : m_groups) {
        if (m_options.hidden.count(group.family)) {
            continue;
        }
        const QColor colour = familyColour(group.family, tokens);
        painter.setPen(QPen(colour, 2));
        painter.drawLine(QPointF(left, 46), QPointF(left + 26, 46));
        paintMarker(painter, QPointF(left + 13, 46), 7, familyMarker(group.family), colour, tokens.panel);
        QString words = familyText(group.family);
        if (!group.validation.empty()) {
            words += QStringLiteral("  validation %1").arg(lossText(group.validation.back().mean));
        }
        painter.setFont(uiFont(12));
        painter.setPen(tokens.text);
        const double width = painter.fontMetrics().horizontalAdvance(words);
        painter.drawText(QRectF(left + 33, 37, width + 4, 18), Qt::AlignLeft | Qt::AlignVCenter, words);
        left += 33 + width + 26;
    }
    painter.setFont(uiFont(11));
    painter.setPen(tokens.hint);
    painter.drawText(
        QRectF(16, size.height() - 22, size.width() - 32, 16), Qt::AlignRight | Qt::AlignVCenter,
        QStringLiteral("Line: training, smoothing %1. Markers: validation.").arg(m_options.smoothing, 0, 'f', 3));
    painter.translate(4, 60);
    m_plot->paint(painter, QSize(static_cast<int>(size.width()) - 8, static_cast<int>(size.height()) - 60 - 24),
                  tokens);
    painter.translate(-4, -60);
}

QString LossPlot::csv() const { return lossCsv(m_groups, m_current, m_options, m_plot->xRange()); }

nlohmann::ordered_json LossPlot::exportContext() const
{
    nlohmann::ordered_json context;
    context["figure"] = "loss";
    context["setting"] = m_setting.toStdString();
    context["smoothing"] = m_options.smoothing;
    context["runs"] = nlohmann::ordered_json::array();
    for (const LossGroup &group : m_groups) {
        for (const RunData *run : group.runs) {
            context["runs"].push_back({{"run", run->id().toStdString()},
                                       {"state", toString(run->state())},
                                       {"step", run->step()},
                                       {"config", toJson(run->config())}});
        }
    }
    return context;
}

} // namespace sparsescope
