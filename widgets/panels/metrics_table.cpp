#include "widgets/panels/metrics_table.h"

#include "widgets/plots/compare_paper.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QHeaderView>
#include <QPainter>
#include <QStyledItemDelegate>

#include <cmath>

namespace sparsescope {

namespace {

constexpr int kRowHeight = 26, kPaperRow = 24;
constexpr int kWidths[] = {0, 58, 60, 60, 64, 126, 112}; ///< of the columns; the first takes what is left
constexpr int kLeastName = 128, kVerdictGap = 8;
constexpr double kPaperWidths[] = {230, 80, 80, 80, 90, 160, 140};

const QStringList &titles()
{
    static const QStringList words{QStringLiteral("Metric"), QStringLiteral("Chance"), QStringLiteral("A"),
                                   QStringLiteral("B"),      QStringLiteral("A − B"),  QStringLiteral("95 % CI"),
                                   QStringLiteral("Verdict")};
    return words;
}

bool isNumber(int column) { return column != MetricsTable::Metric && column != MetricsTable::Verdict; }

QString cellText(const MetricRow &row, int column)
{
    switch (column) {
    case MetricsTable::Metric:
        return row.name;
    case MetricsTable::Chance:
        return valueText(row, row.chance);
    case MetricsTable::A:
        return valueText(row, row.a);
    case MetricsTable::B:
        return row.further ? QString() : valueText(row, row.b);
    case MetricsTable::Difference:
        return row.further ? QString() : differenceValueText(row);
    case MetricsTable::Interval:
        return row.further ? QString() : intervalText(row);
    default:
        return row.further ? QStringLiteral("Validation loss") : row.verdict.isEmpty() ? unknownText() : row.verdict;
    }
}

QColor inkOf(const MetricRow &row, int column, const Tokens &t)
{
    if (column < MetricsTable::Difference) {
        return column == MetricsTable::Chance ? t.text2 : t.text;
    }
    if (row.withheld && column == MetricsTable::Verdict) {
        return t.failed;
    }
    switch (row.tone) {
    case MetricRow::Tone::Better:
        return t.passed;
    case MetricRow::Tone::Worse:
        return t.failed;
    case MetricRow::Tone::Neutral:
        break;
    }
    return row.further || row.verdict.isEmpty() ? t.text2 : t.text;
}

/// The words of a verdict, apart from the interval before them.
class VerdictDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

protected:
    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override
    {
        QStyleOptionViewItem moved = option;
        if (option.state & QStyle::State_Selected) {
            painter->fillRect(option.rect, currentTokens().selection);
        }
        moved.rect.adjust(kVerdictGap, 0, 0, 0);
        QStyledItemDelegate::paint(painter, moved, index);
    }
};

/// Why a row says what it says.
QString whyText(const MetricRow &row, const CompareContent &content)
{
    QStringList words;
    if (!row.explanation.isEmpty()) {
        words << row.explanation;
    }
    if (row.withheld) {
        words << content.fault.title + QStringLiteral(": ") + content.fault.text;
    } else if (row.judged && row.difference.n == 2) {
        words << QStringLiteral("Two seeds: better and worse need three.");
    } else if (row.judged && row.difference.n > 2) {
        words << QStringLiteral(
                     "Paired over %1 seeds, t interval. Better and worse stand where Holm's procedure over this "
                     "table allows it and the difference is not negligible.")
                     .arg(row.difference.n);
    } else if (row.difference.n == 1) {
        words << QStringLiteral("One seed: no interval. Two seeds or more of each side have one.");
    }
    return words.join(QLatin1Char('\n'));
}

} // namespace

MetricsTable::MetricsTable(QWidget *parent)
    : QTableWidget(parent)
{
    setObjectName(QStringLiteral("metricsTable"));
    setAccessibleName(QStringLiteral("Metrics"));
    setColumnCount(ColumnCount);
    setHorizontalHeaderLabels(titles());
    for (int column = 0; column < ColumnCount; ++column) {
        horizontalHeaderItem(column)->setTextAlignment((isNumber(column) ? Qt::AlignRight : Qt::AlignLeft) |
                                                       Qt::AlignVCenter);
    }
    horizontalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setStyleSheet(
        QStringLiteral("QHeaderView::section:first { padding-left: 3px; }")); // over its cells
    horizontalHeader()->setMinimumSectionSize(40);
    verticalHeader()->hide();
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    verticalHeader()->setDefaultSectionSize(kRowHeight);
    setItemDelegateForColumn(Verdict, new VerdictDelegate(this));
    setShowGrid(false);
    setAlternatingRowColors(true);
    setFrameShape(QFrame::NoFrame);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setSelectionBehavior(QAbstractItemView::SelectRows);
    setSelectionMode(QAbstractItemView::SingleSelection);
    setWordWrap(false);
    setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    setTabKeyNavigation(false); // Tab goes on to the next view
}

void MetricsTable::setContent(std::shared_ptr<const CompareContent> content)
{
    m_content = std::move(content);
    fill();
}

