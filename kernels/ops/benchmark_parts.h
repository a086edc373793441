#pragma once

#include "kernels/ops/benchmark_timer.h"
#include "kernels/ops/kernel_path.h"

/// What the subjects of a benchmark share.
namespace dsa::benchmark {

at::ScalarType typeOf(const std::string &name);
/// Pairs of a query and a key that causality allows, over the batch.
double pairsOf(const Shape &shape);
/// bits, bitsT and count.
double selectionBytes(const Shape &shape);
/// Input sets whose sum is larger than twice the card's L2, so that no call finds its input there.
int setsFor(double bytesOfOne, const Machine &machine);
/// The kernel's figures, and the floor of the row's bytes and flops on this machine.
void finish(Row &row, const KernelReport &report, const Machine &machine);
std::string backendName(const KernelReport &report);
/// The plain path as a candidate of its own; on the CPU it is ours already.
void addPlain(std::vector<Candidate> &candidates, bool isCuda, std::function<void(int)> call);

/// Whether they are at most `limit` of the expected norm apart, which the check takes note of; what is no number is not.
bool near(Check &check, const Tensor &found, const Tensor &expected, double limit);
/// Notes whether two calls with the same inputs give the same bits.
void repeat(Check &check, const std::function<std::vector<Tensor>()> &call);
/// What holds of a whole if these hold of its parts.
void include(Check &whole, const Check &part);

constexpr std::int64_t kSampledRows = 8; ///< that are compared with the exact answer where all would take too long
constexpr double kScoreTolerance = 1e-5; ///< of the largest score
constexpr double kGradientLimit = 1e-2;  ///< of the norm of a gradient in low precision

constexpr std::int64_t kIndexHeads = 4, kIndexWidth = 64; ///< the indexer of the subjects loss and layer

/// What the attention of a layer works on, and what it gave.
struct AttentionInputs {
    Tensor q, k, v, gradO;
    Selection selection;
    Tensor o = {}, lse = {};
};
/// The first batch entry against the plain path in float64 on the same device.
Check checkAttention(const AttentionInputs &in, double scale, bool backward);

/// What the attention and the indexer of a layer hand to the loss.
struct LossInputs {
    Tensor qi, ki, w, q, k, lse, lseSelected;
    Selection selection;
};
/// loss, rows, and the gradients of qi, ki and w.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> lossWithGradients(const LossInputs &in);
Check checkLoss(const LossInputs &in); ///< as checkAttention

/// masked_attention and its backward.
std::vector<Row> measureAttention(const Shape &shape, const Machine &machine, const Options &options);
/// index_scores_quantized, and the scores of the same queries and keys in bf16 beside it.
Row measureQuantized(const Shape &shape, const Machine &machine, const Options &options);
/// index_kl over the selected keys, with the gradients that come with it.
Row measureLoss(const Shape &shape, const Machine &machine, const Options &options);
/// The core of a layer with its indexer and loss, and a whole transformer block, each forward and backward.
std::vector<Row> measureLayer(const Shape &shape, const Machine &machine, const Options &options);

} // namespace dsa::benchmark
