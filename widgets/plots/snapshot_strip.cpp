#include "widgets/plots/snapshot_strip.h"

#include "widgets/state/number_text.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kPlayMilliseconds = 100;
constexpr int kRefreshMilliseconds = 250; ///< the small loss curve needs no frame of its own

QToolButton *arrowButton(const char *objectName, const QString &words, Icon icon, QWidget *parent)
{
    auto *button = new QToolButton(parent);
    button->setObjectName(QLatin1String(objectName));
    button->setAccessibleName(words);
    button->setToolTip(words);
    button->setIcon(makeIcon(icon));
    button->setIconSize({14, 14});
    button->setAutoRepeat(true);
    button->setProperty("role", "icon");
    return button;
}

} // namespace

SnapshotStrip::SnapshotStrip(ViewState *viewState, QWidget *parent)
    : QFrame(parent)
    , m_viewState(viewState)
    , m_slider(new SnapshotSlider(this))
    , m_previous(arrowButton("snapshotPrev", QStringLiteral("Previous snapshot ([)"), Icon::Previous, this))
    , m_playButton(arrowButton("snapshotPlay", QStringLiteral("Play"), Icon::Start, this))
    , m_next(arrowButton("snapshotNext", QStringLiteral("Next snapshot (])"), Icon::Next, this))
    , m_follow(new QCheckBox(QStringLiteral("Follow live"), this))
    , m_count(new QLabel(this))
    , m_churn(new QLabel(this))
    , m_refresh(this, kRefreshMilliseconds, [this] { refresh(); })
{
    setProperty("role", "card");
    m_follow->setObjectName(QStringLiteral("followLive"));
    m_follow->setAccessibleName(m_follow->text());
    m_churn->setObjectName(QStringLiteral("churnLabel"));
    m_churn->setToolTip(
        QStringLiteral("1 − Jaccard of the keys chosen now and at the snapshot before, mean over queries t ≥ k"));
    m_churn->setProperty("role", "sub");
    m_count->setProperty("role", "sub");
    auto *heading = new QLabel(QStringLiteral("Snapshot"), this);
    heading->setProperty("role", "heading");

    auto *title = new QHBoxLayout;
    title->setSpacing(6);
    title->addWidget(heading);
    title->addWidget(m_count);
    title->addStretch();
    auto *arrows = new QHBoxLayout;
    arrows->setSpacing(4);
    arrows->addWidget(m_previous);
    arrows->addWidget(m_playButton);
    arrows->addWidget(m_next);
    arrows->addStretch();
    auto *left = new QVBoxLayout;
    left->setSpacing(3);
    left->addLayout(title);
    left->addLayout(arrows);
    auto *right = new QVBoxLayout;
    right->setSpacing(3);
    right->addWidget(m_follow);
    right->addWidget(m_churn);
    auto *row = new QHBoxLayout(this);
    row->setContentsMargins(12, 4, 12, 4);
    row->setSpacing(12);
    row->addLayout(left);
    row->addWidget(m_slider, 1);
    row->addLayout(right);
    setTabOrder(m_previous, m_playButton);
    setTabOrder(m_playButton, m_next);
    setTabOrder(m_next, m_slider);
    setTabOrder(m_slider, m_follow);
    m_count->setMinimumWidth(m_count->fontMetrics().horizontalAdvance(QStringLiteral("100 of 100")));
    m_churn->setMinimumWidth(m_churn->fontMetrics().horizontalAdvance(QStringLiteral("Churn 0.00 since 10,000")));

    m_playButton->setAutoRepeat(false);
    m_play.setInterval(kPlayMilliseconds);
    connect(&m_play, &QTimer::timeout, this, &SnapshotStrip::playOne);
    connect(m_playButton, &QToolButton::clicked, this, &SnapshotStrip::togglePlay);
    connect(m_slider, &QAbstractSlider::sliderPressed, this, &SnapshotStrip::stopPlaying);
    connect(m_slider, &QAbstractSlider::valueChanged, this, [this](int index) {
        if (const std::int64_t step = m_slider->stepAt(index); step >= 0) {
            m_viewState->setStep(step);
        }
    });
    connect(m_previous, &QToolButton::clicked, this, [this] { stepBy(-1); });
    connect(m_next, &QToolButton::clicked, this, [this] { stepBy(1); });
    connect(m_follow, &QCheckBox::toggled, m_viewState, &ViewState::setFollowLive);
    connect(m_viewState, &ViewState::changed, this, &SnapshotStrip::viewChanged);
    viewChanged();
}

