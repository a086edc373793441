#pragma once

#include "core/model/inspect_door.h"
#include "core/probe/look_door.h"
#include "core/train/generate_door.h"

#include <QObject>
#include <QStringList>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sparsescope {

/// Asks a stored checkpoint, off the window's thread: what it holds by its headers, what its indexer does on a text, how it
/// writes on. One question at a time. Every question ends with exactly one of inspected(), readerKnown(), looked(), wrote(), gaveUp() and
/// failed().
class CheckpointLook : public QObject {
    Q_OBJECT

public:
    explicit CheckpointLook(QObject *parent = nullptr);
    ~CheckpointLook() override; ///< gives up; waits for the block that runs

    void inspect(const std::filesystem::path &folder);
    /// Whether a checkpoint, or a run's newest one, reads text; answered by readerKnown().
    void askReader(const std::filesystem::path &folder);
    /// `request.run` names the run folder to make; its goOn is ours.
    void look(LookRequest request);
    /// `request.checkpoint` may be a run, whose newest checkpoint it is then; its onPrompt and onToken
    /// are ours.
    void write(GenerateRequest request);
    /// The block that runs is the last one; of writing, the token: what has come is kept.
    void giveUp() { m_givenUp = true; }
    bool working() const { return m_working; }

Q_SIGNALS:
    void inspected(std::shared_ptr<const sparsescope::CheckpointInspection> found);
    void readerKnown(bool readsText, int vocabulary);
    void progressed(int done, int all); ///< blocks
    void looked(QStringList notices);   ///< what ought to be known, a sentence each
    void promptRead(std::vector<std::string> words);
    void tokenCame(sparsescope::GeneratedToken token);
    void wrote(sparsescope::GenerateSummary summary);
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
