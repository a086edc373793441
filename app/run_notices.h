#pragma once

#include "widgets/panels/notice_bar.h"

#include <nlohmann/json.hpp>

#include <QObject>
#include <QTimer>

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace sparsescope {

class RunCollection;
class RunData;
class RunTableModel;

/// What the window says above the page when a run fails, has to wait, or was cut off: cause, consequence, remedies.
class RunNotices : public QObject {
    Q_OBJECT

public:
    using Changes = std::map<std::string, nlohmann::ordered_json>; ///< field -> new value

    RunNotices(NoticeBar *bar, const RunTableModel *model, const RunCollection *runs, QObject *parent);

    /// To be called whenever the state of a run may have changed.
    void look(const RunData &run);
    void experimentStarted(const std::filesystem::path &folder);
    /// Nothing is said of its runs until it is started again: it is on its way into another folder.
    void leave(const std::filesystem::path &folder);
    void comeBack(const std::filesystem::path &folder) { m_left.erase(folder); }

Q_SIGNALS:
    void resumeRequested(const std::filesystem::path &experimentFolder);
    void logRequested(const sparsescope::RunData *run);
    /// The step in the plots of this run.
    void stepRequested(sparsescope::RunData *run, qint64 step);
    /// Training on the CPU from now on, with the experiment in the form.
    void cpuRequested(const std::filesystem::path &experimentFolder);
    void folderRequested(const sparsescope::RunData *run); ///< in the file manager, to make room
    /// For this experiment, which trains here, and for what is trained from now on.
    void otherFolderRequested(const std::filesystem::path &experimentFolder);
    /// The experiment in the form, with these fields changed.
    void changeRequested(const std::filesystem::path &experimentFolder,
                         const sparsescope::RunNotices::Changes &changes);

private:
    void tellFailed(const RunData &run);
    void tellWaiting(const RunData &run);
    void tellCutOff();
    void forget(const std::filesystem::path &folder);

    NoticeBar *m_bar;
    const RunTableModel *m_model;
    const RunCollection *m_runs;
    std::set<std::filesystem::path> m_cutOff; ///< experiments to speak of once their runs have been read
    std::filesystem::path m_trains;           ///< the experiment that this process trains, or trained last
    std::set<std::filesystem::path> m_left;
    std::set<QString> m_told; ///< runs whose state now has its notice
    QTimer m_gather;
};

} // namespace sparsescope
