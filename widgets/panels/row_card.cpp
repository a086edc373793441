#include "widgets/panels/row_card.h"

#include "widgets/panels/head_legend.h"
#include "widgets/panels/key_table.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/value_list.h"
#include "widgets/plots/row_plot.h"
#include "widgets/plots/state_legend.h"
#include "widgets/state/number_text.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QEvent>
#include <QSignalBlocker>
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

RowCard::RowCard(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_viewState(viewState)
    , m_text(makeLabel({}, "title", this))
    , m_context(makeLabel({}, "mono", this))
    , m_up(makeArrow("queryUp", QStringLiteral("Previous query"), Icon::Up, -1))
    , m_down(makeArrow("queryDown", QStringLiteral("Next query"), Icon::Down, 1))
    , m_statistics(new ValueList(Qt::Horizontal, this))
    , m_legend(new StateLegend(StateLegend::Use::Bars, Qt::Horizontal, this))
    , m_plot(new RowPlot(viewState, hoverState, this))
    , m_table(new KeyTable(viewState, hoverState, this))
    , m_headLegend(new HeadLegend(this))
    , m_head(new ComboBox(this))
    , m_all(new QCheckBox(QStringLiteral("All keys"), this))
{
    setProperty("role", "card");
    m_text->setObjectName(QStringLiteral("queryText"));
    m_context->setTextFormat(Qt::RichText);
    m_context->setMinimumWidth(40);
    m_context->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_statistics->setObjectName(QStringLiteral("rowStats"));
    m_statistics->setAccessibleName(QStringLiteral("Query statistics"));
    m_head->setObjectName(QStringLiteral("attentionHeadCombo"));
    m_head->setAccessibleName(QStringLiteral("Attention column"));
    m_head->fitContents(); // its entries come with the first row
    m_head->setToolTip(QStringLiteral("Whose attention the table shows"));
    m_all->setObjectName(QStringLiteral("allKeysBox"));
    m_all->setAccessibleName(m_all->text());
    connect(m_all, &QCheckBox::toggled, m_table, &KeyTable::setAllKeys);
    connect(m_head, &QComboBox::currentIndexChanged, this, &RowCard::attentionHeadChanged);

    auto *heading = new QHBoxLayout;
    heading->setSpacing(8);
    heading->addWidget(m_text);
    heading->addWidget(m_context, 1);
    heading->addWidget(m_up);
    heading->addWidget(m_down);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(14, 8, 12, 6);
    column->setSpacing(5);
    column->addLayout(heading);
    column->addWidget(m_statistics);
    column->addWidget(m_legend);
    column->addWidget(m_plot, 3);
    column->addWidget(m_table, 5);
    auto *foot = new QHBoxLayout;
    foot->setSpacing(8);
    foot->addWidget(m_headLegend, 1);
    foot->addWidget(m_all);
    foot->addWidget(makeLabel(QStringLiteral("Attention"), "sub", this));
    foot->addWidget(m_head);
    column->addLayout(foot);
    setTabOrder(m_all, m_head);
}

QToolButton *RowCard::makeArrow(const char *name, const QString &words, Icon icon, int by)
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

void RowCard::setQueryBy(int rows)
{
    if (m_row) {
        m_viewState->setQuery(std::clamp(m_row->request.query + rows, 0, m_row->request.snapshot->length() - 1));
    }
}

int RowCard::attentionHead() const { return m_head->currentIndex() - 1; }

void RowCard::fillHeads()
{
    const Snapshot &snapshot = *m_row->request.snapshot;
    const int heads = snapshot.layers[static_cast<std::size_t>(m_row->request.layer)].heads;
    if (m_head->count() == heads + 1) {
        return;
    }
    const QSignalBlocker quiet(m_head);
    m_head->clear();
    m_head->addItem(QStringLiteral("mean of heads"));
    for (int head = 0; head < heads; ++head) {
        m_head->addItem(QStringLiteral("head %1").arg(head));
    }
}

void RowCard::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_row = std::move(row);
    m_plot->setRow(m_row);
    m_table->setRow(m_row);
    if (m_row) {
        fillHeads();
        const std::size_t visible = std::max<std::size_t>(1, m_row->row.attention.size());
        m_headLegend->setHeads(static_cast<int>(m_row->row.terms.size() / visible));
        showRow();
    }
}

void RowCard::showRow()
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
}

void RowCard::showStatistics()
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

void RowCard::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange && m_row) {
        showRow(); // the words around the query have the theme's colours
    }
    QFrame::changeEvent(event);
}

} // namespace sparsescope
