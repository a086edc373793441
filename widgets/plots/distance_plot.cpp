#include "widgets/plots/distance_plot.h"

#include "widgets/plots/snapshot_context.h"
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

constexpr int kLowHeight = 120;

} // namespace

DistancePlot::DistancePlot(QWidget *parent)
    : FigurePlot(QStringLiteral("Distance t − s (log scale)"), kLowHeight, parent)
{
    setObjectName(QStringLiteral("distancePlot"));
    setAccessibleName(QStringLiteral("Average by distance"));
    plot()->setPlottingHints(QCP::phFastPolylines | QCP::phCacheLabels);
    plot()->axisRect()->setMinimumMargins({42, 22, 18, 20});
    plot()->xAxis->setScaleType(QCPAxis::stLogarithmic);
    plot()->yAxis->setRange(0, 1.03);
    auto ticks = QSharedPointer<QCPAxisTickerText>::create();
    for (const double y : {0.0, 0.5, 1.0}) {
        ticks->addTick(y, QString::number(y, 'g', 2));
    }
    plot()->yAxis->setTicker(ticks);
    m_selected = plot()->addGraph();
    m_attention = plot()->addGraph();
    // Above the curves: inside there is no corner that stays free at every snapshot.
    const auto words = [this](const QString &text, double x) {
        auto *item = new QCPItemText(plot());
        item->setText(text);
        item->position->setType(QCPItemPosition::ptAxisRectRatio);
        item->position->setTypeY(QCPItemPosition::ptAbsolute);
        item->position->setCoords(x, 10);
        item->setClipToAxisRect(false);
        item->setPositionAlignment(Qt::AlignRight | Qt::AlignVCenter);
        item->setPadding({4, 0, 4, 0});
        item->setFont(uiFont(11, QFont::DemiBold));
        return item;
    };
    m_selectedWords = words(QStringLiteral("share selected"), 0.6);
    m_attentionWords = words(QStringLiteral("attention, peak = 1"), 1);
    applyTokens(currentTokens());
}

void DistancePlot::applyTokens(const Tokens &tokens) const
{
    FigurePlot::applyTokens(tokens);
    m_selected->setPen(QPen(tokens.selectedNeeded, 2));
    QPen dashes(tokens.dsa, 1.6);
    dashes.setDashPattern({4, 2});
    m_attention->setPen(dashes);
    m_selectedWords->setColor(tokens.selectedNeeded);
    m_attentionWords->setColor(wordsColour(tokens.dsa, tokens));
    for (QCPItemText *item : {m_selectedWords, m_attentionWords}) {
        item->setBrush(tokens.panel);
        item->setPen(Qt::NoPen);
    }
}

void DistancePlot::setPicture(std::shared_ptr<const LayerPicture> picture)
{
    if (picture && !picture->complete) {
        return;
    }
    m_picture = std::move(picture);
    QVector<double> x, attention, selectedX, selected;
    int longest = 2;
    if (m_picture) {
        const DistanceProfile &profile = m_picture->distance;
        double peak = 0;
        // A logarithmic axis starts at 1: a query's own token has no place on it.
        for (std::size_t d = 1; d < profile.attention.size(); ++d) {
            if (std::isfinite(profile.attention[d])) {
                peak = std::max(peak, static_cast<double>(profile.attention[d]));
                longest = std::max(longest, static_cast<int>(d));
            }
        }
        for (std::size_t d = 1; d < profile.attention.size(); ++d) {
            if (std::isfinite(profile.attention[d]) && peak > 0) {
                x.push_back(static_cast<double>(d));
                attention.push_back(profile.attention[d] / peak);
            }
            if (d < profile.selected.size() && std::isfinite(profile.selected[d])) {
                selectedX.push_back(static_cast<double>(d));
                selected.push_back(profile.selected[d]);
            }
        }
    }
    m_attention->setData(x, attention, true);
    m_selected->setData(selectedX, selected, true);
    m_selectedWords->setVisible(!selected.isEmpty());
    m_attentionWords->setVisible(!x.isEmpty());
    auto ticks = QSharedPointer<QCPAxisTickerText>::create();
    for (int d = 1; d < longest * 0.75; d *= 2) {
        ticks->addTick(d, QString::number(d));
    }
    ticks->addTick(longest, QString::number(longest));
    plot()->xAxis->setTicker(ticks);
    plot()->xAxis->setRange(1, longest);
    replotShown();
}

QString DistancePlot::figureTitle() const
{
    return m_picture ? QStringLiteral("Average by distance, layer %1, step %2")
                           .arg(m_picture->layer().layer)
                           .arg(countText(m_picture->request.snapshot->step))
                     : QString();
}

void DistancePlot::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    painter.save();
    painter.setFont(uiFont(13, QFont::DemiBold));
    painter.setPen(tokens.text);
    painter.drawText(QRectF(12, 6, size.width() - 24, 20), Qt::AlignLeft | Qt::AlignVCenter,
                     figureTitle() + QStringLiteral(", rows t ≥ k"));
    paintPlot(painter, size, 30, tokens);
    painter.restore();
}

QString DistancePlot::csv() const
{
    QString text = QStringLiteral("distance,share_selected,attention\n");
    if (!m_picture) {
        return text;
    }
    const DistanceProfile &profile = m_picture->distance;
    for (std::size_t d = 0; d < profile.attention.size(); ++d) {
        text += QStringLiteral("%1,%2,%3\n")
                    .arg(QString::number(d), d < profile.selected.size() ? csvNumber(profile.selected[d]) : QString(),
                         csvNumber(profile.attention[d]));
    }
    return text;
}

nlohmann::ordered_json DistancePlot::exportContext() const
{
    if (!m_picture) {
        return nlohmann::ordered_json();
    }
    nlohmann::ordered_json context = snapshotContext(figureTitle(), *m_picture->request.snapshot);
    context["layer"] = m_picture->layer().layer;
    return context;
}

} // namespace sparsescope
