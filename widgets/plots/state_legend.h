#pragma once

#include <QWidget>

namespace sparsescope {

/// What the colours of keys mean, in a row or as a column.
class StateLegend : public QWidget {
    Q_OBJECT

public:
    /// Text: the query and the task's needed keys are explained too, as the token strip shows them. Bars: keys by rank.
    enum class Use { Text, Bars };
    StateLegend(Use use, Qt::Orientation orientation, QWidget *parent = nullptr);
    void setTaskShown(bool shown);

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;
    bool hasHeightForWidth() const override { return m_orientation == Qt::Horizontal; }
    int heightForWidth(int width) const override { return walk(nullptr, width); }

protected:
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    /// Lays out, and paints when there is a painter; returns the height.
    int walk(QPainter *painter, int width) const;

    Use m_use;
    Qt::Orientation m_orientation;
    bool m_taskShown = false;
};

} // namespace sparsescope
