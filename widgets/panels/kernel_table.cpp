#include "widgets/panels/kernel_table.h"

#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QPainter>

#include <utility>

namespace sparsescope {
namespace {

enum Column { Operation, Source, Time, Rate, Floor, Difference, Deterministic, Columns };
constexpr double kNoisy = 0.03;
constexpr double kPaperSide = 16, kPaperTop = 54, kPaperRow = 24, kPaperGap = 12;
constexpr double kPaperWidths[] = {190, 110, 90, 110, 80, 130, 100};

bool isNumber(int column) { return column >= Time && column <= Floor; }

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
        QStringLiteral("QTableWidget::item { padding: 0 5px; border: 0; } QHeaderView::section { padding: 4px 8px; }"));
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    horizontalHeader()->setStretchLastSection(true);
    for (int column = Operation; column < Columns; ++column) {
        horizontalHeaderItem(column)->setTextAlignment((isNumber(column) ? Qt::AlignRight : Qt::AlignLeft) |
                                                       Qt::AlignVCenter);
    }
}

QString KernelTable::textOf(const Line &line, int column)
{
    const double time = line.timing->microseconds;
    switch (column) {
    case Operation:
        return line.title;
    case Source:
        return sourceText(*line.timing, line.ours);
    case Time:
        return line.right() ? timeText(time) : unknownText();
    case Rate:
        return line.right() ? rateText(line.work, time) : unknownText();
    case Floor:
        return line.right() && line.floorMicroseconds ? percentText(*line.floorMicroseconds / time) : unknownText();
    case Difference:
        return line.ours ? errorText(*line.row) : QStringLiteral("reference");
    default:
        return !line.ours || !line.row->deterministic ? unknownText()
               : *line.row->deterministic             ? QStringLiteral("yes")
                                                      : QStringLiteral("no");
    }
}

QColor KernelTable::inkOf(const Line &line, int column, const Tokens &t, const QColor &usual)
{
    if (column == Difference && line.ours) {
        return line.row->right ? t.passed : t.failed;
    }
    const bool varies = column == Deterministic && line.ours && line.row->deterministic == false;
    const bool noisy = column == Time && line.right() && line.timing->spread() > kNoisy;
    return varies || noisy ? t.check : usual;
}

void KernelTable::setPoint(std::shared_ptr<const SpeedContent> content, int index)
{
    setRowCount(0);
    m_lines.clear();
    m_content = std::move(content);
    m_point = index;
    if (index >= static_cast<int>(m_content->points.size())) {
        return;
    }
    const SpeedPoint &point = m_content->points[static_cast<std::size_t>(index)];
    for (const SpeedPiece &piece : point.pieces) {
        if (piece.row != point.whole) {
            m_lines.push_back({piece.title,
                               piece.row,
                               &piece.row->timings.front(),
                               true,
                               {piece.row->flops, piece.row->bytes},
                               piece.row->floorMicroseconds});
        }
    }
    for (const MeasuredTiming &timing : point.whole->timings) {
        const bool ours = &timing == &point.whole->timings.front();
        const bool dense = !ours && m_content->atLength();
        const Work work = dense ? m_content->baselineWork(point) : Work{point.whole->flops, point.whole->bytes};
        m_lines.push_back({dense ? m_content->baselineTitle : operationTitle(point.whole->op), point.whole, &timing,
                           ours, work, dense ? work.floor(*m_content->document) : point.whole->floorMicroseconds});
    }
    const Tokens &t = currentTokens();
    for (const Line &line : m_lines) {
        const int at = rowCount();
        insertRow(at);
        for (int column = Operation; column < Columns; ++column) {
            auto *item = new QTableWidgetItem(textOf(line, column));
            item->setToolTip(column == Source ? QString::fromStdString(line.timing->backend)
                             : column == Time && line.right()
                                 ? QStringLiteral("%1, spread %2").arg(item->text(), percentText(line.timing->spread()))
                                 : item->text());
            if (isNumber(column)) {
                item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
                item->setFont(monoFont(12));
            }
            item->setForeground(inkOf(line, column, t, t.text));
            setItem(at, column, item);
        }
    }
}

