#include "kernels/ops/benchmark_parts.h"
#include "kernels/ops/decode_dispatch.h"
#include "kernels/ops/decode_kernel.h"
#include "kernels/ops/reference.h"
#include "kernels/ops/reference_decode.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
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

constexpr std::int64_t kWidth = 576, kValueWidth = 512, kChunkPages = 512, kSampledRequests = 3;
constexpr double kQuantizedTolerance = 2e-3, kOutputTolerance = 5e-3, kSumTolerance = 1e-4;

double scaleOf() { return 1 / std::sqrt(static_cast<double>(kWidth)); }

/// One new query of each request, and where its pages lie in the caches that all sets share.
struct NewQueries {
    Tensor q8, w, q, table, scores, idx; ///< scores and idx: what ours makes of it
};

struct Decode {
    Tensor indexPages, latentPages, lengths;
    std::vector<NewQueries> sets;

    Decode(const DecodeShape &s, int count, const Machine &machine)
    {
        const LongShape &layer = s.layer;
        const auto place = at::TensorOptions().device(at::Device(machine.device));
        const std::int64_t pagesEach = (layer.context + kPageKeys - 1) / kPageKeys, used = s.requests * pagesEach,
                           all = used * count;
        indexPages = at::empty({all, kPageKeys * (layer.indexerWidth + 4)}, place.dtype(at::kByte));
        latentPages = at::empty({all, kPageKeys, kLatentRowBytes}, place.dtype(at::kByte));
        const Tensor noQueries = at::zeros({1, 1, 1, layer.indexerWidth}, place),
                     noWeights = at::zeros({1, 1, 1}, place);
        for (std::int64_t begin = 0; begin < all; begin += kChunkPages) {
            const std::int64_t pages = std::min(kChunkPages, all - begin);
            const Tensor keys = at::randn({1, pages * kPageKeys, layer.indexerWidth}, place);
            const auto quantized = index_quantize(noQueries, keys, noWeights);
            indexPages.narrow(0, begin, pages)
                .copy_(packIndexPages(std::get<2>(quantized).view({pages, kPageKeys, layer.indexerWidth}),
                                      std::get<3>(quantized).view({pages, kPageKeys})));
            latentPages.narrow(0, begin, pages).copy_(packLatent(at::randn({pages, kPageKeys, kWidth}, place)));
        }
        lengths = at::full({s.requests}, layer.context, place.dtype(at::kInt));
        const Tensor order = at::randperm(all, place.dtype(at::kLong)).to(at::kInt);
        for (int i = 0; i < count; ++i) {
            NewQueries set;
            std::tie(set.q8, set.w, std::ignore, std::ignore) =
                index_quantize(at::randn({s.requests, 1, layer.indexerHeads, layer.indexerWidth}, place),
                               at::zeros({s.requests, 1, layer.indexerWidth}, place),
                               at::randn({s.requests, 1, layer.indexerHeads}, place));
            set.q = at::randn({s.requests, 1, layer.heads, kWidth}, place.dtype(at::kBFloat16));
            set.table = order.narrow(0, i * used, used).view({s.requests, pagesEach});
            set.scores = decode_scores(set.q8, set.w, indexPages, set.table, lengths);
            set.idx = std::get<0>(decode_select(set.scores, layer.k, lengths));
            sets.push_back(std::move(set));
        }
    }
};

/// The parts for sampled requests: scores and attention against float64, the selection bit for bit.
struct DecodeChecks {
    Check scores, selection, attention;

