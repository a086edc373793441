#include "widgets/panels/kernel_table.h"

#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QHeaderView>

#include <array>

namespace sparsescope {
namespace {

enum Column { Operation, Source, Time, Rate, Floor, Difference, Deterministic, Columns };
constexpr double kNoisy = 0.03;

QString sourceText(const MeasuredTiming &timing, bool ours)
{
    return ours                    ? QStringLiteral("built in")
           : timing.name == "aten" ? QStringLiteral("tensor code")
                                   : QString::fromStdString(timing.name);
}

/// "4e-3, passed", "exact, passed"; without the number where none was kept.
QString errorText(const MeasuredRow &row)
{
    const QString verdict = row.right ? QStringLiteral("passed") : QStringLiteral("wrong");
    if (!row.largestError) {
        return verdict;
    }
    return (*row.largestError == 0 ? QStringLiteral("exact") : QString::number(*row.largestError, 'g', 1)) +
           QStringLiteral(", ") + verdict;
}

} // namespace

KernelTable::KernelTable(QWidget *parent)
    : QTableWidget(0, Columns, parent)
{
    setObjectName(QStringLiteral("kernelTable"));
    setAccessibleName(QStringLiteral("Kernels"));
    setHorizontalHeaderLabels({QStringLiteral("Operation"), QStringLiteral("Source"), QStringLiteral("Time"),
                               QStringLiteral("Rate"), QStringLiteral("Of floor"), QStringLiteral("Largest error"),
                               QStringLiteral("Deterministic")});
    horizontalHeaderItem(Difference)
        ->setToolTip(
            QStringLiteral("Against the reference on the same inputs; without a number where the file keeps none"));
    horizontalHeaderItem(Deterministic)
        ->setToolTip(QStringLiteral("The same bits every time; – where it was not measured"));
    horizontalHeaderItem(Time)->setToolTip(QStringLiteral("Median; amber where the quartiles lie more than 3 % apart"));
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
    setStyleSheet(
        QStringLiteral("QTableWidget::item { padding: 0 5px; border: 0; } QHeaderView::section { padding: 4px 5px; }"));
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    horizontalHeader()->setStretchLastSection(true);
    for (int column = Operation; column < Columns; ++column) {
        const bool number = column >= Time && column <= Floor;
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
    const SpeedPoint &point = content.points[static_cast<std::size_t>(index)];
    const auto add = [&](const QString &title, const MeasuredRow &row, const MeasuredTiming &timing, bool ours) {
        const int at = rowCount();
        insertRow(at);
        const bool right = row.right || !ours;
        const Work work = ours || !content.atLength() ? Work{row.flops, row.bytes} : content.baselineWork(point);
        const auto floor = ours || !content.atLength() ? row.floorMicroseconds : work.floor(*content.document);
        const std::array<QString, Columns> words{title,
                                                 sourceText(timing, ours),
                                                 right ? timeText(timing.microseconds) : unknownText(),
                                                 right ? rateText(work, timing.microseconds) : unknownText(),
                                                 right && floor ? percentText(*floor / timing.microseconds)
                                                                : unknownText(),
                                                 ours ? errorText(row) : QStringLiteral("reference"),
                                                 !ours || !row.deterministic ? unknownText()
                                                 : *row.deterministic        ? QStringLiteral("yes")
                                                                             : QStringLiteral("no")};
        for (int column = Operation; column < Columns; ++column) {
            auto *item = new QTableWidgetItem(words[static_cast<std::size_t>(column)]);
            item->setToolTip(column == Source ? QString::fromStdString(timing.backend)
                             : column == Time && right
                                 ? QStringLiteral("%1, spread %2").arg(item->text(), percentText(timing.spread()))
                                 : item->text());
            if (column >= Time && column <= Floor) {
                item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
                item->setFont(monoFont(12));
            }
            if (column == Difference && ours) {
                item->setForeground(row.right ? t.passed : t.failed);
            }
            if (column == Deterministic && ours && row.deterministic == false) {
                item->setForeground(t.check);
            }
            if (column == Time && right && timing.spread() > kNoisy) {
                item->setForeground(t.check);
            }
            setItem(at, column, item);
        }
    };
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
