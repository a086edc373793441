// Longer than 400 lines: one page with its controls; to be cut when Atlas and Focus are separate views.
#include "widgets/panels/inspect_page.h"

#include "widgets/panels/message_view.h"
#include "widgets/panels/value_list.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/plots/selection_mask_view.h"
#include "widgets/plots/snapshot_strip.h"
#include "widgets/plots/state_legend.h"
#include "widgets/plots/token_strip.h"
#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QShortcut>
#include <QSignalBlocker>
#include <QStackedWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kContextTokens = 14;     // before the query, and half of it after

QLabel *label(const QString &text, const char *role, QWidget *parent)
{
    auto *made = new QLabel(text, parent);
    made->setProperty("role", role);
    return made;
}

QComboBox *combo(const char *objectName, const QString &words, QWidget *parent)
{
    auto *made = new QComboBox(parent);
    made->setObjectName(QLatin1String(objectName));
    made->setAccessibleName(words);
    made->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    return made;
}

QFrame *card(QWidget *parent)
{
    auto *made = new QFrame(parent);
    made->setProperty("role", "card");
    return made;
}

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

QString threeDecimals(std::optional<double> value)
{
    return value ? QString::number(*value, 'f', 3) : unknownText();
}

} // namespace

InspectPage::InspectPage(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent), m_viewState(viewState), m_hoverState(hoverState)
    , m_mapWorker(
          this, [this](const MapRequest &request) { return m_maker.make(request); },
          [this](std::shared_ptr<const LayerPicture> picture) { pictureReady(std::move(picture)); },
          [this](const QString &reason) {
              m_failure = reason;
              showMessage();
          })
    , m_rowWorker(
          this, makeRow, [this](std::shared_ptr<const RowAnswer> row) { rowReady(std::move(row)); },
          [this](const QString &reason) {
              m_failure = reason;
              showMessage();
          })
{
    setObjectName(QStringLiteral("pageInspect"));
    setProperty("role", "page");
    setAttribute(Qt::WA_StyledBackground);
    m_strip = new SnapshotStrip(viewState, this);
    auto *content = new QWidget(this);
    auto *columns = new QHBoxLayout(content);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(6);
    auto *right = new QVBoxLayout;
    right->setSpacing(6);
    auto *mapCard = makeMapCard();
    right->addWidget(makeRowCard(), 4);
    right->addWidget(makeMaskCard(), 6);
    columns->addWidget(mapCard, 11);
    columns->addLayout(right, 9);
    auto *messageCard = card(this);
    m_message = new MessageView(messageCard);
    auto *messageLayout = new QVBoxLayout(messageCard);
    messageLayout->addWidget(m_message);
    m_body = new QStackedWidget(this);
    m_body->addWidget(content);
    m_body->addWidget(messageCard);

    auto *page = new QVBoxLayout(this);
    page->setContentsMargins(8, 8, 8, 6);
    page->setSpacing(6);
    page->addWidget(makeHeader());
    page->addWidget(m_strip);
    page->addWidget(m_body, 1);
    makeShortcuts();

    connect(m_viewState, &ViewState::changed, this, &InspectPage::viewChanged);
    connect(m_hoverState, &HoverState::changed, this, &InspectPage::hoverChanged);
    viewChanged();
    showMessage();
}

InspectPage::~InspectPage() = default;

