#include "widgets/plots/map_preview.h"

#include "widgets/plots/heatmap_painting.h"
#include "widgets/plots/thumbnail.h"
#include "widgets/style/theme.h"

#include <QMouseEvent>
#include <QPainter>

#include <cmath>

namespace sparsescope {

MapPreview::MapPreview(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
{
    setObjectName(QStringLiteral("mapPreview"));
    setAccessibleName(QStringLiteral("Selected map"));
    setMouseTracking(true);
    connect(m_viewState, &ViewState::changed, this, qOverload<>(&QWidget::update));
    connect(m_hoverState, &HoverState::changed, this, qOverload<>(&QWidget::update));
}

const std::vector<MapLevel> &MapPreview::levels() const
{
    return m_asMask && m_picture->mask ? m_picture->maskLevels : m_picture->valueLevels;
}

void MapPreview::setPicture(std::shared_ptr<const LayerPicture> picture, bool asMask)
{
    m_picture = std::move(picture);
    m_asMask = asMask;
    layoutMap();
    update();
}

int MapPreview::heightFor(int width) const
{
    if (!m_picture) {
        return width;
    }
    const double dpr = devicePixelRatioF();
    return static_cast<int>(std::ceil(thumbnailSide(m_picture->length(), static_cast<int>((width - 2) * dpr)) / dpr)) +
           2;
}

void MapPreview::layoutMap()
{
    setFixedHeight(heightFor(width())); // as high as the map: no room below it is lost
    if (m_picture && !levels().empty()) {
        m_mapping =
            fitMapping(QRectF(rect()).adjusted(1, 1, -1, -1), levels().front().image.size(), devicePixelRatioF());
    }
}

void MapPreview::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    layoutMap();
}

void MapPreview::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        update();
    }
    QWidget::changeEvent(event);
}

void MapPreview::paintEvent(QPaintEvent *)
{
    if (!m_picture || levels().empty()) {
        return;
    }
    QPainter painter(this);
    const MapFrame frame{QRectF(rect()), m_mapping, devicePixelRatioF(), currentTokens(), *m_picture, levels()};
    paintImageOnly(painter, frame);
    if (m_picture->mask) {
        paintFaults(painter, frame);
    }
    painter.setPen(frame.tokens.border);
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(frame.seen().adjusted(-0.5, -0.5, 0.5, 0.5));
    MapMarks marks = marksFor(frame, m_viewState->view(), m_hoverState->hover());
    paintRowTag(painter, frame, marks);
}

void MapPreview::mouseMoveEvent(QMouseEvent *event)
{
    const auto cell = m_picture && !levels().empty()
                          ? cellAt(event->position(), m_mapping, levels().front().image.size())
                          : std::nullopt;
    if (cell) {
        m_hoverState->setCell(cell->y(), cell->x());
    } else {
        m_hoverState->clearCell();
    }
}

void MapPreview::mousePressEvent(QMouseEvent *event)
{
    const auto cell = m_picture && !levels().empty()
                          ? cellAt(event->position(), m_mapping, levels().front().image.size())
                          : std::nullopt;
    if (event->button() == Qt::LeftButton && cell) {
        m_viewState->setCell(cell->y(), cell->x());
    }
}

void MapPreview::leaveEvent(QEvent *event)
{
    m_hoverState->clearCell();
    QWidget::leaveEvent(event);
}

} // namespace sparsescope
