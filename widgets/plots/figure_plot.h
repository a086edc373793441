#pragma once

#include "widgets/plots/view.h"

#include <QWidget>

class QCustomPlot;

namespace sparsescope {

/// What the row and the distance plot share: axes in the theme's colours, a label under them where there is room, no work
/// while off the screen, and a way onto paper.
class FigurePlot : public QWidget, public ExportableView {
    Q_OBJECT

public:
    /// Lower than `labelFrom` px the plot does without the label of its x axis.
    FigurePlot(const QString &xLabel, int labelFrom, QWidget *parent = nullptr);

protected:
    /// Subclasses colour what they have added after this.
    virtual void applyTokens(const Tokens &tokens) const;
    /// Into the box below `top`, with vector text where the device has it.
    void paintPlot(QPainter &painter, QSizeF size, int top, const Tokens &tokens) const;
    void replotShown() const;
    QCustomPlot *plot() const { return m_plot; }

    void changeEvent(QEvent *event) override;
    void showEvent(QShowEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void labelAxis() const;

    QCustomPlot *m_plot;
    QString m_xLabel;
    int m_labelFrom;
};

} // namespace sparsescope
