#include "widgets/panels/probe_card.h"

#include "widgets/panels/role_label.h"
#include "widgets/plots/state_legend.h"
#include "widgets/plots/token_strip.h"
#include "widgets/style/marks.h"

#include <QScrollArea>
#include <QVBoxLayout>

namespace sparsescope {

ProbeCard::ProbeCard(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_sub(makeLabel({}, "sub", this))
    , m_tokens(new TokenStrip(viewState, hoverState, this))
    , m_legend(new StateLegend(StateLegend::Use::Text, Qt::Horizontal, this))
{
    setProperty("role", "card");
    auto *scroll = new QScrollArea(this);
    scroll->setWidget(m_tokens);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->viewport()->setAutoFillBackground(false);
    m_tokens->setAutoFillBackground(false);
    scroll->setMinimumHeight(58);
    scroll->setFocusPolicy(Qt::NoFocus); // it follows the query
    auto *title = new QHBoxLayout;
    title->setSpacing(8);
    title->addWidget(makeLabel(QStringLiteral("Probe text"), "heading", this));
    title->addWidget(m_sub, 1);
    title->addWidget(makeLabel(QStringLiteral("Click a token to make it the query"), "sub", this));
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(12, 7, 12, 6);
    column->setSpacing(5);
    column->addLayout(title);
    column->addWidget(scroll, 1);
    column->addWidget(m_legend);
}

void ProbeCard::setSnapshot(std::shared_ptr<const Snapshot> snapshot) { m_tokens->setSnapshot(std::move(snapshot)); }

void ProbeCard::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_tokens->setRow(row);
    if (!row) {
        return;
    }
    const Snapshot &snapshot = *row->request.snapshot;
    const auto query = static_cast<std::size_t>(row->request.query);
    const QString word =
        query < snapshot.words.size() ? QStringLiteral(" “%1”").arg(shownToken(snapshot.words[query])) : QString();
    const int layer = snapshot.layers[static_cast<std::size_t>(row->request.layer)].layer;
    m_sub->setText((row->hasSelection ? QStringLiteral("Layer %1 · keys chosen for query %2%3")
                                      : QStringLiteral("Layer %1 · query %2%3 reads every key before it"))
                       .arg(layer)
                       .arg(query)
                       .arg(word));
    m_legend->setVisible(row->hasSelection);
    m_legend->setTaskShown(!snapshot.needed.empty());
}

} // namespace sparsescope
