#include "kernels/ops/benchmark_parts.h"
#include "kernels/ops/decode_kernel.h"
#include "kernels/ops/dsa_decode.h"
#include "kernels/ops/fused_dense.h"
#include "kernels/ops/gathered_kernel.h"
#include "kernels/ops/reference.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <c10/util/Exception.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#endif

#include <algorithm>
#include <cmath>

namespace dsa::benchmark {

namespace {

constexpr std::int64_t kWidth = 576, kValueWidth = 512, kDenseWidth = 192, kDenseValueWidth = 128;
constexpr std::int64_t kMostQueries = 8192, kScoreBytes = std::int64_t{256} << 20, kRepeatedQueries = 256;
constexpr double kQuantizedTolerance = 2e-3, kOutputTolerance = 5e-3, kGradientTolerance = 1e-2, kSumTolerance = 1e-4;
constexpr double kLongestMicroseconds = 8e6; // that one shape's samples may take

enum Part { Scores, Select, Attend, Backward, Parts };

/// What one layer's core reads. The queries of attention are those of one chunk, the same for every chunk: all of them would not
/// fit beside the dense attention's at 131072 tokens, and a chunk is many times what the card's cache holds.
struct LongInputs {
    Tensor qi, ki, w, q, kv, gradO;
};

/// The indexer's factors as its scores take them.
struct Factors {
    Tensor q, k, w, kScale; ///< kScale: in e4m3 alone

    explicit Factors(const LongShape &s, const LongInputs &in)
        : q(in.qi)
        , k(in.ki)
        , w(in.w)
    {
        if (s.quantized) {
            std::tie(q, w, k, kScale) = index_quantize(in.qi, in.ki, in.w);
        }
    }
    /// Of queries begin .. begin + count and the keys that they may see.
    Tensor scores(std::int64_t begin, std::int64_t count) const { return scores(begin, count, w); }
    /// The same by the definition, in float64, of the same values.
    Tensor exact(std::int64_t begin, std::int64_t count) const
    {
        if (kScale.defined()) {
            return scores(begin, count, w.to(at::kDouble));
        }
        return reference::indexScores(q.narrow(1, begin, count).to(at::kDouble),
                                      k.narrow(1, 0, begin + count).to(at::kDouble),
                                      w.narrow(1, begin, count).to(at::kDouble), begin);
    }
    KernelReport kernel() const { return kScale.defined() ? quantizedScoresKernel(q, k) : scoresKernel(q, k); }

private:
    Tensor scores(std::int64_t begin, std::int64_t count, const Tensor &weights) const
    {
        const Tensor queries = q.narrow(1, begin, count), keys = k.narrow(1, 0, begin + count),
                     by = weights.narrow(1, begin, count);
        return kScale.defined() ? index_scores_quantized(queries, keys, by, kScale.narrow(1, 0, begin + count), begin)
                                : index_scores(queries, keys, by, begin);
    }
};

LongInputs makeInputs(const LongShape &s, const Machine &machine)
{
    const auto place = at::TensorOptions().device(at::Device(machine.device));
    const auto low = place.dtype(at::kBFloat16);
    const std::int64_t rows = std::min(s.context, kMostQueries);
    LongInputs in{at::randn({1, s.context, s.indexerHeads, s.indexerWidth}, low),
                  at::randn({1, s.context, s.indexerWidth}, low),
                  at::randn({1, s.context, s.indexerHeads}, place),
                  at::randn({rows, s.heads, kWidth}, low),
                  at::randn({s.context, kWidth}, low),
                  {}};
    if (s.training) {
        in.gradO = at::randn({rows, s.heads, kValueWidth}, low);
    }
    return in;
}

double scaleOf() { return 1 / std::sqrt(static_cast<double>(kWidth)); }

/// One pass over the sequence; f(part) after each part's launches.
template <class F>
void pass(const LongShape &s, const LongInputs &in, F f)
{
    Tensor gradKv;
    const Factors factors(s, in);
    f(Scores);
    for (std::int64_t begin = 0; begin < s.context; begin += kMostQueries) {
        const std::int64_t rows = std::min(kMostQueries, s.context - begin);
        const Tensor idx = at::empty({rows, s.k}, in.q.options().dtype(at::kInt));
        for (std::int64_t first = 0; first < rows;) {
            const std::int64_t fit = kScoreBytes / (4 * (begin + rows)) / 64 * 64;
            const std::int64_t count = std::min(std::max<std::int64_t>(fit, 64), rows - first);
            const Tensor scores = factors.scores(begin + first, count);
            f(Scores);
            idx.narrow(0, first, count).copy_(topk_select(scores, s.k, begin + first, false, true).idx[0]);
            f(Select);
            first += count;
        }
        const Tensor q = in.q.narrow(0, 0, rows);
        const auto [o, lse] = gathered_attention(q, in.kv, idx, kValueWidth, scaleOf(), std::nullopt, !s.training);
        f(Attend);
        if (s.training) {
            const auto grads = gatheredBackward(in.gradO.narrow(0, 0, rows),
                                                {q, in.kv, idx, {}, o, lse, kValueWidth, scaleOf()}, false);
            if (gradKv.defined()) {
                gradKv.add_(grads[1]);
            } else {
                gradKv = grads[1];
            }
            f(Backward);
        }
    }
}

/// The parts on sampled queries, the last among them; scores and attention against float64, the selection bit for bit against the
/// rule applied to the same scores, gradients those of the sampled queries alone.
struct LongChecks {
    Check parts[Parts];

