#include "widgets/plots/difference_heatmap.h"

#include "widgets/plots/colour_bar.h"
#include "widgets/plots/snapshot_context.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QMouseEvent>

#include <cmath>

namespace sparsescope {

namespace {

constexpr double kLeft = 58, kTop = 8, kBottom = 42, kBarGap = 16, kBarLabels = 56;
constexpr int kPaperTitle = 54;

/// The maps' painting asks for the picture of a layer; cells, hatch and axes of a difference need none.
const LayerPicture &noLayer()
{
    static const LayerPicture none;
    return none;
}

QRectF areaIn(const QRectF &box)
{
    return box.adjusted(kLeft, kTop, -(kBarGap + kColourBarWidth + kBarLabels), -kBottom);
}

} // namespace

DifferenceHeatmap::DifferenceHeatmap(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
{
    setObjectName(QStringLiteral("differenceHeatmap"));
    setAccessibleName(QStringLiteral("Attention difference"));
    setMouseTracking(true);
    connect(m_hoverState, &HoverState::changed, this, qOverload<>(&QWidget::update));
    connect(m_viewState, &ViewState::changed, this, qOverload<>(&QWidget::update));
}

void DifferenceHeatmap::setRuns(const QString &a, const QString &b)
{
    m_a = a;
    m_b = b;
}

void DifferenceHeatmap::setPicture(std::shared_ptr<const DifferencePicture> picture)
{
    m_picture = std::move(picture);
    setAccessibleDescription(
        m_picture ? QStringLiteral("%1, mean magnitude %2")
                        .arg(figureTitle(), significantText(m_picture->meanMagnitude, 2))
                  : QString());
    layoutMap();
    update();
}

void DifferenceHeatmap::layoutMap()
{
    m_viewport = areaIn(rect());
    if (m_picture && !m_viewport.isEmpty()) {
        m_mapping = fitMapping(m_viewport, m_picture->levels.front().image.size(), devicePixelRatioF());
    }
}

void DifferenceHeatmap::paintMap(QPainter &painter, const MapFrame &frame) const
{
    paintCells(painter, frame);
    const MapMarks marks =
        frame.onScreen ? marksFor(frame, m_viewState->view(), m_hoverState->hover()) : MapMarks();
    paintAxes(painter, frame, marks);
    paintMarks(painter, frame, marks, 0);
    const QRectF seen = frame.seen();
    // Over and under the bar: beside it stand its numbers.
    const QRectF bar(seen.right() + kBarGap, seen.top() + 17, kColourBarWidth,
                     std::max(40.0, seen.height() - kColourBarFootHeight - 13));
    paintColourBar(painter, bar, m_picture->scale, frame.tokens);
    painter.setFont(uiFont(11, QFont::DemiBold));
    painter.setPen(frame.tokens.text2);
    painter.drawText(QRectF(bar.left(), bar.top() - 17, 60, 14), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("A more"));
    painter.drawText(QRectF(bar.left(), bar.bottom() + 1, 60, 13), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("B more"));
}

void DifferenceHeatmap::paintEvent(QPaintEvent *)
{
    if (!m_picture || m_viewport.isEmpty()) {
        return;
    }
    QPainter painter(this);
    const MapFrame frame{m_viewport, m_mapping, devicePixelRatioF(), currentTokens(), noLayer(), m_picture->levels};
    paintMap(painter, frame);
    const Hover &hover = m_hoverState->hover();
    if (underMouse() && hover.query >= 0 && hover.key >= 0 && hover.query < m_picture->difference.rows) {
        const ValueLines lines = linesFor(hover.query, hover.key);
        paintTooltip(painter, lines, tooltipBox(lines, cellRect(hover.query, hover.key, m_mapping), width()),
                     currentTokens());
    }
}

ValueLines DifferenceHeatmap::linesFor(int query, int key) const
{
    ValueLines lines{{QStringLiteral("Query t, key s"), QStringLiteral("%1, %2").arg(query).arg(key)}};
    if (key > query) {
        lines.emplace_back(QStringLiteral("Future"), unknownText());
        return lines;
    }
    lines.emplace_back(QStringLiteral("A"), significantText(m_picture->a.at(query, key)));
    lines.emplace_back(QStringLiteral("B"), significantText(m_picture->b.at(query, key)));
    lines.emplace_back(QStringLiteral("A − B"), signedText(m_picture->difference.at(query, key), 4));
    return lines;
}

void DifferenceHeatmap::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    layoutMap();
}

void DifferenceHeatmap::mouseMoveEvent(QMouseEvent *event)
{
    const auto cell = m_picture ? cellAt(event->position(), m_mapping, m_picture->levels.front().image.size())
                                : std::nullopt;
    if (cell) {
        m_hoverState->setCell(cell->y(), cell->x());
    } else {
        m_hoverState->clearCell();
    }
}

void DifferenceHeatmap::mousePressEvent(QMouseEvent *event)
{
    const auto cell = m_picture ? cellAt(event->position(), m_mapping, m_picture->levels.front().image.size())
                                : std::nullopt;
    if (cell && cell->x() <= cell->y() && event->button() == Qt::LeftButton) {
        m_viewState->setCell(cell->y(), cell->x());
    }
}

void DifferenceHeatmap::leaveEvent(QEvent *event)
{
    QWidget::leaveEvent(event);
    m_hoverState->clearCell();
}

QString DifferenceHeatmap::figureTitle() const
{
    if (!m_picture) {
        return QStringLiteral("Attention difference");
    }
    return QStringLiteral("%1 difference, layer %2, step %3")
        .arg(m_picture->request.kind == DifferenceKind::Attention ? QStringLiteral("Attention")
                                                                  : QStringLiteral("Selection"))
        .arg(m_picture->request.layer)
        .arg(countText(m_picture->request.a->step));
}

void DifferenceHeatmap::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    painter.fillRect(QRectF(QPointF(0, 0), size), t.panel);
    if (!m_picture) {
        return;
    }
    painter.setFont(uiFont(15, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRectF(16, 8, size.width() - 32, 22), Qt::AlignLeft | Qt::AlignVCenter, figureTitle());
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRectF(16, 30, size.width() - 32, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("A: %1 · B: %2 · mean |difference| %3")
                         .arg(m_a, m_b, significantText(m_picture->meanMagnitude, 2)));
    const QRectF area = areaIn(QRectF(0, kPaperTitle, size.width(), size.height() - kPaperTitle));
    const std::vector<MapLevel> levels =
        mapLevels(m_picture->difference, Reducer::LargestMagnitude, m_picture->scale, t);
    const MapFrame frame{area, fitMapping(area, levels.front().image.size(), 1), 1, t, noLayer(), levels, false};
    paintMap(painter, frame);
}

QString DifferenceHeatmap::csv() const
{
    QString text = QStringLiteral("t,s,value\n");
    for (int t = 0; m_picture && t < m_picture->difference.rows; ++t) {
        for (int s = 0; s <= t; ++s) {
            text += QStringLiteral("%1,%2,%3\n").arg(t).arg(s).arg(csvNumber(m_picture->difference.at(t, s)));
        }
    }
    return text;
}

nlohmann::ordered_json DifferenceHeatmap::exportContext() const
{
    if (!m_picture) {
        return {};
    }
    nlohmann::ordered_json context = snapshotContext(figureTitle(), *m_picture->request.a);
    context["a"] = m_a.toStdString();
    context["b"] = m_b.toStdString();
    context["layer"] = m_picture->request.layer;
    context["limits"] = {m_picture->scale.low, m_picture->scale.high};
    context["mean_magnitude"] = m_picture->meanMagnitude;
    return context;
}

} // namespace sparsescope
