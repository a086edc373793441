#include "widgets/panels/difference_card.h"

#include "widgets/panels/message_view.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/tab_order.h"
#include "widgets/plots/difference_heatmap.h"
#include "widgets/state/number_text.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QEvent>
#include <QSignalBlocker>
#include <QStackedWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

DifferenceCard::DifferenceCard(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_viewState(viewState)
    , m_layer(new ComboBox(this))
    , m_kind(new ComboBox(this))
    , m_lock(new QToolButton(this))
    , m_words(makeLabel({}, "sub", this))
    , m_stack(new QStackedWidget(this))
    , m_map(new DifferenceHeatmap(viewState, hoverState, this))
    , m_message(new MessageView(this))
    , m_worker(
          this, differencePicture, [this](auto picture) { showPicture(std::move(picture)); },
          [this](const QString &reason) {
              m_waiting = false;
              say(QStringLiteral("The difference could not be computed"), reason);
          })
{
    setProperty("role", "card");
    m_layer->setObjectName(QStringLiteral("differenceLayer"));
    m_layer->setAccessibleName(QStringLiteral("Layer"));
    m_kind->setObjectName(QStringLiteral("differenceKind"));
    m_kind->setAccessibleName(QStringLiteral("Kind of difference"));
    m_kind->addItems({QStringLiteral("Attention"), QStringLiteral("Selection")});
    m_kind->setToolTip(
        QStringLiteral("Attention: weights that ran, mean over the heads. Selection: keys that only one side "
                       "may read."));
    m_lock->setObjectName(QStringLiteral("differenceLock"));
    m_lock->setAccessibleName(QStringLiteral("Lock limits"));
    m_lock->setToolTip(
        QStringLiteral("Lock limits: the same colours mean the same values for every layer, step and pair of sides"));
    m_lock->setIcon(makeIcon(Icon::Lock));
    m_lock->setCheckable(true);
    m_lock->setProperty("role", "icon");
    m_words->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_stack->addWidget(m_map);
    m_stack->addWidget(m_message);
    auto *head = new QHBoxLayout;
    head->setSpacing(6);
    head->addWidget(makeLabel(QStringLiteral("Attention difference"), "heading", this));
    head->addStretch(1);
    head->addWidget(m_kind);
    head->addWidget(m_layer);
    head->addWidget(m_lock);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(12, 8, 8, 8);
    column->setSpacing(4);
    column->addLayout(head);
    sparsescope::setTabOrder({m_kind, m_layer, m_lock, m_map});
    column->addWidget(m_stack, 1);
    column->addWidget(m_words);
    connect(m_layer, &QComboBox::currentIndexChanged, this, [this](int index) {
        if (index >= 0) {
            m_viewState->setLayer(index);
        }
    });
    connect(m_kind, &QComboBox::currentIndexChanged, this, &DifferenceCard::refresh);
    connect(m_lock, &QToolButton::clicked, this, &DifferenceCard::toggleLimits);
    connect(m_viewState, &ViewState::changed, this, &DifferenceCard::refresh);
    say(QStringLiteral("Nothing to compare yet"), QStringLiteral("Choose A and B above."));
}

bool DifferenceCard::hasPicture() const { return m_stack->currentWidget() == m_map && m_map->picture() != nullptr; }

void DifferenceCard::watch(RunData *run)
{
    connect(run, &RunData::snapshotLoaded, this, &DifferenceCard::refresh);
    connect(run, &RunData::snapshotsChanged, this, &DifferenceCard::refresh);
    connect(run, &RunData::snapshotFailed, this, [this](std::int64_t step, const QString &reason) {
        m_waiting = false;
        say(QStringLiteral("Could not read the snapshot of step %1").arg(countText(step)), reason);
    });
}

void DifferenceCard::setRuns(RunData *a, const QString &titleA, RunData *b, const QString &titleB)
{
    m_map->setRuns(titleA, titleB);
    if (a == m_a && b == m_b) {
        return;
    }
    for (RunData *run : {m_a.data(), m_b.data()}) {
        if (run != nullptr) {
            disconnect(run, nullptr, this, nullptr);
        }
    }
    m_a = a;
    m_b = b;
    m_asked.reset();
    if (a != nullptr) {
        watch(a);
    }
    if (b != nullptr && b != a) {
        watch(b);
    }
    fillLayers();
    refresh();
}

void DifferenceCard::fillLayers()
{
    const QSignalBlocker quiet(m_layer);
    m_layer->clear();
    const int layers = m_a && m_b ? std::min(m_a->config().model.nLayers, m_b->config().model.nLayers) : 0;
    for (int layer = 0; layer < layers; ++layer) {
        m_layer->addItem(QStringLiteral("Layer %1").arg(layer));
    }
    m_layer->setEnabled(layers > 0);
}

std::optional<std::int64_t> DifferenceCard::commonStep() const
{
    std::vector<std::int64_t> common;
    std::set_intersection(m_a->snapshotSteps().begin(), m_a->snapshotSteps().end(), m_b->snapshotSteps().begin(),
                          m_b->snapshotSteps().end(), std::back_inserter(common));
    if (common.empty()) {
        return std::nullopt;
    }
    const std::int64_t cursor = m_viewState->view().step;
    const auto after = std::upper_bound(common.begin(), common.end(), cursor);
    return cursor < 0 || after == common.begin() ? common.back() : *std::prev(after);
}

void DifferenceCard::refresh()
{
    {
        const QSignalBlocker quiet(m_layer);
        m_layer->setCurrentIndex(std::min(m_viewState->view().layer, m_layer->count() - 1));
    }
    showLimits();
    if (!isVisible()) {
        return; // showEvent() comes back to it
    }
    m_waiting = false;
    if (!m_a || !m_b) {
        say(QStringLiteral("Nothing to compare yet"), QStringLiteral("Choose A and B above."));
        return;
    }
    const auto step = commonStep();
    if (!step) {
        say(QStringLiteral("No snapshot of both"),
            QStringLiteral("A and B have no snapshot at the same step. Snapshots are taken every probe.every steps."));
        return;
    }
    const auto a = m_a->cachedSnapshot(*step), b = m_b->cachedSnapshot(*step);
    if (!a || !b) {
        m_waiting = true;
        (a ? m_b : m_a)->requestSnapshot(*step); // the other after it
        return;
    }
    const int layer = std::max(0, m_layer->currentIndex());
    if (const QString why = whyNoDifference(*a, *b, layer); !why.isEmpty()) {
        say(QStringLiteral("No difference to show"), why);
        return;
    }
    DifferenceRequest request{a,
                              b,
                              layer,
                              m_kind->currentIndex() == 1 ? DifferenceKind::Selection : DifferenceKind::Attention,
                              m_viewState->view().differenceLimit,
                              currentTheme()};
    if (m_map->picture() && m_map->picture()->request == request) {
        m_asked = request;
        m_stack->setCurrentWidget(m_map);
        return;
    }
    m_waiting = true;
    if (m_asked != request) {
        m_asked = request;
        m_worker.request(std::move(request));
    }
}

void DifferenceCard::showPicture(std::shared_ptr<const DifferencePicture> picture)
{
    if (m_asked != picture->request) {
        return; // another was asked for meanwhile
    }
    m_waiting = false;
    m_map->setPicture(picture);
    m_stack->setCurrentWidget(m_map);
    showLimits();
    Q_EMIT changed();
}

void DifferenceCard::say(const QString &title, const QString &text)
{
    m_map->setPicture(nullptr);
    m_message->setMessage(MessageView::Mood::Neutral, title, text);
    m_stack->setCurrentWidget(m_message);
    showLimits();
    Q_EMIT changed();
}

void DifferenceCard::showLimits()
{
    const bool locked = m_viewState->view().differenceLimit.has_value();
    m_lock->setChecked(locked);
    m_lock->setEnabled(locked || hasPicture());
    m_words->setVisible(hasPicture());
    if (hasPicture()) {
        const DifferencePicture &picture = *m_map->picture();
        m_words->setText(QStringLiteral("Step %1, mean |difference| %2. Limits %3±%4.")
                             .arg(countText(picture.request.a->step), significantText(picture.meanMagnitude, 2),
                                  locked ? QStringLiteral("locked to ") : QString(),
                                  significantText(picture.scale.high, 2)));
    }
}

void DifferenceCard::toggleLimits()
{
    if (m_viewState->view().differenceLimit) {
        m_viewState->setDifferenceLimit(std::nullopt);
    } else if (hasPicture()) {
        m_viewState->setDifferenceLimit(m_map->picture()->scale.high);
    }
    showLimits();
}

void DifferenceCard::changeEvent(QEvent *event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::StyleChange) {
        m_lock->setIcon(makeIcon(Icon::Lock));
        refresh(); // the image has the colours of the theme
    }
}

void DifferenceCard::showEvent(QShowEvent *event)
{
    QFrame::showEvent(event);
    refresh();
}

} // namespace sparsescope
