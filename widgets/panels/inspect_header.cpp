#include "widgets/panels/inspect_header.h"

#include "widgets/panels/role_label.h"
#include "widgets/state/number_text.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/icons.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QHBoxLayout>
#include <QPushButton>
#include <QSignalBlocker>
#include <QToolButton>

#include <algorithm>
#include <utility>

namespace sparsescope {

namespace {

constexpr int kProbeFrom = 1250; // pixels of width from which the probe's name stands beside the Focus' choices

QComboBox *combo(const char *objectName, const QString &words, QWidget *parent)
{
    auto *made = new ComboBox(parent);
    made->setObjectName(QLatin1String(objectName));
    made->setAccessibleName(words);
    made->fitContents();
    return made;
}

/// Title of a run in the combo: "DSA k32 s3 (live)".
QString titleOf(const RunData &run)
{
    const RunConfig &config = run.config();
    QString title = QString::fromStdString(displayName(config.model.family));
    if (isSparse(config.model.family)) {
        title += QStringLiteral(" k%1").arg(config.topK());
    }
    title += QStringLiteral(" L%1").arg(config.training.sequenceLength);
    for (const auto &[name, value] : config.extraAxes) {
        title += QStringLiteral(" %1 %2").arg(QString::fromStdString(name), QString::fromStdString(value));
    }
    title += QStringLiteral(" s%1").arg(config.training.seed);
    return run.state() == RunState::Running ? title + QStringLiteral(" (live)") : title;
}

} // namespace

InspectHeader::InspectHeader(ViewState *viewState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_run(combo("inspectRunCombo", QStringLiteral("Run"), this))
    , m_layer(combo("layerCombo", QStringLiteral("Layer"), this))
    , m_map(combo("mapCombo", QStringLiteral("Map"), this))
    , m_colours(combo("colourMapCombo", QStringLiteral("Colours"), this))
    , m_probe(makeLabel({}, "sub", this))
    , m_atlas(new QPushButton(QStringLiteral("Atlas"), this))
    , m_focus(new QPushButton(QStringLiteral("Focus"), this))
    , m_log(new QPushButton(QStringLiteral("log"), this))
    , m_linear(new QPushButton(QStringLiteral("linear"), this))
    , m_lock(new QPushButton(QStringLiteral("Lock limits"), this))
{
    m_run->setMinimumWidth(120);
    m_layer->setMinimumWidth(54);
    m_map->setMinimumWidth(170);
    QWidget *views = nullptr;
    makeSwitch("inspectViewSwitch", QStringLiteral("View"), {m_atlas, m_focus}, views);
    m_atlasChoices = makeAtlasChoices();
    m_focusChoices = makeFocusChoices();
    m_focusMaps = new QWidget(this);
    auto *maps = new QHBoxLayout(m_focusMaps);
    maps->setContentsMargins(0, 0, 0, 0);
    maps->setSpacing(6);
    maps->addWidget(makeLabel(QStringLiteral("Layer"), "sub", this));
    maps->addWidget(m_layer);
    maps->addSpacing(2);
    maps->addWidget(makeLabel(QStringLiteral("Map"), "sub", this));
    maps->addWidget(m_map);
    m_probe->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    auto *row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(8);
    row->addWidget(views);
    row->addSpacing(2);
    row->addWidget(makeLabel(QStringLiteral("Run"), "sub", this));
    row->addWidget(m_run);
    row->addWidget(m_focusMaps);
    row->addSpacing(4);
    row->addWidget(m_probe, 1);
    row->addWidget(m_atlasChoices);
    row->addWidget(m_focusChoices);

    connect(m_atlas, &QPushButton::clicked, m_viewState, [this] { m_viewState->setInspect(InspectView::Atlas); });
    connect(m_focus, &QPushButton::clicked, m_viewState, [this] { m_viewState->setInspect(InspectView::Focus); });
    connect(m_run, &QComboBox::currentIndexChanged, this, &InspectHeader::runChosen);
    connect(m_layer, &QComboBox::currentIndexChanged, m_viewState, [this](int index) {
        if (index >= 0) {
            m_viewState->setLayer(index);
        }
    });
    connect(m_map, &QComboBox::currentIndexChanged, this, [this](int index) {
        const QPoint chosen = m_map->itemData(index).toPoint();
        if (index >= 0) {
            m_viewState->setMap(static_cast<MapKind>(chosen.x()), chosen.y());
        }
    });
    connect(m_viewState, &ViewState::changed, this, &InspectHeader::showView);
    showView();
}

QButtonGroup *InspectHeader::makeSwitch(const char *name, const QString &words,
                                        const std::vector<QPushButton *> &buttons, QWidget *&box)
{
    box = new QWidget(this);
    box->setObjectName(QLatin1String(name));
    box->setAccessibleName(words);
    auto *row = new QHBoxLayout(box);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    auto *group = new QButtonGroup(box);
    for (QPushButton *button : buttons) {
        button->setCheckable(true);
        button->setProperty("role", "seg");
        button->setProperty("edge", button == buttons.front() ? "l" : button == buttons.back() ? "r" : "m");
        button->setAccessibleName(button->text());
        group->addButton(button);
        row->addWidget(button);
    }
    return group;
}

QWidget *InspectHeader::makeAtlasChoices()
{
    auto *order = combo("atlasSort", QStringLiteral("Sort layers"), this);
    order->addItem(QStringLiteral("By depth"), static_cast<int>(AtlasOrder::Depth));
    order->addItem(QStringLiteral("By mass kept"), static_cast<int>(AtlasOrder::MassKept));
    order->addItem(QStringLiteral("By churn"), static_cast<int>(AtlasOrder::Churn));
    order->addItem(QStringLiteral("By KL"), static_cast<int>(AtlasOrder::Divergence));
    order->setToolTip(
        QStringLiteral("What deserves a look first stands on top: least mass kept, most churn, largest KL"));
    connect(order, &QComboBox::currentIndexChanged, this,
            [this, order] { Q_EMIT orderChosen(static_cast<AtlasOrder>(order->currentData().toInt())); });
    QWidget *sizes = nullptr;
    const std::pair<const char *, int> kSizes[] = {
        {"S", AtlasView::kSmallSide}, {"M", AtlasView::kMediumSide}, {"L", AtlasView::kLargeSide}};
    std::vector<QPushButton *> buttons;
    for (const auto &[name, side] : kSizes) {
        buttons.push_back(new QPushButton(QLatin1String(name), this));
        connect(buttons.back(), &QPushButton::clicked, this, [this, side = side] { Q_EMIT sizeChosen(side); });
        m_sizes.emplace_back(side, buttons.back());
    }
    makeSwitch("atlasSize", QStringLiteral("Size"), buttons, sizes);
    setSize(AtlasView::kMediumSide);
    auto *choices = new QWidget(this);
    auto *row = new QHBoxLayout(choices);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(8);
    row->addWidget(makeLabel(QStringLiteral("Sort layers"), "sub", this));
    row->addWidget(order);
    row->addWidget(makeLabel(QStringLiteral("Size"), "sub", this));
    row->addWidget(sizes);
    return choices;
}

QWidget *InspectHeader::makeFocusChoices()
{
    QWidget *scale = nullptr;
    makeSwitch("scaleSwitch", QStringLiteral("Colour scale"), {m_log, m_linear}, scale);
    connect(m_log, &QPushButton::clicked, m_viewState, [this] { m_viewState->setLogarithmic(true); });
    connect(m_linear, &QPushButton::clicked, m_viewState, [this] { m_viewState->setLogarithmic(false); });
    for (const ColourMapName name :
         {ColourMapName::Cividis, ColourMapName::Viridis, ColourMapName::Magma, ColourMapName::Grey}) {
        m_colours->addItem(displayName(name), static_cast<int>(name));
    }
    m_colours->setToolTip(QStringLiteral("Colours of the map"));
    connect(m_colours, &QComboBox::activated, m_viewState,
            [this] { m_viewState->setColours(static_cast<ColourMapName>(m_colours->currentData().toInt())); });
    m_lock->setObjectName(QStringLiteral("lockLimitsButton"));
    m_lock->setAccessibleName(m_lock->text());
    m_lock->setToolTip(QStringLiteral("Keeps the colours' limits while the snapshot changes (K)"));
    m_lock->setCheckable(true);
    m_lock->setIcon(makeIcon(Icon::Lock));
    connect(m_lock, &QPushButton::clicked, this, &InspectHeader::limitsToggled);
    auto *fit = new QToolButton(this);
    fit->setObjectName(QStringLiteral("fitMapButton"));
    fit->setAccessibleName(QStringLiteral("Show the whole map"));
    fit->setToolTip(QStringLiteral("Show the whole map (0)"));
    fit->setIcon(makeIcon(Icon::Fit));
    fit->setProperty("role", "icon");
    connect(fit, &QToolButton::clicked, this, &InspectHeader::fitRequested);
    auto *choices = new QWidget(this);
    auto *row = new QHBoxLayout(choices);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    row->addWidget(scale);
    row->addWidget(m_colours);
    row->addWidget(m_lock);
    row->addWidget(fit);
    return choices;
}

void InspectHeader::showView()
{
    const View &view = m_viewState->view();
    const bool focus = view.inspect == InspectView::Focus;
    m_atlas->setChecked(!focus);
    m_focus->setChecked(focus);
    m_focusMaps->setVisible(focus);
    m_focusChoices->setVisible(focus);
    m_atlasChoices->setVisible(!focus);
    m_lock->setChecked(view.limitsOf(view.map).has_value());
    m_probe->setVisible(!focus || width() >= kProbeFrom); // the Atlas has room for it, and the text itself
}

void InspectHeader::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    showView();
}

void InspectHeader::setRuns(const std::vector<RunData *> &runs)
{
    const bool severalExperiments = std::any_of(runs.begin(), runs.end(), [&runs](const RunData *run) {
        return run->experiment() != runs.front()->experiment();
    });
    const QSignalBlocker quiet(m_run);
    m_run->clear();
    for (const RunData *run : runs) {
        m_run->addItem(severalExperiments ? run->experiment() + QStringLiteral(": ") + titleOf(*run) : titleOf(*run));
    }
    m_run->setEnabled(!runs.empty());
}

void InspectHeader::addRun(const RunData &run)
{
    const QSignalBlocker quiet(m_run);
    m_run->addItem(titleOf(run));
    m_run->setEnabled(true);
    m_run->setCurrentIndex(m_run->count() - 1);
}

void InspectHeader::setRunIndex(int index)
{
    const QSignalBlocker quiet(m_run);
    m_run->setCurrentIndex(index);
}

void InspectHeader::retitle(int index, const RunData &run) { m_run->setItemText(index, titleOf(run)); }

void InspectHeader::setSize(int side)
{
    for (const auto &[size, button] : m_sizes) {
        button->setChecked(size == side);
    }
}

void InspectHeader::moveLayer(int by)
{
    m_layer->setCurrentIndex(std::clamp(m_layer->currentIndex() + by, 0, std::max(0, m_layer->count() - 1)));
}

void InspectHeader::setPicture(const LayerPicture &picture)
{
    fillLayers(picture);
    fillMaps(picture);
    const MapKind kind = picture.request.kind;
    const bool free =
        kind == MapKind::IndexScore || kind == MapKind::Attention; // terms are signed, the mask has states
    const bool logarithmic = picture.scale.logarithmic;
    m_log->setEnabled(free);
    m_linear->setEnabled(free);
    m_log->setChecked(logarithmic);
    m_linear->setChecked(!logarithmic);
    const bool forced = m_viewState->view().logarithmic && !logarithmic && free;
    m_log->setToolTip(forced ? QStringLiteral("Few values of this map are positive: shown linear") : QString());
    m_colours->setEnabled(free);
    m_colours->setCurrentIndex(m_colours->findData(static_cast<int>(picture.scale.map)));
    m_colours->setPlaceholderText(QStringLiteral("Diverging"));
    m_lock->setEnabled(kind != MapKind::Mask);
    const Snapshot &snapshot = *picture.request.snapshot;
    m_probe->setText(QStringLiteral("Probe: %1, %2 tokens")
                         .arg(QString::fromStdString(snapshot.probeName), countText(snapshot.length())));
}

void InspectHeader::fillLayers(const LayerPicture &picture)
{
    const QSignalBlocker quiet(m_layer);
    const Snapshot &snapshot = *picture.request.snapshot;
    if (m_layer->count() != static_cast<int>(snapshot.layers.size())) {
        m_layer->clear();
        for (const LayerSnapshot &layer : snapshot.layers) {
            m_layer->addItem(QString::number(layer.layer));
        }
    }
    m_layer->setCurrentIndex(picture.request.layer);
}

void InspectHeader::fillMaps(const LayerPicture &picture)
{
    const QSignalBlocker quiet(m_map);
    const MapRequest &request = picture.request;
    std::vector<std::pair<MapKind, int>> maps;
    const LayerSnapshot &layer = picture.layer();
    if (layer.hasIndexer()) {
        maps.emplace_back(MapKind::IndexScore, -1);
        for (int head = 0; head < layer.indexHeads; ++head) {
            maps.emplace_back(MapKind::IndexTerm, head);
        }
    }
    for (int head = -1; head < layer.heads; ++head) {
        maps.emplace_back(MapKind::Attention, head);
    }
    if (layer.hasSelection()) {
        maps.emplace_back(MapKind::Mask, -1);
    }
    bool same = static_cast<int>(maps.size()) == m_map->count();
    for (int i = 0; same && i < m_map->count(); ++i) {
        const auto &[kind, head] = maps[static_cast<std::size_t>(i)];
        same = m_map->itemData(i).toPoint() == QPoint(static_cast<int>(kind), head);
    }
    if (!same) {
        m_map->clear();
        for (const auto &[kind, head] : maps) {
            m_map->addItem(mapTitle(kind, head), QPoint(static_cast<int>(kind), head));
        }
    }
    m_map->setCurrentIndex(m_map->findData(QPoint(static_cast<int>(request.kind), request.head)));
}

} // namespace sparsescope
