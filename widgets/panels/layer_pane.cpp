#include "widgets/panels/layer_pane.h"

#include "widgets/panels/colour_ramps.h"
#include "widgets/panels/head_share.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/value_list.h"
#include "widgets/plots/map_preview.h"
#include "widgets/state/number_text.h"

#include <QCheckBox>
#include <QPushButton>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QVBoxLayout>

namespace sparsescope {

namespace {

constexpr int kWidth = 304; // a map of 256 pixels beside a scroll bar

} // namespace

LayerPane::LayerPane(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QFrame(parent)
    , m_viewState(viewState)
    , m_title(makeLabel({}, "title", this))
    , m_sub(makeLabel({}, "sub", this))
    , m_shareTitle(makeLabel(QStringLiteral("Share of indexer score by head"), "heading", this))
    , m_preview(new MapPreview(viewState, hoverState, this))
    , m_statistics(new ValueList(Qt::Vertical, this))
    , m_shares(new HeadShare(this))
    , m_ramps(new ColourRamps(this))
    , m_lock(new QCheckBox(QStringLiteral("Lock limits over time"), this))
{
    setProperty("role", "card");
    setFixedWidth(kWidth);
    m_statistics->setObjectName(QStringLiteral("mapStats"));
    m_statistics->setAccessibleName(QStringLiteral("Layer statistics"));
    m_lock->setObjectName(QStringLiteral("lockLimits"));
    m_lock->setAccessibleName(m_lock->text());
    m_lock->setToolTip(QStringLiteral("Keeps the colours' limits while the snapshot changes (K)"));
    auto *open = new QPushButton(QStringLiteral("Open in Focus"), this);
    open->setObjectName(QStringLiteral("openFocusButton"));
    open->setAccessibleName(open->text());
    open->setProperty("role", "primary");

    auto *content = new QWidget(this);
    auto *column = new QVBoxLayout(content);
    column->setContentsMargins(0, 0, 4, 0);
    column->setSpacing(7);
    column->addWidget(m_preview);
    column->addWidget(m_statistics);
    column->addWidget(m_shareTitle);
    column->addWidget(m_shares);
    column->addWidget(m_ramps);
    column->addStretch();
    auto *scroll = new QScrollArea(this);
    scroll->setWidget(content);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->viewport()->setAutoFillBackground(false);
    content->setAutoFillBackground(false); // the scroll area has switched it on
    scroll->setFocusPolicy(Qt::NoFocus);
    auto *outer = new QVBoxLayout(this);
    outer->setContentsMargins(14, 8, 10, 10);
    outer->setSpacing(4);
    outer->addWidget(m_title);
    outer->addWidget(m_sub);
    outer->addSpacing(2);
    outer->addWidget(scroll, 1);
    outer->addWidget(m_lock);
    outer->addSpacing(4);
    outer->addWidget(open);
    connect(open, &QPushButton::clicked, this, &LayerPane::focusRequested);
    connect(m_lock, &QCheckBox::clicked, this, &LayerPane::limitsToggled);
    connect(m_viewState, &ViewState::changed, this, &LayerPane::showLock);
}

void LayerPane::setPicture(std::shared_ptr<const LayerPicture> picture, std::int64_t stepBefore)
{
    m_picture = std::move(picture);
    m_stepBefore = stepBefore;
    const bool asMask = m_picture && m_picture->mask &&
                        (m_picture->request.kind == MapKind::Mask || m_picture->request.kind == MapKind::IndexScore);
    m_preview->setPicture(m_picture, asMask);
    if (!m_picture) {
        return;
    }
    const MapRequest &request = m_picture->request;
    const LayerSnapshot &layer = m_picture->layer();
    QString map = asMask ? QStringLiteral("selection mask") : mapTitle(request.kind, request.head);
    map[0] = map[0].toLower();
    const qsizetype comma = map.indexOf(QLatin1String(", ")); // which head goes under the title, which is narrow
    QString heads = comma < 0 ? QString() : map.mid(comma + 2);
    map = map.left(comma);
    if (!heads.isEmpty()) {
        heads[0] = heads[0].toUpper();
    }
    m_title->setText(QStringLiteral("Layer %1, %2").arg(layer.layer).arg(map));
    m_title->setToolTip(m_title->text());
    m_sub->setText(!asMask                    ? heads
                   : request.snapshot->sparse ? QStringLiteral("One mask for all %1 attention heads").arg(layer.heads)
                                              : QStringLiteral("Attention is still dense: what it would keep"));
    showStatistics();
    showShares();
}

void LayerPane::setAtlas(std::shared_ptr<const AtlasPicture> atlas)
{
    m_atlas = std::move(atlas);
    m_ramps->setPicture(m_atlas);
    showShares();
    showLock();
}

void LayerPane::showShares()
{
    std::vector<double> shares;
    if (m_atlas && m_picture && m_picture->request.layer < static_cast<int>(m_atlas->layers.size())) {
        if (const auto &layer = m_atlas->layers[static_cast<std::size_t>(m_picture->request.layer)]) {
            shares = layer->headShare;
        }
    }
    m_shareTitle->setVisible(!shares.empty());
    m_shares->setVisible(!shares.empty());
    m_shares->setShares(std::move(shares));
}

void LayerPane::showStatistics()
{
    const LayerPicture &picture = *m_picture;
    if (!picture.complete) {
        return; // they are on their way: the last ones stay
    }
    if (!picture.mask) {
        m_statistics->setValues({{QStringLiteral("Selection"), QStringLiteral("every key")},
                                 {QStringLiteral("Tokens"), countText(picture.length())}});
        return;
    }
    const SelectionMetrics metrics = picture.metrics.value_or(SelectionMetrics{});
    ValueList::Values values{
        {QStringLiteral("Attention mass kept"), shareText(metrics.massKept)},
        {QStringLiteral("  worst query"), shareText(metrics.massKeptWorst)},
        {QStringLiteral("  random keys would keep"), shareText(metrics.massKeptChance)},
        {QStringLiteral("  best possible"), shareText(metrics.oracleMass)},
        {QStringLiteral("Overlap with dense top-k"), shareText(metrics.recall)},
    };
    if (metrics.neededRecall) {
        values.emplace_back(QStringLiteral("Place found"), shareText(metrics.neededRecall));
        values.emplace_back(QStringLiteral("  random keys"), shareText(metrics.neededRecallChance));
    }
    values.emplace_back(m_stepBefore >= 0 ? QStringLiteral("Churn since step %1").arg(countText(m_stepBefore))
                                          : QStringLiteral("Churn"),
                        picture.churn ? QString::number(*picture.churn, 'f', 2) : unknownText());
    if (picture.request.layer > 0) {
        const auto &before = picture.request.snapshot->layers[static_cast<std::size_t>(picture.request.layer) - 1];
        values.emplace_back(QStringLiteral("Agreement with layer %1").arg(before.layer),
                            picture.agreement ? QString::number(*picture.agreement, 'f', 2) : unknownText());
    }
    values.emplace_back(QStringLiteral("Keys never chosen"),
                        percentText(metrics.coverage ? std::optional(1 - *metrics.coverage) : std::nullopt));
    values.emplace_back(QStringLiteral("Mean look-back"),
                        metrics.lookBack ? QStringLiteral("%1 tokens").arg(*metrics.lookBack, 0, 'f', 0)
                                         : unknownText());
    m_statistics->setValues(values);
}

void LayerPane::showLock()
{
    const QSignalBlocker quiet(m_lock);
    const View &view = m_viewState->view();
    m_lock->setChecked(view.limitsOf(MapKind::IndexTerm) || view.limitsOf(MapKind::Attention));
    m_lock->setEnabled(m_atlas != nullptr);
}

} // namespace sparsescope
