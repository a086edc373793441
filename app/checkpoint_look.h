#pragma once

#include "core/model/inspect_door.h"
#include "core/probe/look_door.h"

#include <QObject>
#include <QStringList>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

namespace sparsescope {

/// A checkpoint from elsewhere, off the window's thread: what it holds by its headers, then what its indexer does on a text.
/// One question at a time. Every question ends with exactly one of inspected(), looked(), gaveUp() and failed().
class CheckpointLook : public QObject {
    Q_OBJECT

public:
    explicit CheckpointLook(QObject *parent = nullptr);
    ~CheckpointLook() override; ///< gives up; waits for the block that runs

    void inspect(const std::filesystem::path &folder);
    /// `request.run` names the run folder to make; its goOn is ours.
    void look(LookRequest request);
    /// The block that runs is the last one.
    void giveUp() { m_givenUp = true; }
    bool working() const { return m_working; }

Q_SIGNALS:
    void inspected(std::shared_ptr<const sparsescope::CheckpointInspection> found);
    void progressed(int done, int all); ///< blocks
    void looked();
    void gaveUp();
    void failed(QStringList reasons); ///< one for each thing that is wrong

private:
    /// Runs `work` on the thread; what it returns is done here afterwards.
    void start(std::function<std::function<void()>()> work);
    void finish(const std::function<void()> &tell);

    std::atomic<bool> m_givenUp = false;
    bool m_working = false;
    std::jthread m_thread; // last: joined before what it uses goes
};

} // namespace sparsescope
