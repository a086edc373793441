#include "widgets/plots/position_plot.h"

#include "widgets/plots/compare_paper.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"

#include <QPainter>

namespace sparsescope {

PositionPlot::PositionPlot(QWidget *parent)
    : SeriesPlot(parent)
{
    setObjectName(QStringLiteral("positionPlot"));
    setAccessibleName(QStringLiteral("Loss by position"));
}

void PositionPlot::setContent(std::shared_ptr<const CompareContent> content)
{
    m_content = std::move(content);
    SeriesPlot::setContent(m_content->position);
    QStringList words;
    for (const PlotCurve &curve : m_content->position.curves) {
        words << QStringLiteral("%1: first eighth %2, last %3")
                     .arg(curve.name, lossText(curve.points.front().y), lossText(curve.points.back().y));
    }
    setAccessibleDescription(words.isEmpty() ? m_content->position.empty : words.join(QStringLiteral(", ")));
}

void PositionPlot::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    if (!m_content) {
        return;
    }
    paintPaper(painter, size, figureTitle(), *m_content, tokens);
    painter.translate(6, kPaperTop);
    const_cast<PositionPlot *>(this)->paint( // leaves the plot as it found it
        painter, QSize(static_cast<int>(size.width()) - 12, static_cast<int>(size.height()) - kPaperTop - kPaperFoot),
        tokens);
    painter.translate(-6, -kPaperTop);
}

QString PositionPlot::csv() const
{
    QString text = QStringLiteral("series,from,to,loss\n");
    for (const PlotCurve &curve : m_content ? m_content->position.curves : std::vector<PlotCurve>()) {
        for (std::size_t i = 0; i + 1 < curve.points.size(); i += 2) { // a step: both of its ends
            text += csvText(curve.name) + QLatin1Char(',') + csvNumber(curve.points[i].x) + QLatin1Char(',') +
                    csvNumber(curve.points[i + 1].x) + QLatin1Char(',') + csvNumber(curve.points[i].y) +
                    QLatin1Char('\n');
        }
    }
    return text;
}

nlohmann::ordered_json PositionPlot::exportContext() const
{
    return m_content ? compareContext(figureTitle(), *m_content) : nlohmann::ordered_json();
}

} // namespace sparsescope
