#include "core/train/step_inputs.h"
#include "core/train/step_log.h"
#include "core/train/stream_scope.h"
#include "core/train/trainer.h"
#include "tests/gpu/card_run.h"

#include <ATen/Context.h>

#include <QtTest>

#include <algorithm>

using namespace sparsescope;

namespace {

const at::Device kCard(at::kCUDA, 0);

} // namespace

/// What the log says of the time that steps take.
class tst_StepTimeCuda : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void noStepIsFasterThanTheDevice();
};

void tst_StepTimeCuda::initTestCase()
{
    if (!at::hasCUDA()) {
        QSKIP("no CUDA device here");
    }
}

/// A replay is put out in no time, and after every wait for the device the first ones are put out ahead of it: their time is
/// still the device's.
void tst_StepTimeCuda::noStepIsFasterThanTheDevice()
{
    const RunConfig config = runOf("sparse", {{"training.captured", "on"}, {"training.batch_size", "64"}});
    const auto data = makeDataSource(config);
    const StageConfig stage = stagesOf(config).back();
    const StreamScope stream(kCard);
    Trainer trainer(config, data->vocabulary(), kCard, true);
    StepLog log("run", kCard, 1);
    std::vector<StepRecord> records;
    double waits = 0;
    const double first = wallClock();
    for (int i = 0; i < 60; ++i) {
        log.begin();
        const StepTensors step = trainer.step(stage, data->training(i), i);
        log.add(i + 1, {0, i, i}, step);
        if (i % 10 == 9) {
            QVERIFY(!log.drain(records, true));
            const double before = wallClock();
            trainer.model().forward(toDevice(data->validation(0), kCard).inputs).logits.sum().item<double>();
            waits += wallClock() - before;
        }
    }
    const double inside = wallClock() - first - waits;
    std::vector<double> seconds;
    double sum = 0;
    for (const StepRecord &record : records) {
        seconds.push_back(record.scalars[4].value);
        sum += seconds.back();
    }
    QVERIFY2(sum <= inside * 1.001, qPrintable(QStringLiteral("%1 s of %2 s").arg(sum).arg(inside)));
    seconds.erase(seconds.begin(), seconds.begin() + 10); // until the graph is recorded
    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    QVERIFY2(seconds.front() > median / 2,
             qPrintable(QStringLiteral("%1 s, median %2 s").arg(seconds.front()).arg(median)));
}

QTEST_GUILESS_MAIN(tst_StepTimeCuda)
#include "tst_step_time_cuda.moc"
