#include "widgets/plots/loss_plot.h"

#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QSlider>
#include <QToolButton>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

namespace sparsescope {

namespace {

constexpr int kLeast = 440, kWholeHeader = 880; ///< px; a narrower header puts its choices behind "…"
constexpr int kSliderSteps = 100;
constexpr int kRefreshMilliseconds = 30;

double smoothingOf(int slider) { return slider == 0 ? 0.0 : 1.0 - std::pow(10.0, -0.03 * slider); }

QComboBox *choice(const char *name, const QString &words, const QStringList &entries, QWidget *parent)
{
    auto *combo = new ComboBox(parent);
    combo->setObjectName(QLatin1String(name));
    combo->setAccessibleName(words);
    combo->setToolTip(words);
    combo->addItems(entries);
    return combo;
}

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
    , m_kind(choice("metricCombo", QStringLiteral("Which loss"),
                    {QStringLiteral("Train and validation"), QStringLiteral("Train"), QStringLiteral("Validation")},
                    this))
    , m_seeds(choice("groupCombo", QStringLiteral("Seeds"),
                     {QStringLiteral("Seeds: mean ± std"), QStringLiteral("Each seed")}, this))
    , m_axis(choice("xAxisCombo", QStringLiteral("X axis"),
                    {QStringLiteral("By step"), QStringLiteral("By tokens"), QStringLiteral("By time"),
                     QStringLiteral("By FLOPs")},
                    this))
    , m_settings(choice("settingCombo", QStringLiteral("Setting"), {}, this))
    , m_slider(new QSlider(Qt::Horizontal, this))
    , m_smoothingText(new QLabel(this))
    , m_logX(toggle(QStringLiteral("log x"), "logXButton", "l", QStringLiteral("Logarithmic steps (L)"), this))
    , m_logY(toggle(QStringLiteral("log y"), "logYButton", "m", QStringLiteral("Logarithmic loss (Y)"), this))
    , m_raw(toggle(QStringLiteral("raw"), "rawButton", "r", QStringLiteral("Unsmoothed loss of the selected run (R)"),
                   this))
    , m_more(new QToolButton(this))
    , m_fit(new QToolButton(this))
    , m_plot(new SeriesPlot(this))
    , m_refresh(this, kRefreshMilliseconds, [this] { refresh(); })
{
    auto *title = new QLabel(QStringLiteral("Loss"), this);
    setRole(title, "heading");
    auto *smoothing = new QLabel(QStringLiteral("Smoothing"), this);
    setRole(smoothing, "sub");
    m_slider->setObjectName(QStringLiteral("smoothingSlider"));
    m_slider->setAccessibleName(QStringLiteral("Smoothing"));
    m_slider->setRange(0, kSliderSteps);
    m_slider->setFixedWidth(90);
    m_smoothingText->setFont(monoFont(12));
    m_smoothingText->setFixedWidth(44);
    m_settings->hide();
    m_more->setObjectName(QStringLiteral("lossMoreButton"));
    m_more->setText(QStringLiteral("…"));
    m_more->setAccessibleName(QStringLiteral("More choices"));
    m_more->setToolTip(QStringLiteral("Which loss, seeds, x axis"));
    m_more->hide();
    connect(m_more, &QToolButton::clicked, this, &LossPlot::showMore);
    m_fit->setObjectName(QStringLiteral("fitButton"));
    m_fit->setIcon(makeIcon(Icon::Fit));
    m_fit->setToolTip(QStringLiteral("Show everything (0)"));
    m_fit->setAccessibleName(QStringLiteral("Show everything"));
    setRole(m_fit, "icon");
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
    for (QWidget *widget : std::initializer_list<QWidget *>{title, m_kind, m_seeds, m_axis, m_settings, smoothing,
                                                            m_slider, m_smoothingText}) {
        header->addWidget(widget);
    }
    header->addStretch(1);
    header->addLayout(toggles);
    header->addWidget(m_more);
    header->addWidget(m_fit);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(header);
    layout->addWidget(m_plot, 1);

    setMinimumWidth(kLeast); // not that of the whole header

    connect(m_slider, &QSlider::valueChanged, this, [this](int value) {
        m_options.smoothing = smoothingOf(value);
        m_smoothingText->setText(QString::number(m_options.smoothing, 'f', 3));
        refresh();
        Q_EMIT optionsChanged();
    });
    m_slider->setValue(27);
    connect(m_logX, &QToolButton::toggled, m_plot, &SeriesPlot::setLogX);
    connect(m_logY, &QToolButton::toggled, m_plot, &SeriesPlot::setLogY);
    connect(m_raw, &QToolButton::toggled, this, [this](bool on) {
        m_options.raw = on;
        refresh();
    });
    connect(m_fit, &QToolButton::clicked, m_plot, &SeriesPlot::resetView);
    connect(m_kind, &QComboBox::currentIndexChanged, this, [this](int index) {
        m_options.kind = static_cast<LossKind>(index);
        refresh();
    });
    connect(m_seeds, &QComboBox::currentIndexChanged, this, [this](int index) {
        m_options.eachSeed = index == 1;
        refresh();
    });
    connect(m_axis, &QComboBox::currentIndexChanged, this, [this](int index) {
        m_options.xAxis = static_cast<XAxis>(index);
        refresh();
        Q_EMIT optionsChanged();
    });
    connect(m_settings, &QComboBox::activated, this, [this] {
        m_setting = m_settings->currentText();
        m_plot->resetView();
        refresh();
    });
    m_plot->setInset(m_insetWanted);
    connect(m_plot, &SeriesPlot::insetClosed, this, [this] { setInsetWanted(false); });
    connect(m_plot, &SeriesPlot::cursorMoved, this, &LossPlot::cursorMoved);
    connect(m_plot, &SeriesPlot::hovered, this, &LossPlot::hovered);
    connect(m_plot, &SeriesPlot::menuRequested, this, &LossPlot::menuRequested);
}

void LossPlot::watch(RunData *run)
{
    for (const auto signal :
         {&RunData::seriesChanged, &RunData::stateChanged, &RunData::snapshotsChanged, &RunData::curvesShownChanged}) {
        connect(run, signal, &m_refresh, &VisibleRefresh::request);
    }
}

void LossPlot::setRuns(const std::vector<RunData *> &runs)
{
    if (std::equal(runs.begin(), runs.end(), m_runs.begin(), m_runs.end(),
                   [](const RunData *run, const QPointer<RunData> &known) { return run == known; })) {
        return; // another of them is the current one: setCurrent() shows it
    }
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
    m_settings->clear();
    m_settings->addItems(settings);
    m_settings->setCurrentText(m_setting);
    m_settings->setVisible(settings.size() > 1);
    foldHeader();
}

void LossPlot::setHidden(const std::set<Family> &hidden)
{
    m_options.hidden = hidden;
    refresh();
}

void LossPlot::toggleLogX() { m_logX->toggle(); }

void LossPlot::toggleLogY() { m_logY->toggle(); }

void LossPlot::setInsetWanted(bool wanted)
{
    m_insetWanted = wanted;
    m_plot->setInset(wanted);
    Q_EMIT insetWantedChanged(wanted);
}

void LossPlot::toggleRaw() { m_raw->toggle(); }

nlohmann::ordered_json LossPlot::state() const
{
    return {{"log_x", m_logX->isChecked()},     {"log_y", m_logY->isChecked()},   {"raw", m_raw->isChecked()},
            {"smoothing", m_slider->value()},   {"kind", m_kind->currentIndex()}, {"seeds", m_seeds->currentIndex()},
            {"x_axis", m_axis->currentIndex()}, {"inset", m_insetWanted}};
}

void LossPlot::restoreState(const nlohmann::ordered_json &state)
{
    m_logX->setChecked(state.at("log_x").get<bool>());
    m_logY->setChecked(state.at("log_y").get<bool>());
    m_raw->setChecked(state.at("raw").get<bool>());
    setInsetWanted(state.at("inset").get<bool>());
    m_slider->setValue(state.at("smoothing").get<int>());
    const std::pair<QComboBox *, const char *> combos[] = {{m_kind, "kind"}, {m_seeds, "seeds"}, {m_axis, "x_axis"}};
    for (const auto &[combo, key] : combos) {
        combo->setCurrentIndex(std::clamp(state.at(key).get<int>(), 0, combo->count() - 1));
    }
}

void LossPlot::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    foldHeader();
}

void LossPlot::foldHeader()
{
    const bool whole = width() >= kWholeHeader + (m_settings->isHidden() ? 0 : m_settings->sizeHint().width());
    for (QComboBox *combo : {m_kind, m_seeds, m_axis}) {
        combo->setVisible(whole);
    }
    m_smoothingText->setVisible(whole);
    m_more->setVisible(!whole);
}

/// The choices that a narrow header has no room for.
void LossPlot::showMore()
{
    QMenu menu(this);
    for (QComboBox *combo : {m_kind, m_seeds, m_axis}) {
        menu.addSection(combo->accessibleName());
        for (int index = 0; index < combo->count(); ++index) {
            QAction *entry =
                menu.addAction(combo->itemText(index), combo, [combo, index] { combo->setCurrentIndex(index); });
            entry->setCheckable(true);
            entry->setChecked(index == combo->currentIndex());
        }
    }
    menu.exec(m_more->mapToGlobal(QPoint(0, m_more->height())));
}

void LossPlot::refresh()
{
    m_refresh.done();
    std::vector<RunData *> runs;
    for (const auto &run : m_runs) {
        if (run) {
            runs.push_back(run);
        }
    }
    m_groups = lossGroups(runs, m_setting, m_options.smoothing, std::move(m_groups));
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
    painter.drawText(
        QRectF(16, 8, size.width() - 32, 24), Qt::AlignLeft | Qt::AlignVCenter,
        painter.fontMetrics().elidedText(figureTitle(), Qt::ElideRight, static_cast<int>(size.width()) - 32));
    constexpr double kLegendLeft = 18, kLegendRow = 20;
    double left = kLegendLeft, line = 46;
    for (const LossGroup &group : m_groups) {
        if (m_options.hidden.count(group.family)) {
            continue;
        }
        const QColor colour = familyColour(group.family, tokens);
        const QString last = group.validation.empty() ? QString() : lossText(group.validation.back().mean);
        const QString words =
            familyText(group.family) + (last.isEmpty() ? last : QStringLiteral("  validation ") + last);
        painter.setFont(uiFont(12));
        const double width = painter.fontMetrics().horizontalAdvance(words);
        if (left > kLegendLeft && left + 33 + width > size.width() - 12) {
            left = kLegendLeft;
            line += kLegendRow;
        }
        painter.setPen(QPen(colour, 2));
        painter.drawLine(QPointF(left, line), QPointF(left + 26, line));
        paintMarker(painter, QPointF(left + 13, line), 7, familyMarker(group.family), colour, tokens.panel);
        painter.setPen(tokens.text);
        painter.drawText(QRectF(left + 33, line - 9, width + 4, 18), Qt::AlignLeft | Qt::AlignVCenter, words);
        left += 33 + width + 26;
    }
    painter.setFont(uiFont(11));
    painter.setPen(tokens.hint);
    painter.drawText(
        QRectF(16, size.height() - 22, size.width() - 32, 16), Qt::AlignRight | Qt::AlignVCenter,
        QStringLiteral("Line: training, smoothing %1. Markers: validation.").arg(m_options.smoothing, 0, 'f', 3));
    const int top = static_cast<int>(line) + 14;
    painter.translate(4, top);
    m_plot->paint(painter, QSize(static_cast<int>(size.width()) - 8, static_cast<int>(size.height()) - top - 24),
                  tokens);
    painter.translate(-4, -top);
}

QString LossPlot::csv() const { return lossCsv(m_groups, m_options, m_plot->stepRange()); }

nlohmann::ordered_json LossPlot::exportContext() const
{
    nlohmann::ordered_json context;
    context["figure"] = "loss";
    context["setting"] = m_setting.toStdString();
    context["smoothing"] = m_options.smoothing;
    context["columns"] = {{"raw", "as it came, mean over the n runs"},
                          {"smoothed", "training: mean over the n runs of the smoothed curves"},
                          {"mean", "the curve that is drawn: of training smoothed, of validation as it came"},
                          {"std", "over the n runs, of what mean is of"}};
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
