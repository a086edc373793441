#include "widgets/panels/map_card.h"

#include "widgets/panels/role_label.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/state/number_text.h"

#include <QPushButton>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <utility>

namespace sparsescope {

MapCard::MapCard(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_viewState(viewState)
    , m_notice(makeLabel({}, "failed", this))
    , m_fault(makeLabel({}, "failed", this))
    , m_showFault(new QPushButton(QStringLiteral("Show the first"), this))
    , m_stack(new QStackedWidget(this))
    , m_map(new IndexerHeatmap(viewState, hoverState, this))
    , m_mask(new SelectionMaskView(viewState, hoverState, this))
{
    setProperty("role", "card");
    for (QLabel *label : {m_notice, m_fault}) {
        label->setWordWrap(true);
        label->hide();
    }
    m_showFault->setObjectName(QStringLiteral("showFaultButton"));
    m_showFault->setAccessibleName(m_showFault->text());
    m_showFault->hide();
    m_stack->addWidget(m_map);
    m_stack->addWidget(m_mask);
    auto *fault = new QHBoxLayout;
    fault->addWidget(m_fault, 1);
    fault->addWidget(m_showFault);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(10, 6, 6, 4);
    column->setSpacing(4);
    column->addWidget(m_notice);
    column->addLayout(fault);
    column->addWidget(m_stack, 1);
    connect(m_showFault, &QPushButton::clicked, this, [this] {
        if (m_picture) {
            m_viewState->setCell(m_picture->firstFaultyQuery, m_picture->firstFaultyKey);
        }
    });
}

void MapCard::setPicture(std::shared_ptr<const LayerPicture> picture)
{
    m_picture = picture;
    const bool asMask = picture && picture->request.kind == MapKind::Mask;
    m_mask->setPicture(picture && picture->mask ? picture : nullptr);
    m_map->setPicture(asMask && picture->values->values.empty() ? nullptr : picture);
    m_stack->setCurrentIndex(asMask && (picture->mask || !picture->complete) ? 1 : 0);
    if (m_picture) {
        showFault();
    }
}

void MapCard::showFault()
{
    const bool faulty = m_picture->futureSelected > 0;
    m_fault->setVisible(faulty);
    m_showFault->setVisible(faulty);
    if (faulty) {
        const std::int64_t length = m_picture->length();
        m_fault->setText(
            QStringLiteral(
                "Future keys were selected: %1 of %2 future pairs, first at layer %3, query %4. They are drawn "
                "in magenta. Losses from this run are not comparable.")
                .arg(countText(m_picture->futureSelected), countText(length * (length - 1) / 2))
                .arg(m_picture->layer().layer)
                .arg(m_picture->firstFaultyQuery));
    }
}

void MapCard::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_map->setRow(row);
    m_mask->setRow(std::move(row));
}

void MapCard::setLoading(bool loading)
{
    m_map->setLoading(loading);
    m_mask->setLoading(loading);
}

void MapCard::setNotice(const QString &text)
{
    m_notice->setVisible(!text.isEmpty());
    m_notice->setText(text);
}

} // namespace sparsescope
