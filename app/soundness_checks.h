#pragma once

#include "core/base/records.h"
#include "core/train/soundness.h"

#include <QObject>
#include <QPointer>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace sparsescope {

class RunData;

/// Measures the gates of a run when somebody asks: on a thread of its own beside training, one run at a time; a new question ends
/// the one before it. What is found goes to the run and beside it on disk.
class SoundnessChecks : public QObject {
    Q_OBJECT

public:
    /// checkRun(), or a stand-in in tests.
    using Measure = std::function<std::vector<CheckResult>(const RunConfig &, const SoundnessOptions &)>;
    SoundnessChecks(Measure measure, std::string device, QObject *parent = nullptr);
    ~SoundnessChecks() override;
    void setDevice(const std::string &device) { m_device = device; } ///< of what is started from now on

    /// Can gates be asked for: not of a run that is being trained, which measures them itself, nor of what a checkpoint from
    /// elsewhere saw, which was not trained here.
    bool canCheck(const RunData *run) const;
    void start(RunData *run);
    RunData *measuring() const { return m_run; }

Q_SIGNALS:
    /// A run is being looked at, or no longer.
    void measuringChanged();
    void failed(QString run, QString reason);

private:
    void finished(quint64 question, const QString &failure);

    Measure m_measure;
    std::string m_device;
    QPointer<RunData> m_run;
    quint64 m_question = 0;
    std::shared_ptr<std::atomic<bool>> m_cancelled;
    std::jthread m_thread; // last: joined before what it uses goes
};

} // namespace sparsescope
