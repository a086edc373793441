#include "widgets/panels/atlas_panel.h"

#include "widgets/panels/layer_pane.h"
#include "widgets/panels/probe_card.h"
#include "widgets/panels/role_label.h"
#include "widgets/plots/atlas_view.h"

#include <QLabel>
#include <QVBoxLayout>

namespace sparsescope {

AtlasPanel::AtlasPanel(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_notice(makeLabel({}, "failed", this))
    , m_info(makeLabel({}, "sub", this))
    , m_atlas(new AtlasView(viewState, this))
    , m_probe(new ProbeCard(viewState, hoverState, this))
    , m_pane(new LayerPane(viewState, hoverState, this))
{
    auto *card = new QFrame(this);
    card->setProperty("role", "card");
    auto *inside = new QVBoxLayout(card);
    inside->setContentsMargins(2, 8, 2, 4);
    for (QLabel *label : {m_notice, m_info}) {
        label->setWordWrap(true);
        label->setContentsMargins(12, 0, 12, 0);
        label->hide();
        inside->addWidget(label);
    }
    inside->addWidget(m_atlas, 1);
    auto *left = new QVBoxLayout;
    left->setSpacing(6);
    left->addWidget(card, 7);
    left->addWidget(m_probe, 2);
    auto *row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    row->addLayout(left, 1);
    row->addWidget(m_pane);
}

void AtlasPanel::setNotice(const QString &text)
{
    m_notice->setVisible(!text.isEmpty());
    m_notice->setText(text);
}

void AtlasPanel::setWithoutIndexer(const QString &family)
{
    m_info->setVisible(!family.isEmpty());
    m_info->setText(
        QStringLiteral("This run has no indexer. %1 attention keeps every key. Its attention maps are shown; "
                       "mask and indexer columns are hidden.")
            .arg(family));
}

} // namespace sparsescope
