#include "kernels/ops/attention_kernel.h"
#include "kernels/ops/benchmark_parts.h"
#include "kernels/ops/fused_dense.h"

#include <ATen/SDPBackend.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/native_layer_norm_backward.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <functional>
#include <tuple>
#include <utility>

namespace dsa::benchmark {

namespace {

constexpr std::int64_t kWidening = 4; ///< of the MLP
constexpr double kNormEpsilon = 1e-6;
constexpr double kOutputLimit = 5e-3;
constexpr auto kFlash = static_cast<std::int64_t>(at::SDPBackend::flash_attention);

/// Attention that ran, and the gradients of q, k and v that it gives for one of its outputs.
struct Attended {
    Tensor o; ///< [B,H,T,D]
    std::function<std::array<Tensor, 3>(const Tensor &gradO)> backward;
};

struct LayerIndex {
    Tensor qi, ki, w;
};

/// Selected by the indexer, which learns from it: all that DSA adds to a layer. `gradients` of qi, ki and w are handed on.
Attended attendSelected(const LayerIndex &index, const Tensor &q, const Tensor &k, const Tensor &v, std::int64_t topK,
                        double scale, const std::function<void(const std::array<Tensor, 3> &)> &gradients)
{
    LossInputs loss{index.qi, index.ki, index.w, q, k, {}, {}, {}};
    Tensor tau, o;
    std::tie(loss.selection, tau, loss.lseSelected) =
        index_select(index.qi, index.ki, index.w, topK, k.size(2) - q.size(2));
    std::tie(o, loss.lse) = masked_attention(q, k, v, loss.selection, scale);
    const auto [value, rows, gradQ, gradK, gradW] = lossWithGradients(loss);
    gradients({gradQ, gradK, gradW});
    return {
        o, [=](const Tensor &gradO) {
            return attentionBackward(gradO, q, k, v, o, loss.lse, {loss.selection.bits, loss.selection.bitsT}, scale);
        }};
}

/// By a fused kernel of the library; where it has none, over all keys by ours.
Attended attendDense(std::int64_t kind, const Tensor &q, const Tensor &k, const Tensor &v, double scale)
{
    if (kind == 0) {
        const Selection all = dense_selection(q.size(0), q.size(2), k.size(2), k.size(2) - q.size(2), q.device());
        const auto [o, lse] = masked_attention(q, k, v, all, scale);
        return {o, [=, o = o, lse = lse](const Tensor &gradO) {
                    return attentionBackward(gradO, q, k, v, o, lse, {all.bits, all.bitsT}, scale);
                }};
    }
    FusedDense dense = fusedDense(kind, q, k, v, scale);
    const Tensor o = dense.o;
    return {o, [=, dense = std::move(dense)](const Tensor &gradO) {
                return fusedDenseBackward(dense, gradO, q, k, v, scale);
            }};
}

struct CoreInputs {
    LayerIndex index;
    Tensor q, k, v, gradO;
};

CoreInputs makeCore(const Shape &s, const at::TensorOptions &place)
{
    const auto draw = [&](at::IntArrayRef sizes) { return at::randn(sizes, place).to(typeOf(s.type)); };
    return {{draw({s.batch, s.queries, kIndexHeads, kIndexWidth}), draw({s.batch, s.keys, kIndexWidth}),
             at::randn({s.batch, s.queries, kIndexHeads}, place).abs().mul(0.1)},
            draw({s.batch, s.heads, s.queries, s.width}),
            draw({s.batch, s.heads, s.keys, s.width}),
            draw({s.batch, s.heads, s.keys, s.width}),
            draw({s.batch, s.heads, s.queries, s.width})};
}

Check checkCore(const CoreInputs &in, std::int64_t topK, double scale)
{
    LossInputs loss{in.index.qi, in.index.ki, in.index.w, in.q, in.k, {}, {}, {}};
    Tensor tau;
    std::tie(loss.selection, tau, loss.lseSelected) =
        index_select(in.index.qi, in.index.ki, in.index.w, topK, in.k.size(2) - in.q.size(2));
    AttentionInputs attention{in.q, in.k, in.v, in.gradO, loss.selection};
    std::tie(attention.o, attention.lse) = masked_attention(in.q, in.k, in.v, loss.selection, scale);
    loss.lse = attention.lse;
    Check check;
    for (const Check &part :
         {checkAttention(attention, scale, false), checkAttention(attention, scale, true), checkLoss(loss)}) {
        include(check, part);
    }
    return check;
}

struct Norm {
    Tensor weight, bias;
};

/// Pre-norm attention and MLP around a residual stream of heads * width, no rotation, no biases.
struct Block {
    std::int64_t batch, length, heads, width;
    Tensor x, gradOut; ///< [B*T, D]
    Norm before, between;
    Tensor qkv, out, up, down;     ///< [D,3D], [D,D], [D,4D], [4D,D]
    Tensor indexQ, indexK, indexW; ///< of the indexer: [D,Hi*Di], [D,Di], [D,Hi]
};

Block makeBlock(const Shape &s, const at::TensorOptions &place)
{
    const std::int64_t size = s.heads * s.width, rows = s.batch * s.queries;
    const at::ScalarType type = typeOf(s.type);
    const auto weight = [&](std::int64_t in, std::int64_t outs) {
        return at::randn({in, outs}, place).div(std::sqrt(static_cast<double>(in))).to(type);
    };
    const auto norm = [&] { return Norm{at::ones({size}, place).to(type), at::zeros({size}, place).to(type)}; };
    return {s.batch,
            s.queries,
            s.heads,
            s.width,
            at::randn({rows, size}, place).to(type),
            at::randn({rows, size}, place).to(type),
            norm(),
            norm(),
            weight(size, 3 * size),
            weight(size, size),
            weight(size, kWidening * size),
            weight(kWidening * size, size),
            weight(size, kIndexHeads * kIndexWidth),
            weight(size, kIndexWidth),
            weight(size, kIndexHeads)};
}

struct Normed {
    Tensor y, mean, rstd;
};

Normed normed(const Tensor &x, const Norm &norm)
{
    Normed result;
    std::tie(result.y, result.mean, result.rstd) =
        at::native_layer_norm(x, {x.size(1)}, norm.weight, norm.bias, kNormEpsilon);
    return result;
}

Tensor normBackward(const Tensor &grad, const Tensor &x, const Normed &saved, const Norm &norm)
{
    return std::get<0>(at::native_layer_norm_backward(grad, x, {x.size(1)}, saved.mean, saved.rstd, norm.weight,
                                                      norm.bias, {true, true, true}));
}

/// q, k, v of the block and the normed stream they come from.
using AttentionCall = std::function<Attended(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &stream)>;

/// Forward and backward, the gradients of all weights among it: the output and the gradient of x.
std::pair<Tensor, Tensor> pass(const Block &b, const AttentionCall &attend)
{
    const std::int64_t size = b.heads * b.width;
    const Normed h = normed(b.x, b.before);
    const Tensor qkv = at::mm(h.y, b.qkv).view({b.batch, b.length, 3, b.heads, b.width});
    const auto part = [&](int i) { return qkv.select(2, i).transpose(1, 2); };
    const Attended attended = attend(part(0), part(1), part(2), h.y);
    const Tensor o = attended.o.transpose(1, 2).reshape({-1, size});
    const Tensor y = at::mm(o, b.out).add_(b.x);
    const Normed g = normed(y, b.between);
    const Tensor u = at::mm(g.y, b.up), a = at::gelu(u);
    Tensor z = at::mm(a, b.down).add_(y);

    at::mm(a.t(), b.gradOut);
    const Tensor gradU = at::gelu_backward(at::mm(b.gradOut, b.down.t()), u);
    at::mm(g.y.t(), gradU);
    const Tensor gradY = normBackward(at::mm(gradU, b.up.t()), y, g, b.between).add_(b.gradOut);
    at::mm(o.t(), gradY);
    const Tensor gradO = at::mm(gradY, b.out.t()).view({b.batch, b.length, b.heads, b.width}).transpose(1, 2);
    const auto [gradQ, gradK, gradV] = attended.backward(gradO);
    const Tensor gradQkv =
        at::stack({gradQ.transpose(1, 2), gradK.transpose(1, 2), gradV.transpose(1, 2)}, 2).view({-1, 3 * size});
    at::mm(h.y.t(), gradQkv);
    return {std::move(z), normBackward(at::mm(gradQkv, b.qkv.t()), b.x, h, b.before).add_(gradY)};
}

AttentionCall selectedOf(const Block &b, std::int64_t topK, double scale)
{
    return [&b, topK, scale](const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &stream) {
        const Tensor w =
            at::mm(stream, b.indexW).to(at::kFloat).mul_(1 / std::sqrt(static_cast<double>(kIndexHeads * kIndexWidth)));
        const LayerIndex index{at::mm(stream, b.indexQ).view({b.batch, b.length, kIndexHeads, kIndexWidth}),
                               at::mm(stream, b.indexK).view({b.batch, b.length, kIndexWidth}),
                               w.view({b.batch, b.length, kIndexHeads})};
        // The indexer's inputs are detached: its gradients end in its own weights.
        return attendSelected(index, q, k, v, topK, scale, [&](const std::array<Tensor, 3> &grads) {
            for (const Tensor &grad : grads) {
                at::mm(stream.t(), grad.to(stream.scalar_type()).reshape({stream.size(0), -1}));
            }
        });
    };
}

AttentionCall denseOf(std::int64_t kind, double scale)
{
    return [kind, scale](const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &) {
        return attendDense(kind, q, k, v, scale);
    };
}

/// With all keys selected a block of ours is a dense one.
Check checkBlock(const Block &block, std::int64_t kind, double scale)
{
    const auto [z, gradX] = pass(block, selectedOf(block, block.length, scale));
    const auto [expected, expectedGrad] = pass(block, denseOf(kind, scale));
    Check check;
    if (!near(check, z, expected.to(at::kDouble), kOutputLimit)) {
        check.wrong = "with all keys another output than dense attention";
    } else if (!near(check, gradX, expectedGrad.to(at::kDouble), kGradientLimit)) {
        check.wrong = "with all keys another gradient than dense attention";
    }
    repeat(check, [&] {
        const auto [output, gradient] = pass(block, selectedOf(block, block.length, scale));
        return std::vector<Tensor>{output, gradient};
    });
    return check;
}

/// The fused kernels to time beside ours: the one the library picks, and flash.
std::vector<std::pair<std::string, std::int64_t>> libraries(std::int64_t kind)
{
    std::vector<std::pair<std::string, std::int64_t>> result;
    if (kind) {
        result.emplace_back("torch.sdpa", kind);
        if (kind != kFlash) {
            result.emplace_back("torch.flash", kFlash);
        }
    }
    return result;
}

std::string libraryName(std::int64_t kind) { return std::string("dense causal attention: ") + fusedDenseName(kind); }

} // namespace

std::vector<Row> measureLayer(const Shape &shape, const Machine &machine, const Options &options)
{
    const auto place = at::TensorOptions().device(at::Device(machine.device));
    const double scale = 1 / std::sqrt(static_cast<double>(shape.width)),
                 element = static_cast<double>(c10::elementSize(typeOf(shape.type))),
                 rows = static_cast<double>(shape.batch * shape.queries),
                 keys = static_cast<double>(shape.batch * shape.keys),
                 attended = static_cast<double>(shape.heads * shape.width),
                 indexed = static_cast<double>(kIndexHeads * kIndexWidth);
    const double indexBytes = element * (rows * indexed + keys * kIndexWidth) + 4 * rows * kIndexHeads,
                 coreBytes = element * 4 * (rows + keys) * attended + 2 * indexBytes; // all in, and a gradient of each
    std::vector<CoreInputs> cores;
    const int sets = setsFor(coreBytes / 2, machine);
    for (int i = 0; i < sets; ++i) {
        cores.push_back(makeCore(shape, place));
    }
    const CoreInputs &first = cores[0];
    const std::int64_t kind = fusedDenseKind(first.q, first.k, first.v, scale, shape.keys - shape.queries);
    const KernelReport report = attentionKernel(first.q, first.k, first.v);

    Row core{"attention core with KL", shape, checkCore(first, shape.k, scale)};
    std::vector<Candidate> candidates{
        {"ours", backendName(report), [&](int i) {
             const CoreInputs &in = cores[i];
             attendSelected(in.index, in.q, in.k, in.v, shape.k, scale, [](const auto &) {}).backward(in.gradO);
         }}};
    for (const auto &[name, library] : libraries(kind)) {
        candidates.push_back({name, libraryName(library), [&, library = library](int i) {
                                  const CoreInputs &in = cores[i];
                                  attendDense(library, in.q, in.k, in.v, scale).backward(in.gradO);
                              }});
    }
    core.timings = timeInTurn(candidates, sets, machine.isCuda, options);
    // Of the attention 2 and 5 products, of the indexer its scores, of the loss the teacher, the scores and two gradients.
    core.flops = 2 * pairsOf(shape) * (7 * attended + indexed + attended + 3 * indexed);
    core.bytes = coreBytes;
    finish(core, {}, machine);
    if (shape.queries != shape.keys) {
        return {core};
    }
    cores.clear();

    const Block block = makeBlock(shape, place);
    Row whole{"transformer block with KL", shape, checkBlock(block, kind, scale)};
    candidates = {{"ours", backendName(report), [&](int) { pass(block, selectedOf(block, shape.k, scale)); }}};
    for (const auto &[name, library] : libraries(kind)) {
        candidates.push_back(
            {name, libraryName(library), [&, library = library](int) { pass(block, denseOf(library, scale)); }});
    }
    whole.timings = timeInTurn(candidates, 1, machine.isCuda, options);
    const double weights =
                     (4 + 2 * kWidening) * attended * attended, // and those of the indexer, whose input has no gradient
        indexWeights = attended * (indexed + kIndexWidth + kIndexHeads);
    whole.flops = core.flops + rows * (6 * weights + 4 * indexWeights);
    whole.bytes = element * (4 * rows * attended + 2 * (weights + indexWeights));
    finish(whole, {}, machine);
    return {core, whole};
}

} // namespace dsa::benchmark
