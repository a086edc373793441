#include "widgets/panels/compare_page.h"

#include "widgets/panels/compare_header.h"
#include "widgets/panels/difference_card.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/metrics_table.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/selector_card.h"
#include "widgets/plots/difference_heatmap.h"
#include "widgets/plots/loss_difference.h"
#include "widgets/plots/position_plot.h"
#include "widgets/plots/selector_plot.h"
#include "widgets/state/run_table_model.h"

#include <QGridLayout>
#include <QKeyEvent>
#include <QScrollArea>
#include <QStackedWidget>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kRefreshMilliseconds = 200;
constexpr int kWideFrom = 1080; ///< px of the page from which three cards stand beside each other

QFrame *card(const QString &title, QWidget *content, QLabel *words, QWidget *parent)
{
    auto *card = new QFrame(parent);
    card->setProperty("role", "card");
    auto *head = new QHBoxLayout;
    head->setSpacing(8);
    head->addWidget(makeLabel(title, "heading", card));
    words->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    head->addWidget(words, 1);
    auto *column = new QVBoxLayout(card);
    column->setContentsMargins(12, 8, 8, 6);
    column->setSpacing(4);
    column->addLayout(head);
    column->addWidget(content, 1);
    return card;
}

} // namespace

ComparePage::ComparePage(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
    , m_refresh(this, kRefreshMilliseconds, [this] { compute(); })
    , m_worker(
          this, compareContentOf, [this](auto content) { showContent(std::move(content)); },
          [this](const QString &reason) {
              m_answered = m_tag;
              m_message->setMessage(MessageView::Mood::Failed, QStringLiteral("The comparison could not be made"),
                                    reason);
              m_body->setCurrentWidget(m_message);
          })
{
    build();
    connect(m_viewState, &ViewState::changed, this, &ComparePage::viewChanged);
    connect(m_hoverState, &HoverState::changed, this, [this] {
        const std::int64_t step = m_hoverState->hover().step;
        m_curves->setHover(step >= 0 ? std::optional(step) : std::nullopt);
    });
    connect(m_curves, &LossDifference::cursorMoved, m_viewState, &ViewState::setStep);
    connect(m_curves, &LossDifference::hovered, this,
            [this](std::optional<std::int64_t> step) { m_hoverState->setStep(step.value_or(-1)); });
    connect(m_curves, &LossDifference::menuRequested, this, &ComparePage::menuRequested);
    connect(m_difference, &DifferenceCard::changed, this, &ComparePage::statusChanged);
    showMessage();
}

ComparePage::~ComparePage() = default;

void ComparePage::build()
{
    m_header = new CompareHeader(m_viewState, this);
    m_fault = new FaultBar(this);
    m_message = new MessageView(this);
    m_body = new QStackedWidget(this);
    auto *sheet = new QWidget(this);
    setProperty("role", "page");
    sheet->setProperty("role", "page");
    m_curves = new LossDifference(sheet);
    m_table = new MetricsTable(sheet);
    m_position = new PositionPlot(sheet);
    m_selectors = new SelectorCard(sheet);
    m_difference = new DifferenceCard(m_viewState, m_hoverState, sheet);
    m_tableWords = makeLabel({}, "sub", sheet);
    m_curvesCard = card(QStringLiteral("Loss and difference"), m_curves,
                        makeLabel(QStringLiteral("validation, mean ± std above, paired 95 % CI below"), "sub", sheet),
                        sheet);
    m_tableCard = card(QStringLiteral("Metrics"), m_table, m_tableWords, sheet);
    m_positionCard = card(QStringLiteral("Loss by position"), m_position,
                          makeLabel(QStringLiteral("validation, by eighths"), "sub", sheet), sheet);
    m_grid = new QGridLayout(sheet);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setSpacing(8);
    m_scroll = new QScrollArea(this);
    m_scroll->setWidget(sheet);
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_scroll->setFocusPolicy(Qt::NoFocus);
    m_body->addWidget(m_scroll);
    m_body->addWidget(m_message);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(8);
    column->addWidget(m_header);
    column->addWidget(m_fault);
    column->addWidget(m_body, 1);
    arrange(true);
}

void ComparePage::arrange(bool wide)
{
    if (m_wide == wide) {
        return;
    }
    m_wide = wide;
    while (QLayoutItem *item = m_grid->takeAt(0)) {
        delete item; // the cards stay
    }
    for (int i = 0; i < 4; ++i) {
        m_grid->setRowMinimumHeight(i, 0);
        m_grid->setRowStretch(i, 0);
    }
    for (int i = 0; i < 24; ++i) {
        m_grid->setColumnStretch(i, 1);
    }
    if (wide) { // as in the design
        m_grid->addWidget(m_curvesCard, 0, 0, 1, 11);
        m_grid->addWidget(m_tableCard, 0, 11, 1, 13);
        m_grid->addWidget(m_positionCard, 1, 0, 1, 6);
        m_grid->addWidget(m_selectors, 1, 6, 1, 10);
        m_grid->addWidget(m_difference, 1, 16, 1, 8);
        m_grid->setRowStretch(0, 54);
        m_grid->setRowStretch(1, 46);
        m_grid->setRowMinimumHeight(0, 300);
        m_grid->setRowMinimumHeight(1, 260);
        return;
    }
    m_grid->addWidget(m_curvesCard, 0, 0, 1, 24);
    m_grid->addWidget(m_tableCard, 1, 0, 1, 24);
    m_grid->addWidget(m_positionCard, 2, 0, 1, 11);
    m_grid->addWidget(m_difference, 2, 11, 1, 13);
    m_grid->addWidget(m_selectors, 3, 0, 1, 24);
    const int heights[] = {320, 330, 330, 270};
    for (int row = 0; row < 4; ++row) {
        m_grid->setRowMinimumHeight(row, heights[row]);
        m_grid->setRowStretch(row, 1);
    }
}

void ComparePage::setRuns(const std::vector<RunData *> &runs, const RunData *current)
{
    for (const auto &run : m_runs) {
        if (run) {
            disconnect(run, nullptr, this, nullptr);
        }
    }
    m_runs.assign(runs.begin(), runs.end());
    m_currentExperiment = current != nullptr ? experimentKey(*current) : QString();
    for (RunData *run : runs) {
        for (const auto signal : {&RunData::seriesChanged, &RunData::stateChanged, &RunData::checksChanged}) {
            connect(run, signal, &m_refresh, &VisibleRefresh::request);
        }
    }
    m_sides = sidesOf(runs);
    m_header->setSides(m_sides);
    if (isVisible()) {
        propose();
    }
    m_refresh.request();
}

void ComparePage::propose()
{
    const View &view = m_viewState->view();
    if (!view.sideA.isEmpty() || !view.sideB.isEmpty()) {
        return;
    }
    const auto [a, b] = proposedSides(m_sides, m_currentExperiment);
    if (!a.isEmpty()) {
        m_viewState->proposeSides(a, b);
    }
}

void ComparePage::viewChanged()
{
    const View &view = m_viewState->view();
    m_curves->setCursor(view.step >= 0 ? std::optional(view.step) : std::nullopt);
    if (view.sideA != m_shown.sideA || view.sideB != m_shown.sideB || view.compared != m_shown.compared ||
        view.compareBy != m_shown.compareBy) {
        m_shown = view;
        m_refresh.request();
        if (isVisible()) { // a person waits for it
            m_refresh.flush();
        }
    }
    Q_EMIT statusChanged();
}

void ComparePage::compute()
{
    const View &view = m_viewState->view();
    m_shown = view;
    const CompareSide *a = sideOf(m_sides, view.sideA), *b = sideOf(m_sides, view.sideB);
    RunData *runA = a != nullptr ? a->runs.front() : nullptr, *runB = b != nullptr ? b->runs.front() : nullptr;
    for (RunData *other : b != nullptr ? b->runs : std::vector<RunData *>()) { // the same seed where there is one
        if (runA != nullptr && other->config().training.seed == runA->config().training.seed) {
            runB = other;
        }
    }
    const auto titleOf = [](const CompareSide *side, const RunData *run) {
        return side == nullptr ? QString()
               : side->single  ? side->title
                               : QStringLiteral("%1 s%2").arg(side->shortTitle).arg(run->config().training.seed);
    };
    m_difference->setRuns(runA, titleOf(a, runA), runB, titleOf(b, runB));
    CompareInput input;
    input.by = view.compareBy;
    if (a != nullptr) {
        input.a = sideData(*a);
    }
    if (b != nullptr) {
        input.b = sideData(*b);
    }
    for (const auto &run : m_runs) {
        if (run && view.compared.contains(QString::fromStdString(run->folder().string()))) {
            const CompareSide *side = sideOf(m_sides, singleKeyOf(*run));
            side = side != nullptr ? side : sideOf(m_sides, groupKeyOf(*run));
            const bool onSide = (a && std::count(a->runs.begin(), a->runs.end(), run)) ||
                                (b && std::count(b->runs.begin(), b->runs.end(), run));
            if (side != nullptr && !onSide) {
                input.more.push_back(sideData(*side));
            }
        }
    }
    input.tag = ++m_tag;
    m_worker.request(std::move(input));
    showMessage();
}

void ComparePage::showContent(std::shared_ptr<const CompareContent> content)
{
    m_content = std::move(content);
    m_answered = m_content->input.tag;
    m_curves->setContent(m_content);
    m_table->setContent(m_content);
    m_tableWords->setText(MetricsTable::subtitle(*m_content));
    m_position->setContent(m_content);
    m_selectors->setContent(m_content);
    m_fault->setFault(m_content->fault);
    m_header->setFacts(m_content->facts, m_content->input.a && m_content->input.b);
    m_header->setExportable(m_content->input.a && m_content->input.b);
    showMessage();
    Q_EMIT statusChanged();
}

void ComparePage::showMessage()
{
    const View &view = m_viewState->view();
    const bool a = sideOf(m_sides, view.sideA) != nullptr, b = sideOf(m_sides, view.sideB) != nullptr;
    if (a || b) {
        m_body->setCurrentWidget(m_scroll);
        return;
    }
    m_header->setExportable(false);
    m_header->setFacts({}, false);
    m_fault->setFault({});
    if (m_sides.empty()) {
        m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("No runs yet"),
                              QStringLiteral("Start an experiment or open a folder with runs."));
    } else if (m_sides.size() == 1) {
        m_message->setMessage(MessageView::Mood::Info, QStringLiteral("One run only"),
                              QStringLiteral("A comparison needs two sides. Train another family or setting on the same data, "
                                             "or open a folder with more runs."));
    } else {
        m_message->setMessage(MessageView::Mood::Info, QStringLiteral("Choose two sides"),
                              QStringLiteral("Pick A and B above, or press A or B on a run in the list. A group of seeds gives "
                                             "an interval, a single run does not."));
    }
    m_body->setCurrentWidget(m_message);
}

