#include "widgets/panels/mask_card.h"

#include "widgets/panels/message_view.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/value_list.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/plots/state_legend.h"
#include "widgets/state/number_text.h"

#include <QStackedWidget>
#include <QVBoxLayout>

namespace sparsescope {

MaskCard::MaskCard(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_title(makeLabel({}, "sub", this))
    , m_notice(makeLabel({}, "failed", this))
    , m_mask(new SelectionMaskView(viewState, hoverState, this))
    , m_statistics(new ValueList(Qt::Vertical, this))
    , m_stack(new QStackedWidget(this))
    , m_message(new MessageView(this))
{
    setProperty("role", "card");
    m_notice->setWordWrap(true);
    m_notice->hide();
    m_statistics->setObjectName(QStringLiteral("mapStats"));
    m_statistics->setAccessibleName(QStringLiteral("Layer statistics"));
    m_statistics->setMinimumWidth(186);

    auto *title = new QHBoxLayout;
    title->setSpacing(8);
    title->addWidget(makeLabel(QStringLiteral("Selection mask"), "heading", this));
    title->addWidget(m_title, 1);
    auto *side = new QVBoxLayout;
    side->setSpacing(10);
    side->addWidget(new StateLegend(Qt::Vertical, this));
    side->addWidget(m_statistics);
    side->addStretch();
    auto *content = new QWidget(this);
    auto *row = new QHBoxLayout(content);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(12);
    row->addWidget(m_mask, 1);
    row->addLayout(side);
    m_stack->addWidget(content);
    m_stack->addWidget(m_message);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(14, 8, 14, 6);
    column->setSpacing(4);
    column->addLayout(title);
    column->addWidget(m_notice);
    column->addWidget(m_stack, 1);
}

void MaskCard::setPicture(std::shared_ptr<const LayerPicture> picture, const QString &family)
{
    m_mask->setPicture(picture && picture->mask ? picture : nullptr);
    if (!picture) {
        return;
    }
    if (picture->mask) {
        showLayer(*picture);
        return;
    }
    m_message->setMessage(MessageView::Mood::Info, QStringLiteral("This run has no indexer"),
                          QStringLiteral("%1 attention keeps every key. Its attention maps are shown; mask and "
                                         "indexer maps are hidden.")
                              .arg(family));
    m_stack->setCurrentIndex(1);
    m_title->clear();
    m_notice->hide();
}

void MaskCard::setRow(std::shared_ptr<const RowAnswer> row) { m_mask->setRow(std::move(row)); }

void MaskCard::setLoading(bool loading) { m_mask->setLoading(loading); }

void MaskCard::showLayer(const LayerPicture &picture)
{
    const Snapshot &snapshot = *picture.request.snapshot;
    m_stack->setCurrentIndex(0);
    const int heads = picture.layer().heads;
    m_title->setText(
        snapshot.sparse
            ? QStringLiteral("Layer %1 · one mask for all %2 attention heads").arg(picture.layer().layer).arg(heads)
            : QStringLiteral("Layer %1 · attention is still dense: what the indexer would keep")
                  .arg(picture.layer().layer));
    m_notice->setVisible(picture.futureSelected > 0);
    if (picture.futureSelected > 0) {
        const std::int64_t length = snapshot.length();
        m_notice->setText(
            QStringLiteral("Future keys were selected: %1 of %2 future pairs, first at query %3. They are "
                           "drawn in magenta. Losses from this run are not comparable.")
                .arg(countText(picture.futureSelected), countText(length * (length - 1) / 2))
                .arg(picture.firstFaultyQuery));
    }
    showStatistics(picture.metrics.value_or(SelectionMetrics{}));
}

void MaskCard::showStatistics(const SelectionMetrics &metrics)
{
    ValueList::Values values{
        {QStringLiteral("Mass kept"), shareText(metrics.massKept)},
        {QStringLiteral("  worst query"), shareText(metrics.massKeptWorst)},
        {QStringLiteral("  random keys would keep"), shareText(metrics.massKeptChance)},
        {QStringLiteral("  best possible"), shareText(metrics.oracleMass)},
        {QStringLiteral("Needed keys found"), shareText(metrics.recall)},
        {QStringLiteral("  random keys"), shareText(metrics.recallChance)},
    };
    if (metrics.neededRecall) {
        values.emplace_back(QStringLiteral("Answer's place found"), shareText(metrics.neededRecall));
        values.emplace_back(QStringLiteral("  random keys"), shareText(metrics.neededRecallChance));
    }
    values.emplace_back(QStringLiteral("Key pairs kept"), shareText(metrics.pairsKept));
    m_statistics->setValues(values);
}

} // namespace sparsescope