QWidget *InspectPage::makeHeader()
{
    auto *header = new QWidget(this);
    m_runCombo = combo("inspectRunCombo", QStringLiteral("Run"), header);
    m_layerCombo = combo("layerCombo", QStringLiteral("Layer"), header);
    m_mapCombo = combo("mapCombo", QStringLiteral("Map"), header);
    m_runCombo->setMinimumWidth(150);
    m_layerCombo->setMinimumWidth(54);
    m_mapCombo->setMinimumWidth(190);
    m_probe = label({}, "sub", header);
    m_log = new QPushButton(QStringLiteral("log"), header);
    m_linear = new QPushButton(QStringLiteral("linear"), header);
    auto *scale = new QWidget(header);
    scale->setObjectName(QStringLiteral("scaleSwitch"));
    scale->setAccessibleName(QStringLiteral("Colour scale"));
    auto *scaleLayout = new QHBoxLayout(scale);
    scaleLayout->setContentsMargins(0, 0, 0, 0);
    scaleLayout->setSpacing(0);
    auto *group = new QButtonGroup(scale);
    for (QPushButton *button : {m_log, m_linear}) {
        button->setCheckable(true);
        button->setProperty("role", "seg");
        button->setProperty("edge", button == m_log ? "l" : "r");
        button->setAccessibleName(button->text());
        group->addButton(button);
        scaleLayout->addWidget(button);
    }
    auto *row = new QHBoxLayout(header);
    row->setContentsMargins(4, 0, 0, 0);
    row->setSpacing(8);
    row->addWidget(label(QStringLiteral("Run"), "sub", header));
    row->addWidget(m_runCombo);
    row->addSpacing(4);
    row->addWidget(label(QStringLiteral("Layer"), "sub", header));
    row->addWidget(m_layerCombo);
    row->addSpacing(4);
    row->addWidget(label(QStringLiteral("Map"), "sub", header));
    row->addWidget(m_mapCombo);
    row->addStretch();
    row->addWidget(m_probe);
    row->addSpacing(8);
    row->addWidget(scale);

    connect(m_runCombo, &QComboBox::currentIndexChanged, this, [this](int index) {
        if (index >= 0 && index < static_cast<int>(m_runs.size())) {
            setRun(m_runs[static_cast<std::size_t>(index)]);
        }
    });
    connect(m_layerCombo, &QComboBox::currentIndexChanged, m_viewState, [this](int index) {
        if (index >= 0) {
            m_viewState->setLayer(index);
        }
    });
    connect(m_mapCombo, &QComboBox::currentIndexChanged, this, [this](int index) {
        const QPoint chosen = m_mapCombo->itemData(index).toPoint();
        if (index >= 0) {
            m_viewState->setMap(static_cast<MapKind>(chosen.x()), chosen.y());
        }
    });
    connect(m_log, &QPushButton::clicked, m_viewState, [this] { m_viewState->setLogarithmic(true); });
    connect(m_linear, &QPushButton::clicked, m_viewState, [this] { m_viewState->setLogarithmic(false); });
    return header;
}

QWidget *InspectPage::makeMapCard()
{
    auto *frame = card(this);
    m_mapTitle = label({}, "heading", frame);
    m_mapNotice = label({}, "failed", frame);
    m_mapNotice->setWordWrap(true);
    m_mapNotice->hide();
    m_map = new IndexerHeatmap(m_viewState, m_hoverState, frame);
    connect(m_map, &HeatmapPlot::zoomChanged, this, &InspectPage::statusChanged);
    auto *column = new QVBoxLayout(frame);
    column->setContentsMargins(14, 8, 8, 6);
    column->setSpacing(4);
    column->addWidget(m_mapTitle);
    column->addWidget(m_mapNotice);
    column->addWidget(m_map, 1);
    return frame;
}

