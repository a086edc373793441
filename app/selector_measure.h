#pragma once

#include "core/train/counterfactual.h"

#include <QObject>
#include <QPointer>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace sparsescope {

class RunData;

/// Asks the newest checkpoint of runs with the keys of every selector when somebody wants to know: on a thread of its own beside
/// training, one run after the other. What is found goes to the run and beside it on disk, as `sparsescope-cli counterfactual` does.
class SelectorMeasure : public QObject {
    Q_OBJECT

public:
    /// measureCounterfactual(), or a stand-in in tests.
    using Measure = std::function<Counterfactual(const RunConfig &, const CounterfactualOptions &)>;
    SelectorMeasure(Measure measure, std::string device, QObject *parent = nullptr);
    ~SelectorMeasure() override;
    void setDevice(const std::string &device) { m_device = device; } ///< of what is started from now on

    /// Why these runs cannot be asked, in words; empty: they can.
    QString whyNot(const std::vector<RunData *> &runs) const;
    void start(const std::vector<RunData *> &runs);
    void cancel();
    bool measuring() const { return m_measuring; }

Q_SIGNALS:
    /// "s0, k = 8: Learned" and the share that is done; empty when it is over.
    void progressed(QString what, double share);
    void measured(sparsescope::RunData *run); ///< a run has a new table
    void failed(QString reason);

private:
    void finished(quint64 question, const QString &failure);

    Measure m_measure;
    std::string m_device;
    bool m_measuring = false;
    quint64 m_question = 0;
    std::shared_ptr<std::atomic<bool>> m_cancelled;
    std::jthread m_thread; // last: joined before what it uses goes
};

} // namespace sparsescope
