#include "widgets/plots/row_plot.h"

#include "widgets/plots/plot_tickers.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/plots/snapshot_context.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kLowHeight = 150, kShortLabelBelow = 130;

} // namespace

double barValue(const RowAnswer &row, int key)
{
    const auto at = static_cast<std::size_t>(key);
    return row.hasIndexer ? row.row.score[at] : row.row.attention[at];
}

/// The line after the last selected key, the threshold, and the hovered key.
class RowPlot::Marks : public QCPLayerable {
public:
    Marks(QCustomPlot *plot, const RowPlot &owner)
        : QCPLayerable(plot, QStringLiteral("overlay"))
        , m_owner(owner)
    {}
    Tokens colours = currentTokens();

protected:
    void applyDefaultAntialiasingHint(QCPPainter *painter) const override { painter->setAntialiasing(true); }
    void draw(QCPPainter *painter) override
    {
        if (!m_owner.m_row) {
            return;
        }
        const RowAnswer &row = *m_owner.m_row;
        const QRectF area = mParentPlot->axisRect()->rect();
        if (row.hasSelection && row.hasIndexer && std::isfinite(row.row.threshold)) {
            drawThreshold(*painter, area, row);
        }
        const int key = m_owner.m_hoverState->hover().query == row.request.query ? m_owner.m_hoverState->hover().key
                                                                                 : m_owner.m_viewState->view().key;
        const auto at = std::find(row.order.begin(), row.order.end(), key);
        if (at == row.order.end()) {
            return;
        }
        const double x = mParentPlot->xAxis->coordToPixel(static_cast<double>(at - row.order.begin()) + 1);
        const double y =
            std::max(mParentPlot->yAxis->coordToPixel(std::max(0.0, barValue(row, key))) - 3, area.top() + 9);
        painter->setPen(Qt::NoPen);
        painter->setBrush(colours.text);
        painter->drawPolygon(QPolygonF({QPointF(x, y), QPointF(x - 5, y - 8), QPointF(x + 5, y - 8)}));
    }

private:
    void drawThreshold(QCPPainter &painter, const QRectF &area, const RowAnswer &row)
    {
        const double x = mParentPlot->xAxis->coordToPixel(row.selected + 0.5);
        const double y = mParentPlot->yAxis->coordToPixel(row.row.threshold);
        painter.setPen(QPen(colours.text, 1.3, Qt::DashLine));
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
        painter.setPen(QPen(colours.text, 1.3));
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
        const QString words =
            QStringLiteral("k = %1, threshold %2")
                .arg(row.request.snapshot->topK)
                .arg(QString::number(row.row.threshold, 'g', 3).replace(QLatin1Char('-'), QChar(0x2212)));
        painter.setFont(uiFont(11, QFont::DemiBold));
        const double width = QFontMetricsF(painter.font()).horizontalAdvance(words);
        const bool right = x + 8 + width < area.right();
        painter.drawText(QRectF(right ? x + 6 : x - 6 - width, area.top(), width + 2, 15), Qt::AlignVCenter, words);
        painter.setFont(uiFont(11));
        painter.setPen(colours.text2);
        const double selected = QFontMetricsF(painter.font()).horizontalAdvance(QStringLiteral("selected"));
        if (right && x - 6 - selected > area.left()) {
            painter.drawText(QRectF(x - 6 - selected, area.top(), selected + 2, 15), Qt::AlignVCenter,
                             QStringLiteral("selected"));
        }
    }

    const RowPlot &m_owner;
};

