#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// N rows, V token kinds
/// Cross-entropy of rows of logits and its gradient at once: the logits come from memory once, and no array of probabilities is
/// written beside the gradient.
namespace dsa::launch::token_loss {

enum class Type { Float, BFloat16, Half };

struct Params {
    const void *logits = nullptr;          ///< [N,V], rows `stride` apart
    const std::int64_t *targets = nullptr; ///< [N]; a negative one has no loss, one beyond V a loss that is NaN
    float *loss = nullptr;                 ///< [N]; 0 where there is no target
    const float *factor = nullptr;         ///< [] on the device: what a row's loss counts
    void *gradient =
        nullptr; ///< [N,V], contiguous, of the logits' type: factor times that of each row's loss; null: not wanted
    Type type = Type::Float;
    std::int64_t rows = 0, kinds = 0, stride = 0;
};

/// Says in `why` (when given) what a launch would not take.
bool supported(const Params &params, const char **why = nullptr);
/// Writes loss and gradient. Asynchronous on `stream`; two runs give the same bits.
cudaError_t launch(const Params &params, cudaStream_t stream);
/// gradient *= factor, which costs nothing where factor is 1.
cudaError_t launchScale(const Params &params, cudaStream_t stream);

} // namespace dsa::launch::token_loss
