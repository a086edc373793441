#pragma once

#include "kernels/ops/below_autograd.h"
#include "kernels/ops/dsa.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/custom_function.h>

namespace dsa {

/// Double backward would silently miss terms; the engine records a backward only when it is asked for one.
inline void refuseSecondDerivative(const char *op)
{
    TORCH_CHECK(!at::GradMode::is_enabled(), op,
                ": has no second derivative, got a backward with create_graph; call it without");
}

/// BelowAutograd, for the forward and the backward of one torch::autograd::Function: the backward may run on a thread of
/// autograd's own, and takes the kernels that its forward was allowed to take.
class NodeScope {
public:
    explicit NodeScope(torch::autograd::AutogradContext *ctx)
        : m_kernels(allowedTo(ctx))
    {}

private:
    static KernelUse allowedTo(torch::autograd::AutogradContext *ctx)
    {
        const auto [entry, isForward] =
            ctx->saved_data.emplace("kernels", static_cast<std::int64_t>(usedKernels()));
        return static_cast<KernelUse>(entry->second.toInt());
    }

    BelowAutograd m_below;
    KernelScope m_kernels;
};

} // namespace dsa