void SnapshotStrip::setRun(RunData *run)
{
    if (m_run) {
        disconnect(m_run, nullptr, this, nullptr);
        disconnect(m_run, nullptr, &m_refresh, nullptr);
    }
    m_run = run;
    if (run != nullptr) {
        connect(run, &RunData::snapshotsChanged, this, &SnapshotStrip::refresh);
        connect(run, &RunData::seriesChanged, &m_refresh, &VisibleRefresh::request);
        connect(run, &RunData::stateChanged, &m_refresh, &VisibleRefresh::request);
    }
    m_churnValue.reset();
    stopPlaying();
    refresh();
}

void SnapshotStrip::togglePlay()
{
    if (m_play.isActive()) {
        stopPlaying();
        return;
    }
    if (!m_run || m_run->snapshotSteps().size() < 2) {
        return;
    }
    const auto &steps = m_run->snapshotSteps();
    if (reducedMotion()) {
        m_viewState->setStep(steps.back());
        return;
    }
    if (indexOf(m_viewState->view().step) >= static_cast<int>(steps.size()) - 1) {
        m_viewState->setStep(steps.front());
    }
    m_play.start();
    m_playButton->setIcon(makeIcon(Icon::Pause));
    m_playButton->setAccessibleName(QStringLiteral("Stop playing"));
    m_playButton->setToolTip(m_playButton->accessibleName());
}

void SnapshotStrip::playOne()
{
    const int last = m_run ? static_cast<int>(m_run->snapshotSteps().size()) - 1 : -1;
    if (m_viewState->view().followLive || indexOf(m_viewState->view().step) >= last) {
        stopPlaying();
        return;
    }
    stepBy(1);
}

void SnapshotStrip::stopPlaying()
{
    m_play.stop();
    m_playButton->setIcon(makeIcon(Icon::Start));
    m_playButton->setAccessibleName(QStringLiteral("Play"));
    m_playButton->setToolTip(m_playButton->accessibleName());
}

void SnapshotStrip::setChurn(std::optional<double> churn)
{
    m_churnValue = churn;
    viewChanged();
}

int SnapshotStrip::indexOf(std::int64_t step) const
{
    if (!m_run) {
        return -1;
    }
    const auto &steps = m_run->snapshotSteps();
    return static_cast<int>(std::upper_bound(steps.begin(), steps.end(), step) - steps.begin()) - 1;
}

void SnapshotStrip::stepBy(int snapshots)
{
    if (!m_run || m_run->snapshotSteps().empty()) {
        return;
    }
    const auto &steps = m_run->snapshotSteps();
    const int index = std::clamp(indexOf(m_viewState->view().step) + snapshots, 0, static_cast<int>(steps.size()) - 1);
    m_viewState->setStep(steps[static_cast<std::size_t>(index)]);
}

void SnapshotStrip::refresh()
{
    m_refresh.done();
    const QSignalBlocker quiet(m_slider); // new ticks are no wish to move
    if (m_run) {
        const bool live = m_run->state() == RunState::Running || m_run->state() == RunState::Paused;
        m_slider->setRun(m_run->snapshotSteps(), m_run->series("train.loss"), m_run->stages(),
                         m_run->config().training.steps, m_run->config().model.family, live);
    } else {
        m_slider->setRun({}, {}, {}, 1, Family::Classic, false);
    }
    viewChanged();
}

void SnapshotStrip::viewChanged()
{
    const QSignalBlocker quietSlider(m_slider), quietFollow(m_follow);
    const int count = m_run ? static_cast<int>(m_run->snapshotSteps().size()) : 0;
    const int index = indexOf(m_viewState->view().step);
    m_slider->setValue(std::max(0, index));
    m_slider->setEnabled(count > 0);
    m_previous->setEnabled(index > 0);
    m_playButton->setEnabled(count > 1);
    m_next->setEnabled(count > 0 && index < count - 1);
    m_follow->setChecked(m_viewState->view().followLive);
    m_count->setText(count == 0 ? QStringLiteral("none yet")
                                : QStringLiteral("%1 of %2").arg(std::max(0, index) + 1).arg(count));
    if (index < 1 || !m_churnValue) {
        m_churn->setText(QStringLiteral("Churn –"));
        return;
    }
    m_churn->setText(QStringLiteral("Churn %1 since %2")
                         .arg(QString::number(*m_churnValue, 'f', 2),
                              countText(m_run->snapshotSteps()[static_cast<std::size_t>(index - 1)])));
}

} // namespace sparsescope
