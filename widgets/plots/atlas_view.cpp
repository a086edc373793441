#include "widgets/plots/atlas_view.h"

#include "widgets/style/theme.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QScrollBar>
#include <QToolTip>

#include <algorithm>
#include <numeric>

namespace sparsescope {

namespace {

constexpr int kDimAfterMs = 150;

QString cellText(const AtlasCell &cell)
{
    return cell.kind == MapKind::Mask        ? QStringLiteral("selection mask")
           : cell.kind == MapKind::IndexTerm ? QStringLiteral("indexer head %1").arg(cell.head)
                                             : QStringLiteral("attention head %1").arg(cell.head);
}

} // namespace

AtlasView::AtlasView(ViewState *viewState, QWidget *parent)
    : QAbstractScrollArea(parent)
    , m_viewState(viewState)
{
    setObjectName(QStringLiteral("atlasView"));
    setAccessibleName(QStringLiteral("Atlas of layers and heads"));
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    viewport()->setAutoFillBackground(false);
    m_dimTimer.setSingleShot(true);
    connect(&m_dimTimer, &QTimer::timeout, this, [this] {
        m_dimmed = true;
        viewport()->update();
    });
    connect(m_viewState, &ViewState::changed, this, [this] { viewport()->update(); });
}

void AtlasView::setFamily(Family family)
{
    m_family = family;
    viewport()->update();
}

void AtlasView::setPicture(std::shared_ptr<const AtlasPicture> picture)
{
    m_picture = std::move(picture);
    m_layout = {};
    if (m_picture) {
        m_layout = layoutFor(m_room);
    }
    sortLayers();
    chooseSide(); // asks for other thumbnails: the layers have their rows by now
    updateBars();
    viewport()->update();
}

void AtlasView::setLoading(bool loading)
{
    if (!loading) {
        m_dimTimer.stop();
        m_dimmed = false;
        viewport()->update();
    } else if (!m_dimmed && !m_dimTimer.isActive()) {
        m_dimTimer.start(kDimAfterMs);
    }
}

void AtlasView::setOrder(AtlasOrder order)
{
    m_orderBy = order;
    sortLayers();
    viewport()->update();
    Q_EMIT sightChanged();
}

void AtlasView::setSide(int side)
{
    m_sideChosen = true;
    if (m_room != side) {
        m_room = side;
        setPicture(m_picture);
        Q_EMIT sightChanged();
    }
}

AtlasLayout AtlasView::layoutFor(int room) const
{
    AtlasLayout layout;
    const Snapshot &snapshot = *m_picture->request.snapshot;
    layout.rows = static_cast<int>(snapshot.layers.size());
    for (const LayerSnapshot &layer : snapshot.layers) {
        layout.mask = layout.mask || layer.hasSelection();
        layout.indexHeads = std::max(layout.indexHeads, layer.indexHeads);
        layout.heads = std::max(layout.heads, layer.heads);
    }
    const double dpr = devicePixelRatioF();
    layout.side = static_cast<int>(thumbnailSide(snapshot.length(), static_cast<int>(room * dpr)) / dpr);
    return layout;
}

/// Until a person chooses: the largest size at which everything is in sight.
void AtlasView::chooseSide()
{
    if (m_sideChosen || !m_picture || !isVisible()) {
        return;
    }
    for (const int side : {kLargeSide, kMediumSide}) {
        const QSize size = layoutFor(side).size();
        if (side == kMediumSide || (size.width() <= viewport()->width() && size.height() <= viewport()->height())) {
            if (m_room != side) {
                m_room = side;
                m_layout = layoutFor(side);
                Q_EMIT sideChanged(side);
                Q_EMIT sightChanged();
            }
            return;
        }
    }
}

/// Lowest mass kept first, highest churn and divergence first: what deserves a look stands on top. Unknown goes last.
void AtlasView::sortLayers()
{
    m_order.resize(static_cast<std::size_t>(m_layout.rows));
    std::iota(m_order.begin(), m_order.end(), 0);
    if (!m_picture || m_orderBy == AtlasOrder::Depth) {
        return;
    }
    const auto worth = [this](int layer) {
        const auto at = static_cast<std::size_t>(layer);
        const auto &one = m_picture->layers[at];
        std::optional<double> value;
        if (m_orderBy == AtlasOrder::Churn) {
            value = m_picture->churn[at];
        } else if (one && m_orderBy == AtlasOrder::Divergence) {
            value = one->kl;
        } else if (one && one->massKept) {
            value = -*one->massKept;
        }
        return value.value_or(-1e300);
    };
    std::stable_sort(m_order.begin(), m_order.end(), [&](int a, int b) { return worth(a) > worth(b); });
}

int AtlasView::rowOfLayer(int layer) const
{
    const auto at = std::find(m_order.begin(), m_order.end(), layer);
    return at == m_order.end() ? -1 : static_cast<int>(at - m_order.begin());
}

QPoint AtlasView::offset() const { return {horizontalScrollBar()->value(), verticalScrollBar()->value()}; }

std::vector<int> AtlasView::layersInSight() const
{
    std::vector<int> layers;
    const int top = AtlasLayout::kHeaderHeight + verticalScrollBar()->value();
    for (const int row : m_layout.rowsBetween(top, verticalScrollBar()->value() + viewport()->height())) {
        layers.push_back(m_order[static_cast<std::size_t>(row)]);
    }
    return layers;
}

QRect AtlasView::thumbnailRect(int layer, MapKind kind, int head) const
{
    const int row = rowOfLayer(layer);
    return row < 0 ? QRect() : m_layout.cellRect({row, kind, head}).translated(-offset());
}

void AtlasView::updateBars()
{
    const QSize all = m_layout.size(), seen = viewport()->size();
    horizontalScrollBar()->setRange(0, std::max(0, all.width() - seen.width()));
    horizontalScrollBar()->setPageStep(seen.width());
    verticalScrollBar()->setRange(0, std::max(0, all.height() - seen.height()));
    verticalScrollBar()->setPageStep(seen.height());
    verticalScrollBar()->setSingleStep(m_layout.rowHeight() / 3);
    horizontalScrollBar()->setSingleStep(40);
}

void AtlasView::resizeEvent(QResizeEvent *event)
{
    QAbstractScrollArea::resizeEvent(event);
    chooseSide();
    updateBars();
    Q_EMIT sightChanged();
}

void AtlasView::scrollContentsBy(int, int)
{
    viewport()->update(); // header and labels stay where they are: nothing can be moved as it is
    Q_EMIT sightChanged();
}

void AtlasView::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        viewport()->update();
    }
    QAbstractScrollArea::changeEvent(event);
}

