#pragma once

#include "widgets/plots/compare_content.h"
#include "widgets/style/tokens.h"

#include <QSizeF>

class QPainter;

/// What every exported figure of the Compare page has around it.
namespace sparsescope {

inline constexpr int kPaperTop = 54, kPaperFoot = 24;

/// "DSA k32, seeds 0–2 against Classic, seeds 0–2".
QString sidesText(const CompareContent &content);
/// Ground, title with both sides below it, and at the foot the check that withholds a verdict.
void paintPaper(QPainter &painter, QSizeF size, const QString &title, const CompareContent &content,
                const Tokens &tokens);

} // namespace sparsescope
