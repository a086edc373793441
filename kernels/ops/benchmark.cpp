#include "kernels/ops/benchmark.h"

#include "kernels/ops/benchmark_parts.h"
#include "kernels/ops/kernel_path.h"
#include "kernels/ops/plain_path.h"
#include "kernels/ops/reference.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/topk.h>
#include <c10/util/Exception.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#endif

#include <algorithm>
#include <cmath>
#include <memory>

namespace dsa::benchmark {

namespace {

/// The sampled rows: batch entry and query.
std::vector<std::pair<std::int64_t, std::int64_t>> sampledRows(const Shape &s)
{
    std::vector<std::pair<std::int64_t, std::int64_t>> rows;
    for (std::int64_t i = 0; i < kSampledRows; ++i) {
        rows.emplace_back(i % s.batch, s.queries - 1 - i * s.queries / kSampledRows);
    }
    return rows;
}

/// One row as the CPU sees it: dimensions 0 and 1 cut to one entry.
Tensor rowOf(const Tensor &x, std::int64_t b, std::int64_t t) { return x.narrow(0, b, 1).narrow(1, t, 1).cpu(); }

std::string rowName(std::int64_t b, std::int64_t t)
{
    return " in batch entry " + std::to_string(b) + ", query " + std::to_string(t);
}

Row measureTopk(const Shape &shape, const Machine &machine, const Options &options)
{
    const std::int64_t offset = shape.keys - shape.queries;
    const auto place = at::TensorOptions().device(at::Device(machine.device));
    const Tensor hidden = reference::visibleKeys(0, shape.queries, shape.keys, offset, place.device()).logical_not();
    std::vector<Tensor> inputs;
    const int sets = setsFor(4.0 * static_cast<double>(shape.batch * shape.queries * shape.keys), machine);
    for (int i = 0; i < sets; ++i) {
        Tensor scores = at::randn({shape.batch, shape.queries, shape.keys}, place);
        if (shape.scores == "plateau") {
            scores.clamp_min_(0);
        }
        inputs.push_back(scores.masked_fill_(hidden, -INFINITY));
    }

    Row row{"topk_select", shape};
    const Selection found = topk_select(inputs[0], shape.k, offset);
    for (const auto &[b, t] : sampledRows(shape)) {
        const Tensor expected = reference::topkMask(rowOf(inputs[0], b, t), shape.k, 0, t + offset);
        if (!reference::unpackRows(rowOf(found.bits, b, t), shape.keys).equal(expected)) {
            row.check.wrong = "other keys than the reference" + rowName(b, t);
        }
    }
    repeat(row.check, [&] {
        const Selection again = topk_select(inputs[0], shape.k, offset);
        return std::vector<Tensor>{again.bits, again.bitsT, again.count};
    });
    const KernelReport report = selectKernel(inputs[0]);
    std::vector<Candidate> candidates{
        {"ours", backendName(report), [&](int i) { topk_select(inputs[i], shape.k, offset); }}};
    addPlain(candidates, machine.isCuda,
             [&](int i) { dispatch::plain::topk_select(inputs[i], shape.k, offset, true, false); });
    candidates.push_back({"torch.topk",
                          "the library's, whole rows, values and places without an order of ties, no bits",
                          [&](int i) { at::topk(inputs[i], std::min(shape.k, shape.keys), -1, true, false); }});
    row.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    row.bytes = 4 * pairsOf(shape) + selectionBytes(shape);
    finish(row, report, machine);
    return row;
}

struct IndexInputs {
    Tensor q, k, w;
};

/// A query's scores in float64.
Tensor exactScores(const IndexInputs &in, std::int64_t b, std::int64_t t, std::int64_t offset)
{
    return reference::indexScores(rowOf(in.q, b, t).to(at::kDouble), in.k.narrow(0, b, 1).cpu().to(at::kDouble),
                                  rowOf(in.w, b, t).to(at::kDouble), t + offset);
}

/// Sampled rows of the scores against float64.
Check checkScores(const Shape &shape, const IndexInputs &in, std::int64_t offset)
{
    const auto call = [&] { return index_scores(in.q, in.k, in.w, offset); };
    const Tensor scores = call();
    Check check;
    for (const auto &[b, t] : sampledRows(shape)) {
        const Tensor expected = exactScores(in, b, t, offset), hidden = expected.isinf(),
                     row = rowOf(scores, b, t).to(at::kDouble);
        const bool right = near(check, row.masked_fill(hidden, 0), expected.masked_fill(hidden, 0), kScoreTolerance);
        if (!right || !row.isinf().equal(hidden)) {
            check.wrong = "scores off by more than 1e-5" + rowName(b, t);
        }
    }
    repeat(check, [&] { return std::vector<Tensor>{call()}; });
    return check;
}

/// A key may be selected otherwise than by float64 only where its score is as near the threshold as scores are exact.
Check checkSelected(const Shape &shape, const IndexInputs &in, std::int64_t offset)
{
    const auto call = [&] { return index_select(in.q, in.k, in.w, shape.k, offset); };
    const Selection selected = std::get<0>(call());
    Check check;
    for (const auto &[b, t] : sampledRows(shape)) {
        const Tensor expected = exactScores(in, b, t, offset), size = expected.masked_fill(expected.isinf(), 0).norm();
        const Tensor mask = reference::topkMask(expected, shape.k, 0, t + offset),
                     tau = expected.masked_fill(mask.logical_not(), INFINITY).amin();
        const Tensor other = reference::unpackRows(rowOf(selected.bits, b, t), shape.keys).ne(mask);
        if (other.logical_and(expected.sub(tau).abs().gt(size.mul(kScoreTolerance))).any().item().toBool()) {
            check.wrong = "other keys than the reference" + rowName(b, t);
        }
    }
    repeat(check, [&] {
        const auto [again, tau, lse] = call();
        return std::vector<Tensor>{again.bits, again.bitsT, again.count, tau, lse};
    });
    return check;
}

std::vector<Row> measureIndexer(const Shape &shape, const Machine &machine, const Options &options)
{
    const std::int64_t offset = shape.keys - shape.queries;
    const auto place = at::TensorOptions().device(at::Device(machine.device));
    const at::ScalarType type = typeOf(shape.type);
    const double pairs = pairsOf(shape), element = static_cast<double>(c10::elementSize(type));
    const double inputBytes = static_cast<double>(shape.batch) *
                              (element * static_cast<double>((shape.queries * shape.heads + shape.keys) * shape.width) +
                               4.0 * static_cast<double>(shape.queries * shape.heads));
    const int sets = setsFor(inputBytes, machine);
    std::vector<IndexInputs> inputs;
    for (int i = 0; i < sets; ++i) {
        inputs.push_back({at::randn({shape.batch, shape.queries, shape.heads, shape.width}, place).to(type),
                          at::randn({shape.batch, shape.keys, shape.width}, place).to(type),
                          at::randn({shape.batch, shape.queries, shape.heads}, place)});
    }

    Row scores{"index_scores", shape, checkScores(shape, inputs[0], offset)};
    const KernelReport report = scoresKernel(inputs[0].q, inputs[0].k);
    std::vector<Candidate> candidates{
        {"ours", backendName(report), [&](int i) { index_scores(inputs[i].q, inputs[i].k, inputs[i].w, offset); }}};
    addPlain(candidates, machine.isCuda,
             [&](int i) { dispatch::plain::index_scores(inputs[i].q, inputs[i].k, inputs[i].w, offset); });
    scores.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    scores.flops = 2 * pairs * static_cast<double>(shape.heads * shape.width);
    scores.bytes = inputBytes + 4.0 * static_cast<double>(shape.batch * shape.queries * shape.keys);
    finish(scores, report, machine);

    Row select{"index_select", shape, checkSelected(shape, inputs[0], offset)};
    const KernelReport both = indexSelectKernel(inputs[0].q, inputs[0].k);
    candidates = {{"ours", backendName(both),
                   [&](int i) { index_select(inputs[i].q, inputs[i].k, inputs[i].w, shape.k, offset); }}};
    addPlain(candidates, machine.isCuda, [&](int i) {
        dispatch::plain::index_select(inputs[i].q, inputs[i].k, inputs[i].w, shape.k, offset, true, false);
    });
    candidates.push_back(
        {"torch.topk",
         "plain scores, then the library's selection: values and places without an order of ties, no bits", [&](int i) {
             at::topk(dispatch::plain::index_scores(inputs[i].q, inputs[i].k, inputs[i].w, offset),
                      std::min(shape.k, shape.keys), -1, true, false);
         }});
    select.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    select.flops = scores.flops;
    select.bytes = inputBytes + selectionBytes(shape) + 8.0 * static_cast<double>(shape.batch * shape.queries);
    finish(select, both, machine);
    return {scores, select};
}

} // namespace

std::vector<Shape> usualShapes(const std::string &subject, bool isCuda)
{
    if (!isCuda) {
        return {{2, 256, 256, 128}};
    }
    if (subject == "topk") {
        std::vector<Shape> shapes{{16, 256, 256, 128},    {16, 512, 512, 256},    {8, 1024, 1024, 512},
                                  {8, 2048, 2048, 1024},  {8, 2048, 2048, 256},   {4, 4096, 4096, 2048},
                                  {1, 2048, 32768, 2048}, {1, 512, 131072, 2048}, {1, 1, 131072, 2048}};
        Shape plateau{8, 2048, 2048, 1024};
        plateau.scores = "plateau";
        shapes.push_back(plateau);
        plateau = {1, 2048, 32768, 20000};
        plateau.scores = "plateau";
        shapes.push_back(plateau);
        return shapes;
    }
    if (subject == "attention") { // the usual one, those of small training runs, and a wide one
        return {{8, 2048, 2048, 1024, 8, 64},  {16, 256, 256, 128, 8, 64}, {16, 64, 64, 32, 8, 32},
                {32, 128, 128, 64, 8, 32},     {64, 256, 256, 128, 8, 32}, {64, 256, 256, 64, 8, 64},
                {4, 2048, 2048, 1024, 16, 128}};
    }
    if (subject == "layer") {
        return {{8, 2048, 2048, 1024, 8, 64}, {16, 256, 256, 128, 8, 64}, {4, 2048, 2048, 1024, 16, 128}};
    }
    if (subject == "loss") {
        return {{8, 2048, 2048, 1024, 8, 64},
                {16, 256, 256, 128, 8, 64},
                {4, 2048, 2048, 1024, 16, 128},
                {16, 1024, 1024, 512, 8, 32}};
    }
    return {{16, 256, 256, 128},
            {8, 2048, 2048, 1024},
            {4, 4096, 4096, 1024},
            {1, 2048, 2048, 512, 64, 128},
            {1, 2048, 32768, 2048},
            {1, 2048, 32768, 2048, 64, 128},
            {1, 2048, 32768, 2048, 64, 128, "float8_e4m3"},
            {1, 2048, 131072, 2048, 64, 128, "float8_e4m3"},
            {8, 2048, 2048, 1024, 4, 64, "float32"}};
}

std::vector<Row> measure(const std::string &subject, const Shape &shape, const Machine &machine, const Options &options)
{
    TORCH_CHECK(shape.batch > 0 && shape.queries > 0 && shape.keys >= shape.queries && shape.k > 0,
                "bench: keys must be at least queries, and every size 1 or more");
    const at::NoGradGuard noGradients;
#ifdef SPARSESCOPE_HAS_KERNELS
    std::unique_ptr<c10::cuda::CUDAGuard> device;
    if (machine.isCuda) {
        device = std::make_unique<c10::cuda::CUDAGuard>(at::Device(machine.device));
    }
#endif
    std::vector<Row> rows = subject == "topk"             ? std::vector<Row>{measureTopk(shape, machine, options)}
                            : subject == "loss"           ? std::vector<Row>{measureLoss(shape, machine, options)}
                            : subject == "layer"          ? measureLayer(shape, machine, options)
                            : subject == "attention"      ? measureAttention(shape, machine, options)
                            : shape.type == "float8_e4m3" ? std::vector<Row>{measureQuantized(shape, machine, options)}
                                                          : measureIndexer(shape, machine, options);
#ifdef SPARSESCOPE_HAS_KERNELS
    if (machine.isCuda) {
        c10::cuda::CUDACachingAllocator::emptyCache(); // graphs keep pools of their own
    }
#endif
    return rows;
}

} // namespace dsa::benchmark
