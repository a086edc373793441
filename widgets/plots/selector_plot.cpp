#include "widgets/plots/selector_plot.h"

#include "widgets/plots/compare_paper.h"
#include "widgets/plots/plot_graphs.h"
#include "widgets/plots/plot_tickers.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kLowHeight = 130;
constexpr double kLegendRow = 20;

} // namespace

SelectorLook selectorLook(const std::string &selector, Family family, const Tokens &t)
{
    if (selector == "lightning") {
        return {isSparse(family) ? familyColour(family, t) : t.dsa, Marker::Square, false, true};
    }
    if (selector == "oracle") {
        return {t.text, Marker::Circle, true, false};
    }
    if (selector == "random") {
        return {t.hint, Marker::Square, true, false};
    }
    if (selector == "untrained") {
        return {t.heads[3], Marker::Circle, false, false};
    }
    if (selector == "recency") {
        return {t.heads[1], Marker::Triangle, false, false};
    }
    return {selector == "sink-window" ? t.heads[0] : t.heads[2], Marker::Diamond, false, false};
}

SelectorPlot::SelectorPlot(QWidget *parent)
    : FigurePlot(QStringLiteral("Keys per query k"), kLowHeight, parent)
{
    setObjectName(QStringLiteral("counterfactualPlot"));
    setAccessibleName(QStringLiteral("Which selector?"));
    plot()->axisRect()->setMinimumMargins({48, 8, 14, 22});
    plot()->xAxis->setScaleType(QCPAxis::stLogarithmic);
    plot()->yAxis->setLabel(QStringLiteral("Loss increase (nats)"));
    setValueTicks(plot()->yAxis, false);
    m_line = new QCPItemStraightLine(plot());
    m_line->setClipToAxisRect(true);
    m_tag = new QCPItemText(plot());
    m_tag->setClipToAxisRect(false);
    m_tag->position->setTypeX(QCPItemPosition::ptPlotCoords);
    m_tag->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
    m_tag->setPositionAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_tag->setPadding({5, 2, 5, 2});
    m_tag->setFont(uiFont(11, QFont::DemiBold));
    connect(plot(), &QCustomPlot::mousePress, this, [this](QMouseEvent *event) {
        if (!hasCurves()) {
            return;
        }
        const double at = std::log(plot()->xAxis->pixelToCoord(event->pos().x()));
        const auto &k = m_content->selectors.topK;
        Q_EMIT topKPicked(*std::min_element(k.begin(), k.end(), [at](std::int64_t a, std::int64_t b) {
            return std::abs(std::log(static_cast<double>(a)) - at) < std::abs(std::log(static_cast<double>(b)) - at);
        }));
    });
    applyTokens(currentTokens());
}

void SelectorPlot::applyTokens(const Tokens &tokens) const
{
    FigurePlot::applyTokens(tokens);
    for (int i = 0; m_content && i < plot()->graphCount(); ++i) {
        const SelectorCurve &curve = m_content->selectors.curves[static_cast<std::size_t>(i)];
        const SelectorLook look = selectorLook(curve.selector, m_content->selectors.family, tokens);
        QPen pen(look.colour, look.bold ? 2.4 : 1.6, look.dashed ? Qt::DashLine : Qt::SolidLine);
        plot()->graph(i)->setPen(pen);
        plot()->graph(i)->setScatterStyle(markerOf(look.marker, look.colour, tokens, 7));
    }
    m_line->setPen(QPen(tokens.cursor, 1));
    m_tag->setColor(tokens.text);
    m_tag->setBrush(tokens.selection);
    m_tag->setPen(Qt::NoPen);
}

void SelectorPlot::setContent(std::shared_ptr<const CompareContent> content)
{
    m_content = std::move(content);
    const SelectorCurves &shown = m_content->selectors;
    while (plot()->graphCount() > static_cast<int>(shown.curves.size())) {
        plot()->removeGraph(plot()->graphCount() - 1);
    }
    while (plot()->graphCount() < static_cast<int>(shown.curves.size())) {
        plot()->addGraph();
    }
    double low = 0, high = 1e-3;
    for (int i = 0; i < plot()->graphCount(); ++i) {
        QVector<double> x, y;
        for (const Point &point : shown.curves[static_cast<std::size_t>(i)].points) {
            x.push_back(point.x);
            y.push_back(point.y);
            low = std::min(low, point.y);
            high = std::max(high, point.y);
        }
        plot()->graph(i)->setData(x, y, true);
    }
    plot()->yAxis->setRange(low - 0.04 * (high - low), high + 0.06 * (high - low));
    if (!shown.topK.empty()) {
        plot()->xAxis->setRange(static_cast<double>(shown.topK.front()) * 0.9,
                                static_cast<double>(shown.topK.back()) * 1.12);
    }
    applyTokens(currentTokens());
    showTopK();
}

