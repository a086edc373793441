#include "widgets/panels/inspect_header.h"

#include "widgets/panels/role_label.h"
#include "widgets/state/number_text.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QHBoxLayout>
#include <QPushButton>
#include <QSignalBlocker>

#include <algorithm>
#include <utility>

namespace sparsescope {

namespace {

QComboBox *combo(const char *objectName, const QString &words, QWidget *parent)
{
    auto *made = new QComboBox(parent);
    made->setObjectName(QLatin1String(objectName));
    made->setAccessibleName(words);
    made->setSizeAdjustPolicy(QComboBox::AdjustToContents);
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
    , m_probe(makeLabel({}, "sub", this))
    , m_log(new QPushButton(QStringLiteral("log"), this))
    , m_linear(new QPushButton(QStringLiteral("linear"), this))
{
    m_run->setMinimumWidth(150);
    m_layer->setMinimumWidth(54);
    m_map->setMinimumWidth(190);
    auto *row = new QHBoxLayout(this);
    row->setContentsMargins(4, 0, 0, 0);
    row->setSpacing(8);
    row->addWidget(makeLabel(QStringLiteral("Run"), "sub", this));
    row->addWidget(m_run);
    row->addSpacing(4);
    row->addWidget(makeLabel(QStringLiteral("Layer"), "sub", this));
    row->addWidget(m_layer);
    row->addSpacing(4);
    row->addWidget(makeLabel(QStringLiteral("Map"), "sub", this));
    row->addWidget(m_map);
    row->addStretch();
    row->addWidget(m_probe);
    row->addSpacing(8);
    row->addWidget(makeScaleSwitch());

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
}

QWidget *InspectHeader::makeScaleSwitch()
{
    auto *scale = new QWidget(this);
    scale->setObjectName(QStringLiteral("scaleSwitch"));
    scale->setAccessibleName(QStringLiteral("Colour scale"));
    auto *row = new QHBoxLayout(scale);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    auto *group = new QButtonGroup(scale);
    for (QPushButton *button : {m_log, m_linear}) {
        button->setCheckable(true);
        button->setProperty("role", "seg");
        button->setProperty("edge", button == m_log ? "l" : "r");
        button->setAccessibleName(button->text());
        group->addButton(button);
        row->addWidget(button);
    }
    connect(m_log, &QPushButton::clicked, m_viewState, [this] { m_viewState->setLogarithmic(true); });
    connect(m_linear, &QPushButton::clicked, m_viewState, [this] { m_viewState->setLogarithmic(false); });
    return scale;
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

void InspectHeader::moveLayer(int by)
{
    m_layer->setCurrentIndex(std::clamp(m_layer->currentIndex() + by, 0, std::max(0, m_layer->count() - 1)));
}

void InspectHeader::setPicture(const LayerPicture &picture)
{
    fillLayers(picture);
    fillMaps(picture);
    const bool isSigned = picture.request.kind == MapKind::IndexTerm;
    const bool logarithmic = picture.scale.logarithmic;
    m_log->setEnabled(!isSigned);
    m_linear->setEnabled(!isSigned);
    m_log->setChecked(logarithmic);
    m_linear->setChecked(!logarithmic);
    const bool forced = m_viewState->view().logarithmic && !logarithmic && !isSigned;
    m_log->setToolTip(forced ? QStringLiteral("This map has no positive value: shown linear") : QString());
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