QWidget *InspectPage::makeRowCard()
{
    auto *frame = card(this);
    m_queryText = label({}, "title", frame);
    m_queryText->setObjectName(QStringLiteral("queryText"));
    m_queryContext = label({}, "mono", frame);
    m_queryContext->setTextFormat(Qt::RichText);
    m_queryContext->setMinimumWidth(40);
    m_queryContext->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    const auto arrow = [this, frame](const char *name, const QString &words, Icon icon, int by) {
        auto *button = new QToolButton(frame);
        button->setObjectName(QLatin1String(name));
        button->setAccessibleName(words);
        button->setToolTip(words);
        button->setIcon(makeIcon(icon));
        button->setIconSize({14, 14});
        button->setAutoRepeat(true);
        button->setProperty("role", "icon");
        connect(button, &QToolButton::clicked, this, [this, by] { setQueryBy(by); });
        return button;
    };
    m_queryUp = arrow("queryUp", QStringLiteral("Previous query"), Icon::Up, -1);
    m_queryDown = arrow("queryDown", QStringLiteral("Next query"), Icon::Down, 1);
    m_rowStats = new ValueList(Qt::Horizontal, frame);
    m_rowStats->setObjectName(QStringLiteral("rowStats"));
    m_rowStats->setAccessibleName(QStringLiteral("Query statistics"));
    m_tokens = new TokenStrip(m_viewState, m_hoverState, frame);
    auto *scroll = new QScrollArea(frame);
    scroll->setWidget(m_tokens);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->viewport()->setAutoFillBackground(false);
    m_tokens->setAutoFillBackground(false);
    scroll->setMinimumHeight(62);
    m_legend = new StateLegend(Qt::Horizontal, frame);

    auto *heading = new QHBoxLayout;
    heading->setSpacing(8);
    heading->addWidget(m_queryText);
    heading->addWidget(m_queryContext, 1);
    heading->addWidget(m_queryUp);
    heading->addWidget(m_queryDown);
    auto *column = new QVBoxLayout(frame);
    column->setContentsMargins(14, 8, 12, 8);
    column->setSpacing(7);
    column->addLayout(heading);
    column->addWidget(m_rowStats);
    column->addWidget(scroll, 1);
    column->addWidget(m_legend);
    return frame;
}

QWidget *InspectPage::makeMaskCard()
{
    auto *frame = card(this);
    m_maskTitle = label({}, "sub", frame);
    m_maskNotice = label({}, "failed", frame);
    m_maskNotice->setWordWrap(true);
    m_maskNotice->hide();
    m_mask = new SelectionMaskView(m_viewState, m_hoverState, frame);
    m_mapStats = new ValueList(Qt::Vertical, frame);
    m_mapStats->setObjectName(QStringLiteral("mapStats"));
    m_mapStats->setAccessibleName(QStringLiteral("Layer statistics"));
    m_mapStats->setMinimumWidth(186);

    auto *title = new QHBoxLayout;
    title->setSpacing(8);
    title->addWidget(label(QStringLiteral("Selection mask"), "heading", frame));
    title->addWidget(m_maskTitle, 1);
    auto *side = new QVBoxLayout;
    side->setSpacing(10);
    side->addWidget(new StateLegend(Qt::Vertical, frame));
    side->addWidget(m_mapStats);
    side->addStretch();
    auto *content = new QWidget(frame);
    auto *row = new QHBoxLayout(content);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(12);
    row->addWidget(m_mask, 1);
    row->addLayout(side);
    m_maskMessage = new MessageView(frame);
    m_maskStack = new QStackedWidget(frame);
    m_maskStack->addWidget(content);
    m_maskStack->addWidget(m_maskMessage);
    auto *column = new QVBoxLayout(frame);
    column->setContentsMargins(14, 8, 14, 6);
    column->setSpacing(4);
    column->addLayout(title);
    column->addWidget(m_maskNotice);
    column->addWidget(m_maskStack, 1);
    return frame;
}

void InspectPage::makeShortcuts()
{
    const auto add = [this](const QKeySequence &keys, std::function<void()> action) {
        auto *shortcut = new QShortcut(keys, this);
        shortcut->setContext(Qt::WidgetWithChildrenShortcut);
        connect(shortcut, &QShortcut::activated, this, std::move(action));
    };
    add(Qt::Key_BracketLeft, [this] { m_strip->stepBy(-1); });
    add(Qt::Key_BracketRight, [this] { m_strip->stepBy(1); });
    add(Qt::Key_BraceLeft, [this] { m_strip->stepBy(-10); });
    add(Qt::Key_BraceRight, [this] { m_strip->stepBy(10); });
    add(Qt::Key_Home, [this] { m_strip->stepBy(-1 << 20); });
    add(Qt::Key_End, [this] { m_viewState->setFollowLive(true); });
    const auto moveLayer = [this](int by) {
        m_layerCombo->setCurrentIndex(std::clamp(m_layerCombo->currentIndex() + by, 0, std::max(0, m_layerCombo->count() - 1)));
    };
    add(Qt::Key_PageUp, [moveLayer] { moveLayer(-1); });
    add(Qt::Key_PageDown, [moveLayer] { moveLayer(1); });
}

