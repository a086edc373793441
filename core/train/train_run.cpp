// Longer than 400 lines: the life of one run, whose every part reads and moves the same position, trainer and journal.

#include "core/train/train_run.h"

#include "core/base/cost_model.h"
#include "core/base/stored_checks.h"
#include "core/probe/attention_probe.h"
#include "core/train/checkpoint.h"
#include "core/train/device.h"
#include "core/train/evaluation.h"
#include "core/train/fingerprint.h"
#include "core/train/run_checks.h"
#include "core/train/run_journal.h"
#include "core/train/run_scalars.h"
#include "core/train/stage_machine.h"
#include "core/train/step_log.h"
#include "core/train/stream_scope.h"
#include "core/train/trainer.h"
#include "kernels/ops/dsa.h"

#include <ATen/Parallel.h>

#include <fmt/format.h>

#include <cstdlib>

namespace sparsescope {
namespace {

/// Batches of an indexer-only stage come from a stretch of the stream that no main-model step reaches, so that every family
/// sees the same main-model batches.
constexpr std::int64_t kUncountedBatches = std::int64_t{1} << 40;
constexpr int kObservedBatches = 2; ///< validation batches that are traced at an evaluation
constexpr int kObservedAtTheEnd = 4;
constexpr const char *kTrainedSeconds = "trained_seconds"; ///< at the last checkpoint

} // namespace

struct TrainRun::Impl {
    RunConfig config;
    std::filesystem::path folder;
    TrainRunOptions options;
    std::unique_ptr<DataSource> data;
    RunJournal journal;
    std::unique_ptr<Trainer> trainer;
    StageMachine stages;
    StepLog steps;
    Probe probe;
    std::shared_ptr<const Snapshot> lastSnapshot;
    std::string stepPath; ///< how steps run, as last logged
    bool inStep = false;  ///< of training; not in an evaluation or a snapshot
    double lastCheckpoint = wallClock();
    std::int64_t lastEvaluation = -1;
    std::optional<double> lossAtStart, lastLoss; ///< of the first and of the last evaluation

    Impl(RunConfig runConfig, const std::filesystem::path &runFolder, TrainRunOptions runOptions,
         TrainingObserver &runObserver, const at::Device &device)
        : config(std::move(runConfig))
        , folder(runFolder)
        , options(std::move(runOptions))
        , data(makeDataSource(config))
        , journal(config, runObserver, options.keepTrying, [this] { return step(); })
        , stages(stagesOf(config))
        , steps(config.folder(), device, config.training.sequenceLength * config.training.batchSize)
    {
        if (options.threads > 0) {
            at::set_num_threads(options.threads);
        }
        journal.open(folder, config);
        const bool bf16 = config.training.precision == Precision::Bf16 ||
                          (config.training.precision == Precision::Auto && device.is_cuda());
        if (bf16 && !device.is_cuda()) {
            throw Failure(
                {"bf16 training needs a CUDA device", "training.precision", "bf16", "auto or fp32 on the CPU", ""});
        }
        trainer = std::make_unique<Trainer>(config, data->vocabulary(), device, bf16);
        probe = data->probe(config.probe.text);
    }

    std::int64_t step() const { return stages.position().mainSteps; }

    /// All device work of a run is on the thread's own stream. Throws Failure where memory runs out.
    template <class Action>
    void onStream(Action action)
    {
        const StreamScope stream(trainer->device());
        const dsa::KernelScope kernels(kernelUse(config.training.kernels));
        try {
            action(*this);
        } catch (const std::exception &error) {
            if (!isOutOfMemory(error)) {
                throw;
            }
            throw outOfMemory(error);
        }
    }

    Failure outOfMemory(const std::exception &error) const
    {
        const TrainingConfig &training = config.training;
        const int half = training.batchSize / 2;
        const std::string smaller =
            half > 0 ? fmt::format("Set training.batch_size to {} (now {}) or", half, training.batchSize) : "Set";
        return Failure(
            {fmt::format("not enough {} memory at step {}, in {}: {}", trainer->device().is_cuda() ? "GPU" : "host",
                         inStep ? step() + 1 : step(), trainer->model().place(), memoryText(error)),
             "", "", "",
             fmt::format("{} training.sequence_length to less than {}, or make the model smaller.", smaller,
                         training.sequenceLength)});
    }