    LongChecks(const LongShape &s, const LongInputs &in)
    {
        std::vector<Tensor> lists;
        const Factors factors(s, in);
        const std::int64_t samples = std::min(kSampledRows, s.context);
        for (std::int64_t i = 0; i < samples; ++i) {
            const std::int64_t t = s.context - 1 - i * s.context / samples;
            lists.push_back(sampled(s, factors, t));
        }
        attention(s, in, at::cat(lists));
    }

private:
    Tensor sampled(const LongShape &s, const Factors &factors, std::int64_t t)
    {
        const std::string where = " in query " + std::to_string(t);
        const Tensor scores = factors.scores(t, 1);
        if (!near(parts[Scores], scores, factors.exact(t, 1), s.quantized ? kQuantizedTolerance : kScoreTolerance)) {
            parts[Scores].wrong =
                (s.quantized ? "scores off by more than 2e-3" : "scores off by more than 1e-5") + where;
        }
        const auto listed = [&] { return topk_select(scores, s.k, t, false, true).idx[0]; };
        const Tensor list = listed();
        const Tensor mask = reference::topkMask(scores, s.k, 0, t);
        if (!list.equal(reference::indicesOf(mask, s.k)[0])) {
            parts[Select].wrong = "other keys than the rule gives for the same scores" + where;
        }
        note(Scores, [&] { return std::vector<Tensor>{factors.scores(t, 1)}; });
        note(Select, [&] { return std::vector<Tensor>{listed()}; });
        return list;
    }
    void note(Part part, const std::function<std::vector<Tensor>()> &call)
    {
        Check check;
        repeat(check, call);
        include(parts[part], check);
    }

    void attention(const LongShape &s, const LongInputs &in, const Tensor &idx)
    {
        const std::int64_t rows = idx.size(0);
        const Tensor q = in.q.narrow(0, 0, rows), wideQ = q.to(at::kDouble), wideKv = in.kv.to(at::kDouble);
        const auto forward = [&] {
            return gathered_attention(q, in.kv, idx, kValueWidth, scaleOf(), std::nullopt, !s.training);
        };
        const auto [o, lse] = forward();
        const auto [expected, expectedLse] = reference::gathered(wideQ, wideKv, idx, kValueWidth, scaleOf(), {});
        if (!near(parts[Attend], o, expected, kOutputTolerance)) {
            parts[Attend].wrong = "other outputs than the reference on the sampled queries";
        } else if (!lse.to(at::kDouble).sub(expectedLse).abs().max().le(kSumTolerance).item().toBool()) {
            parts[Attend].wrong = "lse off by more than 1e-4 on the sampled queries";
        }
        note(Attend, [&] {
            const auto [again, sums] = forward();
            return std::vector<Tensor>{again, sums};
        });
        if (!s.training) {
            return;
        }
        const Tensor gradO = in.gradO.narrow(0, 0, rows);
        const auto found = gatheredBackward(gradO, {q, in.kv, idx, {}, o, lse, kValueWidth, scaleOf()}, false);
        const auto grads = reference::gatheredBackward(gradO.to(at::kDouble), wideQ, wideKv, idx, kValueWidth,
                                                       scaleOf(), {}, expected, expectedLse, false);
        for (int i = 0; i < 2; ++i) {
            if (!near(parts[Backward], found[i], grads[i], kGradientTolerance)) {
                parts[Backward].wrong = std::string("another gradient of ") + (i ? "kv" : "q") +
                                        " than the reference on the sampled queries";
            }
        }
        // So many queries of the same keys that the order of their sums shows.
        const std::int64_t times = std::min(kRepeatedQueries, in.q.size(0)) / rows;
        const Tensor many = idx.repeat({times, 1}), manyQ = in.q.narrow(0, 0, times * rows);
        const auto [manyO, manyLse] =
            gathered_attention(manyQ, in.kv, many, kValueWidth, scaleOf(), std::nullopt, false);
        note(Backward, [&, manyO = manyO, manyLse = manyLse] {
            const auto again =
                gatheredBackward(in.gradO.narrow(0, 0, times * rows),
                                 {manyQ, in.kv, many, {}, manyO, manyLse, kValueWidth, scaleOf()}, false);
            return std::vector<Tensor>(again.begin(), again.begin() + 2);
        });
    }
};

/// The library's dense attention on inputs of its own; `kind` 0: it takes none such, or they do not fit.
struct Dense {
    std::int64_t kind = 0;
    Tensor q, k, v, gradO;
    std::string name = "none";

