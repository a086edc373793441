#include "widgets/panels/kernel_table.h"

#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QHeaderView>

#include <array>

namespace sparsescope {
namespace {

enum Column { Operation, Source, Time, Rate, Floor, Spread, Check, Columns };
constexpr double kNoisy = 0.03;

} // namespace

KernelTable::KernelTable(QWidget *parent)
    : QTableWidget(0, Columns, parent)
{
    setObjectName(QStringLiteral("kernelTable"));
    setAccessibleName(QStringLiteral("Kernels"));
    setHorizontalHeaderLabels({QStringLiteral("Operation"), QStringLiteral("Source"), QStringLiteral("Time"),
                               QStringLiteral("Rate"), QStringLiteral("Of floor"), QStringLiteral("Spread"),
                               QStringLiteral("Check")});
    verticalHeader()->hide();
    verticalHeader()->setDefaultSectionSize(26);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setSelectionBehavior(QAbstractItemView::SelectRows);
    setTabKeyNavigation(false); // Tab goes on to the next view
    setAlternatingRowColors(true);
    setShowGrid(false);
    setFrameShape(QFrame::NoFrame);
    setWordWrap(false);
    // Numbers of neighbouring columns do not touch.
    setStyleSheet(QStringLiteral("QTableWidget::item { padding: 0 8px; border: 0; } QHeaderView::section { padding: 4px 8px; }"));
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    horizontalHeader()->setSectionResizeMode(Source, QHeaderView::Stretch);
    for (int column = Operation; column < Columns; ++column) {
        const bool number = column >= Time && column <= Spread;
        horizontalHeaderItem(column)->setTextAlignment((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    }
}

void KernelTable::setPoint(const SpeedContent &content, int index)
{
    setRowCount(0);
    if (index >= static_cast<int>(content.points.size())) {
        return;
    }
    const Tokens &t = currentTokens();
    const auto add = [&](const QString &title, const MeasuredRow &row, const MeasuredTiming &timing, bool ours) {
        const int at = rowCount();
        insertRow(at);
        const bool right = row.right || !ours;
        const bool rated = ours || !content.atLength(); // the dense core does another work than the parts' sum
        const std::array<QString, Columns> words{
            title,
            (ours ? QStringLiteral("built in: ") : QString()) + QString::fromStdString(timing.backend),
            right ? timeText(timing.microseconds) : unknownText(),
            right && rated ? rateText(row, timing.microseconds) : unknownText(),
            right && rated && row.floorMicroseconds ? percentText(*row.floorMicroseconds / timing.microseconds)
                                                    : unknownText(),
            right ? percentText(timing.spread()) : unknownText(),
            !ours       ? QStringLiteral("reference")
            : row.right ? QStringLiteral("passed")
                        : QStringLiteral("wrong")};
        for (int column = Operation; column < Columns; ++column) {
            auto *item = new QTableWidgetItem(words[static_cast<std::size_t>(column)]);
            item->setToolTip(item->text());
            if (column >= Time && column <= Spread) {
                item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
                item->setFont(monoFont(12));
            }
            if (column == Check && ours) {
                item->setForeground(row.right ? t.passed : t.failed);
            }
            if (column == Spread && right && timing.spread() > kNoisy) {
                item->setForeground(t.check);
            }
            setItem(at, column, item);
        }
    };
    const SpeedPoint &point = content.points[static_cast<std::size_t>(index)];
    for (const SpeedPiece &piece : point.pieces) {
        if (piece.row != point.whole) {
            add(piece.title, *piece.row, piece.row->timings.front(), true);
        }
    }
    for (const MeasuredTiming &timing : point.whole->timings) {
        const bool ours = &timing == &point.whole->timings.front();
        add(!ours && content.atLength() ? content.baselineTitle : operationTitle(point.whole->op), *point.whole, timing,
            ours);
    }
}

} // namespace sparsescope
