#pragma once

#include "widgets/plots/speed_content.h"
#include "widgets/plots/view.h"

#include <QTableWidget>

#include <memory>
#include <optional>
#include <vector>

namespace sparsescope {

/// Every candidate of one point: time, rate, share of the floor, and whether it equalled the reference. What did not has no time.
class KernelTable : public QTableWidget, public ExportableView {
    Q_OBJECT

public:
    explicit KernelTable(QWidget *parent = nullptr);

    void setPoint(std::shared_ptr<const SpeedContent> content, int index);

    QString figureTitle() const override;
    QSizeF figureSize() const override;
    bool isTable() const override { return true; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override;
    nlohmann::ordered_json exportContext() const override;

private:
    /// One candidate.
    struct Line {
        QString title;
        const MeasuredRow *row;
        const MeasuredTiming *timing;
        bool ours;
        Work work; ///< its own: a dense core does another than the parts' sum
        std::optional<double> floorMicroseconds;
        bool right() const { return row->right || !ours; }
    };
    static QString textOf(const Line &line, int column);
    static QColor inkOf(const Line &line, int column, const Tokens &tokens, const QColor &usual);

    std::shared_ptr<const SpeedContent> m_content;
    int m_point = 0;
    std::vector<Line> m_lines;
};

} // namespace sparsescope