RowPlot::RowPlot(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : FigurePlot(QStringLiteral("Keys by rank"), kLowHeight, parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
{
    setObjectName(QStringLiteral("rowInspectorPlot"));
    setAccessibleName(QStringLiteral("Keys of the query by rank"));
    plot()->layer(QStringLiteral("overlay"))->setMode(QCPLayer::lmBuffered);
    plot()->axisRect()->setMinimumMargins({46, 8, 12, 20});
    plot()->xAxis->grid()->setVisible(false);
    setStepTicks(plot()->xAxis, false);
    setValueTicks(plot()->yAxis, false);
    plot()->installEventFilter(this);
    plot()->setMouseTracking(true);
    const auto bars = [this] {
        auto *made = new QCPBars(plot()->xAxis, plot()->yAxis);
        made->setAntialiased(false);
        return made;
    };
    m_other = bars();
    m_needed = bars();
    m_little = bars();
    m_missed = bars();
    m_marks = new Marks(plot(), *this);
    applyTokens(currentTokens());
    const auto replot = [this] {
        if (isVisible()) {
            plot()->layer(QStringLiteral("overlay"))->replot();
        }
    };
    connect(m_hoverState, &HoverState::changed, this, replot);
    connect(m_viewState, &ViewState::changed, this, replot);
}

void RowPlot::applyTokens(const Tokens &tokens) const
{
    FigurePlot::applyTokens(tokens);
    const std::pair<QCPBars *, QColor> fills[] = {
        {m_other, tokens.notSelected}, {m_needed, tokens.selectedNeeded}, {m_little, tokens.selectedLittle}};
    for (const auto &[bars, colour] : fills) {
        bars->setPen(Qt::NoPen);
        bars->setBrush(colour);
    }
    m_missed->setPen(QPen(tokens.missed, 2));
    m_missed->setBrush(tokens.panel);
    m_marks->colours = tokens;
}

void RowPlot::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_row = std::move(row);
    showBars();
    replotShown();
}

void RowPlot::showBars()
{
    const std::array<QCPBars *, 4> all{m_other, m_needed, m_little, m_missed};
    QVector<double> x[4], y[4];
    double low = 0, high = 0;
    const int count = m_row ? static_cast<int>(m_row->order.size()) : 0;
    for (int rank = 1; rank <= count; ++rank) {
        const int key = m_row->order[static_cast<std::size_t>(rank) - 1];
        const double value = barValue(*m_row, key);
        if (!std::isfinite(value)) {
            continue;
        }
        low = std::min(low, value);
        high = std::max(high, value);
        const KeyState state =
            m_row->hasSelection ? m_row->row.state[static_cast<std::size_t>(key)] : KeyState::Neither;
        const int of = state == KeyState::SelectedNeeded   ? 1
                       : state == KeyState::SelectedLittle ? 2
                       : state == KeyState::Missed         ? 3
                                                           : 0;
        x[of].push_back(rank);
        y[of].push_back(value);
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i]->setWidth(count > 160 ? 1 : 0.8);
        all[i]->setData(x[i], y[i], true);
    }
    labelValues();
    plot()->xAxis->setRange(0.4, std::max(2, count) + 0.6);
    const double span = std::max(high - low, 1e-12);
    plot()->yAxis->setRange(low < 0 ? low - 0.04 * span : 0, high > 0 ? high + 0.14 * span : 0.1 * span);
    if (m_row) {
        setAccessibleDescription(QStringLiteral("%1 keys of query %2, %3 selected")
                                     .arg(count)
                                     .arg(m_row->request.query)
                                     .arg(m_row->hasSelection ? m_row->selected : count));
    }
}

void RowPlot::labelValues()
{
    const bool low = height() < kShortLabelBelow;
    plot()->yAxis->ticker()->setTickCount(low ? 2 : 5);
    plot()->yAxis->setLabel(m_row && !m_row->hasIndexer
                                ? (low ? QStringLiteral("Weight") : QStringLiteral("Attention weight"))
                            : low ? QStringLiteral("Score")
                                  : QStringLiteral("Indexer score"));
}

void RowPlot::resizeEvent(QResizeEvent *event)
{
    labelValues();
    FigurePlot::resizeEvent(event);
}

int RowPlot::keyAt(QPoint position) const
{
    if (!m_row || !plot()->axisRect()->rect().contains(position)) {
        return -1;
    }
    const auto rank = static_cast<int>(std::lround(plot()->xAxis->pixelToCoord(position.x())));
    return rank >= 1 && rank <= static_cast<int>(m_row->order.size()) ? m_row->order[static_cast<std::size_t>(rank) - 1]
                                                                      : -1;
}

QPoint RowPlot::barCentre(int rank) const
{
    return QPoint(static_cast<int>(plot()->xAxis->coordToPixel(rank)), plot()->axisRect()->rect().center().y()) +
           plot()->pos();
}