    /// Throws away what came after the checkpoint to go on from, or everything when there is none.
    void restore()
    {
        const std::vector<CheckpointInfo> checkpoints = RunReader(folder).checkpoints();
        if (checkpoints.empty()) {
            journal.write([](RunWriter &writer) { writer.truncateAfter(-1); });
            return;
        }
        const CheckpointInfo &last = checkpoints.back();
        stages.restore(readCheckpoint(last.folder, trainer->model(), trainer->optimizer()));
        journal.write([&](RunWriter &writer) { writer.truncateAfter(last.step); });
        lastEvaluation = last.step;
        lastLoss = RunReader(folder).last("val.loss");
        if (const Series losses = RunReader(folder).series("val.loss"); !losses.empty() && losses.front().x == 0) {
            lossAtStart = losses.front().y;
        }
        steps.resumeAt(std::strtod(RunReader(folder).value(kTrainedSeconds).value_or("0").c_str(), nullptr));
        const std::vector<SnapshotInfo> snapshots = RunReader(folder).snapshots();
        if (!snapshots.empty()) {
            lastSnapshot = std::make_shared<const Snapshot>(
                readSnapshot(snapshots.back().file)); // churn goes on as if nothing had happened
        }
        journal.log(LogLevel::Info, fmt::format("Going on from the checkpoint of step {}", last.step));
    }

    /// Once: what the run begins with, so that it can be compared with others later.
    void rememberTheStart()
    {
        if (stages.position() == StageMachine::Position{} && !readFingerprint(RunReader(folder))) {
            const RunFingerprint fingerprint = fingerprintOf(trainer->model().parameters(), *data);
            journal.write([&](RunWriter &writer) { storeFingerprint(writer, fingerprint); });
        }
    }

    void describeRun(const DeviceInfo &device)
    {
        journal.value("device", device.description);
        journal.value("parameters", std::to_string(trainer->model().parameters().count()));
        journal.value("vocabulary", std::to_string(data->vocabulary()));
        journal.value("task", data->isTask() ? "yes" : "no");
        journal.value("precision", trainer->bf16() ? "bf16" : "fp32");
        journal.log(LogLevel::Info, fmt::format("{}: {} parameters on {}, {}", displayName(config.model.family),
                                                trainer->model().parameters().count(), device.description,
                                                trainer->bf16() ? "bf16" : "fp32"));
        for (const std::string &notice : noticesOf(config, *data)) {
            journal.log(LogLevel::Info, notice);
        }
        for (std::size_t i = 0; i < stages.stages().size(); ++i) {
            const StageConfig &stage = stages.stages()[i];
            journal.log(LogLevel::Info, fmt::format("Stage {} \"{}\", {} steps: {}", i + 1, stage.name, stage.steps,
                                                    trainer->audit(stage)));
        }
    }

    void announceStages()
    {
        for (int i = 0; i < static_cast<int>(stages.stages().size()); ++i) {
            const StageConfig &stage = stages.stages()[i];
            journal.stage({journal.run(), stages.beginOf(i), stages.endOf(i), i, stage.name, trainer->audit(stage)});
        }
    }

    bool sparseNow() const
    {
        if (trainer->model().options().selector == "none") {
            return false;
        }
        const StageConfig &stage = stages.finished() ? stages.stages().back() : stages.current();
        return stage.attention == StageAttention::Sparse;
    }

    std::string stageName() const { return stages.finished() ? stages.stages().back().name : stages.current().name; }

    EvaluationOptions evaluationOptions(int observed) const
    {
        EvaluationOptions evaluation;
        evaluation.batches = config.training.evalBatches;
        evaluation.observedBatches = std::min(observed, evaluation.batches);
        evaluation.sparse = sparseNow();
        evaluation.bf16 = trainer->bf16();
        evaluation.split = config.topK(); // also of a dense run, so that it can be laid beside a sparse one
        return evaluation;
    }