QString InspectPage::runTitle(const RunData &run)
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

void InspectPage::setRuns(std::vector<RunData *> runs)
{
    m_runs.assign(runs.begin(), runs.end());
    RunData *chosen = m_run;
    if (std::find(runs.begin(), runs.end(), chosen) == runs.end()) {
        chosen = runs.empty() ? nullptr : runs.front();
    }
    const bool severalExperiments = std::any_of(runs.begin(), runs.end(), [&runs](const RunData *run) {
        return run->experiment() != runs.front()->experiment();
    });
    const QSignalBlocker quiet(m_runCombo);
    m_runCombo->clear();
    for (const RunData *run : runs) {
        m_runCombo->addItem(severalExperiments ? run->experiment() + QStringLiteral(": ") + runTitle(*run) : runTitle(*run));
    }
    m_runCombo->setEnabled(!runs.empty());
    setRun(chosen);
}

void InspectPage::setRun(RunData *run)
{
    const auto at = std::find(m_runs.begin(), m_runs.end(), run);
    if (run != nullptr && at == m_runs.end()) {
        m_runs.emplace_back(run);
        const QSignalBlocker quiet(m_runCombo);
        m_runCombo->addItem(runTitle(*run));
        m_runCombo->setEnabled(true);
        m_runCombo->setCurrentIndex(m_runCombo->count() - 1);
    } else {
        const QSignalBlocker quiet(m_runCombo);
        m_runCombo->setCurrentIndex(run == nullptr ? -1 : static_cast<int>(at - m_runs.begin()));
    }
    if (run == m_run) {
        return;
    }
    if (m_run) {
        disconnect(m_run, nullptr, this, nullptr);
    }
    m_run = run;
    ++m_tag; // answers for the run before are void
    m_asked.reset();
    m_rowAsked.reset();
    m_previousAsked = -1;
    m_picture.reset();
    m_row.reset();
    m_failure.clear();
    m_map->setPicture(nullptr);
    m_mask->setPicture(nullptr);
    m_tokens->setRow(nullptr);
    m_strip->setRun(run);
    if (run != nullptr) {
        m_map->setFamily(run->config().model.family);
        connect(run, &RunData::snapshotsChanged, this, &InspectPage::runChanged);
        connect(run, &RunData::stateChanged, this, [this] {
            const auto found = std::find(m_runs.begin(), m_runs.end(), m_run);
            m_runCombo->setItemText(static_cast<int>(found - m_runs.begin()), runTitle(*m_run));
            showMessage();
        });
        connect(run, &RunData::snapshotLoaded, this, [this](std::int64_t step) {
            if (step == stepShown() || step == stepBefore(stepShown())) {
                refreshPicture();
            }
        });
        connect(run, &RunData::snapshotFailed, this, [this](std::int64_t step, const QString &reason) {
            if (step == stepShown()) {
                m_failure = QStringLiteral("Could not read snapshot %1. %2").arg(countText(step), reason);
                showMessage();
            }
        });
        m_viewState->setRun(run->id());
    }
    runChanged();
}

void InspectPage::runChanged()
{
    followNewest();
    refreshPicture();
    showMessage();
}

void InspectPage::followNewest()
{
    if (m_run && m_viewState->view().followLive && !m_run->snapshotSteps().empty()) {
        m_viewState->followStep(m_run->snapshotSteps().back());
    }
}

std::int64_t InspectPage::stepShown() const
{
    if (!m_run || m_run->snapshotSteps().empty()) {
        return -1;
    }
    const auto &steps = m_run->snapshotSteps();
    const View &view = m_viewState->view();
    if (view.followLive || view.step < 0) {
        return steps.back();
    }
    const auto after = std::upper_bound(steps.begin(), steps.end(), view.step);
    return after == steps.begin() ? steps.front() : *std::prev(after);
}

