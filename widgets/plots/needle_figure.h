#pragma once

#include "core/base/needle_table.h"
#include "widgets/plots/view.h"

#include <QRectF>

#include <cstdint>
#include <string>
#include <vector>

namespace sparsescope {

class RunData;
struct StoredSummary;

/// How often the needle is found, as heat tables: a panel a setting (family, keys, positions), a row a length, a column a part of
/// the haystack, in every cell the share of exact answers over all seeds. Beside each row the share over all depths with
/// Wilson's interval, and how often the place to copy from was among the selected keys.
class NeedleFigure : public ExportableView {
public:
    /// `tables`: of one experiment, at least one.
    NeedleFigure(std::vector<NeedleTable> tables, std::string experiment, std::string question);

    QString figureTitle() const override;
    QSizeF figureSize() const override;
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< panel,length,top_k,depth,answers,exact,share,low,high
    nlohmann::ordered_json exportContext() const override;

private:
    QRectF boxOf(std::size_t panel) const;
    void paintPanel(QPainter &painter, const QRectF &box, const NeedlePanel &panel, const Tokens &tokens) const;
    void paintScale(QPainter &painter, const QRectF &box, const Tokens &tokens) const;

    std::vector<NeedleTable> m_tables;
    std::string m_experiment, m_question;
    std::vector<NeedlePanel> m_panels;
    std::vector<std::int64_t> m_lengths; ///< of all panels: rows of one length stand side by side
    std::size_t m_depths = 1;
};

/// The tables that `needle` stored in those of `runs`. Throws Failure where there is none.
NeedleFigure needleFigureOf(const std::vector<RunData *> &runs, const RunData &like);
NeedleFigure needleFigureOf(const StoredSummary &summary);

} // namespace sparsescope