QString KernelTable::figureTitle() const
{
    return m_lines.empty()
               ? QStringLiteral("Kernels")
               : QStringLiteral("Kernels at %1").arg(m_content->points[static_cast<std::size_t>(m_point)].label);
}

QSizeF KernelTable::figureSize() const
{
    double width = 2 * kPaperSide;
    for (const double column : kPaperWidths) {
        width += column;
    }
    return {width, kPaperTop + kPaperRow * (static_cast<double>(m_lines.size()) + 1) + 12};
}

void KernelTable::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    painter.fillRect(QRectF({}, size), t.panel);
    const auto words = [&](double top, const QString &text, const QFont &font, const QColor &ink) {
        painter.setFont(font);
        painter.setPen(ink);
        const double room = size.width() - 2 * kPaperSide;
        painter.drawText(QRectF(kPaperSide, top, room, 22), Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(text, Qt::ElideRight, static_cast<int>(room)));
    };
    words(8, figureTitle(), uiFont(15, QFont::DemiBold), t.text);
    if (m_lines.empty()) {
        return;
    }
    const BenchDocument &document = *m_content->document;
    words(29,
          measurementTitle(document) + (document.measured.empty() ? QString() : QStringLiteral(" · ")) +
              QString::fromStdString(document.measured),
          uiFont(12), t.text2);
    const auto line = [&](double top, const auto &textAt, const auto &inkAt) {
        double left = kPaperSide;
        for (int column = Operation; column < Columns; ++column) {
            painter.setFont(isNumber(column) ? monoFont(12) : uiFont(12));
            painter.setPen(inkAt(column));
            const QRectF box(left, top, kPaperWidths[column] - kPaperGap, kPaperRow);
            painter.drawText(
                box, (isNumber(column) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter,
                painter.fontMetrics().elidedText(textAt(column), Qt::ElideRight, static_cast<int>(box.width())));
            left += kPaperWidths[column];
        }
    };
    line(
        kPaperTop, [this](int column) { return horizontalHeaderItem(column)->text(); }, [&](int) { return t.text2; });
    painter.setPen(QPen(t.border, 1));
    painter.drawLine(QPointF(kPaperSide, kPaperTop + kPaperRow),
                     QPointF(size.width() - kPaperSide, kPaperTop + kPaperRow));
    double top = kPaperTop + kPaperRow;
    for (const Line &one : m_lines) {
        line(
            top, [&](int column) { return textOf(one, column); },
            [&](int column) { return inkOf(one, column, t, t.text); });
        top += kPaperRow;
    }
}

QString KernelTable::csv() const
{
    QString text = QStringLiteral(
        "operation,source,us,lower_us,upper_us,flops,bytes,of_floor,largest_error,right,deterministic\n");
    for (const Line &line : m_lines) {
        const MeasuredTiming &timing = *line.timing;
        const bool known = line.work.bytes > 0;
        const auto time = [&](double value) { return line.right() ? csvNumber(value) : QString(); };
        const auto flag = [](bool yes) { return yes ? QStringLiteral("1") : QStringLiteral("0"); };
        text += QStringList{csvText(line.title),
                            csvText(sourceText(timing, line.ours)),
                            time(timing.microseconds),
                            time(timing.lower),
                            time(timing.upper),
                            known ? csvNumber(line.work.flops) : QString(),
                            known ? csvNumber(line.work.bytes) : QString(),
                            line.floorMicroseconds ? time(*line.floorMicroseconds / timing.microseconds) : QString(),
                            line.ours && line.row->largestError ? csvNumber(*line.row->largestError) : QString(),
                            line.ours ? flag(line.row->right) : QString(),
                            line.ours && line.row->deterministic ? flag(*line.row->deterministic) : QString()}
                    .join(QLatin1Char(',')) +
                QLatin1Char('\n');
    }
    return text;
}

nlohmann::ordered_json KernelTable::exportContext() const
{
    if (m_lines.empty()) {
        return {};
    }
    nlohmann::ordered_json context = measurementContext(*m_content->document);
    context["point"] = m_content->points[static_cast<std::size_t>(m_point)].label.toStdString();
    return context;
}

} // namespace sparsescope
