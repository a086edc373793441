#include "kernels/ops/dsa.h"

#include "kernels/ops/attention_kernel.h"
#include "kernels/ops/decode_kernel.h"
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/gathered_kernel.h"
#include "kernels/ops/index_kl_kernel.h"
#include "kernels/ops/index_kl_tiles.h"
#include "kernels/ops/kernel_path.h"
#include "kernels/ops/packing.h"
#include "kernels/ops/rotary.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace dsa {

namespace {

constexpr std::array kOps{
    "index_scores",           "topk_select",   "index_select",  "masked_attention", "dense_attention", "index_kl",
    "gathered_attention",     "index_prepare", "apply_rope",    "pack_mask",        "unpack_mask",     "index_quantize",
    "index_scores_quantized", "decode_scores", "decode_select", "gathered_decode"};

Backend backendOf(const KernelReport &report) { return {report.backend(), report.why}; }

} // namespace

Backend backend_of(const std::string &op, const std::vector<Tensor> &inputs)
{
    TORCH_CHECK(std::find(kOps.begin(), kOps.end(), op) != kOps.end(),
                "backend_of: op must be one of the dsa operations, got '", op, "'");
    TORCH_CHECK(!inputs.empty() && inputs[0].defined(),
                "backend_of: inputs must hold the operation's tensors, got none");
    if (!inputs[0].is_cuda()) {
        return {"aten", "the tensors are on the CPU"};
    }
    if (op == "pack_mask") {
        const char *why = nullptr;
        const bool kernel = packsWithKernel(inputs[0], &why);
        return {kernel ? "sm80" : "aten", why};
    }
    if (op == "topk_select" || op == "decode_select") {
        return backendOf(selectKernel(inputs[0]));
    }
    if ((op == "index_scores" || op == "index_select") && inputs.size() >= 3) {
        return backendOf(op == "index_scores" ? scoresKernel(inputs[0], inputs[1])
                                              : indexSelectKernel(inputs[0], inputs[1]));
    }
    if (op == "dense_attention" && inputs.size() >= 3) {
        const double scale = 1.0 / std::sqrt(static_cast<double>(inputs[0].size(3)));
        if (const std::int64_t kind = fusedDenseKind(inputs[0], inputs[1], inputs[2], scale, 0)) {
            return {"aten", std::string("the library's ") + fusedDenseName(kind) + " attention"};
        }
        return backendOf(attentionKernel(inputs[0], inputs[1], inputs[2]));
    }
    if (op == "masked_attention" && inputs.size() >= 3) {
        return backendOf(attentionKernel(inputs[0], inputs[1], inputs[2]));
    }
    if (op == "index_kl" && inputs.size() >= 4) {
        if (const KernelReport tiles = indexKlTilesKernel(inputs[0], inputs[1], inputs[3]); tiles.runs) {
            return backendOf(tiles);
        }
        const char *why = indexKlRefusal(inputs[0], inputs[1], inputs[3]);
        return {why ? "aten" : "sm80", why ? why : "the library's products, one kernel between them"};
    }
    if (op == "gathered_attention" && inputs.size() >= 3) {
        // The values' width is no tensor: what is said is for the one that the kernels know, of absorbed MLA.
        const KernelReport forward = gatheredKernel(inputs[0], inputs[1], inputs[2], 512);
        const KernelReport backward = gatheredGradientKernel(inputs[0], inputs[1], inputs[2], 512, true);
        return {forward.backend(), forward.runs ? forward.why + "; " + backward.why : forward.why};
    }
    if (op == "index_quantize") {
        return backendOf(indexQuantizeKernel(inputs[0]));
    }
    if (op == "index_scores_quantized" && inputs.size() >= 2) {
        return backendOf(quantizedScoresKernel(inputs[0], inputs[1]));
    }
    if (op == "decode_scores" && inputs.size() >= 4) { // q8, w, pages, table
        return backendOf(decodeScoresKernel(inputs[0], inputs[2], inputs[3]));
    }
    if (op == "gathered_decode" && inputs.size() >= 4) {
        return backendOf(gatheredDecodeKernel(inputs[0], inputs[1], inputs[2], inputs[3], 512));
    }
    if (op == "apply_rope" && inputs.size() >= 2) {
        const char *why = rotaryRefusal(inputs[0], inputs[1]);
        return {why ? "aten" : "sm80", why ? why : "the kernel takes these rows"};
    }
    return {"aten", "no kernel exists for this operation yet"};
}

} // namespace dsa
