#include "widgets/plots/atlas_view.h"

#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
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
    setAccessibleDescription(
        QStringLiteral("Layer %1, %2").arg(snapshot.layers[static_cast<std::size_t>(view.layer)].layer).arg(cellText(cell)));
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
    if (event->button() == Qt::LeftButton && m_layout.cellAt(event->position().toPoint() + offset())) {
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

void AtlasView::paintEvent(QPaintEvent *)
{
    QPainter painter(viewport());
    const Tokens &t = currentTokens();
    if (!m_picture) {
        return;
    }
    painter.setOpacity(m_dimmed ? 0.45 : 1);
    painter.save();
    painter.setClipRect(QRect(AtlasLayout::kMargin + AtlasLayout::kLabelWidth - 4, AtlasLayout::kHeaderHeight - 4,
                              viewport()->width(), viewport()->height()));
    painter.translate(-offset());
    const int top = AtlasLayout::kHeaderHeight + offset().y();
    const std::vector<int> rows = m_layout.rowsBetween(top, offset().y() + viewport()->height());
    for (const int row : rows) {
        paintRow(painter, t, row, m_picture->images[static_cast<std::size_t>(m_order[static_cast<std::size_t>(row)])]);
    }
    const QRect chosen = m_layout.cellRect(selectedCell());
    if (chosen.isValid()) {
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(t.accent, 3));
        painter.drawRoundedRect(QRectF(chosen).adjusted(-2.5, -2.5, 2.5, 2.5), 2, 2);
    }
    painter.restore();
    painter.save();
    painter.setClipRect(QRect(0, AtlasLayout::kHeaderHeight - 4, viewport()->width(), viewport()->height()));
    painter.translate(0, -offset().y());
    for (const int row : rows) {
        paintLabel(painter, t, row);
    }
    painter.restore();
    paintHeader(painter, t, offset().x());
    if (hasFocus()) {
        painter.setOpacity(1);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(QPen(t.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(QRectF(viewport()->rect()).adjusted(1, 1, -1, -1), 5, 5);
    }
}

void AtlasView::paintHeader(QPainter &painter, const Tokens &t, int scrolledX) const
{
    const auto x = [&](int column) { return m_layout.columnLeft(column) - scrolledX; };
    const int edge = AtlasLayout::kMargin + AtlasLayout::kLabelWidth - 4;
    const auto heading = [&](int column, int columns, const QString &text) {
        const int right = m_layout.columnLeft(column + columns - 1) + m_layout.side - scrolledX;
        painter.setFont(uiFont(12, QFont::DemiBold));
        painter.setPen(t.text);
        const int left = std::min(std::max(x(column), edge), std::max(x(column), right - 140));
        // With few heads there is room for the first words only.
        const int room = std::max(right - left + AtlasLayout::kGap, m_layout.side);
        const bool fits = painter.fontMetrics().horizontalAdvance(text) <= room;
        painter.drawText(QRect(left, 2, std::max(room, 92), 18), Qt::AlignLeft | Qt::AlignVCenter,
                         fits ? text : text.section(QLatin1Char(':'), 0, 0));
    };
    painter.save();
    painter.setClipRect(QRect(edge, 0, 1 << 15, AtlasLayout::kHeaderHeight));
    const int first = m_layout.mask ? 1 : 0;
    if (m_layout.mask) {
        heading(0, 1, QStringLiteral("Mask"));
    }
    if (m_layout.indexHeads > 0) {
        heading(first, m_layout.indexHeads, QStringLiteral("Indexer heads: w·ReLU(q·k)"));
    }
    if (m_layout.heads > 0) {
        heading(first + m_layout.indexHeads, m_layout.heads, QStringLiteral("Attention heads: weight"));
    }
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    for (int column = 0; column < m_layout.columns(); ++column) {
        const AtlasCell cell = m_layout.cellOf(0, column);
        painter.drawText(QRect(x(column), 21, std::max(m_layout.side, 52), 15), Qt::AlignLeft | Qt::AlignVCenter,
                         cell.kind == MapKind::Mask ? QStringLiteral("all heads") : QString::number(cell.head));
    }
    painter.restore();
}

void AtlasView::paintRow(QPainter &painter, const Tokens &t, int row, const AtlasImages &images) const
{
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter.setRenderHint(QPainter::Antialiasing, false);
    for (int column = 0; column < m_layout.columns(); ++column) {
        const AtlasCell cell = m_layout.cellOf(row, column);
        const QRect box = m_layout.cellRect(cell);
        const auto head = static_cast<std::size_t>(std::max(0, cell.head));
        const QImage *image = nullptr;
        if (cell.kind == MapKind::Mask) {
            image = &images.mask;
        } else {
            const std::vector<QImage> &of = cell.kind == MapKind::IndexTerm ? images.terms : images.attention;
            image = head < of.size() ? &of[head] : nullptr;
        }
        if (image != nullptr && !image->isNull()) {
            painter.drawImage(box, *image);
        } else {
            painter.fillRect(box, t.alternate); // not computed yet, or a layer without it
        }
        painter.setPen(t.border);
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(QRectF(box).adjusted(-0.5, -0.5, 0.5, 0.5));
    }
}

void AtlasView::paintLabel(QPainter &painter, const Tokens &t, int row) const
{
    const int layer = m_order[static_cast<std::size_t>(row)];
    const auto at = static_cast<std::size_t>(layer);
    const int left = AtlasLayout::kMargin, top = m_layout.rowTop(row), width = AtlasLayout::kLabelWidth - 26;
    painter.setFont(uiFont(12, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRect(left, top, width + 20, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("Layer %1").arg(m_picture->request.snapshot->layers[at].layer));
    const auto &one = m_picture->layers[at];
    if (!one || !one->massKept) {
        return;
    }
    QString value = shareText(one->massKept), words = QStringLiteral("mass kept");
    if (m_orderBy == AtlasOrder::Churn) {
        value = shareText(m_picture->churn[at]);
        words = QStringLiteral("churn");
    } else if (m_orderBy == AtlasOrder::Divergence) {
        value = one->kl ? QString::number(*one->kl, 'f', 3) : unknownText();
        words = QStringLiteral("KL, nats");
    }
    painter.setFont(monoFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRect(left, top + 18, width + 20, 16), Qt::AlignLeft | Qt::AlignVCenter, value);
    painter.setFont(uiFont(11));
    painter.drawText(QRect(left, top + 34, width + 20, 15), Qt::AlignLeft | Qt::AlignVCenter, words);
    // The bar is the mass kept whatever the order, with what random keys would keep as a mark.
    const QRectF bar(left, top + 53, width, 5);
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.fillRect(bar, t.grid);
    painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * std::clamp(*one->massKept, 0.0, 1.0), bar.height()),
                     familyColour(m_family, t));
    if (one->massKeptChance) {
        const double x = bar.left() + bar.width() * *one->massKeptChance;
        painter.fillRect(QRectF(x - 1, bar.top() - 3, 2, bar.height() + 6), t.text);
    }
}

} // namespace sparsescope
