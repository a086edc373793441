#include "widgets/panels/inspect_page.h"

#include "widgets/panels/inspect_header.h"
#include "widgets/panels/map_card.h"
#include "widgets/panels/mask_card.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/query_card.h"
#include "widgets/panels/shown_layer.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/plots/snapshot_strip.h"
#include "widgets/state/number_text.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QShortcut>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

InspectPage::InspectPage(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
    , m_mapWorker(
          this, [this](const MapRequest &request) { return m_maker.make(request); },
          [this](std::shared_ptr<const LayerPicture> picture) { pictureReady(std::move(picture)); },
          [this](const QString &reason) {
              m_failure = reason;
              showMessage();
          })
    , m_rowWorker(
          this, makeRow, [this](std::shared_ptr<const RowAnswer> row) { rowReady(std::move(row)); },
          [this](const QString &reason) {
              m_failure = reason;
              showMessage();
          })
{
    setObjectName(QStringLiteral("pageInspect"));
    setProperty("role", "page");
    setAttribute(Qt::WA_StyledBackground);
    m_strip = new SnapshotStrip(viewState, this);
    auto *content = new QWidget(this);
    auto *columns = new QHBoxLayout(content);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(6);
    auto *right = new QVBoxLayout;
    right->setSpacing(6);
    m_mapCard = new MapCard(viewState, hoverState, this);
    m_map = m_mapCard->map();
    m_queryCard = new QueryCard(viewState, hoverState, this);
    m_maskCard = new MaskCard(viewState, hoverState, this);
    right->addWidget(m_queryCard, 4);
    right->addWidget(m_maskCard, 6);
    columns->addWidget(m_mapCard, 11);
    columns->addLayout(right, 9);
    auto *messageCard = new QFrame(this);
    messageCard->setProperty("role", "card");
    m_message = new MessageView(messageCard);
    auto *messageLayout = new QVBoxLayout(messageCard);
    messageLayout->addWidget(m_message);
    m_body = new QStackedWidget(this);
    m_body->addWidget(content);
    m_body->addWidget(messageCard);

    m_header = new InspectHeader(viewState, this);
    auto *page = new QVBoxLayout(this);
    page->setContentsMargins(8, 8, 8, 6);
    page->setSpacing(6);
    page->addWidget(m_header);
    page->addWidget(m_strip);
    page->addWidget(m_body, 1);
    makeShortcuts();

    connect(m_header, &InspectHeader::runChosen, this, [this](int index) {
        if (index >= 0 && index < static_cast<int>(m_runs.size())) {
            setRun(m_runs[static_cast<std::size_t>(index)]);
        }
    });
    connect(m_map, &HeatmapPlot::zoomChanged, this, &InspectPage::statusChanged);
    connect(m_viewState, &ViewState::changed, this, &InspectPage::viewChanged);
    connect(m_hoverState, &HoverState::changed, this, &InspectPage::hoverChanged);
    viewChanged();
    showMessage();
}

InspectPage::~InspectPage() = default;

void InspectPage::makeShortcuts()
{
    const auto add = [this](const QKeySequence &keys, std::function<void()> action) {
        auto *shortcut = new QShortcut(keys, this);
        shortcut->setContext(Qt::WidgetWithChildrenShortcut);
        connect(shortcut, &QShortcut::activated, this, std::move(action));
    };
    add(Qt::Key_BracketLeft, [this] { m_strip->stepBy(-1); });
    add(Qt::Key_BracketRight, [this] { m_strip->stepBy(1); });
    add(Qt::Key_BraceLeft, [this] { m_strip->stepBy(-10); });
    add(Qt::Key_BraceRight, [this] { m_strip->stepBy(10); });
    add(Qt::Key_Home, [this] { m_strip->stepBy(-1 << 20); });
    add(Qt::Key_End, [this] { m_viewState->setFollowLive(true); });
    add(Qt::Key_PageUp, [this] { m_header->moveLayer(-1); });
    add(Qt::Key_PageDown, [this] { m_header->moveLayer(1); });
}

void InspectPage::setRuns(std::vector<RunData *> runs)
{
    m_runs.assign(runs.begin(), runs.end());
    RunData *chosen = m_run;
    if (std::find(runs.begin(), runs.end(), chosen) == runs.end()) {
        chosen = runs.empty() ? nullptr : runs.front();
    }
    m_header->setRuns(runs);
    setRun(chosen);
}

void InspectPage::setRun(RunData *run)
{
    const auto at = std::find(m_runs.begin(), m_runs.end(), run);
    if (run != nullptr && at == m_runs.end()) {
        m_runs.emplace_back(run);
        m_header->addRun(*run);
    } else {
        m_header->setRunIndex(run == nullptr ? -1 : static_cast<int>(at - m_runs.begin()));
    }
    if (run == m_run) {
        return;
    }
    if (m_run) {
        disconnect(m_run, nullptr, this, nullptr);
    }
    m_run = run;
    ++m_tag; // answers for the run before are void
    m_asked.reset();
    m_rowAsked.reset();
    m_previousAsked = -1;
    m_picture.reset();
    m_failure.clear();
    m_mapCard->setPicture(nullptr);
    m_maskCard->setPicture(nullptr, {});
    m_queryCard->setRow(nullptr);
    m_strip->setRun(run);
    if (run != nullptr) {
        m_map->setFamily(run->config().model.family);
        connect(run, &RunData::snapshotsChanged, this, &InspectPage::runChanged);
        connect(run, &RunData::stateChanged, this, [this] {
            const auto found = std::find(m_runs.begin(), m_runs.end(), m_run);
            m_header->retitle(static_cast<int>(found - m_runs.begin()), *m_run);
            showMessage();
        });
        connect(run, &RunData::snapshotLoaded, this, [this](std::int64_t step) {
            if (step == stepShown() || step == stepBefore(m_run, stepShown())) {
                refreshPicture();
            }
        });
        connect(run, &RunData::snapshotFailed, this, [this](std::int64_t step, const QString &reason) {
            if (step == stepShown()) {
                m_failure = QStringLiteral("Could not read snapshot %1. %2").arg(countText(step), reason);
                showMessage();
            }
        });
        m_viewState->setRun(run->id());
    }
    runChanged();
}

void InspectPage::runChanged()
{
    followNewest();
    refreshPicture();
    showMessage();
}

void InspectPage::followNewest()
{
    // A cursor ahead of the newest snapshot is that of the training, which is followed too.
    if (m_run && m_viewState->view().followLive && !m_run->snapshotSteps().empty() &&
        m_viewState->view().step < m_run->snapshotSteps().back()) {
        m_viewState->followStep(m_run->snapshotSteps().back());
    }
}

std::int64_t InspectPage::stepShown() const { return shownStep(m_run, m_viewState->view()); }

void InspectPage::viewChanged()
{
    const View &view = m_viewState->view();
    if (m_run && view.run != m_run->id()) {
        const auto other = std::find_if(m_runs.begin(), m_runs.end(),
                                        [&view](const auto &run) { return run && run->id() == view.run; });
        if (other != m_runs.end()) {
            setRun(*other);
            return;
        }
    }
    followNewest();
    refreshPicture();
    refreshRow();
    Q_EMIT statusChanged();
}

void InspectPage::hoverChanged()
{
    refreshRow();
    Q_EMIT statusChanged();
}

void InspectPage::refreshPicture()
{
    const std::int64_t step = stepShown();
    if (step < 0) {
        return;
    }
    const auto snapshot = m_run->cachedSnapshot(step);
    if (!snapshot) {
        m_map->setLoading(true);
        m_maskCard->setLoading(true);
        m_run->requestSnapshot(step);
        showMessage();
        return;
    }
    if (snapshot->layers.empty()) {
        return;
    }
    MapRequest request = requestFor(snapshot, m_viewState->view());
    request.tag = m_tag;
    if (const std::int64_t before = stepBefore(m_run, step); before >= 0) {
        request.previous = m_run->cachedSnapshot(before);
        if (!request.previous && m_previousAsked != before) {
            m_previousAsked = before;       // once: a file that cannot be read must not be asked for again and again
            m_run->requestSnapshot(before); // for the churn; the picture does not wait for it
        }
    }
    if (request == m_asked) {
        return;
    }
    m_asked = request;
    m_map->setLoading(true);
    m_maskCard->setLoading(true);
    m_mapWorker.request(request);
}

void InspectPage::pictureReady(std::shared_ptr<const LayerPicture> picture)
{
    if (picture->request.tag != m_tag) {
        return;
    }
    const bool otherText = !m_picture || m_picture->length() != picture->length();
    m_picture = std::move(picture);
    m_failure.clear();
    m_mapCard->setPicture(m_picture);
    m_maskCard->setPicture(m_picture, m_run ? QString::fromStdString(displayName(m_run->config().model.family))
                                            : QStringLiteral("Dense"));
    if (m_asked == m_picture->request) {
        m_map->setLoading(false);
        m_maskCard->setLoading(false);
    }
    m_queryCard->setSnapshot(m_picture->request.snapshot);
    m_strip->setChurn(m_picture->churn);
    m_header->setPicture(*m_picture);
    showMessage();
    if (otherText) {
        pickFirstQuery(*m_picture->request.snapshot);
    }
    refreshRow();
    Q_EMIT statusChanged();
}

void InspectPage::pickFirstQuery(const Snapshot &snapshot)
{
    const View &view = m_viewState->view();
    if (view.query >= 0 && view.query < snapshot.length() && view.key < snapshot.length()) {
        return;
    }
    m_viewState->setCell(firstQuery(snapshot), -1);
}

void InspectPage::refreshRow()
{
    if (!m_picture) {
        return;
    }
    const int length = m_picture->length();
    const int hovered = m_hoverState->hover().query;
    const int query = hovered >= 0 && hovered < length ? hovered : m_viewState->view().query;
    if (query < 0 || query >= length) {
        return;
    }
    RowRequest request{m_picture->request.snapshot, m_picture->request.layer, query};
    if (request != m_rowAsked) {
        m_rowAsked = request;
        m_rowWorker.request(std::move(request));
    }
}

void InspectPage::rowReady(std::shared_ptr<const RowAnswer> row)
{
    if (!m_picture || row->request.snapshot->run != m_picture->request.snapshot->run) {
        return;
    }
    m_map->setRow(row);
    m_maskCard->setRow(row);
    m_queryCard->setRow(std::move(row));
    Q_EMIT statusChanged();
}

void InspectPage::showMessage()
{
    m_mapCard->setNotice(m_picture ? m_failure : QString());
    if (m_picture) {
        m_body->setCurrentIndex(0);
        return;
    }
    m_body->setCurrentIndex(1);
    const std::int64_t step = stepShown();
    if (!m_failure.isEmpty()) {
        m_message->setMessage(MessageView::Mood::Failed, QStringLiteral("Could not show the snapshot"), m_failure);
    } else if (!m_run) {
        m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("No run yet"),
                              QStringLiteral("Start an experiment or open a folder with runs."));
    } else if (step < 0) {
        const bool over = m_run->state() == RunState::Failed || m_run->state() == RunState::Stopped ||
                          m_run->state() == RunState::Finished;
        m_message->setMessage(MessageView::Mood::Neutral,
                              over ? QStringLiteral("This run has no snapshot") : QStringLiteral("No snapshot yet"),
                              over ? QStringLiteral("It ended before the first one was taken.")
                                   : QStringLiteral("The first one comes with the first steps of training."));
    } else {
        m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("Reading snapshot %1").arg(countText(step)),
                              {});
    }
}

QString InspectPage::cursorText() const
{
    return m_picture ? sparsescope::cursorText(*m_picture, m_viewState->view(), m_hoverState->hover()) : QString();
}

QString InspectPage::reducerText() const
{
    if (!m_picture) {
        return {};
    }
    return QStringLiteral("Map %1 × %1, %2").arg(m_picture->length()).arg(m_map->reductionText());
}

std::vector<const ExportableView *> InspectPage::exportableViews() const
{
    std::vector<const ExportableView *> views;
    if (m_picture) {
        views.push_back(m_map);
        if (m_picture->mask) {
            views.push_back(m_maskCard->mask());
        }
    }
    return views;
}

void InspectPage::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange && m_run) {
        refreshPicture(); // future cells and mask states have the theme's colours
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
