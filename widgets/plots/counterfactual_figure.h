#pragma once

#include "core/base/counterfactual_table.h"
#include "widgets/plots/view.h"

#include <QRectF>

#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class RunData;

/// What trained models answer with the keys of each selector: a column a k, a row a selector, a dot a run. Tasks: share of the
/// answers with every token right; else the loss over the dense attention of the same weights, in nats.
class CounterfactualFigure : public ExportableView {
public:
    /// `tables`: of one group of seeds (`group`: "seq_64/sparse"), at least one.
    CounterfactualFigure(std::vector<Counterfactual> tables, std::string experiment, std::string group,
                         std::string question);

    QString figureTitle() const override;
    QSizeF figureSize() const override;
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< run,selector,top_k,value
    nlohmann::ordered_json exportContext() const override;

private:
    struct Line {
        std::string selector; ///< empty: dense attention
        QString title;
    };
    /// One value a run that has it.
    std::vector<double> valuesOf(const Line &line, std::int64_t topK) const;
    std::optional<double> valueOf(const Counterfactual &table, const Line &line, std::int64_t topK) const;
    QString axisText() const;
    void paintColumn(QPainter &painter, const QRectF &box, std::int64_t topK, const Tokens &tokens) const;

    std::vector<Counterfactual> m_tables;
    std::string m_experiment, m_group, m_question;
    bool m_exact;
    std::vector<std::int64_t> m_topK;
    std::vector<Line> m_lines;
    double m_full = 1; ///< right end of every column's axis
};

/// The tables that `counterfactual` stored in those of `runs` that differ from `like` in the seed only. Throws Failure where there
/// is none.
CounterfactualFigure counterfactualFigureOf(const std::vector<RunData *> &runs, const RunData &like);

} // namespace sparsescope