std::int64_t InspectPage::stepBefore(std::int64_t step) const
{
    if (!m_run) {
        return -1;
    }
    const auto &steps = m_run->snapshotSteps();
    const auto at = std::lower_bound(steps.begin(), steps.end(), step);
    return at == steps.begin() ? -1 : *std::prev(at);
}

std::pair<MapKind, int> InspectPage::mapShown(const LayerSnapshot &layer) const
{
    const View &view = m_viewState->view();
    if (view.map != MapKind::Attention && !layer.hasIndexer()) {
        return {MapKind::Attention, -1};
    }
    switch (view.map) {
    case MapKind::IndexScore: return {view.map, -1};
    case MapKind::IndexTerm: return {view.map, std::clamp(view.head, 0, layer.indexHeads - 1)};
    case MapKind::Attention: return {view.map, std::clamp(view.head, -1, layer.heads - 1)};
    }
    return {MapKind::Attention, -1};
}

void InspectPage::viewChanged()
{
    const View &view = m_viewState->view();
    if (m_run && view.run != m_run->id()) {
        const auto other = std::find_if(m_runs.begin(), m_runs.end(),
                                        [&view](const auto &run) { return run && run->id() == view.run; });
        if (other != m_runs.end()) {
            setRun(*other);
            return;
        }
    }
    followNewest();
    refreshPicture();
    refreshRow();
    Q_EMIT statusChanged();
}

void InspectPage::hoverChanged()
{
    refreshRow();
    Q_EMIT statusChanged();
}

void InspectPage::refreshPicture()
{
    const std::int64_t step = stepShown();
    if (step < 0) {
        return;
    }
    const auto snapshot = m_run->cachedSnapshot(step);
    if (!snapshot) {
        m_map->setLoading(true);
        m_mask->setLoading(true);
        m_run->requestSnapshot(step);
        showMessage();
        return;
    }
    if (snapshot->layers.empty()) {
        return;
    }
    const View &view = m_viewState->view();
    MapRequest request;
    request.snapshot = snapshot;
    request.layer = std::clamp(view.layer, 0, static_cast<int>(snapshot->layers.size()) - 1);
    std::tie(request.kind, request.head) = mapShown(snapshot->layers[static_cast<std::size_t>(request.layer)]);
    request.logarithmic = view.logarithmic;
    request.limits = view.lockedLimits;
    request.theme = currentTheme();
    request.tag = m_tag;
    if (const std::int64_t before = stepBefore(step); before >= 0) {
        request.previous = m_run->cachedSnapshot(before);
        if (!request.previous && m_previousAsked != before) {
            m_previousAsked = before; // once: a file that cannot be read must not be asked for again and again
            m_run->requestSnapshot(before); // for the churn; the picture does not wait for it
        }
    }
    if (request == m_asked) {
        return;
    }
    m_asked = request;
    m_map->setLoading(true);
    m_mask->setLoading(true);
    m_mapWorker.request(request);
}

void InspectPage::pictureReady(std::shared_ptr<const LayerPicture> picture)
{
    if (picture->request.tag != m_tag) {
        return;
    }
    const bool otherText = !m_picture || m_picture->length() != picture->length();
    m_picture = std::move(picture);
    m_failure.clear();
    m_map->setPicture(m_picture);
    m_mask->setPicture(m_picture->mask ? m_picture : nullptr);
    if (m_asked == m_picture->request) {
        m_map->setLoading(false);
        m_mask->setLoading(false);
    }
    const Snapshot &snapshot = *m_picture->request.snapshot;
    m_tokens->setSnapshot(m_picture->request.snapshot);
    m_strip->setChurn(m_picture->churn);
    fillCombos(snapshot);
    showLayer();
    showMessage();
    if (otherText) {
        pickFirstQuery(snapshot);
    }
    refreshRow();
    Q_EMIT statusChanged();
}

