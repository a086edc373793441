#include "core/probe/attention_probe.h"

#include "core/probe/host_values.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

namespace sparsescope {
namespace {

LayerSnapshot layerSnapshot(int index, const AttentionTrace &trace)
{
    LayerSnapshot layer;
    layer.layer = index;
    layer.heads = static_cast<int>(trace.q.size(1));
    layer.kvHeads = static_cast<int>(trace.k.size(1));
    layer.headDim = static_cast<int>(trace.q.size(3));
    layer.q = hostValues<std::uint16_t>(trace.q[0], at::kHalf);
    layer.k = hostValues<std::uint16_t>(trace.k[0], at::kHalf);
    layer.lse = hostValues<float>(trace.lse[0], at::kFloat);
    layer.lseDense = hostValues<float>(trace.lseDense[0], at::kFloat);
    if (trace.index.defined()) {
        layer.indexHeads = static_cast<int>(trace.index.q.size(2));
        layer.indexDim = static_cast<int>(trace.index.q.size(3));
        layer.indexQ = hostValues<float>(trace.index.q[0], at::kFloat);
        layer.indexK = hostValues<float>(trace.index.k[0], at::kFloat);
        layer.indexW = hostValues<float>(trace.index.w[0], at::kFloat);
        layer.activation = trace.index.activation;
        if (trace.index.slope.defined()) {
            layer.indexSlope = hostValues<float>(trace.index.slope, at::kFloat);
        }
    }
    if (trace.tau.defined()) {
        layer.threshold = hostValues<float>(trace.tau[0], at::kFloat);
    }
    if (trace.selection.bits.defined()) {
        layer.selected = hostValues<std::uint64_t>(trace.selection.bits[0], at::kLong);
    }
    return layer;
}

} // namespace

Snapshot takeSnapshot(Transformer &model, const Probe &probe, const ProbeMoment &moment, const at::Device &device,
                      WeightPager *pager, int onlyLayer)
{
    at::NoGradGuard noGrad;
    model.setTraining(false);
    std::vector<std::int64_t> ids(probe.tokens.begin(), probe.tokens.end());
    const auto length = static_cast<std::int64_t>(ids.size());
    const at::Tensor input =
        at::from_blob(ids.data(), {1, length}, at::kLong).to(device, /*non_blocking=*/false, /*copy=*/true);

    std::vector<AttentionTrace> traces;
    ForwardOptions options;
    options.sparse = moment.sparse;
    options.needLogits = false;
    options.trace = &traces;
    options.pager = pager;
    options.onlyLayer = onlyLayer;
    model.forward(input, options);
    model.setTraining(true);

    Snapshot snapshot;
    snapshot.run = moment.run;
    snapshot.step = moment.step;
    snapshot.stage = moment.stage;
    snapshot.sparse = moment.sparse;
    snapshot.probeName = probe.name;
    snapshot.selector = moment.selector;
    snapshot.scale = model.options().attentionScale();
    snapshot.topK = model.options().topK;
    snapshot.tokens = probe.tokens;
    snapshot.words = probe.words;
    snapshot.needed = probe.needed;
    for (std::size_t i = 0; i < traces.size(); ++i) {
        snapshot.layers.push_back(layerSnapshot(std::max(onlyLayer, 0) + static_cast<int>(i), traces[i]));
    }
    return snapshot;
}

} // namespace sparsescope