    void evaluateNow(int observed, std::vector<Scalar> more = {})
    {
        std::vector<Scalar> scalars = evaluate(trainer->model(), *data, evaluationOptions(observed), trainer->device());
        scalars.insert(scalars.end(), more.begin(), more.end());
        const StageMachine::Position at = stages.position();
        const FlopsSoFar flops = flopsSoFar(config, data->vocabulary(), at.stage, at.stepInStage);
        const KvCache cache = kvCachePerToken(config.model);
        for (const Scalar &cost :
             {Scalar{"flops.model", flops.model}, Scalar{"flops.executed", flops.executed},
              Scalar{"memory.kv_cache", cache.bytes}, Scalar{"memory.kv_cache.mha", cache.mhaBytes}}) {
            scalars.push_back(cost);
        }
        scalars.push_back({"memory.device", deviceMemory(trainer->device())});
        scalars.push_back({"memory.host", hostMemory()});
        // Unknown before the first step, and in a run that was cut off just before its end: what was written then stands.
        if (const double load = trainer->model().maxExpertLoad(); load > 0) {
            scalars.push_back({"moe.load_max", load});
        }
        scalars.push_back({"time.trained", steps.trained()});
        lastEvaluation = step();
        lastLoss = findScalar(scalars, "val.loss");
        journal.evaluation(std::move(scalars));
    }

    void takeSnapshotNow()
    {
        const ProbeMoment moment{journal.run(), step(), stageName(), sparseNow(), trainer->model().options().selector};
        auto snapshot =
            std::make_shared<const Snapshot>(takeSnapshot(trainer->model(), probe, moment, trainer->device()));
        journal.snapshot(snapshot);
        if (lastSnapshot) {
            std::vector<Scalar> scalars = churnScalars(*snapshot, *lastSnapshot);
            if (!scalars.empty()) {
                journal.evaluation(std::move(scalars));
            }
        }
        lastSnapshot = std::move(snapshot);
    }

    void writeCheckpointNow()
    {
        drainSteps(true);
        journal.value(kTrainedSeconds, fmt::format("{}", steps.trained()));
        journal.write([&](RunWriter &writer) {
            writer.checkpoint(step(), config.training.keepCheckpoints, [&](const std::filesystem::path &target) {
                writeCheckpoint(target, config, trainer->model(), trainer->optimizer(), stages.position());
            });
        });
        lastCheckpoint = wallClock();
        journal.log(LogLevel::Saved, fmt::format("Checkpoint at step {}", step()));
    }

    /// Throws Failure at a number that is not finite; what came before is published all the same.
    void drainSteps(bool wait)
    {
        std::vector<StepRecord> records;
        const std::optional<StepLog::Broken> broken = steps.drain(records, wait);
        for (const StepRecord &record : records) {
            journal.step(record);
        }
        if (broken) {
            throw Failure({fmt::format("{} at step {}{}", broken->what, broken->step, placeOf(broken->origin)), "", "",
                           "", "Halve training.learning_rate, or go on from the last checkpoint."});
        }
    }

    /// ", first in layer 3": the weights are those the step began with, so it can be looked at again.
    std::string placeOf(const StepLog::Origin &origin)
    {
        std::string place;
        try {
            place = trainer->firstNotFinite(stages.stages().at(origin.stage), data->training(origin.batch),
                                            origin.mainStep);
        } catch (const std::exception &) {
            // Without room for a second look the step alone is named.
        }
        return place.empty() ? "" : ", first in " + place;
    }

    void logStepPath()
    {
        if (!trainer->device().is_cuda() || trainer->path().empty() || trainer->path() == stepPath) {
            return; // on the CPU there is but one way
        }
        stepPath = trainer->path();
        journal.value("step_path", stepPath);
        journal.log(LogLevel::Info, "Each training step runs " + stepPath);
    }

    void start()
    {
        journal.changeState(RunState::Running);
        if (lastEvaluation < 0) {
            evaluateNow(kObservedBatches);
            lossAtStart = lastLoss;
            journal.checks(checkAtStart(config, *data, *trainer, lossAtStart, soundness()));
        }
    }

    SoundnessOptions soundness() const
    {
        SoundnessOptions soundness;
        soundness.cancelled = [this] { return options.keepTrying && !options.keepTrying(); };
        return soundness;
    }