void InspectPage::pickFirstQuery(const Snapshot &snapshot)
{
    const View &view = m_viewState->view();
    if (view.query >= 0 && view.query < snapshot.length() && view.key < snapshot.length()) {
        return;
    }
    // The last query whose answer is known shows most; without one, the last query.
    int query = snapshot.length() - 1;
    for (int t = snapshot.length() - 1; t >= 0; --t) {
        if (t < static_cast<int>(snapshot.needed.size()) && !snapshot.needed[static_cast<std::size_t>(t)].empty()) {
            query = t;
            break;
        }
    }
    m_viewState->setCell(query, -1);
}

void InspectPage::fillCombos(const Snapshot &snapshot)
{
    const MapRequest &request = m_picture->request;
    const QSignalBlocker quietLayer(m_layerCombo), quietMap(m_mapCombo);
    if (m_layerCombo->count() != static_cast<int>(snapshot.layers.size())) {
        m_layerCombo->clear();
        for (const LayerSnapshot &layer : snapshot.layers) {
            m_layerCombo->addItem(QString::number(layer.layer));
        }
    }
    m_layerCombo->setCurrentIndex(request.layer);

    std::vector<std::pair<MapKind, int>> maps;
    const LayerSnapshot &layer = m_picture->layer();
    if (layer.hasIndexer()) {
        maps.emplace_back(MapKind::IndexScore, -1);
        for (int head = 0; head < layer.indexHeads; ++head) {
            maps.emplace_back(MapKind::IndexTerm, head);
        }
    }
    for (int head = -1; head < layer.heads; ++head) {
        maps.emplace_back(MapKind::Attention, head);
    }
    bool same = static_cast<int>(maps.size()) == m_mapCombo->count();
    for (int i = 0; same && i < m_mapCombo->count(); ++i) {
        const auto &[kind, head] = maps[static_cast<std::size_t>(i)];
        same = m_mapCombo->itemData(i).toPoint() == QPoint(static_cast<int>(kind), head);
    }
    if (!same) {
        m_mapCombo->clear();
        for (const auto &[kind, head] : maps) {
            m_mapCombo->addItem(mapTitle(kind, head), QPoint(static_cast<int>(kind), head));
        }
    }
    m_mapCombo->setCurrentIndex(m_mapCombo->findData(QPoint(static_cast<int>(request.kind), request.head)));

    const bool isSigned = request.kind == MapKind::IndexTerm;
    const bool logarithmic = m_picture->scale.logarithmic;
    m_log->setEnabled(!isSigned);
    m_linear->setEnabled(!isSigned);
    m_log->setChecked(logarithmic);
    m_linear->setChecked(!logarithmic);
    const bool forced = m_viewState->view().logarithmic && !logarithmic && !isSigned;
    m_log->setToolTip(forced ? QStringLiteral("This map has no positive value: shown linear") : QString());
    m_probe->setText(QStringLiteral("Probe: %1, %2 tokens")
                         .arg(QString::fromStdString(snapshot.probeName), countText(snapshot.length())));
}

