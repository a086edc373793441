#pragma once

#include <QWidget>

#include <vector>

namespace sparsescope {

/// How much of the indexer's score each of its heads gives: a bar and a percentage a head.
class HeadShare : public QWidget {
    Q_OBJECT

public:
    explicit HeadShare(QWidget *parent = nullptr);

    void setShares(std::vector<double> shares); ///< sum 1
    const std::vector<double> &shares() const { return m_shares; }

    QSize sizeHint() const override { return {240, 21 * static_cast<int>(m_shares.size())}; }
    QSize minimumSizeHint() const override { return {160, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    std::vector<double> m_shares;
};

} // namespace sparsescope
