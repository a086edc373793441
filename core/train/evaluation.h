#pragma once

#include "core/base/records.h"
#include "core/data/data_source.h"
#include "core/model/transformer.h"

#include <vector>

namespace sparsescope {

struct EvaluationOptions {
    int batches = 16;        ///< validation batches 0..batches-1, the same every time
    int observedBatches = 0; ///< of these, how many are traced for the selection metrics
    bool sparse = false;
    const Selector *selector = nullptr; ///< counterfactual selector in place of the model's own
    bool bf16 = false;
    std::int64_t split = 0; ///< where the dense part of the loss ends; 0: at the model's own k (a dense model: nowhere)
};

/// Loss and accuracy over validation: val.loss, .accuracy, .perplexity, .bits_per_byte, val.loss.dense_part (t < k),
/// val.loss.sparse_part (t >= k), val.loss.position/0..7, their chance values; of tasks what TaskScore says; the selection
/// metrics of the traced batches.
std::vector<Scalar> evaluate(Transformer &model, const DataSource &data, const EvaluationOptions &options,
                             const at::Device &device);

/// With another selector at inference: counterfactual.loss.<name>, counterfactual.accuracy.<name>, counterfactual.exact.<name>.
std::vector<Scalar> evaluateCounterfactual(Transformer &model, const DataSource &data, const EvaluationOptions &options,
                                           const std::string &selector, const at::Device &device);

} // namespace sparsescope
