#pragma once

#include "core/base/config.h"

#include <cstdint>

/// What a run costs, before it starts. A multiply-add counts as two operations; attention counts causal or selected pairs
/// only; a backward pass counts twice its forward.
namespace sparsescope {

/// Numbers that training changes; equals Parameters::count() of the model (the router bias is no parameter).
struct ParameterCount {
    std::int64_t main = 0;
    std::int64_t indexer = 0;
    std::int64_t total() const { return main + indexer; }
};
ParameterCount parameterCount(const RunConfig &config, int vocabulary);

/// Operations of one optimiser step of a stage, by part.
struct StepFlops {
    double projections = 0; ///< of query, key, value and output
    double attention = 0;   ///< scores and sums over the keys
    double indexer = 0;     ///< its projections and scores
    double indexerLoss = 0; ///< teacher and backward of the KL
    double feedForward = 0; ///< dense layers, router, experts
    double head = 0;        ///< logits
    double total() const { return projections + attention + indexer + indexerLoss + feedForward + head; }
};
/// Needed: by the mathematics, over the selected keys. Executed: by the operations here, whose sparse attention and loss over
/// the selected keys visit every visible key and mask (the kernels skip tiles of 64 x 64 without a selected key, which a
/// spread selection hardly leaves; these are not taken off).
enum class FlopsCounted { Needed, Executed };
StepFlops stepFlops(const RunConfig &config, int vocabulary, const StageConfig &stage,
                    FlopsCounted counted = FlopsCounted::Needed);

/// All stages of the run, evaluations and snapshots left out.
double runFlops(const RunConfig &config, int vocabulary);

/// Operations of the stages before `stage` and of `stepInStage` steps of that one.
struct FlopsSoFar {
    double model = 0, executed = 0;
};
FlopsSoFar flopsSoFar(const RunConfig &config, int vocabulary, int stage, std::int64_t stepInStage);

/// Bytes that one token leaves behind for later ones, all layers, in bf16: keys and values (MHA: 2 KV dh numbers a layer; MLA:
/// c + dr), and the key of each indexer; beside it the 2 H dh of multi-head attention with the same heads.
struct KvCache {
    double bytes = 0, mhaBytes = 0;
};
KvCache kvCachePerToken(const ModelConfig &model);

/// Pairs (query, key) that attention looks at in one sequence: over every visible key, or over min(k, t+1) of them.
double densePairs(std::int64_t sequenceLength);
double selectedPairs(std::int64_t sequenceLength, std::int64_t topK);

/// Device memory of training, in bytes, to about a factor of two: weights, gradients, optimiser, activations kept for the
/// backward pass, logits. `bytesPerActivation`: 4 in fp32, 2 in bf16.
double trainingMemory(const RunConfig &config, int vocabulary, int bytesPerActivation);
/// Bytes of a number that is kept for the backward pass: 4 where the run trains in fp32, 2 where in bf16.
int bytesPerActivation(const RunConfig &config, bool onCuda);
/// The largest batch whose estimate fits; 0: not even one sequence does.
int largestBatch(const RunConfig &config, int vocabulary, int bytesPerActivation, double memoryBytes);

/// Rough speed of a device at these small sizes.
struct DeviceSpeed {
    double flopsPerSecond = 0;
    double secondsPerOperation = 0; ///< fixed cost of one tensor operation: what small models spend their time on
};
/// Where nothing was measured.
DeviceSpeed typicalSpeed(bool isCuda);

/// A training step whose time is known.
struct MeasuredStep {
    RunConfig config;
    int vocabulary = 0;
    StageConfig stage;
    double seconds = 0;
};
/// Of two steps on one device: a small one, which is mostly fixed cost, and one that is mostly arithmetic.
DeviceSpeed speedFrom(const MeasuredStep &small, const MeasuredStep &large);

/// Seconds of one optimiser step of a stage.
double stepSeconds(const RunConfig &config, int vocabulary, const StageConfig &stage, const DeviceSpeed &speed);
/// Seconds of the whole run, evaluations included; to about a factor of two where the speed is not of this machine.
double runSeconds(const RunConfig &config, int vocabulary, const DeviceSpeed &speed);

/// Token kinds of the run's source, without opening it: exact for generated sources and bytes; for sentencepiece:N it is N.
int expectedVocabulary(const RunConfig &config);

} // namespace sparsescope