    void advance()
    {
        if (journal.state() != RunState::Running) {
            start();
        }
        const StageMachine::Position before = stages.position();
        const StageConfig stage = stages.current();
        const bool counted = countsOnAxis(stage);
        steps.begin();
        const std::int64_t index = counted ? before.mainSteps : kUncountedBatches + before.uncountedSteps;
        inStep = true;
        const StepTensors tensors = trainer->step(stage, data->training(index), before.mainSteps);
        inStep = false;
        const bool stageEnded = stages.advance();
        if (counted || tensors.kl.defined()) {
            steps.add(step(), {before.stage, index, before.mainSteps, counted, stage.kl}, tensors);
        }
        logStepPath();

        const std::int64_t within = counted ? step() : stages.position().stepInStage;
        const bool evaluationDue = stageEnded || (counted && step() % config.training.evalEvery == 0);
        const bool snapshotDue = stageEnded || within % config.probe.every == 0 || (counted && step() == 1);
        if (steps.due() || evaluationDue || snapshotDue) {
            drainSteps(evaluationDue || snapshotDue);
        }
        if (snapshotDue) {
            takeSnapshotNow();
        }
        if (evaluationDue && !stages.finished()) { // the last evaluation is finish()'s, with more
            evaluateNow(kObservedBatches);
        }
        if ((stageEnded && !stages.finished()) || wallClock() - lastCheckpoint > config.training.checkpointSeconds) {
            writeCheckpointNow();
        }
        if (stageEnded && !stages.finished()) {
            journal.log(LogLevel::Info, fmt::format("\"{}\" ended at step {}, \"{}\" begins", stage.name, step(),
                                                    stages.current().name));
        }
        journal.tick();
    }

    void finish()
    {
        drainSteps(true);
        evaluateNow(kObservedAtTheEnd,
                    otherSelectorScalars(trainer->model(), *data, evaluationOptions(0), trainer->device()));
        writeCheckpointNow();
        SoundnessOptions all = soundness();
        journal.write([&](RunWriter &writer) {
            writer.flush();
            all.recorded = recordedProbes(RunReader(writer.folder()));
        });
        journal.checks(checkAtEnd(config, *data, *trainer, lossAtStart, lastLoss, all));
        journal.changeState(RunState::Finished);
    }
};

TrainRun::TrainRun(RunConfig config, const std::filesystem::path &folder, TrainRunOptions options,
                   TrainingObserver &observer)
{
    const DeviceInfo info = describeDevice(options.device);
    const at::Device device = resolveDevice(options.device);
    const bool resume = options.resume;
    const StreamScope stream(device);
    m_impl = std::make_unique<Impl>(std::move(config), folder, std::move(options), observer, device);
    if (resume) {
        m_impl->restore();
    }
    m_impl->rememberTheStart();
    m_impl->describeRun(info);
    m_impl->announceStages();
}

TrainRun::~TrainRun() = default;
TrainRun::TrainRun(TrainRun &&) noexcept = default;

const RunConfig &TrainRun::config() const { return m_impl->config; }
std::int64_t TrainRun::step() const { return m_impl->step(); }
bool TrainRun::finished() const { return m_impl->stages.finished(); }
bool TrainRun::inUncountedStage() const { return !finished() && !countsOnAxis(m_impl->stages.current()); }

void TrainRun::advance()
{
    m_impl->onStream([](Impl &impl) { impl.advance(); });
}

void TrainRun::snapshotNow()
{
    m_impl->onStream([](Impl &impl) { impl.takeSnapshotNow(); });
}

void TrainRun::checkpointNow()
{
    m_impl->onStream([](Impl &impl) { impl.writeCheckpointNow(); });
}

void TrainRun::keepAlive()
{
    m_impl->journal.tick();
}

void TrainRun::recordChecks(const std::vector<CheckResult> &results) { m_impl->journal.checks(results); }

void TrainRun::pause()
{
    if (m_impl->journal.state() == RunState::Running) {
        m_impl->drainSteps(true);
        m_impl->journal.changeState(RunState::Paused);
    }
}

void TrainRun::resume()
{
    if (m_impl->journal.state() == RunState::Paused) {
        m_impl->journal.changeState(RunState::Running);
    }
}

void TrainRun::finish()
{
    m_impl->onStream([](Impl &impl) { impl.finish(); });
}

void TrainRun::stop()
{
    m_impl->onStream([](Impl &impl) { impl.writeCheckpointNow(); });
    m_impl->journal.changeState(RunState::Stopped);
}

void TrainRun::fail(const std::string &reason) { m_impl->journal.fail(reason); }

} // namespace sparsescope
