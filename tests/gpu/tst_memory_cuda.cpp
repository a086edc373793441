#include "core/train/train_run.h"
#include "tests/gpu/card_run.h"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <QTemporaryDir>
#include <QtTest>

using namespace sparsescope;

namespace {

namespace fs = std::filesystem;

class Nobody : public TrainingObserver {};

RunConfig runWith(int batch) { return runOf("sparse", {{"training.batch_size", std::to_string(batch)}}); }

/// Takes the card's memory but for a part of a block.
std::vector<at::Tensor> fill()
{
    constexpr std::int64_t kBlock = std::int64_t{128} << 20;
    std::vector<at::Tensor> blocks;
    try {
        for (;;) {
            blocks.push_back(at::empty({kBlock}, at::TensorOptions(at::kByte).device(at::kCUDA)));
        }
    } catch (const c10::OutOfMemoryError &) {
    }
    return blocks;
}

} // namespace

/// What is said when the card is full, and that the next run finds it empty.
class tst_MemoryCuda : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void aFullCardIsToldWithLayerAndStep();
};

void tst_MemoryCuda::initTestCase()
{
    if (!at::hasCUDA()) {
        QSKIP("no CUDA device here");
    }
}

void tst_MemoryCuda::aFullCardIsToldWithLayerAndStep()
{
    QTemporaryDir folder;
    const fs::path root = folder.path().toStdString();
    Nobody observer;
    { // libraries take theirs
        TrainRun run(runWith(4), root / "before", {"cuda"}, observer);
        run.advance();
    }
    releaseCachedMemory();
    std::string reason;
    {
        TrainRun run(runWith(4096), root / "full", {"cuda"}, observer);
        const std::vector<at::Tensor> blocks = fill();
        QVERIFY(!blocks.empty());
        try {
            run.advance();
        } catch (const std::exception &error) {
            reason = describe(error);
        }
    }
    const QString text = QString::fromStdString(reason);
    QVERIFY2(text.contains(QRegularExpression("not enough GPU memory at step [01], in (the backward pass of )?"
                                              "(layer [01]|the output head and the loss): Tried to allocate ")),
             qPrintable(text));
    QVERIFY2(text.contains("is free") && text.contains("memory in use"), qPrintable(text)); // of whom, and how much
    QVERIFY2(text.contains("Set training.batch_size to 2048 (now 4096) or training.sequence_length to less than 96"),
             qPrintable(text));
    releaseCachedMemory();
    TrainRun run(runWith(4), root / "after", {"cuda"}, observer);
    run.advance();
    QCOMPARE(run.step(), std::int64_t(1));
}

QTEST_GUILESS_MAIN(tst_MemoryCuda)
#include "tst_memory_cuda.moc"