    DecodeChecks(const DecodeShape &s, const Decode &in)
    {
        const NewQueries &set = in.sets[0];
        const auto attend = [&] {
            return gathered_decode(set.q, in.latentPages, set.table, set.idx, kValueWidth, scaleOf());
        };
        const auto [o, lse] = attend();
        const std::int64_t samples = std::min(kSampledRequests, s.requests);
        for (std::int64_t i = 0; i < samples; ++i) {
            const std::int64_t b = i * (s.requests - 1) / std::max<std::int64_t>(1, samples - 1);
            const std::string where = " for request " + std::to_string(b);
            const auto own = [b](const Tensor &x) { return x.narrow(0, b, 1); };
            const Tensor found = own(set.scores), table = own(set.table), length = own(in.lengths);
            const Tensor expected =
                reference::decodeScores(own(set.q8), own(set.w).to(at::kDouble), in.indexPages, table, length);
            const std::int64_t keys = s.layer.context;
            if (!near(scores, found.narrow(2, 0, keys), expected.narrow(2, 0, keys), kQuantizedTolerance)) {
                scores.wrong = "scores off by more than 2e-3" + where;
            }
            const Tensor mask = reference::decodeMask(found, s.layer.k, length);
            if (!own(set.idx).equal(reference::indicesOf(mask, s.layer.k))) {
                selection.wrong = "other keys than the rule gives for the same scores" + where;
            }
            const auto [wide, wideLse] = reference::gatheredDecode(own(set.q).to(at::kDouble), in.latentPages, table,
                                                                   own(set.idx), kValueWidth, scaleOf());
            const Tensor off = own(lse).to(at::kDouble).sub(wideLse).abs().max();
            if (!near(attention, own(o), wide, kOutputTolerance)) {
                attention.wrong = "other outputs than the reference" + where;
            } else if (!off.le(kSumTolerance).item().toBool()) {
                attention.wrong = "lse off by more than 1e-4" + where;
            }
        }
        repeat(scores,
               [&] { return std::vector<Tensor>{decode_scores(set.q8, set.w, in.indexPages, set.table, in.lengths)}; });
        repeat(selection,
               [&] { return std::vector<Tensor>{std::get<0>(decode_select(set.scores, s.layer.k, in.lengths))}; });
        repeat(attention, [&] {
            const auto [again, sums] = attend();
            return std::vector<Tensor>{again, sums};
        });
    }
};

/// The library's products over all rows of the latent cache in bf16: what dense attention of the same layer would read.
struct DenseDecode {
    Tensor rows;

    DenseDecode(const DecodeShape &s, const Machine &machine)
        : rows(at::randn({s.requests, s.layer.context, kWidth},
                         at::TensorOptions().device(at::Device(machine.device)).dtype(at::kBFloat16)))
    {}
    void run(const Tensor &q) const
    {
        const Tensor scores = at::bmm(q.squeeze(1), rows.transpose(1, 2)).mul_(scaleOf());
        at::bmm(scores.softmax(-1), rows.narrow(2, 0, kValueWidth));
    }
};

Row timedRow(const char *op, const Shape &shape, const Check &check, const KernelReport &report, double flops,
             double bytes, const Machine &machine)
{
    Row row{op, shape, check};
    row.flops = flops;
    row.bytes = bytes;
    finish(row, report, machine);
    return row;
}

} // namespace