AtlasCell AtlasView::selectedCell() const
{
    const View &view = m_viewState->view();
    const MapKind kind = view.map == MapKind::IndexScore ? MapKind::Mask : view.map;
    return {std::max(0, rowOfLayer(std::clamp(view.layer, 0, std::max(0, m_layout.rows - 1)))), kind,
            kind == MapKind::Mask ? -1 : view.head};
}

void AtlasView::select(const AtlasCell &cell)
{
    View view = m_viewState->view();
    view.layer = m_order[static_cast<std::size_t>(cell.row)];
    view.map = cell.kind;
    view.head = cell.head;
    m_viewState->set(view);
    const QRect box = m_layout.cellRect(cell);
    const int top = box.top() - AtlasLayout::kHeaderHeight, bottom = box.bottom() + AtlasLayout::kGap;
    QScrollBar *down = verticalScrollBar();
    down->setValue(std::clamp(down->value(), std::max(0, bottom - viewport()->height()), std::max(0, top)));
    QScrollBar *across = horizontalScrollBar();
    const int left = box.left() - AtlasLayout::kLabelWidth - AtlasLayout::kMargin;
    across->setValue(std::clamp(across->value(), std::max(0, box.right() + AtlasLayout::kGap - viewport()->width()),
                                std::max(0, left)));
    const auto &snapshot = *m_picture->request.snapshot;
    setAccessibleDescription(QStringLiteral("Layer %1, %2")
                                 .arg(snapshot.layers[static_cast<std::size_t>(view.layer)].layer)
                                 .arg(cellText(cell)));
}

bool AtlasView::viewportEvent(QEvent *event)
{
    if (event->type() == QEvent::ToolTip && m_picture) {
        auto *help = static_cast<QHelpEvent *>(event);
        if (const auto cell = m_layout.cellAt(help->pos() + offset())) {
            const int layer = m_order[static_cast<std::size_t>(cell->row)];
            QToolTip::showText(help->globalPos(),
                               QStringLiteral("Layer %1, %2")
                                   .arg(m_picture->request.snapshot->layers[static_cast<std::size_t>(layer)].layer)
                                   .arg(cellText(*cell)),
                               viewport());
        } else {
            QToolTip::hideText();
        }
        return true;
    }
    return QAbstractScrollArea::viewportEvent(event);
}

void AtlasView::mousePressEvent(QMouseEvent *event)
{
    const auto cell = m_layout.cellAt(event->position().toPoint() + offset());
    if (event->button() == Qt::LeftButton && cell) {
        select(*cell);
    }
}

void AtlasView::mouseDoubleClickEvent(QMouseEvent *event)
{
    const auto cell = m_layout.cellAt(event->position().toPoint() + offset());
    if (event->button() == Qt::LeftButton && cell) {
        select(*cell); // the first click may have met another one
        Q_EMIT focusRequested();
    }
}

void AtlasView::keyPressEvent(QKeyEvent *event)
{
    const int across = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
    const int down = event->key() == Qt::Key_Down ? 1 : event->key() == Qt::Key_Up ? -1 : 0;
    if ((across == 0 && down == 0) || m_layout.rows == 0) {
        event->ignore(); // the page: layer, snapshot, Focus
        return;
    }
    const AtlasCell now = selectedCell();
    const int column = std::clamp(std::max(0, m_layout.columnOf(now)) + across, 0, m_layout.columns() - 1);
    select(m_layout.cellOf(std::clamp(now.row + down, 0, m_layout.rows - 1), column));
}

} // namespace sparsescope
