#pragma once

#include "widgets/plots/comparison.h"
#include "widgets/style/tokens.h"

#include <QRectF>
#include <QString>

#include <optional>
#include <vector>

class QPainter;

/// What stands beside the curves of a comparison: bars, and the final losses seed by seed.
namespace sparsescope {

struct ResultRow {
    QString label;
    const SeedValues *values = nullptr; ///< of the comparison, which must outlive it
    Family family = Family::Classic;
    int variant = 0;
    bool reference = false; ///< what is compared with: grey and hatched
};
/// Bars under one heading.
struct ResultSection {
    QString title, hint;
    std::vector<ResultRow> rows;
    double full = 1;   ///< right end of the bars
    bool share = true; ///< in per cent
    std::optional<double> chance;
};
/// Of the longest length: there, choosing keys matters most. Without a row there is no section.
std::vector<ResultSection> resultSections(const Comparison &comparison);

double heightOf(const std::vector<ResultSection> &sections);
void paintSections(QPainter &painter, const QRectF &box, const std::vector<ResultSection> &sections,
                   const Tokens &tokens);

/// The final losses of a length without their curves: a row a group, a dot a seed.
double heightOfSeeds(const Comparison &comparison);
void paintSeeds(QPainter &painter, const QRectF &box, const Comparison &comparison, const Tokens &tokens);

} // namespace sparsescope
