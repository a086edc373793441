#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// N rows, V token kinds
/// Cross-entropy of rows of logits, and its gradient, without an array of probabilities: the logits are read once each way.
namespace dsa::launch::token_loss {

enum class Type { Float, BFloat16, Half };

struct Params {
    const void *logits = nullptr;          ///< [N,V], rows `stride` apart
    const std::int64_t *targets = nullptr; ///< [N]; a negative one has no loss, one beyond V a loss that is NaN
    float *lse = nullptr;          ///< [N]: log-sum-exp of each row; the forward writes it, the backward reads it
    float *loss = nullptr;         ///< [N]: forward only; 0 where there is no target
    const float *factor = nullptr; ///< [] on the device: what a row's loss counts; backward only
    void *gradient = nullptr;      ///< [N,V], contiguous, of the logits' type; backward only
    Type type = Type::Float;
    std::int64_t rows = 0, kinds = 0, stride = 0;
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Asynchronous on `stream`; two runs give the same bits.
cudaError_t launchForward(const Params &params, cudaStream_t stream);
cudaError_t launchBackward(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::token_loss