void InspectPage::showLayer()
{
    const LayerPicture &picture = *m_picture;
    const Snapshot &snapshot = *picture.request.snapshot;
    m_mapTitle->setText(mapTitle(picture.request.kind, picture.request.head));
    if (!picture.mask) {
        const QString family = m_run ? QString::fromStdString(displayName(m_run->config().model.family)) : QStringLiteral("Dense");
        m_maskMessage->setMessage(MessageView::Mood::Info, QStringLiteral("This run has no indexer"),
                                  QStringLiteral("%1 attention keeps every key. Its attention maps are shown; mask and "
                                                 "indexer maps are hidden.").arg(family));
        m_maskStack->setCurrentIndex(1);
        m_maskTitle->clear();
        m_maskNotice->hide();
        return;
    }
    m_maskStack->setCurrentIndex(0);
    const int heads = picture.layer().heads;
    m_maskTitle->setText(snapshot.sparse
                             ? QStringLiteral("Layer %1 · one mask for all %2 attention heads").arg(picture.layer().layer).arg(heads)
                             : QStringLiteral("Layer %1 · attention is still dense: what the indexer would keep")
                                   .arg(picture.layer().layer));
    m_maskNotice->setVisible(picture.futureSelected > 0);
    if (picture.futureSelected > 0) {
        const std::int64_t length = snapshot.length();
        m_maskNotice->setText(QStringLiteral("Future keys were selected: %1 of %2 future pairs, first at query %3. They are "
                                             "drawn in magenta. Losses from this run are not comparable.")
                                  .arg(countText(picture.futureSelected), countText(length * (length - 1) / 2))
                                  .arg(picture.firstFaultyQuery));
    }
    const SelectionMetrics metrics = picture.metrics.value_or(SelectionMetrics{});
    ValueList::Values values{
        {QStringLiteral("Mass kept"), threeDecimals(metrics.massKept)},
        {QStringLiteral("  worst query"), threeDecimals(metrics.massKeptWorst)},
        {QStringLiteral("  random keys would keep"), threeDecimals(metrics.massKeptChance)},
        {QStringLiteral("  best possible"), threeDecimals(metrics.oracleMass)},
        {QStringLiteral("Overlap with dense top-k"), threeDecimals(metrics.recall)},
        {QStringLiteral("  random keys"), threeDecimals(metrics.recallChance)},
    };
    if (metrics.neededRecall) {
        values.emplace_back(QStringLiteral("Needed keys found"), threeDecimals(metrics.neededRecall));
        values.emplace_back(QStringLiteral("  random keys"), threeDecimals(metrics.neededRecallChance));
    }
    values.emplace_back(QStringLiteral("Key pairs kept"), threeDecimals(metrics.pairsKept));
    m_mapStats->setValues(values);
}

void InspectPage::refreshRow()
{
    if (!m_picture) {
        return;
    }
    const int length = m_picture->length();
    const int hovered = m_hoverState->hover().query;
    const int query = hovered >= 0 && hovered < length ? hovered : m_viewState->view().query;
    if (query < 0 || query >= length) {
        return;
    }
    RowRequest request{m_picture->request.snapshot, m_picture->request.layer, query};
    if (request != m_rowAsked) {
        m_rowAsked = request;
        m_rowWorker.request(std::move(request));
    }
}

void InspectPage::rowReady(std::shared_ptr<const RowAnswer> row)
{
    if (!m_picture || row->request.snapshot->run != m_picture->request.snapshot->run) {
        return;
    }
    m_row = std::move(row);
    m_tokens->setRow(m_row);
    m_map->setRow(m_row);
    m_mask->setRow(m_row);
    showRow();
    Q_EMIT statusChanged();
}

void InspectPage::showRow()
{
    const RowAnswer &row = *m_row;
    const Snapshot &snapshot = *row.request.snapshot;
    const int t = row.request.query;
    const QString word = t < static_cast<int>(snapshot.words.size())
                             ? QStringLiteral(" “%1”").arg(shownToken(snapshot.words[static_cast<std::size_t>(t)]))
                             : QString();
    m_queryText->setText(QStringLiteral("Query %1%2").arg(t).arg(word));
    const Tokens &c = currentTokens();
    m_queryContext->setText(
        QStringLiteral("<span style='color:%1;white-space:pre'>in %2</span><span style='background:%3;color:%4;white-space:pre'>%5"
                       "</span><span style='color:%6;white-space:pre'>%7</span>")
            .arg(c.text2.name(), runningText(snapshot, t - kContextTokens, t), c.text.name(), c.panel.name(),
                 runningText(snapshot, t, t + 1), c.hint.name(), runningText(snapshot, t + 1, t + 1 + kContextTokens / 2)));
    m_queryUp->setEnabled(t > 0);
    m_queryDown->setEnabled(t + 1 < snapshot.length());
    ValueList::Values values;
    if (row.hasSelection) {
        values = {{QStringLiteral("Mass kept"), threeDecimals(row.massKept)},
                  {QStringLiteral("Random keys"), threeDecimals(row.randomKeys)},
                  {QStringLiteral("In dense top-k"), QStringLiteral("%1 of %2").arg(row.needed).arg(row.topKeys)},
                  {QStringLiteral("Missed"), QString::number(row.missed)},
                  {QStringLiteral("Missed mass"), QString::number(row.missedMass, 'f', 3)}};
        if (row.taskNeeded > 0) {
            values.emplace_back(QStringLiteral("Needed by the task"),
                                QStringLiteral("%1 of %2 selected").arg(row.taskNeededSelected).arg(row.taskNeeded));
        }
    } else {
        values = {{QStringLiteral("Visible keys"), QString::number(t + 1)}, {QStringLiteral("Selection"), QStringLiteral("every key")}};
    }
    m_rowStats->setValues(values);
    m_legend->setVisible(row.hasSelection);
    m_legend->setTaskShown(!snapshot.needed.empty());
}

