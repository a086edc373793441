#include "widgets/panels/focus_panel.h"

#include "widgets/panels/map_card.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/row_card.h"
#include "widgets/plots/distance_plot.h"

#include <QVBoxLayout>

namespace sparsescope {

FocusPanel::FocusPanel(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_card(new MapCard(viewState, hoverState, this))
    , m_row(new RowCard(viewState, hoverState, this))
    , m_distance(new DistancePlot(this))
{
    auto *distanceCard = new QFrame(this);
    distanceCard->setProperty("role", "card");
    auto *title = new QHBoxLayout;
    title->addWidget(makeLabel(QStringLiteral("Average by distance"), "heading", distanceCard), 1);
    title->addWidget(makeLabel(QStringLiteral("rows t ≥ k"), "sub", distanceCard));
    auto *inside = new QVBoxLayout(distanceCard);
    inside->setContentsMargins(14, 6, 12, 4);
    inside->setSpacing(2);
    inside->addLayout(title);
    inside->addWidget(m_distance, 1);
    auto *right = new QVBoxLayout;
    right->setSpacing(6);
    right->addWidget(m_row, 18);
    right->addWidget(distanceCard, 5);
    auto *row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    row->addWidget(m_card, 11);
    row->addLayout(right, 9);
}

} // namespace sparsescope
