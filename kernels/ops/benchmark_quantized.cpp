#include "kernels/ops/benchmark_parts.h"
#include "kernels/ops/decode_kernel.h"
#include "kernels/ops/dsa_decode.h"

#include <ATen/ops/randn.h>

#include <algorithm>
#include <cmath>

namespace dsa::benchmark {

namespace {

constexpr double kTolerance = 2e-3;

struct Quantized {
    Tensor q8, w, k8, scale;
    Tensor q, k, weights; ///< as they were, for the scores in bf16
};

/// Sampled rows against float64 on the same e4m3 values.
Check checkRows(const Shape &s, const Quantized &in, std::int64_t offset)
{
    const auto call = [&] { return index_scores_quantized(in.q8, in.k8, in.w, in.scale, offset); };
    const Tensor scores = call();
    Check check;
    for (std::int64_t i = 0; i < kSampledRows; ++i) {
        const std::int64_t b = i % s.batch, t = s.queries - 1 - i * s.queries / kSampledRows, keys = t + offset + 1;
        const Tensor expected =
            index_scores_quantized(in.q8.narrow(0, b, 1).narrow(1, t, 1), in.k8.narrow(0, b, 1).narrow(1, 0, keys),
                                   in.w.narrow(0, b, 1).narrow(1, t, 1).to(at::kDouble),
                                   in.scale.narrow(0, b, 1).narrow(1, 0, keys), t + offset);
        const Tensor row = scores.narrow(0, b, 1).narrow(1, t, 1), seen = row.narrow(2, 0, keys).to(at::kDouble);
        const bool isHidden = row.narrow(2, keys, s.keys - keys).eq(-INFINITY).all().item().toBool();
        if (!near(check, seen, expected, kTolerance) || !isHidden) {
            check.wrong =
                "scores off by more than 2e-3 in batch entry " + std::to_string(b) + ", query " + std::to_string(t);
        }
    }
    repeat(check, [&] { return std::vector<Tensor>{call()}; });
    return check;
}

} // namespace

Row measureQuantized(const Shape &s, const Machine &machine, const Options &options)
{
    const std::int64_t offset = s.keys - s.queries;
    const auto place = at::TensorOptions().device(at::Device(machine.device));
    const double batch = static_cast<double>(s.batch), queries = static_cast<double>(s.queries),
                 keys = static_cast<double>(s.keys), heads = static_cast<double>(s.heads),
                 width = static_cast<double>(s.width);
    const double inputBytes = batch * (queries * heads * (width + 4) + keys * (width + 4));
    const int sets = setsFor(inputBytes + 4 * batch * queries * keys, machine); // the scores push the inputs out
    std::vector<Quantized> inputs;
    for (int i = 0; i < sets; ++i) {
        Quantized in;
        in.q = at::randn({s.batch, s.queries, s.heads, s.width}, place.dtype(at::kBFloat16));
        in.k = at::randn({s.batch, s.keys, s.width}, place.dtype(at::kBFloat16));
        in.weights = at::randn({s.batch, s.queries, s.heads}, place);
        std::tie(in.q8, in.w, in.k8, in.scale) = index_quantize(in.q, in.k, in.weights);
        inputs.push_back(std::move(in));
    }
    Row row{"index_scores_quantized", s, checkRows(s, inputs[0], offset)};
    const KernelReport report = quantizedScoresKernel(inputs[0].q8, inputs[0].k8);
    std::vector<Candidate> candidates{{"ours", backendName(report), [&](int i) {
                                           const Quantized &in = inputs[i];
                                           index_scores_quantized(in.q8, in.k8, in.w, in.scale, offset);
                                       }}};
    candidates.push_back({"bfloat16", backendName(scoresKernel(inputs[0].q, inputs[0].k)),
                          [&](int i) { index_scores(inputs[i].q, inputs[i].k, inputs[i].weights, offset); }});
    row.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    row.flops = 2 * pairsOf(s) * heads * width;
    row.bytes = inputBytes + 4 * batch * queries * keys;
    finish(row, report, machine);
    return row;
}

} // namespace dsa::benchmark
