#include "widgets/panels/inspect_page.h"

#include "widgets/panels/atlas_panel.h"
#include "widgets/panels/focus_panel.h"
#include "widgets/panels/inspect_header.h"
#include "widgets/panels/map_card.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/row_card.h"
#include "widgets/panels/shown_layer.h"
#include "widgets/plots/atlas_view.h"
#include "widgets/plots/distance_plot.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/row_plot.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/plots/snapshot_strip.h"
#include "widgets/state/number_text.h"

#include <QEvent>
#include <QKeyEvent>
#include <QStackedWidget>

/// Keys and commands of the Inspect page, and what it says and gives away.
namespace sparsescope {

void InspectPage::keyPressEvent(QKeyEvent *event)
{
    // Steps through the snapshots are the window's: they move the cursor on every page.
    if (event->modifiers() & (Qt::ControlModifier | Qt::AltModifier | Qt::MetaModifier)) {
        QWidget::keyPressEvent(event);
        return;
    }
    switch (event->key()) {
    case Qt::Key_PageUp:
        moveLayer(-1);
        break;
    case Qt::Key_PageDown:
        moveLayer(1);
        break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
        m_viewState->setInspect(InspectView::Focus);
        break;
    case Qt::Key_Escape:
        m_viewState->setInspect(InspectView::Atlas);
        break;
    case Qt::Key_M:
        toggleOverlay();
        break;
    case Qt::Key_K:
        toggleLimits();
        break;
    case Qt::Key_Y:
    case Qt::Key_L:
    case Qt::Key_R:
        break; // of the loss plot, which is not in sight
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        zoomBy(kZoomStep);
        break;
    case Qt::Key_Minus:
        zoomBy(1 / kZoomStep);
        break;
    case Qt::Key_0:
        resetZoom();
        break;
    default:
        QWidget::keyPressEvent(event);
    }
}

void InspectPage::stepSnapshot(int by) { m_strip->stepBy(by); }

void InspectPage::firstSnapshot() { stepSnapshot(-static_cast<int>(m_run ? m_run->snapshotSteps().size() : 0)); }

void InspectPage::togglePlay() { m_strip->togglePlay(); }

void InspectPage::moveLayer(int by) { m_header->moveLayer(by); }

void InspectPage::toggleOverlay() { m_viewState->setOverlay(!m_viewState->view().overlay); }

void InspectPage::toggleLimits()
{
    View view = m_viewState->view();
    const auto limitsOf = [](const ColourScale &scale) { return Limits{scale.low, scale.high}; };
    const auto shown = inAtlas() ? std::vector{MapKind::IndexTerm, MapKind::Attention} : std::vector{view.map};
    bool locked = false;
    for (const MapKind kind : shown) {
        locked = locked || view.limitsOf(kind);
    }
    if (locked) {
        view.limits = {};
    } else if (inAtlas() && m_atlas) {
        if (m_atlasPanel->atlas()->hasTerms()) {
            view.limitsOf(MapKind::IndexTerm) = limitsOf(m_atlas->termScale);
        }
        view.limitsOf(MapKind::Attention) = limitsOf(m_atlas->attentionScale);
    } else if (!inAtlas() && m_picture && m_picture->request.kind != MapKind::Mask) {
        view.limitsOf(m_picture->request.kind) = limitsOf(m_picture->scale);
    }
    m_viewState->set(view);
}

void InspectPage::zoomBy(double factor)
{
    if (!inAtlas()) {
        m_focusPanel->card()->map()->zoomBy(factor);
    }
}

void InspectPage::resetZoom() { m_viewState->setWindow(std::nullopt); }

void InspectPage::fail(const QString &reason)
{
    m_failure = reason;
    showMessage();
    Q_EMIT statusChanged();
}

void InspectPage::showMessage()
{
    m_focusPanel->card()->setNotice(m_picture ? m_failure : QString());
    m_atlasPanel->setNotice(m_picture ? m_failure : QString());
    if (m_picture) {
        m_body->setCurrentIndex(inAtlas() ? 0 : 1);
        m_atlasPanel->setWithoutIndexer(m_run && !m_picture->layer().hasIndexer() && !m_picture->layer().hasSelection()
                                            ? QString::fromStdString(displayName(m_run->config().model.family))
                                            : QString());
        return;
    }
    m_body->setCurrentIndex(2);
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

bool InspectPage::settled() const
{
    const std::int64_t step = stepShown();
    if (step < 0 || !m_failure.isEmpty()) {
        return true;
    }
    const bool map =
        m_picture && m_picture->complete && m_asked == m_picture->request && m_picture->request.snapshot->step == step;
    const bool row = m_row && m_rowAsked == m_row->request;
    const bool atlas = !inAtlas() || !isVisible() || (m_atlas && m_atlas->complete && m_atlasAsked == m_atlas->request);
    return map && row && atlas;
}

QWidget *InspectPage::mainView() const
{
    if (inAtlas()) {
        return m_atlasPanel->atlas();
    }
    return m_viewState->view().map == MapKind::Mask ? static_cast<QWidget *>(m_focusPanel->card()->mask())
                                                    : m_focusPanel->card()->map();
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
    if (inAtlas()) {
        return m_atlas && m_atlas->pixels < m_picture->length()
                   ? QStringLiteral("Thumbnails of %1 cells per pixel: terms by largest magnitude, attention by mass")
                         .arg(QString::number(static_cast<double>(m_picture->length()) / m_atlas->pixels, 'f', 1))
                   : QStringLiteral("Thumbnails without reduction");
    }
    const HeatmapPlot *map = m_picture->request.kind == MapKind::Mask
                                 ? static_cast<const HeatmapPlot *>(m_focusPanel->card()->mask())
                                 : m_focusPanel->card()->map();
    return QStringLiteral("Map %1 × %1, %2").arg(m_picture->length()).arg(map->reductionText());
}

std::vector<std::pair<QString, const ExportableView *>> InspectPage::exportableViews() const
{
    std::vector<std::pair<QString, const ExportableView *>> views;
    if (m_atlas && m_atlas->complete) {
        views.emplace_back(QStringLiteral("atlas"), m_atlasPanel->atlas());
    }
    if (m_picture && m_focusPanel->card()->map()->picture()) {
        views.emplace_back(QStringLiteral("map"), m_focusPanel->card()->map());
    }
    if (m_picture && m_picture->mask) {
        views.emplace_back(QStringLiteral("mask"), m_focusPanel->card()->mask());
    }
    if (m_row) {
        views.emplace_back(QStringLiteral("row"), m_focusPanel->row()->plot());
    }
    if (m_focusPanel->distance()->hasCurves()) {
        views.emplace_back(QStringLiteral("distance"), m_focusPanel->distance());
    }
    return views;
}

void InspectPage::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange && m_run) {
        refreshPicture(); // the images have the colours of the theme
    }
    QWidget::changeEvent(event);
}

void InspectPage::showEvent(QShowEvent *event)
{
    QWidget::showEvent(event);
    refreshPicture(); // what was left out while the page was off the screen
}

} // namespace sparsescope
