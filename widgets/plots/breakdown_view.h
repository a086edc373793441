#pragma once

#include "widgets/plots/painted_figure.h"
#include "widgets/plots/speed_content.h"

#include <memory>
#include <utility>
#include <vector>

namespace sparsescope {

/// Where the time of one point goes: arithmetic, memory traffic and time of ours in its parts, the baseline's time above it, and
/// what would remain if a part ran at its floor.
class BreakdownView : public PaintedFigure {
    Q_OBJECT

public:
    explicit BreakdownView(QWidget *parent = nullptr);

    void setPoint(std::shared_ptr<const SpeedContent> content, int index);

    /// "Now", "Indexer at its floor", ... with the factor against the baseline; empty where nothing stands against it.
    std::vector<std::pair<QString, double>> gains() const;

    QString figureTitle() const override;
    QSizeF figureSize() const override { return {480, 420}; }
    QString csv() const override; ///< part,flops,bytes,us,floor_us; the dense core first
    nlohmann::ordered_json exportContext() const override;

protected:
    void paintBody(QPainter &painter, const QRectF &box, const Tokens &tokens, bool onScreen) const override;

private:
    const SpeedPoint *point() const;
    bool hasDense() const;
    Work denseWork() const;
    double heightOf(bool wide) const; ///< of all that is to be said, in one of two settings
    /// Returns the height at which they end.
    double paintBars(QPainter &painter, const QRectF &box, bool wide, const Tokens &tokens) const;

    std::shared_ptr<const SpeedContent> m_content;
    int m_point = 0;
};

} // namespace sparsescope
