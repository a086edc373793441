#include "app/run_actions.h"

#include "widgets/panels/run_table.h"
#include "widgets/state/run_table_model.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QAction>
#include <QDesktopServices>
#include <QMenu>
#include <QToolButton>
#include <QTreeView>
#include <QUrl>

#include <algorithm>

namespace sparsescope {

RunActions::RunActions(RunTable *table, RunTableModel *model, RunQueue *queue, const RunCollection *runs,
                       QWidget *window)
    : QObject(window)
    , m_table(table)
    , m_model(model)
    , m_queue(queue)
    , m_runs(runs)
    , m_window(window)
{
    m_duplicate = add("duplicateAction", QStringLiteral("Duplicate and change"), QKeySequence(Qt::CTRL | Qt::Key_D),
                      &RunActions::duplicate);
    m_resume = add("resumeAction", QStringLiteral("Resume"), {}, &RunActions::resumeCurrent);
    m_curves =
        add("curvesAction", QStringLiteral("Hide curves"), QKeySequence(Qt::Key_Space), &RunActions::toggleCurves);
    m_useA = add("useAsAAction", QStringLiteral("Use as A"), QKeySequence(Qt::Key_A), &RunActions::useAsA);
    m_useB = add("useAsBAction", QStringLiteral("Use as B"), QKeySequence(Qt::Key_B), &RunActions::useAsB);
    m_beside = add("compareTooAction", QStringLiteral("Draw beside A and B, or no longer"), QKeySequence(Qt::Key_C),
                   &RunActions::drawBeside);
    for (QAction *side : {m_useA, m_useB}) {
        side->setToolTip(QStringLiteral("With all its seeds; a single run stands in the list of the side"));
    }
    m_folder = add("openFolderAction", QStringLiteral("Open folder"), {}, &RunActions::openFolder);
    m_up = add("moveUpAction", QStringLiteral("Move up in the queue"), QKeySequence(Qt::ALT | Qt::Key_Up),
               &RunActions::moveUp);
    m_down = add("moveDownAction", QStringLiteral("Move down in the queue"), QKeySequence(Qt::ALT | Qt::Key_Down),
                 &RunActions::moveDown);
    m_remove =
        add("removeAction", QStringLiteral("Remove from the queue"), QKeySequence(Qt::Key_Delete), &RunActions::remove);
    m_continue =
        add("continueOnErrorAction", QStringLiteral("Continue on error"), {}, &RunActions::toggleContinueOnError);
    m_continue->setCheckable(true);
    m_continue->setToolTip(QStringLiteral("Start the next experiment even when a run of this one failed"));
    // Keys that a text or another list may want act only in the run table.
    for (QAction *local : {m_curves, m_remove, m_useA, m_useB, m_beside}) {
        local->setShortcutContext(Qt::WidgetWithChildrenShortcut);
        m_table->addAction(local);
    }
    // Alone: the row may change because the model is taking rows out, and must be left alone then.
    connect(m_table, &RunTable::currentRowChanged, this, &RunActions::enable);
    connect(m_table, &RunTable::menuRequested, this, &RunActions::showMenu);
    connect(m_queue, &RunQueue::changed, this, &RunActions::refresh);
    connect(m_model, &RunTableModel::placeRequested, this, [this](const QString &key, int place) {
        // After the drop has come to its end: the view still holds on to the rows it dragged.
        QMetaObject::invokeMethod(
            this, [this, key, place] { m_queue->move(key.toStdString(), place); }, Qt::QueuedConnection);
    });
    connect(m_model, &RunTableModel::runPlaceRequested, this,
            [this](const QString &key, const QString &run, int place) {
                QMetaObject::invokeMethod(
                    this, [this, key, run, place] { m_queue->moveRun(key.toStdString(), run.toStdString(), place); },
                    Qt::QueuedConnection);
            });
    refresh();
}

QAction *RunActions::add(const char *name, const QString &text, const QKeySequence &keys, void (RunActions::*slot)())
{
    auto *action = new QAction(text, m_window);
    action->setObjectName(QLatin1String(name));
    action->setShortcut(keys);
    connect(action, &QAction::triggered, this, slot);
    m_all.push_back(action);
    return action;
}

std::vector<QToolButton *> RunActions::moveButtons() const
{
    std::vector<QToolButton *> buttons;
    const std::tuple<QAction *, const char *, Icon> kinds[] = {{m_up, "moveUpButton", Icon::Up},
                                                               {m_down, "moveDownButton", Icon::Down}};
    for (const auto &[action, name, sign] : kinds) {
        auto *button = new QToolButton;
        button->setObjectName(QLatin1String(name));
        button->setIcon(makeIcon(sign));
        button->setAccessibleName(action->text());
        button->setToolTip(QStringLiteral("%1 (%2)").arg(action->text(), action->shortcut().toString()));
        setRole(button, "flat");
        connect(button, &QToolButton::clicked, action, &QAction::trigger);
        connect(action, &QAction::changed, button,
                [button, action = action] { button->setEnabled(action->isEnabled()); });
        button->setEnabled(action->isEnabled());
        buttons.push_back(button);
    }
    return buttons;
}

std::filesystem::path RunActions::folder() const { return m_table->currentExperiment().toStdString(); }

bool RunActions::resumable(const std::filesystem::path &folder) const
{
    const std::vector<RunData *> runs = m_runs->of(folder);
    const bool ours = (m_queue->current() && m_queue->current()->folder == folder) || m_queue->placeOf(folder) >= 0;
    return !ours && std::any_of(runs.begin(), runs.end(), [](const RunData *run) {
        return run->state() == RunState::Interrupted || run->state() == RunState::Stopped ||
               run->state() == RunState::Failed;
    });
}

void RunActions::refresh()
{
    QStringList experiments;
    std::map<QString, QStringList> runs;
    const auto note = [&](const QueuedExperiment &entry) {
        for (const std::string &run : m_queue->waitingRuns(entry.folder)) {
            runs[QString::fromStdString(entry.folder.string())] << QString::fromStdString(run);
        }
    };
    for (const QueuedExperiment &entry : m_queue->waiting()) {
        experiments << QString::fromStdString(entry.folder.string());
        note(entry);
    }
    if (m_queue->current()) {
        runs[QString::fromStdString(m_queue->current()->folder.string())]; // also while its last run is being made
        note(*m_queue->current());
    }
    m_model->setWaiting(experiments);
    m_model->setWaitingRuns(std::move(runs));
    enable();
}

void RunActions::enable()
{
    const auto [place, count] = waiting();
    m_up->setEnabled(place > 0);
    m_down->setEnabled(place >= 0 && place + 1 < count);
    m_remove->setEnabled(place >= 0);
    const RunData *run = m_table->currentRun();
    const bool any = !folder().empty();
    m_duplicate->setEnabled(any);
    m_resume->setEnabled(any && resumable(folder()));
    m_curves->setEnabled(any);
    m_curves->setText(run == nullptr       ? QStringLiteral("Hide or show curves")
                      : run->curvesShown() ? QStringLiteral("Hide curves")
                                           : QStringLiteral("Show curves"));
    m_folder->setEnabled(any);
    m_useA->setEnabled(run != nullptr);
    m_useB->setEnabled(run != nullptr);
    m_beside->setEnabled(run != nullptr);
    m_continue->setChecked(m_queue->continueOnError());
}

void RunActions::showMenu(QPoint globalPosition)
{
    refresh();
    std::error_code ignored;
    m_folder->setEnabled(std::filesystem::exists(folder(), ignored));
    QMenu menu(m_table);
    for (QAction *action : {m_duplicate, m_resume, m_curves, m_folder}) {
        menu.addAction(action);
    }
    menu.addSeparator();
    menu.addAction(m_useA);
    menu.addAction(m_useB);
    menu.addAction(m_beside);
    menu.addSeparator();
    for (QAction *action : {m_up, m_down, m_remove}) {
        menu.addAction(action);
    }
    menu.addSeparator();
    menu.addAction(m_continue);
    menu.exec(globalPosition);
}

RunActions::Waiting RunActions::waiting() const
{
    const RunData *run = m_table->currentRun();
    if (run == nullptr) {
        return {m_queue->placeOf(folder()), static_cast<int>(m_queue->waiting().size())};
    }
    const std::vector<std::string> runs = m_queue->waitingRuns(folder());
    const auto found = std::find(runs.begin(), runs.end(), run->id().toStdString());
    return {found == runs.end() ? -1 : static_cast<int>(found - runs.begin()), static_cast<int>(runs.size())};
}

void RunActions::moveBy(int places)
{
    const int place = waiting().place + places;
    if (const RunData *run = m_table->currentRun()) {
        m_queue->moveRun(folder(), run->id().toStdString(), place);
    } else {
        m_queue->move(folder(), place);
    }
    refresh(); // its turn may have come meanwhile
}

void RunActions::duplicate() { Q_EMIT duplicateRequested(folder()); }

void RunActions::resumeCurrent() { resume(folder()); }

void RunActions::resume(const std::filesystem::path &experimentFolder)
{
    try {
        m_queue->addResume(experimentFolder);
        m_queue->start();
    } catch (const std::exception &error) {
        Q_EMIT resumeFailed(experimentFolder, QString::fromUtf8(error.what()));
    }
}

void RunActions::remove()
{
    if (const RunData *run = m_table->currentRun()) {
        m_queue->removeRun(folder(), run->id().toStdString());
    } else {
        m_queue->remove(folder());
    }
    refresh();
}

void RunActions::openFolder()
{
    const RunData *run = m_table->currentRun();
    const std::filesystem::path target = run != nullptr ? run->folder() : folder();
    std::error_code ignored;
    const std::filesystem::path shown = std::filesystem::exists(target, ignored) ? target : folder();
    QDesktopServices::openUrl(QUrl::fromLocalFile(QString::fromStdString(std::filesystem::absolute(shown).string())));
}

void RunActions::toggleCurves()
{
    m_table->toggleCurves();
    refresh();
}

void RunActions::useAs(bool a)
{
    if (const RunData *run = m_table->currentRun()) {
        Q_EMIT sideRequested(run, a);
    }
}

void RunActions::drawBeside()
{
    if (RunData *run = m_table->currentRun()) {
        Q_EMIT besideRequested(run);
    }
}

void RunActions::toggleContinueOnError() { m_queue->setContinueOnError(m_continue->isChecked()); }

} // namespace sparsescope
