#include "widgets/panels/map_card.h"

#include "widgets/panels/role_label.h"
#include "widgets/plots/indexer_heatmap.h"

#include <QVBoxLayout>

#include <utility>

namespace sparsescope {

MapCard::MapCard(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_title(makeLabel({}, "heading", this))
    , m_notice(makeLabel({}, "failed", this))
    , m_map(new IndexerHeatmap(viewState, hoverState, this))
{
    setProperty("role", "card");
    m_notice->setWordWrap(true);
    m_notice->hide();
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(14, 8, 8, 6);
    column->setSpacing(4);
    column->addWidget(m_title);
    column->addWidget(m_notice);
    column->addWidget(m_map, 1);
}

void MapCard::setPicture(std::shared_ptr<const LayerPicture> picture)
{
    if (picture) {
        m_title->setText(mapTitle(picture->request.kind, picture->request.head));
    }
    m_map->setPicture(std::move(picture));
}

void MapCard::setNotice(const QString &text)
{
    m_notice->setVisible(!text.isEmpty());
    m_notice->setText(text);
}

} // namespace sparsescope
