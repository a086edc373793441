#pragma once

#include <QWidget>

namespace sparsescope {

/// Colours of the indexer heads, and which way their terms go.
class HeadLegend : public QWidget {
    Q_OBJECT

public:
    explicit HeadLegend(QWidget *parent = nullptr);
    void setHeads(int heads); ///< 0: nothing to say

    QSize sizeHint() const override { return {260, 20}; }
    QSize minimumSizeHint() const override { return {60, 20}; }

protected:
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    int m_heads = 0;
};

} // namespace sparsescope
