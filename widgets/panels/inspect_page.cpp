#include "widgets/panels/inspect_page.h"

#include "widgets/panels/atlas_panel.h"
#include "widgets/panels/focus_panel.h"
#include "widgets/panels/inspect_header.h"
#include "widgets/panels/layer_pane.h"
#include "widgets/panels/map_card.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/probe_card.h"
#include "widgets/panels/row_card.h"
#include "widgets/panels/shown_layer.h"
#include "widgets/plots/atlas_view.h"
#include "widgets/plots/distance_plot.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/snapshot_strip.h"
#include "widgets/state/number_text.h"
#include "widgets/style/theme.h"

#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace sparsescope {

InspectPage::InspectPage(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
    , m_mapWorker(
          this, [this](const MapRequest &request) { return m_maker.make(request); },
          [this](std::shared_ptr<const LayerPicture> picture) { pictureReady(std::move(picture)); },
          [this](const QString &reason) { fail(reason); })
    , m_atlasWorker(
          this, [this](const AtlasRequest &request) { return m_atlasMaker.make(request); },
          [this](std::shared_ptr<const AtlasPicture> picture) { atlasReady(std::move(picture)); },
          [this](const QString &reason) { fail(reason); })
    , m_rowWorker(
          this, makeRow, [this](std::shared_ptr<const RowAnswer> row) { rowReady(std::move(row)); },
          [this](const QString &reason) { fail(reason); })
{
    setObjectName(QStringLiteral("pageInspect"));
    setProperty("role", "page");
    setAttribute(Qt::WA_StyledBackground);
    m_header = new InspectHeader(viewState, this);
    m_strip = new SnapshotStrip(viewState, this);
    m_atlasPanel = new AtlasPanel(viewState, hoverState, this);
    m_focusPanel = new FocusPanel(viewState, hoverState, this);
    auto *messageCard = new QFrame(this);
    messageCard->setProperty("role", "card");
    m_message = new MessageView(messageCard);
    auto *messageLayout = new QVBoxLayout(messageCard);
    messageLayout->addWidget(m_message);
    m_body = new QStackedWidget(this);
    m_body->addWidget(m_atlasPanel);
    m_body->addWidget(m_focusPanel);
    m_body->addWidget(messageCard);
    auto *page = new QVBoxLayout(this);
    page->setContentsMargins(8, 8, 8, 6);
    page->setSpacing(6);
    page->addWidget(m_header);
    page->addWidget(m_strip);
    page->addWidget(m_body, 1);
    connectParts();
    viewChanged();
    showMessage();
}

InspectPage::~InspectPage() = default;

void InspectPage::connectParts()
{
    const auto openFocus = [this] { m_viewState->setInspect(InspectView::Focus); };
    connect(m_header, &InspectHeader::runChosen, this, [this](int index) {
        if (index >= 0 && index < static_cast<int>(m_runs.size())) {
            setRun(m_runs[static_cast<std::size_t>(index)]);
        }
    });
    connect(m_header, &InspectHeader::orderChosen, m_atlasPanel->atlas(), &AtlasView::setOrder);
    connect(m_header, &InspectHeader::sizeChosen, m_atlasPanel->atlas(), &AtlasView::setSide);
    connect(m_header, &InspectHeader::limitsToggled, this, &InspectPage::toggleLimits);
    connect(m_header, &InspectHeader::fitRequested, this, &InspectPage::resetZoom);
    connect(m_atlasPanel->atlas(), &AtlasView::sideChanged, m_header, &InspectHeader::setSize);
    connect(m_atlasPanel->atlas(), &AtlasView::focusRequested, this, openFocus);
    connect(m_atlasPanel->atlas(), &AtlasView::sightChanged, this, [this] {
        if (m_picture) {
            refreshAtlas(m_picture->request.snapshot);
        }
    });
    connect(m_atlasPanel->pane(), &LayerPane::focusRequested, this, openFocus);
    connect(m_atlasPanel->pane(), &LayerPane::limitsToggled, this, &InspectPage::toggleLimits);
    connect(m_focusPanel->row(), &RowCard::attentionHeadChanged, this, &InspectPage::refreshRow);
    connect(m_focusPanel->card()->map(), &HeatmapPlot::zoomChanged, this, &InspectPage::statusChanged);
    connect(m_viewState, &ViewState::changed, this, &InspectPage::viewChanged);
    connect(m_hoverState, &HoverState::changed, this, &InspectPage::hoverChanged);
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

void InspectPage::clearAnswers()
{
    ++m_tag; // answers for the run before are void
    m_asked.reset();
    m_atlasAsked.reset();
    m_rowAsked.reset();
    m_previousAsked = m_failedStep = -1;
    m_picture.reset();
    m_atlas.reset();
    m_row.reset();
    m_failure.clear();
    m_focusPanel->card()->setPicture(nullptr);
    m_focusPanel->row()->setRow(nullptr);
    m_focusPanel->distance()->setPicture(nullptr);
    m_atlasPanel->pane()->setPicture(nullptr, -1);
    m_atlasPanel->pane()->setAtlas(nullptr);
    m_atlasPanel->atlas()->setPicture(nullptr);
    m_atlasPanel->probe()->setRow(nullptr);
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
    clearAnswers();
    m_strip->setRun(run);
    if (run != nullptr) {
        m_focusPanel->card()->map()->setFamily(run->config().model.family);
        m_atlasPanel->atlas()->setFamily(run->config().model.family);
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
                m_failedStep = step;
                fail(QStringLiteral("Could not read snapshot %1. %2").arg(countText(step), reason));
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
    showMessage();
    Q_EMIT statusChanged();
}

void InspectPage::hoverChanged()
{
    refreshRow();
    Q_EMIT statusChanged();
}

void InspectPage::setLoading(bool loading)
{
    m_focusPanel->card()->setLoading(loading);
    m_atlasPanel->atlas()->setLoading(loading);
}

std::shared_ptr<const Snapshot> InspectPage::snapshotBefore()
{
    const std::int64_t before = stepBefore(m_run, stepShown());
    if (before < 0) {
        return nullptr;
    }
    auto snapshot = m_run->cachedSnapshot(before);
    if (!snapshot && m_previousAsked != before) {
        m_previousAsked = before;       // once: a file that cannot be read must not be asked for again and again
        m_run->requestSnapshot(before); // for the churn; the picture does not wait for it
    }
    return snapshot;
}

void InspectPage::refreshPicture()
{
    const std::int64_t step = stepShown();
    if (step < 0) {
        return;
    }
    const auto snapshot = m_run->cachedSnapshot(step);
    if (!snapshot) {
        if (step != m_failedStep) {
            setLoading(true);
            m_run->requestSnapshot(step);
        }
        showMessage();
        return;
    }
    if (snapshot->layers.empty()) {
        return;
    }
    MapRequest request = requestFor(snapshot, m_viewState->view());
    request.tag = m_tag;
    request.previous = snapshotBefore();
    if (request != m_asked) {
        m_asked = request;
        m_focusPanel->card()->setLoading(true);
        m_mapWorker.request(request);
    }
    refreshAtlas(snapshot);
}

void InspectPage::refreshAtlas(const std::shared_ptr<const Snapshot> &snapshot)
{
    if (!inAtlas() || !isVisible()) {
        return; // off the screen
    }
    const View &view = m_viewState->view();
    const AtlasView &atlas = *m_atlasPanel->atlas();
    AtlasRequest request;
    request.snapshot = snapshot;
    request.previous = snapshotBefore();
    request.side = static_cast<int>(atlas.side() * devicePixelRatioF());
    request.first = atlas.layersInSight();
    request.termLimits = view.limitsOf(MapKind::IndexTerm);
    request.attentionLimits = view.limitsOf(MapKind::Attention);
    request.theme = currentTheme();
    request.tag = m_tag;
    if (request != m_atlasAsked) {
        m_atlasAsked = request;
        m_atlasWorker.request(request);
    } else if (m_atlas && m_atlas->request == request) {
        m_atlasPanel->atlas()->setLoading(false);
    }
}

void InspectPage::atlasReady(std::shared_ptr<const AtlasPicture> picture)
{
    if (picture->request.tag != m_tag) {
        return;
    }
    m_atlas = std::move(picture);
    m_atlasPanel->atlas()->setPicture(m_atlas);
    m_atlasPanel->pane()->setAtlas(m_atlas);
    if (m_atlasAsked == m_atlas->request) {
        m_atlasPanel->atlas()->setLoading(false);
        if (!m_atlas->complete) {
            m_atlasWorker.request(*m_atlasAsked); // the rest
        }
    }
}

void InspectPage::pictureReady(std::shared_ptr<const LayerPicture> picture)
{
    if (picture->request.tag != m_tag) {
        return;
    }
    const bool otherText = !m_picture || m_picture->length() != picture->length();
    m_picture = std::move(picture);
    m_failure.clear();
    const std::int64_t step = m_picture->request.snapshot->step;
    m_focusPanel->card()->setPicture(m_picture);
    m_focusPanel->distance()->setPicture(m_picture);
    m_atlasPanel->pane()->setPicture(m_picture, stepBefore(m_run, step));
    m_atlasPanel->probe()->setSnapshot(m_picture->request.snapshot);
    if (m_asked == m_picture->request) {
        m_focusPanel->card()->setLoading(false);
        if (!m_picture->complete) {
            m_mapWorker.request(*m_asked); // its mask
        }
    }
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
    m_viewState->proposeCell(firstQuery(snapshot), -1);
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
    RowRequest request{m_picture->request.snapshot, m_picture->request.layer, query,
                       m_focusPanel->row()->attentionHead()};
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
    m_row = std::move(row);
    m_focusPanel->card()->setRow(m_row);
    m_focusPanel->row()->setRow(m_row);
    m_atlasPanel->probe()->setRow(m_row);
    Q_EMIT statusChanged();
}

} // namespace sparsescope
