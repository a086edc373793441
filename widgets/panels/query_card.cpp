#include "widgets/panels/query_card.h"

#include "widgets/panels/role_label.h"
#include "widgets/panels/value_list.h"
#include "widgets/plots/state_legend.h"
#include "widgets/plots/token_strip.h"
#include "widgets/state/number_text.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kContextTokens = 14; // before the query, and half of it after

/// Words as they read in running text: spaces kept, line ends as pilcrows.
QString runningText(const Snapshot &snapshot, int from, int to)
{
    QString text;
    for (int i = std::max(0, from); i < std::min(to, static_cast<int>(snapshot.words.size())); ++i) {
        QString word = QString::fromStdString(snapshot.words[static_cast<std::size_t>(i)]);
        text += word.replace(QLatin1Char('\n'), QChar(0x00B6));
    }
    return text.toHtmlEscaped();
}

} // namespace

QueryCard::QueryCard(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_viewState(viewState)
    , m_text(makeLabel({}, "title", this))
    , m_context(makeLabel({}, "mono", this))
    , m_up(makeArrow("queryUp", QStringLiteral("Previous query"), Icon::Up, -1))
    , m_down(makeArrow("queryDown", QStringLiteral("Next query"), Icon::Down, 1))
    , m_statistics(new ValueList(Qt::Horizontal, this))
    , m_tokens(new TokenStrip(viewState, hoverState, this))
    , m_legend(new StateLegend(Qt::Horizontal, this))
{
    setProperty("role", "card");
    m_text->setObjectName(QStringLiteral("queryText"));
    m_context->setTextFormat(Qt::RichText);
    m_context->setMinimumWidth(40);
    m_context->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_statistics->setObjectName(QStringLiteral("rowStats"));
    m_statistics->setAccessibleName(QStringLiteral("Query statistics"));
    auto *scroll = new QScrollArea(this);
    scroll->setWidget(m_tokens);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->viewport()->setAutoFillBackground(false);
    m_tokens->setAutoFillBackground(false);
    scroll->setMinimumHeight(62);

    auto *heading = new QHBoxLayout;
    heading->setSpacing(8);
    heading->addWidget(m_text);
    heading->addWidget(m_context, 1);
    heading->addWidget(m_up);
    heading->addWidget(m_down);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(14, 8, 12, 8);
    column->setSpacing(7);
    column->addLayout(heading);
    column->addWidget(m_statistics);
    column->addWidget(scroll, 1);
    column->addWidget(m_legend);
}

QToolButton *QueryCard::makeArrow(const char *name, const QString &words, Icon icon, int by)
{
    auto *button = new QToolButton(this);
    button->setObjectName(QLatin1String(name));
    button->setAccessibleName(words);
    button->setToolTip(words);
    button->setIcon(makeIcon(icon));
    button->setIconSize({14, 14});
    button->setAutoRepeat(true);
    button->setProperty("role", "icon");
    connect(button, &QToolButton::clicked, this, [this, by] { setQueryBy(by); });
    return button;
}

void QueryCard::setQueryBy(int rows)
{
    if (m_row) {
        m_viewState->setQuery(std::clamp(m_row->request.query + rows, 0, m_row->request.snapshot->length() - 1));
    }
}

void QueryCard::setSnapshot(std::shared_ptr<const Snapshot> snapshot) { m_tokens->setSnapshot(std::move(snapshot)); }

void QueryCard::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_row = std::move(row);
    m_tokens->setRow(m_row);
    if (m_row) {
        showRow();
    }
}

void QueryCard::showRow()
{
    const RowAnswer &row = *m_row;
    const Snapshot &snapshot = *row.request.snapshot;
    const int t = row.request.query;
    const QString word = t < static_cast<int>(snapshot.words.size())
                             ? QStringLiteral(" “%1”").arg(shownToken(snapshot.words[static_cast<std::size_t>(t)]))
                             : QString();
    m_text->setText(QStringLiteral("Query %1%2").arg(t).arg(word));
    const Tokens &c = currentTokens();
    m_context->setText(
        QStringLiteral(
            "<span style='color:%1;white-space:pre'>in %2</span><span style='background:%3;color:%4;white-space:pre'>%5"
            "</span><span style='color:%6;white-space:pre'>%7</span>")
            .arg(c.text2.name(), runningText(snapshot, t - kContextTokens, t), c.text.name(), c.panel.name(),
                 runningText(snapshot, t, t + 1), c.hint.name(),
                 runningText(snapshot, t + 1, t + 1 + kContextTokens / 2)));
    m_up->setEnabled(t > 0);
    m_down->setEnabled(t + 1 < snapshot.length());
    showStatistics();
    m_legend->setVisible(row.hasSelection);
    m_legend->setTaskShown(!snapshot.needed.empty());
}

void QueryCard::showStatistics()
{
    const RowAnswer &row = *m_row;
    ValueList::Values values;
    if (row.hasSelection) {
        values = {{QStringLiteral("Mass kept"), shareText(row.massKept)},
                  {QStringLiteral("Random keys"), shareText(row.randomKeys)},
                  {QStringLiteral("In dense top-k"), QStringLiteral("%1 of %2").arg(row.needed).arg(row.topKeys)},
                  {QStringLiteral("Missed"), QString::number(row.missed)},
                  {QStringLiteral("Missed mass"), QString::number(row.missedMass, 'f', 3)}};
        if (row.taskNeeded > 0) {
            values.emplace_back(QStringLiteral("Needed by the task"),
                                QStringLiteral("%1 of %2 selected").arg(row.taskNeededSelected).arg(row.taskNeeded));
        }
    } else {
        values = {{QStringLiteral("Visible keys"), QString::number(row.request.query + 1)},
                  {QStringLiteral("Selection"), QStringLiteral("every key")}};
    }
    m_statistics->setValues(values);
}

void QueryCard::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange && m_row) {
        showRow(); // the words around the query have the theme's colours
    }
    QFrame::changeEvent(event);
}

} // namespace sparsescope
