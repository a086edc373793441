#include "widgets/panels/log_panel.h"

#include "widgets/style/combo_box.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QDateTime>
#include <QEvent>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QTextBlock>
#include <QTextCursor>
#include <QTextDocument>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

namespace {

QString levelWord(LogLevel level)
{
    switch (level) {
    case LogLevel::Info:
        return QStringLiteral("Info");
    case LogLevel::Check:
        return QStringLiteral("Check");
    case LogLevel::Saved:
        return QStringLiteral("Saved");
    case LogLevel::Error:
        return QStringLiteral("Error");
    }
    return {};
}

QColor levelColour(LogLevel level, const Tokens &t)
{
    switch (level) {
    case LogLevel::Info:
        return t.hint;
    case LogLevel::Check:
        return t.check;
    case LogLevel::Saved:
        return t.passed;
    case LogLevel::Error:
        return t.failed;
    }
    return t.text;
}

} // namespace

LogPanel::LogPanel(QWidget *parent)
    : QWidget(parent)
    , m_view(new QPlainTextEdit(this))
    , m_filter(new ComboBox(this))
{
    setObjectName(QStringLiteral("logPanel"));
    m_view->setObjectName(QStringLiteral("logView"));
    m_view->setAccessibleName(QStringLiteral("Log"));
    m_view->setReadOnly(true);
    m_view->setLineWrapMode(QPlainTextEdit::WidgetWidth);
    m_view->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_view->setMaximumBlockCount(static_cast<int>(kLines));
    m_view->document()->setDocumentMargin(5);
    m_view->setFrameShape(QFrame::NoFrame);
    m_filter->setObjectName(QStringLiteral("logFilter"));
    m_filter->setAccessibleName(QStringLiteral("Messages shown"));
    m_filter->addItems({QStringLiteral("All messages"), QStringLiteral("Checks and errors"), QStringLiteral("Errors")});
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_view);
    connect(m_filter, &QComboBox::currentIndexChanged, this, &LogPanel::rebuild);
    QScrollBar *bar = m_view->verticalScrollBar();
    connect(bar, &QScrollBar::valueChanged, this, [this, bar](int value) { m_atEnd = value >= bar->maximum() - 1; });
    connect(bar, &QScrollBar::rangeChanged, this, [this, bar](int, int maximum) { // also when it is first laid out
        if (m_atEnd) {
            bar->setValue(maximum);
        }
    });
    m_rebuild.setSingleShot(true);
    m_rebuild.setInterval(0);
    connect(&m_rebuild, &QTimer::timeout, this, &LogPanel::rebuild);
}

bool LogPanel::shown(const Line &line) const
{
    const LogLevel level = line.record.level;
    return m_filter->currentIndex() == 0 || level == LogLevel::Error ||
           (m_filter->currentIndex() == 1 && level == LogLevel::Check);
}

QString LogPanel::html(const Line &line) const
{
    const Tokens &t = currentTokens();
    const QDateTime at =
        QDateTime::fromSecsSinceEpoch(static_cast<qint64>(line.record.wall), m_utc ? Qt::UTC : Qt::LocalTime);
    const QString level = levelWord(line.record.level);
    const QString words =
        (line.run.isEmpty() ? QString() : line.run + QStringLiteral(": ")) + QString::fromStdString(line.record.text);
    return QStringLiteral(
               "<span style=\"color:%1\">%2</span>&nbsp;&nbsp;<span style=\"color:%3\">%4</span>%5&nbsp;&nbsp;%6")
        .arg(t.hint.name(), at.toString(QStringLiteral("HH:mm:ss")), levelColour(line.record.level, t).name(), level,
             QStringLiteral("&nbsp;").repeated(5 - level.size()),
             words.toHtmlEscaped().replace(QLatin1Char('\n'), QLatin1Char(' ')));
}

void LogPanel::append(const LogRecord &record, const QString &run)
{
    if (m_lines.size() >= kLines) {
        m_lines.erase(m_lines.begin(), m_lines.begin() + kLines / 10);
    }
    if (!m_lines.empty() &&
        record.wall < m_lines.back().record.wall) { // several stored runs: lines by time, whoever wrote them
        const auto later = std::upper_bound(m_lines.begin(), m_lines.end(), record.wall,
                                            [](double wall, const Line &line) { return wall < line.record.wall; });
        m_lines.insert(later, {record, run});
        m_rebuild.start();
        return;
    }
    m_lines.push_back({record, run});
    if (shown(m_lines.back())) {
        QScrollBar *bar = m_view->verticalScrollBar();
        const bool atEnd = m_atEnd;
        const int position = bar->value();
        m_view->appendHtml(html(m_lines.back()));
        bar->setValue(atEnd ? bar->maximum() : position);
    }
}

void LogPanel::clear()
{
    m_lines.clear();
    m_view->clear();
}

bool LogPanel::showLastError(const std::string &run)
{
    const auto found = std::find_if(m_lines.rbegin(), m_lines.rend(), [&](const Line &line) {
        return line.record.level == LogLevel::Error && line.record.run == run;
    });
    if (found == m_lines.rend()) {
        return false;
    }
    const auto block = std::count_if(m_lines.begin(), found.base() - 1, [&](const Line &line) { return shown(line); });
    QTextCursor cursor(m_view->document()->findBlockByNumber(static_cast<int>(block)));
    cursor.select(QTextCursor::LineUnderCursor);
    m_view->setTextCursor(cursor);
    m_view->centerCursor();
    return true;
}

void LogPanel::rebuild()
{
    m_view->clear();
    for (const Line &line : m_lines) {
        if (shown(line)) {
            m_view->appendHtml(html(line));
        }
    }
    m_atEnd = true;
    m_view->verticalScrollBar()->setValue(m_view->verticalScrollBar()->maximum());
    m_view->horizontalScrollBar()->setValue(0);
}

void LogPanel::changeEvent(QEvent *event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange) {
        rebuild();
    }
}

} // namespace sparsescope
