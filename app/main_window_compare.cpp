#include "app/main_window.h"

#include "app/comparison_export.h"
#include "app/run_actions.h"
#include "widgets/panels/compare_header.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/run_table.h"
#include "widgets/panels/selector_card.h"
#include "widgets/plots/loss_difference.h"
#include "widgets/style/dialogs.h"

#include <QActionGroup>
#include <QDir>
#include <QElapsedTimer>
#include <QMenu>
#include <QSettings>

#include <algorithm>
#include <utility>

/// The Compare page in the window: its runs, its menu, what the run table does for it, measuring and writing a comparison.
namespace sparsescope {

namespace {

constexpr int kTogetherMilliseconds = 100;
constexpr int kDueShare = 9; ///< times as long for runs to come in as it takes to show them

} // namespace

void MainWindow::connectCompare()
{
    m_dueTimer.setSingleShot(true);
    connect(&m_dueTimer, &QTimer::timeout, this, &MainWindow::showDueRuns);
    connect(m_comparePage, &ComparePage::statusChanged, this, [this] {
        showCursor();
        showMarks();
        showMeasurable();
    });
    connect(m_comparePage, &ComparePage::menuRequested, this, [this](QPoint at) {
        QMenu menu(this);
        menu.addAction(QStringLiteral("Copy image"), this, &MainWindow::copyImage);
        menu.addAction(QStringLiteral("Export…"), this, &MainWindow::exportFigures);
        menu.exec(at);
    });
    connect(m_comparePage->header(), &CompareHeader::exportRequested, this, &MainWindow::exportComparison);
    connect(m_comparePage->header(), &CompareHeader::folderDropped, this,
            [this](bool a, const QString &folder) { folderOnSide(a, folder.toStdString()); });
    connect(m_runTable, &RunTable::markClicked, this, &MainWindow::toggleCompared);
    connect(m_runActions, &RunActions::sideRequested, this, [this](const RunData *run, bool a) {
        putOnSide(*run, a);
        showPage(Page::Compare);
    });
    connect(m_runActions, &RunActions::besideRequested, this, &MainWindow::toggleCompared);
    SelectorCard *card = m_comparePage->selectors();
    connect(card, &SelectorCard::measureRequested, this,
            [this] { m_selectorMeasure->start(m_comparePage->selectorRuns()); });
    connect(card, &SelectorCard::cancelRequested, m_selectorMeasure.get(), &SelectorMeasure::cancel);
    connect(m_selectorMeasure.get(), &SelectorMeasure::progressed, card, &SelectorCard::setMeasuring);
    connect(m_selectorMeasure.get(), &SelectorMeasure::failed, card, &SelectorCard::setFailure);
    connect(m_selectorMeasure.get(), &SelectorMeasure::measured, this, [this] { showCompareRuns(false); });
}

void MainWindow::fillCompareMenu(QMenu *menu)
{
    const auto openSide = [this](bool a) {
        showPage(Page::Compare);
        m_comparePage->header()->openSide(a);
    };
    menu->addAction(QStringLiteral("Set A…"), this, [openSide] { openSide(true); });
    menu->addAction(QStringLiteral("Set B…"), this, [openSide] { openSide(false); });
    menu->addAction(QStringLiteral("Swap A and B"), &m_view, &ViewState::swapSides);
    QMenu *by = menu->addMenu(QStringLiteral("By"));
    auto *axes = new QActionGroup(by);
    const std::pair<const char *, XAxis> kinds[] = {
        {"Step", XAxis::Step}, {"Tokens", XAxis::Tokens}, {"Time", XAxis::Time}, {"FLOPs", XAxis::Flops}};
    for (const auto &[words, axis] : kinds) {
        QAction *action =
            by->addAction(QString::fromLatin1(words), &m_view, [this, axis = axis] { m_view.setCompareBy(axis); });
        action->setCheckable(true);
        axes->addAction(action);
    }
    connect(by, &QMenu::aboutToShow, this,
            [this, axes] { axes->actions()[static_cast<int>(m_view.view().compareBy)]->setChecked(true); });
    menu->addSeparator();
    menu->addAction(QStringLiteral("Lock limits of the difference\tK"), m_comparePage, &ComparePage::toggleLimits);
    menu->addAction(QStringLiteral("Export comparison…"), this, &MainWindow::exportComparison);
}

void MainWindow::showCompareRuns(bool now)
{
    m_compareRunsDue = true;
    if (now) {
        showDueRuns();
    } else if (!m_dueTimer.isActive()) { // a folder of a thousand runs is put together a few times, not a thousand
        m_dueTimer.start(m_opening > 0 ? std::max(kTogetherMilliseconds, kDueShare * m_dueCost) : 0);
    }
}

void MainWindow::showDueRuns()
{
    QElapsedTimer cost;
    cost.start();
    if (std::exchange(m_besideDue, false)) {
        showRuns();
    }
    if (std::exchange(m_compareRunsDue, false)) {
        m_dueTimer.stop();
        m_comparePage->setRuns(m_runs.all(), m_current);
        showMarks();
        showMeasurable();
    }
    m_dueCost = static_cast<int>(cost.elapsed());
}

void MainWindow::showMarks()
{
    std::map<const RunData *, RunMark> marks;
    const View &view = m_view.view();
    const CompareSide *a = sideOf(m_comparePage->sides(), view.sideA), *b = sideOf(m_comparePage->sides(), view.sideB);
    if (m_page == Page::Compare) {
        for (const RunData *run : m_runs.all()) {
            const bool ticked = view.compared.contains(QString::fromStdString(run->folder().string()));
            marks[run] = ticked ? RunMark::Ticked : RunMark::Unticked;
        }
        const bool sameFamily = a != nullptr && b != nullptr &&
                                a->runs.front()->config().model.family == b->runs.front()->config().model.family;
        for (const RunData *run : b != nullptr ? b->runs : std::vector<RunData *>()) {
            marks[run] = sameFamily ? RunMark::SecondB : RunMark::B;
        }
        for (const RunData *run : a != nullptr ? a->runs : std::vector<RunData *>()) {
            marks[run] = RunMark::A;
        }
    }
    m_runTable->setMarks(m_page == Page::Compare, std::move(marks));
}

void MainWindow::putOnSide(const RunData &run, bool a)
{
    const View &view = m_view.view();
    const QString key = groupKeyOf(run);
    m_view.setSides(a ? key : view.sideA, a ? view.sideB : key);
}

void MainWindow::toggleCompared(RunData *run)
{
    QStringList compared = m_view.view().compared;
    const QString folder = QString::fromStdString(run->folder().string());
    if (compared.removeAll(folder) == 0) {
        compared << folder;
    }
    m_view.setCompared(compared);
}

void MainWindow::folderOnSide(bool a, const std::filesystem::path &folder)
{
    std::error_code ignored;
    const std::filesystem::path wanted = std::filesystem::weakly_canonical(folder, ignored);
    for (const RunData *run : m_runs.all()) {
        if (std::filesystem::weakly_canonical(run->folder(), ignored) == wanted) {
            const QString single = singleKeyOf(*run);
            const QString key = sideOf(m_comparePage->sides(), single) != nullptr ? single : groupKeyOf(*run);
            const View &view = m_view.view();
            m_dropped.reset();
            m_view.setSides(a ? key : view.sideA, a ? view.sideB : key);
            return;
        }
    }
    m_dropped = {a, folder};
    openPath(folder);
}

void MainWindow::showMeasurable()
{
    const QString why = m_selectorMeasure->whyNot(m_comparePage->selectorRuns());
    m_comparePage->selectors()->setMeasurable(
        why.isEmpty(), why.isEmpty()
                           ? QStringLiteral("Freezes the newest checkpoint of every run on this side and lets each "
                                            "selector choose its keys. Takes some minutes on a CPU.")
                           : why);
}

void MainWindow::exportComparison()
{
    if (m_comparisonExport) {
        m_comparisonExport->cancel();
        return;
    }
    const auto content = m_comparePage->content();
    if (!content || !content->input.a || !content->input.b) {
        showPage(Page::Compare);
        return;
    }
    const QString start = QSettings().value(QStringLiteral("exportFolder"), QDir::currentPath()).toString();
    const QString folder = dialogs::chooseFolder(this, QStringLiteral("Folder for the comparison"), start);
    if (folder.isEmpty()) {
        return;
    }
    QSettings().setValue(QStringLiteral("exportFolder"), folder);
    m_comparisonExport = std::make_unique<ComparisonExport>(m_comparePage->exportableViews(), *content, folder);
    CompareHeader *header = m_comparePage->header();
    connect(m_comparisonExport.get(), &ComparisonExport::progressed, header, &CompareHeader::setExporting);
    connect(m_comparisonExport.get(), &ComparisonExport::finished, this,
            [this, header](const QString &written, const QString &failure) {
                header->setExporting({});
                if (!failure.isEmpty()) {
                    m_notices->post(QStringLiteral("comparison"), NoticeBar::Kind::Failed,
                                    QStringLiteral("The comparison was not written"), failure);
                } else if (!written.isEmpty()) {
                    m_notices->post(QStringLiteral("comparison"), NoticeBar::Kind::Info,
                                    QStringLiteral("Comparison written"), written);
                }
                m_comparisonExport.release()->deleteLater(); // it is in the middle of a signal
            });
    m_comparisonExport->start();
}

} // namespace sparsescope