void InspectPage::showMessage()
{
    m_mapNotice->setVisible(!m_failure.isEmpty() && m_picture);
    m_mapNotice->setText(m_failure);
    if (m_picture) {
        m_body->setCurrentIndex(0);
        return;
    }
    m_body->setCurrentIndex(1);
    const std::int64_t step = stepShown();
    if (!m_failure.isEmpty()) {
        m_message->setMessage(MessageView::Mood::Failed, QStringLiteral("Could not show the snapshot"), m_failure);
    } else if (!m_run) {
        m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("No run yet"),
                              QStringLiteral("Start an experiment or open a folder with runs."));
    } else if (step < 0) {
        const bool over = m_run->state() == RunState::Failed || m_run->state() == RunState::Stopped ||
                          m_run->state() == RunState::Finished;
        m_message->setMessage(MessageView::Mood::Neutral,
                              over ? QStringLiteral("This run has no snapshot") : QStringLiteral("No snapshot yet"),
                              over ? QStringLiteral("It ended before the first one was taken.")
                                   : QStringLiteral("The first one comes with the first steps of training."));
    } else {
        m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("Reading snapshot %1").arg(countText(step)), {});
    }
}

void InspectPage::setQueryBy(int rows)
{
    if (m_row) {
        m_viewState->setQuery(std::clamp(m_row->request.query + rows, 0, m_row->request.snapshot->length() - 1));
    }
}

QString InspectPage::cursorText() const
{
    if (!m_picture) {
        return {};
    }
    const MapRequest &request = m_picture->request;
    QString map = mapTitle(request.kind, request.head);
    map[0] = map[0].toLower();
    QStringList parts{QStringLiteral("Layer %1").arg(m_picture->layer().layer), map};
    const auto position = [&request](const QString &name, int at) {
        const auto &words = request.snapshot->words;
        return at < static_cast<int>(words.size())
                   ? QStringLiteral("%1 %2 “%3”").arg(name).arg(at).arg(shownToken(words[static_cast<std::size_t>(at)]))
                   : QStringLiteral("%1 %2").arg(name).arg(at);
    };
    const Hover &hover = m_hoverState->hover();
    const View &view = m_viewState->view();
    if (const int query = hover.query >= 0 ? hover.query : view.query; query >= 0) {
        parts << position(QStringLiteral("query"), query);
    }
    if (const int key = hover.query >= 0 ? hover.key : view.key; key >= 0) {
        parts << position(QStringLiteral("key"), key);
    }
    return parts.join(QStringLiteral(" · "));
}

QString InspectPage::reducerText() const
{
    if (!m_picture) {
        return {};
    }
    return QStringLiteral("Map %1 × %1, %2").arg(m_picture->length()).arg(m_map->reductionText());
}

std::vector<const ExportableView *> InspectPage::exportableViews() const
{
    std::vector<const ExportableView *> views;
    if (m_picture) {
        views.push_back(m_map);
        if (m_picture->mask) {
            views.push_back(m_mask);
        }
    }
    return views;
}

void InspectPage::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange && m_run) {
        refreshPicture(); // future cells and mask states have the theme's colours
        if (m_row) {
            showRow();
        }
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
