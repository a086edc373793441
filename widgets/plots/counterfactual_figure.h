#pragma once

#include "core/base/counterfactual_table.h"
#include "widgets/plots/view.h"

#include <QRectF>

#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

class RunData;
struct StoredSummary;

/// What trained models answer with the keys of each selector: a block a length, a column a k, a row a selector, a dot a run.
/// Tasks: share of the answers with every token right; else the loss over the dense attention of the same weights, in nats.
class CounterfactualFigure : public ExportableView {
public:
    CounterfactualFigure(CounterfactualFigure &&) = default; // a copy would point into the tables of the other
    /// `tables`: of runs that differ in length and seed alone (`group`: "sparse/recipe_joint"), at least one.
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
    /// All runs of one length.
    struct Block {
        int length = 0;
        std::vector<const Counterfactual *> tables;
        std::vector<std::int64_t> topK;
    };
    /// One value a run that has it.
    std::vector<double> valuesOf(const Block &block, const Line &line, std::int64_t topK) const;
    double blockHeight() const;
    std::optional<double> valueOf(const Counterfactual &table, const Line &line, std::int64_t topK) const;
    QString axisText() const;
    void paintColumn(QPainter &painter, const QRectF &box, const Block &block, std::int64_t topK,
                     const Tokens &tokens) const;

    std::vector<Counterfactual> m_tables;
    std::string m_experiment, m_group, m_question;
    bool m_exact;
    std::vector<Block> m_blocks; ///< by length; of m_tables
    std::vector<Line> m_lines;
    double m_full = 1; ///< right end of every column's axis
};

/// The tables that `counterfactual` stored in those of `runs` that differ from `like` in length and seed only. Throws Failure
/// where there is none.
CounterfactualFigure counterfactualFigureOf(const std::vector<RunData *> &runs, const RunData &like);
/// The same of an experiment whose runs are elsewhere, like its first sparse run.
CounterfactualFigure counterfactualFigureOf(const StoredSummary &summary);

} // namespace sparsescope
