#include "widgets/panels/metrics_panel.h"

#include "core/base/metric_table.h"
#include "widgets/panels/sparkline.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QMouseEvent>
#include <QPainter>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kRowHeight = 24, kTop = 34;
constexpr int kUnitWidth = 50, kValueWidth = 56, kTrendWidth = 40, kGap = 5;
constexpr int kTrendFrom = 300; ///< px of panel width
constexpr int kRefreshMilliseconds = 40;

enum class Form { Decimal, Share, Plain, Bytes, Tokens, PerSecond };
struct ShownMetric {
    const char *metric;
    Form form;
    bool ruleAbove = false;
    const char *name = nullptr; ///< where the panel shows something else than the metric itself
};
/// In the order of the panel; what each is called stands in core/base/metric_table. Times are those of one step, and say
/// so: on the Compare page stands the median over all of them.
constexpr ShownMetric kShown[] = {
    {"train.loss", Form::Decimal},
    {"val.loss", Form::Decimal},
    {"val.perplexity", Form::Plain},
    {"val.accuracy", Form::Share},
    {"val.exact", Form::Share},
    {"val.bits_per_byte", Form::Decimal},
    {"indexer.kl", Form::Decimal},
    {"indexer.kl_uniform", Form::Decimal},
    {"indexer.captured", Form::Decimal},
    {"grad.norm", Form::Plain},
    {"grad.indexer", Form::Plain},
    {"selection.mass_kept", Form::Decimal},
    {"selection.mass_kept.worst", Form::Decimal},
    {"selection.recall", Form::Share},
    {"oracle.recall.best_layer", Form::Share},
    {"selection.sink_kept", Form::Share},
    {"selection.look_back", Form::Plain},
    {"selection.churn", Form::Plain},
    {"selection.pairs_kept", Form::Share},
    {"moe.load_max", Form::Plain},
    {"time.step", Form::PerSecond, true, "Speed, last step"},
    {"time.tokens_per_s", Form::Tokens, false, "Throughput, last step"},
    {"memory.device", Form::Bytes},
    {"memory.host", Form::Bytes},
};

/// The unit of the value as the panel writes it.
QString unitText(const MetricInfo &metric, Form form)
{
    switch (form) {
    case Form::Share:
        return QStringLiteral("%");
    case Form::Bytes:
        return QStringLiteral("GB");
    case Form::Tokens:
        return QStringLiteral("k tok/s");
    case Form::PerSecond:
        return QStringLiteral("steps/s");
    case Form::Decimal:
    case Form::Plain:
        break;
    }
    return metric.unit == "share" ? QString() : QString::fromStdString(metric.unit);
}

QString explanation(const MetricInfo &metric)
{
    QString text = QString::fromStdString(metric.key + " = " + metric.formula);
    if (!metric.chance.empty()) {
        text += QStringLiteral("\nby chance: ") + QString::fromStdString(metric.chance);
    }
    return text;
}

QString valueText(double value, Form form)
{
    switch (form) {
    case Form::Decimal:
        return lossText(value);
    case Form::Share:
        return percentText(value).chopped(2); // the unit stands in its own column
    case Form::Plain:
        return significantText(value);
    case Form::Bytes:
        return QString::number(value / 1e9, 'f', 2);
    case Form::Tokens:
        return significantText(value / 1e3);
    case Form::PerSecond:
        return value > 0 ? significantText(1 / value) : unknownText();
    }
    return unknownText();
}

} // namespace

QString metricText(const std::string &metric)
{
    const MetricInfo *info = metricInfo(metric);
    return QString::fromStdString(info && info->key == metric ? info->label : metric);
}

MetricsPanel::MetricsPanel(QWidget *parent)
    : QWidget(parent)
    , m_refresh(this, kRefreshMilliseconds, [this] { update(); })
{
    setObjectName(QStringLiteral("metricsList"));
    setAccessibleName(QStringLiteral("Metrics"));
    setMouseTracking(true);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Expanding);
}

void MetricsPanel::setRun(RunData *run, const QString &title)
{
    if (m_run != nullptr && m_run != run) {
        disconnect(m_run, nullptr, &m_refresh, nullptr);
    }
    if (run != nullptr && m_run != run) {
        connect(run, &RunData::seriesChanged, &m_refresh, &VisibleRefresh::request);
        connect(run, &RunData::stateChanged, &m_refresh, &VisibleRefresh::request);
    }
    m_run = run;
    m_title = title;
    update();
}

