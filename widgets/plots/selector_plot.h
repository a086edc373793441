#pragma once

#include "widgets/plots/compare_content.h"
#include "widgets/plots/figure_plot.h"
#include "widgets/plots/plot_graphs.h"

#include <memory>
#include <vector>

class QCPItemStraightLine;
class QCPItemText;

namespace sparsescope {

/// How a selector is drawn: no two alike without colour.
struct SelectorLook {
    QColor colour;
    Marker marker = Marker::Circle;
    bool dashed = false, bold = false;
};
SelectorLook selectorLook(const std::string &selector, Family family, const Tokens &tokens);

/// What a frozen model loses over its dense attention when another selector chooses its keys, against the keys a query.
class SelectorPlot : public FigurePlot {
    Q_OBJECT

public:
    explicit SelectorPlot(QWidget *parent = nullptr);

    void setContent(std::shared_ptr<const CompareContent> content);
    void setTopK(std::int64_t topK);
    std::int64_t topK() const { return m_topK; }
    bool hasCurves() const { return m_content && !m_content->selectors.curves.empty(); }

    QString figureTitle() const override;
    QSizeF figureSize() const override { return {760, 520}; }
    double smallestWidth() const override { return 600; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< selector,top_k,loss_increase,runs
    nlohmann::ordered_json exportContext() const override;

    QSize sizeHint() const override { return {300, 240}; }
    QSize minimumSizeHint() const override { return {180, 150}; }

Q_SIGNALS:
    void topKPicked(std::int64_t topK); ///< by a click

protected:
    void applyTokens(const Tokens &tokens) const override;

private:
    void showTopK();

    std::shared_ptr<const CompareContent> m_content;
    std::int64_t m_topK = 0;
    QCPItemStraightLine *m_line;
    QCPItemText *m_tag;
};

} // namespace sparsescope
