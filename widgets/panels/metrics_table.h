#pragma once

#include "widgets/plots/compare_content.h"
#include "widgets/plots/view.h"

#include <QTableWidget>

#include <memory>

namespace sparsescope {

/// Metrics of both sides: chance, A, B, A - B with its interval, and the verdict in words; further runs below.
class MetricsTable : public QTableWidget, public ExportableView {
    Q_OBJECT

public:
    enum Column { Metric, Chance, A, B, Difference, Interval, Verdict, ColumnCount };

    explicit MetricsTable(QWidget *parent = nullptr);

    void setContent(std::shared_ptr<const CompareContent> content);
    /// "final step, 3 paired seeds", "nothing is paired yet".
    static QString subtitle(const CompareContent &content);

    QString figureTitle() const override { return QStringLiteral("Metrics of both sides"); }
    QSizeF figureSize() const override;
    bool isTable() const override { return true; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< metric,chance,a,b,difference,n,low,high,verdict
    nlohmann::ordered_json exportContext() const override;

protected:
    void changeEvent(QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void fill();
    void fitColumns();

    std::shared_ptr<const CompareContent> m_content;
};

} // namespace sparsescope
