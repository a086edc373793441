#include "kernels/ops/dsa.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace dsa {

namespace {

constexpr std::array kOps{"index_scores",       "topk_select",        "index_select",  "masked_attention", "dense_attention", "index_kl",
                          "gathered_attention", "index_prepare",      "apply_rope",    "pack_mask",        "unpack_mask"};

} // namespace

Backend backend_of(const std::string &op, const std::vector<Tensor> &inputs)
{
    TORCH_CHECK(std::find(kOps.begin(), kOps.end(), op) != kOps.end(), "backend_of: op must be one of the dsa operations, got '", op, "'");
    TORCH_CHECK(!inputs.empty() && inputs[0].defined(), "backend_of: inputs must hold the operation's tensors, got none");
    if (!inputs[0].is_cuda()) {
        return {"aten", "the tensors are on the CPU"};
    }
    return {"aten", "no kernel exists for this operation yet"};
}

} // namespace dsa