std::vector<RunData *> ComparePage::selectorRuns() const
{
    const View &view = m_viewState->view();
    const CompareSide *a = sideOf(m_sides, view.sideA), *b = sideOf(m_sides, view.sideB);
    const auto selects = [](const CompareSide *side) {
        return side != nullptr && isSparse(side->runs.front()->config().model.family);
    };
    const CompareSide *side = selects(a) || !selects(b) ? (a != nullptr ? a : b) : b;
    return side != nullptr ? side->runs : std::vector<RunData *>();
}

std::vector<std::pair<QString, const ExportableView *>> ComparePage::exportableViews() const
{
    std::vector<std::pair<QString, const ExportableView *>> views;
    if (!m_content || (!m_content->input.a && !m_content->input.b)) {
        return views;
    }
    views.emplace_back(QStringLiteral("paired"), m_curves);
    views.emplace_back(QStringLiteral("metrics"), m_table);
    if (!m_content->position.curves.empty()) {
        views.emplace_back(QStringLiteral("position"), m_position);
    }
    if (m_selectors->plot()->hasCurves()) {
        views.emplace_back(QStringLiteral("counterfactual"), m_selectors->plot());
    }
    if (m_difference->hasPicture()) {
        views.emplace_back(QStringLiteral("difference"), m_difference->map());
    }
    return views;
}