void MetricsPanel::update()
{
    m_refresh.done();
    const std::size_t before = m_rows.size();
    m_rows.clear();
    for (const ShownMetric &shown : kShown) {
        const auto value = m_run ? m_run->last(shown.metric) : std::nullopt;
        const MetricInfo *info = metricInfo(shown.metric);
        if (value && info) {
            const QString name = shown.name ? QString::fromUtf8(shown.name) : QString::fromStdString(info->label);
            m_rows.push_back(
                {shown.metric, name, valueText(*value, shown.form), unitText(*info, shown.form), shown.ruleAbove});
        }
    }
    if (before != m_rows.size()) {
        setMinimumHeight(sizeHint().height());
    }
    QStringList words;
    for (const Row &row : m_rows) {
        words << row.label + QLatin1Char(' ') + row.value + QLatin1Char(' ') + row.unit;
    }
    setAccessibleDescription(words.join(QStringLiteral(", ")));
    QWidget::update();
}

QSize MetricsPanel::sizeHint() const
{
    return {280, kTop + kRowHeight * std::max(1, static_cast<int>(m_rows.size())) + 10};
}

int MetricsPanel::rowAt(QPoint position) const
{
    const int row = position.y() < kTop ? -1 : (position.y() - kTop) / kRowHeight;
    return row >= 0 && row < static_cast<int>(m_rows.size()) ? row : -1;
}

void MetricsPanel::paintEvent(QPaintEvent *)
{
    const Tokens &t = currentTokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.panel);
    painter.setPen(t.text2);
    painter.setFont(uiFont(12, QFont::DemiBold));
    const QString title = m_run ? QStringLiteral("%1, step %2").arg(m_title, countText(m_run->step()))
                                : QStringLiteral("No run selected");
    painter.drawText(QRect(10, 8, width() - 20, 20), Qt::AlignLeft | Qt::AlignVCenter, title);
    if (m_run && m_rows.empty()) {
        painter.setFont(uiFont(12));
        painter.setPen(t.hint);
        painter.drawText(QRect(10, kTop, width() - 20, kRowHeight), Qt::AlignLeft | Qt::AlignVCenter,
                         m_run->state() == RunState::Failed
                             ? QStringLiteral("No values: it failed before the first step")
                             : QStringLiteral("No values yet"));
    }
    for (std::size_t index = 0; index < m_rows.size(); ++index) {
        const Row &row = m_rows[index];
        const QRect box(0, kTop + kRowHeight * static_cast<int>(index), width(), kRowHeight);
        if (static_cast<int>(index) == m_hovered) {
            painter.fillRect(box, t.hover);
        }
        if (row.ruleAbove && index > 0) {
            painter.fillRect(QRect(0, box.top(), width(), 1), t.grid);
        }
        const bool trend = width() >= kTrendFrom;
        const int trendRight = kUnitWidth + kGap + kValueWidth;
        const QRect words = box.adjusted(10, 0, -trendRight - (trend ? kTrendWidth + kGap : 0), 0);
        painter.setFont(uiFont(12));
        painter.setPen(t.text);
        painter.drawText(words, Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(row.label, Qt::ElideRight, words.width()));
        painter.setFont(monoFont(13));
        painter.drawText(box.adjusted(0, 0, -kUnitWidth - kGap, 0), Qt::AlignRight | Qt::AlignVCenter, row.value);
        painter.setFont(uiFont(12));
        painter.setPen(t.text2);
        painter.drawText(QRect(width() - kUnitWidth, box.top(), kUnitWidth, kRowHeight),
                         Qt::AlignLeft | Qt::AlignVCenter, row.unit);
        if (trend) {
            paintSparkline(painter,
                           QRectF(width() - trendRight - kTrendWidth, box.top() + 6, kTrendWidth, kRowHeight - 12),
                           m_run->series(row.metric), t.text2, 1.2);
        }
    }
}

void MetricsPanel::mousePressEvent(QMouseEvent *event)
{
    const int row = rowAt(event->pos());
    if (event->button() == Qt::LeftButton && row >= 0) {
        Q_EMIT metricChosen(m_rows[static_cast<std::size_t>(row)].metric);
    }
}

void MetricsPanel::mouseMoveEvent(QMouseEvent *event)
{
    m_hovered = rowAt(event->pos());
    const MetricInfo *info = m_hovered < 0 ? nullptr : metricInfo(m_rows[static_cast<std::size_t>(m_hovered)].metric);
    setToolTip(info ? explanation(*info) : QString());
    QWidget::update();
}

void MetricsPanel::leaveEvent(QEvent *)
{
    m_hovered = -1;
    QWidget::update();
}

} // namespace sparsescope
