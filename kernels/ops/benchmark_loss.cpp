#include "kernels/ops/benchmark_parts.h"
#include "kernels/ops/index_kl_kernel.h"
#include "kernels/ops/index_kl_tiles.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"

#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace dsa::benchmark {

namespace {

constexpr double kLossLimit = 1e-4;

LossInputs makeInputs(const Shape &s, const Machine &machine)
{
    const auto place = at::TensorOptions().device(at::Device(machine.device));
    const at::ScalarType type = typeOf(s.type);
    const auto draw = [&](at::IntArrayRef sizes) { return at::randn(sizes, place).to(type); };
    LossInputs in{draw({s.batch, s.queries, kIndexHeads, kIndexWidth}),
                  draw({s.batch, s.keys, kIndexWidth}),
                  at::rand({s.batch, s.queries, kIndexHeads}, place).mul(0.1),
                  draw({s.batch, s.heads, s.queries, s.width}),
                  draw({s.batch, s.heads, s.keys, s.width}),
                  {},
                  {},
                  {}};
    Tensor tau;
    std::tie(in.selection, tau, in.lseSelected) = index_select(in.qi, in.ki, in.w, s.k, s.keys - s.queries);
    in.lse = std::get<1>(masked_attention(in.q, in.k, in.k, in.selection));
    return in;
}

} // namespace

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> lossWithGradients(const LossInputs &in)
{
    return dispatch::index_kl_with_gradients(in.qi, in.ki, in.w, in.q, in.k, in.lse, in.selection.bits,
                                             in.selection.bitsT, in.lseSelected, std::nullopt,
                                             static_cast<std::int64_t>(KlTarget::Selected), 1, std::nullopt);
}

Check checkLoss(const LossInputs &in)
{
    const auto entry = [](const Tensor &x) { return x.narrow(0, 0, 1).to(at::kDouble); };
    const reference::Mask mask{in.selection.bits.narrow(0, 0, 1)};
    const reference::KlResult expected =
        reference::indexKl(entry(in.qi), entry(in.ki), entry(in.w), entry(in.q), entry(in.k), entry(in.lse), mask,
                           entry(in.lseSelected), 1 / std::sqrt(static_cast<double>(in.q.size(3))), 1, {}, true);
    const auto [loss, rows, gradQ, gradK, gradW] = lossWithGradients(in);
    // The mean is over the rows of all entries.
    const auto share = [&](const Tensor &grad) {
        return grad.narrow(0, 0, 1).to(at::kDouble).mul(static_cast<double>(in.qi.size(0)));
    };
    Check check;
    if (!near(check, rows.narrow(0, 0, 1), expected.rows, kLossLimit)) {
        check.wrong = "another loss than the reference in batch entry 0";
    }
    for (const auto &[found, wanted] :
         {std::pair(gradQ, expected.gradQ), std::pair(gradK, expected.gradK), std::pair(gradW, expected.gradW)}) {
        if (!near(check, share(found), wanted, kGradientLimit) && check.wrong.empty()) {
            check.wrong = "another gradient than the reference in batch entry 0";
        }
    }
    repeat(check, [&] {
        const auto [sum, each, q, k, w] = lossWithGradients(in);
        return std::vector<Tensor>{sum.reshape({1}), each, q, k, w};
    });
    return check;
}

Row measureLoss(const Shape &shape, const Machine &machine, const Options &options)
{
    const double element = static_cast<double>(c10::elementSize(typeOf(shape.type)));
    const double rows = static_cast<double>(shape.batch * shape.queries),
                 keys = static_cast<double>(shape.batch * shape.keys),
                 attended = static_cast<double>(shape.heads * shape.width),
                 indexed = static_cast<double>(kIndexHeads * kIndexWidth);
    const double inputBytes = element * ((rows + keys) * attended + rows * indexed + keys * kIndexWidth) +
                              4 * rows * static_cast<double>(shape.heads + kIndexHeads + 1) + selectionBytes(shape) / 2;
    const int sets = setsFor(inputBytes, machine);
    std::vector<LossInputs> inputs;
    for (int i = 0; i < sets; ++i) {
        inputs.push_back(makeInputs(shape, machine));
    }
    Row row{"index_kl with its gradients", shape, checkLoss(inputs[0])};
    const LossInputs &first = inputs[0];
    KernelReport report = indexKlTilesKernel(first.qi, first.ki, first.q);
    if (const char *why = indexKlRefusal(first.qi, first.ki, first.q); !report.runs && !why) {
        report = {true, "the library's products, one kernel between them"};
    }
    std::vector<Candidate> candidates{{"ours", backendName(report), [&](int i) { lossWithGradients(inputs[i]); }}};
    addPlain(candidates, machine.isCuda, [&](int i) {
        const LossInputs &in = inputs[i];
        dispatch::plain::index_kl_with_gradients(in.qi, in.ki, in.w, in.q, in.k, in.lse, in.selection.bits,
                                                 in.selection.bitsT, in.lseSelected, std::nullopt,
                                                 static_cast<std::int64_t>(KlTarget::Selected), 1, std::nullopt);
    });
    row.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    // Teacher, index products, and their gradients in queries and keys.
    row.flops = 2 * pairsOf(shape) * (attended + 3 * indexed);
    row.bytes = inputBytes + 4 * (rows * (indexed + kIndexHeads) + keys * kIndexWidth);
    finish(row, report, machine);
    return row;
}

} // namespace dsa::benchmark