void SelectorPlot::setTopK(std::int64_t topK)
{
    m_topK = topK;
    showTopK();
}

void SelectorPlot::showTopK()
{
    const double k = static_cast<double>(std::max<std::int64_t>(1, m_topK));
    auto ticks = QSharedPointer<QCPAxisTickerText>::create();
    for (const std::int64_t tick : m_content ? m_content->selectors.topK : std::vector<std::int64_t>()) {
        // The one that is chosen has a tag in its place.
        ticks->addTick(static_cast<double>(tick), tick == m_topK ? QString() : QString::number(tick));
    }
    plot()->xAxis->setTicker(ticks);
    m_line->point1->setCoords(k, 0);
    m_line->point2->setCoords(k, 1);
    m_tag->position->setCoords(k, 1.015);
    m_tag->setText(QStringLiteral("k = %1").arg(m_topK));
    const bool shown = hasCurves() && m_topK > 0;
    m_line->setVisible(shown);
    m_tag->setVisible(shown);
    QStringList words;
    for (const SelectorCurve &curve : hasCurves() ? m_content->selectors.curves : std::vector<SelectorCurve>()) {
        words << QStringLiteral("%1 %2").arg(curve.title, signedText(valueAt(curve.points, k)));
    }
    setAccessibleDescription(QStringLiteral("At k = %1: ").arg(m_topK) + words.join(QStringLiteral(", ")));
    replotShown();
}

QString SelectorPlot::figureTitle() const
{
    return hasCurves() ? QStringLiteral("Which selector, %1 frozen at step %2")
                             .arg(m_content->selectors.side, countText(m_content->selectors.tables.front().step))
                       : QStringLiteral("Which selector");
}

void SelectorPlot::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    if (!m_content) {
        return;
    }
    paintPaper(painter, size, figureTitle(), *m_content, t);
    constexpr double kLegend = 220;
    painter.save();
    paintPlot(painter, {size.width() - kLegend, size.height() - kPaperFoot}, kPaperTop, t);
    painter.restore();
    double top = kPaperTop + 10;
    const double left = size.width() - kLegend + 10;
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    painter.drawText(QRectF(left, top, kLegend - 26, kLegendRow), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("At k = %1, nats").arg(m_topK));
    for (const SelectorCurve &curve : m_content->selectors.curves) {
        top += kLegendRow;
        const SelectorLook look = selectorLook(curve.selector, m_content->selectors.family, t);
        painter.setPen(QPen(look.colour, look.bold ? 2.4 : 1.6, look.dashed ? Qt::DashLine : Qt::SolidLine));
        painter.drawLine(QPointF(left, top + 10), QPointF(left + 22, top + 10));
        paintMarker(painter, QPointF(left + 11, top + 10), 7, look.marker, look.colour, t.panel);
        painter.setFont(uiFont(12, look.bold ? QFont::DemiBold : QFont::Normal));
        painter.setPen(t.text);
        painter.drawText(QRectF(left + 30, top, 120, kLegendRow), Qt::AlignLeft | Qt::AlignVCenter, curve.title);
        painter.setFont(monoFont(12));
        painter.drawText(QRectF(left, top, kLegend - 26, kLegendRow), Qt::AlignRight | Qt::AlignVCenter,
                         signedText(valueAt(curve.points, static_cast<double>(m_topK))));
    }
    painter.setFont(uiFont(12, QFont::Medium));
    painter.setPen(t.text);
    painter.drawText(QRectF(left, top + kLegendRow + 10, kLegend - 26, 60), Qt::AlignLeft | Qt::TextWordWrap,
                     selectorVerdict(m_content->selectors, m_topK));
}

QString SelectorPlot::csv() const
{
    QString text = QStringLiteral("selector,top_k,loss_increase,runs\n");
    for (const SelectorCurve &curve : hasCurves() ? m_content->selectors.curves : std::vector<SelectorCurve>()) {
        for (const Point &point : curve.points) {
            text += csvText(QString::fromStdString(curve.selector)) + QLatin1Char(',') + csvNumber(point.x) +
                    QLatin1Char(',') + csvNumber(point.y) + QLatin1Char(',') +
                    QString::number(m_content->selectors.tables.size()) + QLatin1Char('\n');
        }
    }
    return text;
}

nlohmann::ordered_json SelectorPlot::exportContext() const
{
    if (!m_content) {
        return {};
    }
    nlohmann::ordered_json context = compareContext(figureTitle(), *m_content);
    context["top_k"] = m_topK;
    context["tables"] = nlohmann::ordered_json::array();
    for (const Counterfactual &table : m_content->selectors.tables) {
        context["tables"].push_back({{"run", table.run}, {"step", table.step}, {"indexer", table.indexer}});
    }
    return context;
}

} // namespace sparsescope
