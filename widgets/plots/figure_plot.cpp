#include "widgets/plots/figure_plot.h"

#include "widgets/plots/plot_canvas.h"
#include "widgets/plots/plot_vectors.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <qcustomplot.h>

#include <QVBoxLayout>

namespace sparsescope {

FigurePlot::FigurePlot(const QString &xLabel, int labelFrom, QWidget *parent)
    : QWidget(parent)
    , m_plot(makePlotCanvas(this))
    , m_xLabel(xLabel)
    , m_labelFrom(labelFrom)
{
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_plot);
    m_plot->setMinimumSize(0, 0);
    m_plot->setAutoAddPlottableToLegend(false);
    m_plot->xAxis->setLabel(m_xLabel);
}

void FigurePlot::applyTokens(const Tokens &tokens) const
{
    m_plot->setBackground(QBrush(tokens.panel));
    for (QCPAxis *axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setBasePen(QPen(tokens.hint, 1));
        axis->setTickPen(QPen(tokens.border, 1));
        axis->setTickLabelFont(uiFont(11));
        axis->setTickLabelColor(tokens.text2);
        axis->setLabelFont(uiFont(12));
        axis->setLabelColor(tokens.text2);
        axis->setTickLength(0);
        axis->setSubTicks(false);
        axis->setTickLabelPadding(4);
        axis->setLabelPadding(3);
        axis->grid()->setPen(QPen(tokens.grid, 1));
        axis->grid()->setZeroLinePen(QPen(tokens.hint, 1));
    }
}

void FigurePlot::paintPlot(QPainter &painter, QSizeF size, int top, const Tokens &tokens) const
{
    applyTokens(tokens);
    m_plot->xAxis->setLabel(m_xLabel);
    paintVectors(painter, QPointF(0, top), *m_plot,
                 QSize(static_cast<int>(size.width()), static_cast<int>(size.height()) - top));
    applyTokens(currentTokens());
    labelAxis();
    replotShown();
}

void FigurePlot::labelAxis() const
{
    m_plot->xAxis->setLabel(height() < m_labelFrom ? QString() : m_xLabel); // bars and curves before words
}

void FigurePlot::replotShown() const
{
    if (isVisible()) {
        m_plot->replot(QCustomPlot::rpQueuedReplot);
    }
}

void FigurePlot::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    labelAxis();
}

void FigurePlot::showEvent(QShowEvent *event)
{
    QWidget::showEvent(event);
    replotShown();
}

void FigurePlot::changeEvent(QEvent *event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        applyTokens(currentTokens());
        replotShown();
    }
}

} // namespace sparsescope
