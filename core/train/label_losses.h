#pragma once

#include "core/train/step_inputs.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

// B rows, L tokens, V vocabulary
namespace sparsescope {

/// Loss and hit of every position of a batch, on the host.
struct LabelLosses {
    std::int64_t length = 0;
    std::vector<std::int64_t> labels; ///< [B L], -1: no loss there
    std::vector<double> nll;          ///< nats
    std::vector<std::uint8_t> right;  ///< is the most likely token the label?

    bool labelled(std::size_t place) const { return labels[place] >= 0; }
    std::size_t place(int row, int query) const
    {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(length) + static_cast<std::size_t>(query);
    }
};

/// The same, still on its way: nothing waits for the device until it is read.
struct LabelTensors {
    std::int64_t length = 0;
    at::Tensor labels, nll, right; ///< [B L] int64, fp32, bool

    LabelLosses read() const;
};

/// From logits [B,L,V]; the loss in fp32 whatever the type of the logits.
LabelTensors labelTensors(const at::Tensor &logits, const DeviceBatch &batch);
LabelLosses labelLosses(const at::Tensor &logits, const DeviceBatch &batch);

} // namespace sparsescope
