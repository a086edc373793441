#include "widgets/plots/headline.h"

namespace sparsescope {

qsizetype headlineLength(const QString &question, const QFontMetrics &metrics, int width)
{
    const qsizetype mark = question.indexOf(QLatin1Char('?'));
    const qsizetype asked = mark > 0 ? mark + 1 : question.size();
    const qsizetype sentence = question.indexOf(QStringLiteral(". ")) + 1;
    return metrics.horizontalAdvance(question.left(asked)) > width && sentence > 0 && sentence < asked ? sentence
                                                                                                       : asked;
}

} // namespace sparsescope
