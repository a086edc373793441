#include "core/base/gates.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/state/run_table_model.h"

#include <algorithm>
#include <filesystem>

/// What the cells of the run table say; rows and their order are in run_table_model.cpp.
namespace sparsescope {

namespace {

template <class Value>
bool differs(const std::vector<RunData *> &runs, const Value &value)
{
    return std::any_of(runs.begin(), runs.end(),
                       [&](const RunData *run) { return value(*run) != value(*runs.front()); });
}

/// The name of an experiment, with the part of its path that tells it from others of that name: its folder, or the one above.
template <class Group>
QString shownName(const std::vector<Group> &groups, const Group &group)
{
    const auto sameName = [&](const Group &other) { return other.name == group.name && other.key != group.key; };
    if (std::none_of(groups.begin(), groups.end(), sameName)) {
        return group.name;
    }
    const std::filesystem::path folder = group.key.toStdString();
    const QString last = QString::fromStdString(folder.filename().string());
    return group.name + QStringLiteral(" · ") +
           (last == group.name ? QString::fromStdString(folder.parent_path().filename().string()) : last);
}

} // namespace

QString experimentKey(const RunData &run)
{
    return run.experimentFolder().empty() ? run.experiment() : QString::fromStdString(run.experimentFolder().string());
}

RunDifferences differencesOf(const std::vector<RunData *> &runs)
{
    return {differs(runs, [](const RunData &r) { return r.config().training.sequenceLength; }),
            differs(runs, [](const RunData &r) { return r.config().training.seed; })};
}

QStringList chipsOf(const RunData &run, const RunDifferences &differences)
{
    QStringList chips{QString::fromStdString(displayName(run.config().model.family))};
    if (differences.length) {
        chips << QStringLiteral("L%1").arg(run.config().training.sequenceLength);
    }
    for (const auto &[name, value] : run.config().extraAxes) {
        chips << (name == "top_k"
                      ? QStringLiteral("k%1").arg(QString::fromStdString(value))
                      : QStringLiteral("%1 %2").arg(QString::fromStdString(name), QString::fromStdString(value)));
    }
    if (differences.seed) {
        chips << QStringLiteral("s%1").arg(run.config().training.seed);
    }
    return chips;
}

QString runTitle(const RunData &run, const std::vector<RunData *> &beside)
{
    return chipsOf(run, differencesOf(beside)).join(QLatin1Char(' '));
}

QVariant RunTableModel::groupData(const Group &group, int column, int role) const
{
    const auto done = std::count_if(group.runs.begin(), group.runs.end(),
                                    [](const RunData *run) { return run->state() == RunState::Finished; });
    const QString progress = QStringLiteral("%1 of %2 done").arg(done).arg(group.runs.size());
    switch (role) {
    case Qt::DisplayRole:
        return column == Name ? shownName(m_groups, group) : column == State ? progress : QString();
    case Qt::AccessibleTextRole:
        return column == Name ? shownName(m_groups, group) + QStringLiteral(", ") + progress : QString();
    case Qt::ToolTipRole:
        return group.runs.empty() ? QString() : QString::fromStdString(group.runs.front()->config().question);
    case SortRole:
    case FilterRole:
        return column == Name ? group.name : QString();
    default:
        return {};
    }
}

QVariant RunTableModel::runData(const Group &group, std::size_t row, int column, int role) const
{
    const RunData &run = *group.runs[row];
    // One that waits in no queue, such as after a stop, does not begin by itself.
    const bool idle = run.state() == RunState::Queued && !m_waitingRuns.count(group.key);
    const QString state = idle ? QStringLiteral("Not started") : QString::fromStdString(displayName(run.state()));
    const QString soundness =
        run.unsound() ? QStringLiteral(". ") + QString::fromStdString(soundnessHeadline(run.checks())) : QString();
    const std::optional<double> loss = run.last("val.loss"); // what tables and comparisons take too
    const double progress =
        run.steps() > 0 ? std::clamp(static_cast<double>(run.step()) / static_cast<double>(run.steps()), 0.0, 1.0)
                        : 0.0;
    switch (role) {
    case Qt::DisplayRole:
        switch (column) {
        case Name:
            return group.chips[row].join(QLatin1Char(' '));
        case Trend:
            return run.curvesShown() ? QString() : QStringLiteral("hidden");
        case ValidationLoss:
            return lossText(loss);
        case State:
            return run.state() == RunState::Running ? QStringLiteral("%1 %").arg(static_cast<int>(100 * progress))
                                                    : state;
        default:
            return {};
        }
    case Qt::AccessibleTextRole:
        return column == State   ? state + soundness
               : column == Trend ? QStringLiteral("Trend of the training loss")
                                 : runData(group, row, column, Qt::DisplayRole);
    case Qt::ToolTipRole:
        if (!run.reason().isEmpty()) {
            return state + QStringLiteral(": ") + run.reason() + soundness;
        }
        return QStringLiteral("%1, step %2 of %3%4")
                   .arg(run.id(), countText(run.step()), countText(run.steps()),
                        run.curvesShown() ? QString() : QStringLiteral("; its curves are hidden (Space)")) +
               soundness;
    case Qt::TextAlignmentRole:
        return column == ValidationLoss ? QVariant(Qt::AlignRight | Qt::AlignVCenter) : QVariant();
    case SortRole:
        switch (column) {
        case Name:
            return run.id();
        case ValidationLoss:
            return loss ? QVariant(*loss) : QVariant();
        case State:
            return static_cast<int>(run.state());
        default:
            return {};
        }
    case RunRole:
        return QVariant::fromValue(const_cast<RunData *>(&run));
    case ChipsRole:
        return group.chips[row];
    case ProgressRole:
        return run.state() == RunState::Running || run.state() == RunState::Paused ? QVariant(progress) : QVariant();
    case FilterRole:
        return column == Name ? group.name + QLatin1Char(' ') + group.chips[row].join(QLatin1Char(' ')) +
                                    QLatin1Char(' ') + run.id() + QLatin1Char(' ') + state
                              : QString();
    default:
        return {};
    }
}

QVariant RunTableModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation == Qt::Horizontal && role == Qt::TextAlignmentRole && section == ValidationLoss) {
        return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    }
    if (orientation == Qt::Horizontal && role == Qt::ToolTipRole && section == ValidationLoss) {
        return QStringLiteral("Validation loss in nats per token, the newest value");
    }
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
        return {};
    }
    switch (section) {
    case Name:
        return QStringLiteral("Run");
    case Trend:
        return QStringLiteral("Trend");
    case ValidationLoss:
        return QStringLiteral("Val loss");
    case State:
        return QStringLiteral("State");
    default:
        return {};
    }
}

} // namespace sparsescope