bool RowPlot::eventFilter(QObject *watched, QEvent *event)
{
    if (event->type() == QEvent::Leave) {
        m_hoverState->clearCell();
    } else if (event->type() == QEvent::MouseMove && m_row) {
        const int key = keyAt(static_cast<QMouseEvent *>(event)->pos());
        key >= 0 ? m_hoverState->setCell(m_row->request.query, key) : m_hoverState->clearCell();
    } else if (event->type() == QEvent::MouseButtonPress && m_row) {
        auto *mouse = static_cast<QMouseEvent *>(event);
        if (const int key = keyAt(mouse->pos()); key >= 0 && mouse->button() == Qt::LeftButton) {
            m_viewState->setCell(m_row->request.query, key);
        }
    }
    return QWidget::eventFilter(watched, event);
}

QString RowPlot::figureTitle() const
{
    if (!m_row) {
        return {};
    }
    const Snapshot &snapshot = *m_row->request.snapshot;
    return QStringLiteral("Keys of query %1, layer %2, step %3")
        .arg(m_row->request.query)
        .arg(snapshot.layers[static_cast<std::size_t>(m_row->request.layer)].layer)
        .arg(countText(snapshot.step));
}

void RowPlot::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    painter.save();
    painter.setFont(uiFont(13, QFont::DemiBold));
    painter.setPen(tokens.text);
    painter.drawText(QRectF(12, 6, size.width() - 24, 20), Qt::AlignLeft | Qt::AlignVCenter, figureTitle());
    painter.setFont(uiFont(11));
    double left = 14;
    const std::pair<QString, QColor> legend[] = {{stateText(KeyState::SelectedNeeded), tokens.selectedNeeded},
                                                 {stateText(KeyState::SelectedLittle), tokens.selectedLittle},
                                                 {stateText(KeyState::Missed), tokens.missed},
                                                 {QStringLiteral("Not selected"), tokens.notSelected}};
    for (const auto &[words, colour] : legend) {
        const bool outline = colour == tokens.missed;
        painter.setPen(outline ? QPen(colour, 2) : QPen(Qt::NoPen));
        painter.setBrush(outline ? QBrush(tokens.panel) : QBrush(colour));
        painter.drawRect(QRectF(left, 32, 12, 9));
        painter.setPen(tokens.text2);
        const double width = QFontMetricsF(painter.font()).horizontalAdvance(words);
        painter.drawText(QRectF(left + 17, 28, width + 4, 16), Qt::AlignVCenter, words);
        left += width + 36;
    }
    paintPlot(painter, size, 48, tokens);
    painter.restore();
}

QString RowPlot::csv() const
{
    QString text = QStringLiteral("rank,key,token,state,score,attention");
    if (!m_row) {
        return text + QLatin1Char('\n');
    }
    const RowAnswer &row = *m_row;
    const Snapshot &snapshot = *row.request.snapshot;
    const std::size_t visible = row.row.attention.size();
    const std::size_t heads = row.row.terms.size() / std::max<std::size_t>(1, visible);
    for (std::size_t head = 0; head < heads; ++head) {
        text += QStringLiteral(",term_%1").arg(head);
    }
    text += QLatin1Char('\n');
    for (std::size_t rank = 0; rank < row.order.size(); ++rank) {
        const auto key = static_cast<std::size_t>(row.order[rank]);
        text += QStringLiteral("%1,%2,%3,%4,%5,%6")
                    .arg(QString::number(rank + 1), QString::number(key),
                         csvText(key < snapshot.words.size() ? QString::fromStdString(snapshot.words[key]) : QString()),
                         row.hasSelection ? csvWord(row.row.state[key]) : QStringLiteral("read"),
                         row.hasIndexer ? csvNumber(row.row.score[key]) : QString(), csvNumber(row.row.attention[key]));
        for (std::size_t head = 0; head < heads; ++head) {
            text += QLatin1Char(',') + csvNumber(row.row.terms[head * visible + key]);
        }
        text += QLatin1Char('\n');
    }
    return text;
}

nlohmann::ordered_json RowPlot::exportContext() const
{
    if (!m_row) {
        return nlohmann::ordered_json();
    }
    const Snapshot &snapshot = *m_row->request.snapshot;
    nlohmann::ordered_json context = snapshotContext(figureTitle(), snapshot);
    context["layer"] = snapshot.layers[static_cast<std::size_t>(m_row->request.layer)].layer;
    context["query"] = m_row->request.query;
    if (m_row->hasIndexer && std::isfinite(m_row->row.threshold)) {
        context["threshold"] = m_row->row.threshold;
    }
    return context;
}

} // namespace sparsescope
