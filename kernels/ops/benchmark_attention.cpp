#include "kernels/ops/attention_kernel.h"
#include "kernels/ops/benchmark_parts.h"
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"

#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <cmath>

namespace dsa::benchmark {

namespace {

/// What low precision may cost, and fp32 sums: ||difference|| / ||reference||.
struct Limits {
    double output, gradient;
};

Limits limitsOf(at::ScalarType type) { return type == at::kFloat ? Limits{5e-5, 5e-5} : Limits{5e-3, 1e-2}; }

struct Inputs : AttentionInputs {
    FusedDense dense = {}; ///< the library's dense one; none where it takes no such inputs
};

Inputs makeInputs(const Shape &s, const Machine &machine, double scale)
{
    const auto place = at::TensorOptions().device(at::Device(machine.device));
    const auto make = [&](std::int64_t rows) {
        return at::randn({s.batch, s.heads, rows, s.width}, place).to(typeOf(s.type));
    };
    Inputs in{{make(s.queries), make(s.keys), make(s.keys), make(s.queries),
               topk_select(at::randn({s.batch, s.queries, s.keys}, place), s.k, s.keys - s.queries)}};
    std::tie(in.o, in.lse) = masked_attention(in.q, in.k, in.v, in.selection);
    if (const std::int64_t kind = fusedDenseKind(in.q, in.k, in.v, scale, s.keys - s.queries)) {
        in.dense = fusedDense(kind, in.q, in.k, in.v, scale);
    }
    return in;
}

} // namespace

Check checkAttention(const AttentionInputs &in, double scale, bool backward)
{
    const auto entry = [](const Tensor &x) { return x.narrow(0, 0, 1).to(at::kDouble); };
    const Limits limits = limitsOf(in.q.scalar_type());
    const reference::Mask mask{in.selection.bits.narrow(0, 0, 1)};
    const auto [o, lse] = reference::attention(entry(in.q), entry(in.k), entry(in.v), mask, scale);
    Check check;
    if (!backward) {
        const bool right =
            near(check, in.o.narrow(0, 0, 1), o, limits.output) && near(check, in.lse.narrow(0, 0, 1), lse, 1e-5);
        check.wrong = right ? "" : "other outputs than the reference in batch entry 0";
        repeat(check, [&] {
            const auto [again, sums] = masked_attention(in.q, in.k, in.v, in.selection, scale);
            return std::vector<Tensor>{again, sums};
        });
        return check;
    }
    const auto gradients = [&] {
        return attentionBackward(in.gradO, in.q, in.k, in.v, in.o, in.lse, {in.selection.bits, in.selection.bitsT},
                                 scale);
    };
    const auto found = gradients();
    const auto expected =
        reference::attentionBackward(entry(in.gradO), entry(in.q), entry(in.k), entry(in.v), o, lse, mask, scale);
    for (int i = 0; i < 3; ++i) {
        if (!near(check, found[i].narrow(0, 0, 1), expected[i], limits.gradient)) {
            check.wrong = std::string("another gradient of ") + "qkv"[i] + " than the reference in batch entry 0";
        }
    }
    repeat(check, [&] {
        const auto again = gradients();
        return std::vector<Tensor>(again.begin(), again.end());
    });
    return check;
}

std::vector<Row> measureAttention(const Shape &shape, const Machine &machine, const Options &options)
{
    const double scale = 1 / std::sqrt(static_cast<double>(shape.width)),
                 batchHeads = static_cast<double>(shape.batch * shape.heads);
    const double queryBytes =
        batchHeads * static_cast<double>(shape.queries * shape.width *
                                         static_cast<std::int64_t>(c10::elementSize(typeOf(shape.type))));
    const double keyBytes = queryBytes * static_cast<double>(shape.keys) / static_cast<double>(shape.queries);
    const double sumBytes = 4 * batchHeads * static_cast<double>(shape.queries);
    const int sets = setsFor(queryBytes + 2 * keyBytes, machine);
    std::vector<Inputs> inputs;
    for (int i = 0; i < sets; ++i) {
        inputs.push_back(makeInputs(shape, machine, scale));
    }
    const Inputs &first = inputs[0];
    const std::string library = first.dense.kind
                                    ? std::string("dense causal attention: ") + fusedDenseName(first.dense.kind)
                                    : "dense causal attention";

    Row forward{"masked_attention", shape, checkAttention(first, scale, false)};
    const KernelReport report = attentionKernel(first.q, first.k, first.v);
    std::vector<Candidate> candidates{{"ours", backendName(report), [&](int i) {
                                           masked_attention(inputs[i].q, inputs[i].k, inputs[i].v, inputs[i].selection);
                                       }}};
    addPlain(candidates, machine.isCuda, [&](int i) {
        dispatch::plain::masked_attention(inputs[i].q, inputs[i].k, inputs[i].v, inputs[i].selection.bits, std::nullopt,
                                          scale, true);
    });
    if (shape.queries == shape.keys) { // with more keys its causality counts from the other end
        candidates.push_back({"torch.sdpa", library, [&](int i) {
                                  at::scaled_dot_product_attention(inputs[i].q, inputs[i].k, inputs[i].v, {}, 0, true);
                              }});
    }
    forward.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    forward.flops = 4 * pairsOf(shape) * static_cast<double>(shape.heads * shape.width);
    forward.bytes = 2 * queryBytes + 2 * keyBytes + sumBytes + selectionBytes(shape) / 2;
    finish(forward, report, machine);

    Row backward{"masked_attention backward", shape, checkAttention(first, scale, true)};
    const KernelReport both = attentionGradientKernel(first.q, first.k, first.v);
    candidates = {{"ours", backendName(both), [&](int i) {
                       const Inputs &in = inputs[i];
                       attentionBackward(in.gradO, in.q, in.k, in.v, in.o, in.lse,
                                         {in.selection.bits, in.selection.bitsT}, scale);
                   }}};
    addPlain(candidates, machine.isCuda, [&](int i) {
        const Inputs &in = inputs[i];
        reference::attentionBackward(in.gradO, in.q, in.k, in.v, in.o, in.lse, {in.selection.bits}, scale);
    });
    if (first.dense.kind) {
        candidates.push_back({"torch.sdpa", library, [&](int i) {
                                  const Inputs &in = inputs[i];
                                  fusedDenseBackward(in.dense, in.gradO, in.q, in.k, in.v, scale);
                              }});
    }
    backward.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    backward.flops = 2.5 * forward.flops; // five products of this size, the scores among them
    backward.bytes = 4 * queryBytes + 4 * keyBytes + sumBytes + selectionBytes(shape);
    finish(backward, both, machine);
    return {forward, backward};
}

} // namespace dsa::benchmark