QString MetricsTable::subtitle(const CompareContent &content)
{
    if (!content.input.a || !content.input.b) {
        return {};
    }
    const int n = content.comparison.steps.statistics.n;
    if (n > 0) {
        return n == 1 ? QStringLiteral("final step, one seed: no interval")
                      : QStringLiteral("final step, %1 paired seeds").arg(n);
    }
    const bool done = !content.input.a->finished().empty() && !content.input.b->finished().empty();
    return done ? QStringLiteral("no seed is on both sides after as many steps: nothing is paired")
                : QStringLiteral("values so far: differences come when both sides are done");
}

void MetricsTable::fill()
{
    if (!m_content) {
        return;
    }
    const Tokens &t = currentTokens();
    setRowCount(static_cast<int>(m_content->rows.size()));
    for (int row = 0; row < rowCount(); ++row) {
        const MetricRow &shown = m_content->rows[static_cast<std::size_t>(row)];
        for (int column = 0; column < ColumnCount; ++column) {
            auto *cell = item(row, column);
            if (cell == nullptr) {
                cell = new QTableWidgetItem;
                setItem(row, column, cell);
            }
            cell->setText(cellText(shown, column));
            cell->setFont(isNumber(column) ? monoFont(12) : uiFont(12));
            cell->setTextAlignment((isNumber(column) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
            cell->setForeground(inkOf(shown, column, t));
            cell->setToolTip(whyText(shown, *m_content));
        }
    }
    fitColumns();
}

void MetricsTable::fitColumns()
{
    int rest = viewport()->width();
    for (int column = 1; column < ColumnCount; ++column) {
        setColumnWidth(column, kWidths[column]);
        rest -= kWidths[column];
    }
    setColumnWidth(Metric, std::max(kLeastName, rest));
}

void MetricsTable::resizeEvent(QResizeEvent *event)
{
    QTableWidget::resizeEvent(event);
    fitColumns();
}

void MetricsTable::changeEvent(QEvent *event)
{
    QTableWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange) {
        fill();
    }
}

QSizeF MetricsTable::figureSize() const
{
    double width = 32;
    for (const double column : kPaperWidths) {
        width += column;
    }
    const double rows = m_content ? static_cast<double>(m_content->rows.size()) : 0;
    return {width, kPaperTop + kPaperRow * (rows + 1) + kPaperFoot + 12};
}

void MetricsTable::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    if (!m_content) {
        return;
    }
    paintPaper(painter, size, figureTitle() + QStringLiteral(", ") + subtitle(*m_content), *m_content, t);
    const auto line = [&](double top, const auto &textOf, const auto &inkFor) {
        double left = 16;
        for (int column = 0; column < ColumnCount; ++column) {
            painter.setFont(isNumber(column) ? monoFont(12) : uiFont(12));
            painter.setPen(inkFor(column));
            const QRectF box(left + (column == Verdict ? 14 : 0), top, kPaperWidths[column], kPaperRow);
            painter.drawText(box, (isNumber(column) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter,
                             textOf(column));
            left += kPaperWidths[column];
        }
    };
    line(
        kPaperTop, [](int column) { return titles()[column]; }, [&](int) { return t.text2; });
    painter.setPen(QPen(t.border, 1));
    painter.drawLine(QPointF(16, kPaperTop + kPaperRow), QPointF(size.width() - 16, kPaperTop + kPaperRow));
    double top = kPaperTop + kPaperRow;
    for (const MetricRow &row : m_content->rows) {
        line(
            top, [&](int column) { return cellText(row, column); }, [&](int column) { return inkOf(row, column, t); });
        top += kPaperRow;
    }
}

QString MetricsTable::csv() const
{
    QString text = QStringLiteral("metric,name,chance,a,b,difference,n,low,high,verdict\n");
    const double unknown = std::nan("");
    for (const MetricRow &row : m_content ? m_content->rows : std::vector<MetricRow>()) {
        const PairedDifference &s = row.difference;
        const bool shown = s.ci95 && !row.withheld;
        text += QStringLiteral("%1,%2,").arg(row.key, csvText(row.name)) + csvNumber(row.chance.value_or(unknown)) +
                QLatin1Char(',') + csvNumber(row.a.value_or(unknown)) + QLatin1Char(',') +
                csvNumber(row.b.value_or(unknown)) + QLatin1Char(',') + csvNumber(s.mean.value_or(unknown)) +
                QLatin1Char(',') + QString::number(s.n) + QLatin1Char(',') + csvNumber(shown ? s.ci95->low : unknown) +
                QLatin1Char(',') + csvNumber(shown ? s.ci95->high : unknown) + QLatin1Char(',') + csvText(row.verdict) +
                QLatin1Char('\n');
    }
    return text;
}

nlohmann::ordered_json MetricsTable::exportContext() const
{
    return m_content ? compareContext(figureTitle(), *m_content) : nlohmann::ordered_json();
}

} // namespace sparsescope