std::vector<Row> measureDecode(const DecodeShape &s, const Machine &machine, const Options &options)
{
    const LongShape &layer = s.layer;
    TORCH_CHECK(layer.context > 0 && layer.k > 0 && layer.heads > 0 && layer.indexerHeads > 0 && s.requests > 0 &&
                    layer.indexerWidth > 0 && layer.indexerWidth <= 128,
                "bench: every size must be 1 or more, and the indexer's width at most 128");
    const at::NoGradGuard noGradients;
#ifdef SPARSESCOPE_HAS_KERNELS
    std::unique_ptr<c10::cuda::CUDAGuard> device;
    if (machine.isCuda) {
        device = std::make_unique<c10::cuda::CUDAGuard>(at::Device(machine.device));
        c10::cuda::CUDACachingAllocator::emptyCache();
    }
#endif
    const double requests = static_cast<double>(s.requests), pages = std::ceil(static_cast<double>(layer.context) / 64),
                 indexer = static_cast<double>(layer.indexerHeads * layer.indexerWidth),
                 heads = static_cast<double>(layer.heads),
                 selected = requests * static_cast<double>(std::min(layer.k, layer.context)),
                 scoreBytes = 4 * requests * static_cast<double>(layer.context),
                 pageBytes = requests * pages * 64 * static_cast<double>(layer.indexerWidth + 4);
    const int sets = setsFor(pageBytes, machine);
    const Decode in(s, sets, machine);
    const DecodeChecks checks(s, in);

    const Shape indexerShape{s.requests,   1, layer.context, layer.k, layer.indexerHeads, layer.indexerWidth,
                             "float8_e4m3"},
        attentionShape{s.requests, 1, layer.context, layer.k, layer.heads, kWidth};
    const NewQueries &first = in.sets[0];
    std::vector<Row> rows{
        timedRow("decode_scores", indexerShape, checks.scores, decodeScoresKernel(first.q8, in.indexPages, first.table),
                 2 * requests * static_cast<double>(layer.context) * indexer,
                 pageBytes + scoreBytes + requests * (indexer + 4 * static_cast<double>(layer.indexerHeads)) +
                     4 * requests * pages,
                 machine),
        timedRow("decode_select", indexerShape, checks.selection, selectKernel(first.scores), 0,
                 scoreBytes + 4 * selected, machine),
        timedRow("gathered_decode", attentionShape, checks.attention,
                 gatheredDecodeKernel(first.q, in.latentPages, first.table, first.idx, kValueWidth),
                 2 * heads * selected * static_cast<double>(kWidth + kValueWidth),
                 selected * static_cast<double>(kLatentRowBytes + 4) +
                     2 * requests * heads * static_cast<double>(kWidth + kValueWidth),
                 machine)};
    const auto scores = [&](int i) {
        const NewQueries &set = in.sets[i];
        return decode_scores(set.q8, set.w, in.indexPages, set.table, in.lengths);
    };
    const auto select = [&](const Tensor &of) { return std::get<0>(decode_select(of, layer.k, in.lengths)); };
    const auto attend = [&](int i, const Tensor &idx) {
        gathered_decode(in.sets[i].q, in.latentPages, in.sets[i].table, idx, kValueWidth, scaleOf());
    };
    const std::vector<KernelReport> reports{
        decodeScoresKernel(first.q8, in.indexPages, first.table), selectKernel(first.scores),
        gatheredDecodeKernel(first.q, in.latentPages, first.table, first.idx, kValueWidth)};

    std::vector<Candidate> candidates{{"ours", backendName(reports[0]), [&](int i) { scores(i); }}};
    addPlain(candidates, machine.isCuda, [&](int i) {
        const NewQueries &set = in.sets[i];
        dispatch::plain::decode_scores(set.q8, set.w, in.indexPages, set.table, in.lengths);
    });
    rows[0].timings = timeInTurn(candidates, sets, machine.isCuda, options);

    candidates = {{"ours", backendName(reports[1]), [&](int i) { select(in.sets[i].scores); }}};
    addPlain(candidates, machine.isCuda,
             [&](int i) { dispatch::plain::decode_select(in.sets[i].scores, layer.k, in.lengths); });
    candidates.push_back({"torch.topk", "the library's, whole rows, values and places without an order of ties",
                          [&](int i) { at::topk(in.sets[i].scores, std::min(layer.k, layer.context)); }});
    rows[1].timings = timeInTurn(candidates, sets, machine.isCuda, options);

    candidates = {{"ours", backendName(reports[2]), [&](int i) { attend(i, in.sets[i].idx); }}};
    addPlain(candidates, machine.isCuda, [&](int i) {
        const NewQueries &set = in.sets[i];
        dispatch::plain::gathered_decode(set.q, in.latentPages, set.table, set.idx, kValueWidth, scaleOf());
    });
    rows[2].timings = timeInTurn(candidates, sets, machine.isCuda, options);

    Row core{"attention core decode", attentionShape};
    for (const Row &row : rows) {
        core.floorMicroseconds += row.floorMicroseconds;
        core.bytes += row.bytes;
        core.flops += row.flops;
        include(core.check, row.check);
    }
    core.limit = machine.isCuda ? "the parts' floors" : "";
    std::unique_ptr<DenseDecode> dense;
    candidates = {{"ours",
                   "index scores, top-k, attention over the selected rows of one layer, a token of each request",
                   [&](int i) { attend(i, select(scores(i))); }}};
    if (machine.isCuda) {
        dense = std::make_unique<DenseDecode>(s, machine);
        candidates.push_back({"torch.bmm", "dense absorbed attention over bf16 rows: product, softmax, product",
                              [&](int i) { dense->run(in.sets[i].q); }});
    }
    core.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    rows.push_back(core);
#ifdef SPARSESCOPE_HAS_KERNELS
    if (machine.isCuda) {
        dense.reset();
        c10::cuda::CUDACachingAllocator::emptyCache(); // graphs keep pools of their own
    }
#endif
    return rows;
}

} // namespace dsa::benchmark