bool ComparePage::settled() const { return !m_refresh.due() && m_answered == m_tag && m_difference->settled(); }

QString ComparePage::statusText() const
{
    const View &view = m_viewState->view();
    const CompareSide *a = sideOf(m_sides, view.sideA), *b = sideOf(m_sides, view.sideB);
    if (a == nullptr && b == nullptr) {
        return QStringLiteral("No sides chosen");
    }
    return QStringLiteral("A: %1 · B: %2")
        .arg(a != nullptr ? a->title : QStringLiteral("not chosen"),
             b != nullptr ? b->title : QStringLiteral("not chosen"));
}

QString ComparePage::pairingText() const
{
    const int n = m_content ? m_content->comparison.steps.statistics.n : 0;
    return n > 0 ? QStringLiteral("All differences are A − B, paired by seed, n = %1").arg(n) : QString();
}

void ComparePage::toggleLimits() { m_difference->toggleLimits(); }

void ComparePage::moveLayer(int by)
{
    const CompareSide *a = sideOf(m_sides, m_viewState->view().sideA);
    if (a != nullptr) {
        const int last = a->runs.front()->config().model.nLayers - 1;
        m_viewState->setLayer(std::clamp(m_viewState->view().layer + by, 0, last));
    }
}

void ComparePage::keyPressEvent(QKeyEvent *event)
{
    if (event->key() == Qt::Key_K && event->modifiers() == Qt::NoModifier) {
        toggleLimits();
    } else if (event->key() == Qt::Key_PageUp || event->key() == Qt::Key_PageDown) {
        moveLayer(event->key() == Qt::Key_PageUp ? -1 : 1);
    } else if (event->key() == Qt::Key_L || event->key() == Qt::Key_Y || event->key() == Qt::Key_R) {
        return; // of the loss plot of another page, which is not in sight
    } else {
        QWidget::keyPressEvent(event);
    }
}

void ComparePage::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    arrange(width() >= kWideFrom);
}

void ComparePage::showEvent(QShowEvent *event)
{
    QWidget::showEvent(event);
    propose();
    m_refresh.flush();
}

} // namespace sparsescope