    Dense(const LongShape &s, const Machine &machine)
    {
        if (!machine.isCuda) {
            return;
        }
        const auto low = at::TensorOptions().device(at::Device(machine.device)).dtype(at::kBFloat16);
        q = at::randn({1, s.heads, s.context, kDenseWidth}, low);
        k = at::randn({1, s.heads, s.context, kDenseWidth}, low);
        v = at::randn({1, s.heads, s.context, kDenseValueWidth}, low);
        gradO = s.training ? at::randn({1, s.heads, s.context, kDenseValueWidth}, low) : Tensor();
        kind = fusedDenseKind(q, k, v, scale(), 0);
        name = std::string("dense causal attention ") + std::to_string(s.heads) +
               " heads 192/128: " + fusedDenseName(kind);
    }
    /// Columns of the products that a pair takes part in: two of the forward, five of the backward, which forms the scores again.
    static double columns(bool back) { return (back ? 4 : 1) * kDenseWidth + (back ? 3 : 1) * kDenseValueWidth; }
    /// Values that a token has in each head: q, k, v and o; in a backward all of them again with a gradient each.
    static double values(bool back) { return static_cast<double>((back ? 6 : 2) * (kDenseWidth + kDenseValueWidth)); }
    static double scale() { return 1 / std::sqrt(static_cast<double>(kDenseWidth)); }
    void run(bool training) const
    {
        const FusedDense forward = fusedDense(kind, q, k, v, scale());
        if (training) {
            fusedDenseBackward(forward, gradO, q, k, v, scale());
        }
    }
};

void freeCache(bool isCuda)
{
#ifdef SPARSESCOPE_HAS_KERNELS
    if (isCuda) {
        c10::cuda::CUDACachingAllocator::emptyCache();
    }
#endif
    static_cast<void>(isCuda);
}

Row rowFor(const char *op, const Shape &shape, Check check, const KernelReport &report, double flops, double bytes,
           const Machine &machine)
{
    Row row{op, shape, std::move(check)};
    row.flops = flops;
    row.bytes = bytes;
    finish(row, report, machine);
    row.timings.push_back({"ours", backendName(report)});
    return row;
}

} // namespace

std::vector<Row> measureLong(const LongShape &s, const Machine &machine, const Options &options)
{
    TORCH_CHECK(s.context > 0 && s.k > 0 && s.heads > 0 && s.indexerHeads > 0 && s.indexerWidth > 0,
                "bench: every size must be 1 or more");
    const at::NoGradGuard noGradients;
#ifdef SPARSESCOPE_HAS_KERNELS
    std::unique_ptr<c10::cuda::CUDAGuard> device;
    if (machine.isCuda) {
        device = std::make_unique<c10::cuda::CUDAGuard>(at::Device(machine.device));
    }
#endif
    freeCache(machine.isCuda);
    const LongInputs in = makeInputs(s, machine);
    LongChecks checks(s, in);

    Shape indexer{1, s.context, s.context, s.k, s.indexerHeads, s.indexerWidth},
        attention{1, s.context, s.context, s.k, s.heads, kWidth};
    const double tokens = static_cast<double>(s.context), heads = static_cast<double>(s.heads),
                 pairs = pairsOf(indexer);
    double selected = 0;
    for (std::int64_t t = 0; t < s.context; ++t) {
        selected += static_cast<double>(std::min(t + 1, s.k));
    }
    const double rowBytes = 2 * tokens * static_cast<double>(kWidth),
                 outBytes = 2 * tokens * heads * static_cast<double>(kValueWidth);
    const Tensor list = at::empty({1, s.k}, in.q.options().dtype(at::kInt));
    const double indexerWidth = static_cast<double>(s.indexerHeads * s.indexerWidth);
    if (s.quantized) {
        indexer.type = "float8_e4m3";
    }
    std::vector<Row> rows{
        rowFor(s.quantized ? "index_scores_quantized" : "index_scores", indexer, checks.parts[Scores],
               Factors(s, in).kernel(), 2 * pairs * indexerWidth,
               2 * tokens * (indexerWidth + static_cast<double>(s.indexerWidth)) + 4 * pairs, machine),
        rowFor("topk_select", indexer, checks.parts[Select],
               selectKernel(
                   at::empty({1, 1, s.context}, in.w.options()).expand({1, std::min(s.context, kMostQueries), -1})),
               0, 4 * pairs + 4 * selected, machine),
        rowFor("gathered_attention", attention, checks.parts[Attend], gatheredKernel(in.q, in.kv, list, kValueWidth),
               2 * heads * selected * static_cast<double>(kWidth + kValueWidth),
               rowBytes * (heads + 1) + outBytes + 4 * selected, machine)};
    if (s.training) {
        rows.push_back(rowFor("gathered_attention backward", attention, checks.parts[Backward],
                              gatheredGradientKernel(in.q, in.kv, list, kValueWidth, false),
                              2 * heads * selected * static_cast<double>(3 * kWidth + 2 * kValueWidth),
                              2 * rowBytes * (heads + 1) + 3 * outBytes + 4 * selected, machine));
    }
    Row core{s.training ? "attention core training" : "attention core forward", attention};
    for (const Row &row : rows) {
        core.floorMicroseconds += row.floorMicroseconds;
        core.bytes += row.bytes;
        core.flops += row.flops;
        include(core.check, row.check);
    }
    core.limit = machine.isCuda ? "the parts' floors" : "";
    core.timings.push_back({"ours", "index scores, top-k, attention over the selected rows"});

    const double peak = peakBytesOf([&] { pass(s, in, [](Part) {}); }, machine.isCuda);
    core.timings[0].peakBytes = peak;
    freeCache(machine.isCuda);
    const Dense dense(s, machine);
    if (dense.kind) {
        core.timings.push_back({"torch.sdpa", dense.name});
        core.timings[1].peakBytes = peakBytesOf([&] { dense.run(s.training); }, machine.isCuda);
        core.timings[1].flops = 2 * heads * pairs * Dense::columns(s.training);
        core.timings[1].bytes = 2 * heads * tokens * Dense::values(s.training);
    }
    std::vector<double> parts[Parts], whole, baseline;
    const auto ours = [&] {
        std::vector<Part> order;
        Marks marks(machine.isCuda);
        marks.mark();
        pass(s, in, [&](Part part) {
            order.push_back(part);
            marks.mark();
        });
        const std::vector<double> times = marks.microseconds();
        double sums[Parts] = {}, all = 0;
        for (std::size_t i = 0; i < order.size(); ++i) {
            sums[order[i]] += times[i];
            all += times[i];
        }
        for (int part = 0; part < Parts; ++part) {
            parts[part].push_back(sums[part]);
        }
        whole.push_back(all);
    };
    const auto theirs = [&] {
        if (dense.kind) {
            Marks marks(machine.isCuda);
            marks.mark();
            dense.run(s.training);
            marks.mark();
            baseline.push_back(marks.microseconds()[0]);
        }
    };
    double spent = 0;
    for (int round = 0; round < options.rounds && (round == 0 || spent + spent / round < kLongestMicroseconds);
         ++round) {
        ours();
        theirs();
        theirs();
        ours();
        spent = 0;
        for (const std::vector<double> *samples : {&whole, &baseline}) {
            for (const double sample : *samples) {
                spent += sample;
            }
        }
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        summarise(rows[i].timings[0], parts[i]);
        rows[i].timings[0].launches = 1;
    }
    summarise(core.timings[0], whole);
    core.timings[0].launches = 1;
    if (dense.kind) {
        summarise(core.timings[1], baseline);
        core.timings[1].launches = 1;
    }
    rows.push_back(core);
    return rows;
}

} // namespace dsa::benchmark
