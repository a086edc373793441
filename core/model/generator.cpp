#include "core/model/generator.h"

#include "core/data/random_stream.h"

#include <ATen/ops/log_softmax.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <bit>

namespace sparsescope {

namespace {

/// Positions of the last query's keys.
std::vector<std::int32_t> keysOf(const dsa::Selection &selection)
{
    std::vector<std::int32_t> keys;
    if (!selection.bits.defined()) {
        return keys;
    }
    const at::Tensor row = selection.bits.select(0, 0).select(0, selection.bits.size(1) - 1).cpu().contiguous();
    const std::int64_t *words = row.const_data_ptr<std::int64_t>();
    for (std::int64_t word = 0; word < row.numel(); ++word) {
        for (auto bits = static_cast<std::uint64_t>(words[word]); bits != 0; bits &= bits - 1) {
            keys.push_back(static_cast<std::int32_t>(word * 64 + std::countr_zero(bits)));
        }
    }
    return keys;
}

} // namespace

Generator::Generator(Transformer &model, std::vector<std::int32_t> prompt, const SamplingOptions &options)
    : m_model(model)
    , m_options(options)
    , m_text(std::move(prompt))
{
    m_model.setTraining(false);
}

NewToken Generator::next()
{
    const c10::NoGradGuard noGrad;
    NewToken made;
    made.position = static_cast<std::int64_t>(m_text.size());
    run(made);
    const std::int64_t shown = std::min<std::int64_t>(m_options.shown, m_logits.numel());
    const at::Tensor probabilities = at::softmax(m_logits, 0);
    const auto [values, tokens] = at::topk(probabilities, shown);
    for (std::int64_t i = 0; i < shown; ++i) {
        made.likely.emplace_back(tokens[i].item<std::int32_t>(), values[i].item<double>());
    }
    made.token = draw();
    made.probability = probabilities[made.token].item<double>();
    m_text.push_back(made.token);
    return made;
}

void Generator::run(NewToken &made)
{
    const std::int64_t seen = m_options.cached ? m_cache.length() : 0;
    const std::vector<std::int64_t> fresh(m_text.begin() + seen, m_text.end());
    const at::Device device = m_model.parameters().entries().front().tensor.device();
    const at::Tensor ids = at::tensor(fresh, at::kLong).unsqueeze(0).to(device);
    std::vector<dsa::Selection> selections;
    ForwardOptions options;
    options.sparse = m_model.options().selector != "none";
    options.absorbed = m_model.options().attention == AttentionKind::Mla;
    options.cache = m_options.cached ? &m_cache : nullptr;
    options.selections = &selections;
    const ForwardOutput output = m_model.forward(ids, options);
    for (const dsa::Selection &selection : selections) {
        made.keys.push_back(keysOf(selection));
    }
    m_logits = output.logits.select(0, 0).select(0, output.logits.size(1) - 1).to(at::kCPU, at::kFloat);
}

std::int32_t Generator::draw() const
{
    if (m_options.temperature <= 0) {
        return m_logits.argmax().item<std::int32_t>();
    }
    at::Tensor logits = m_logits / m_options.temperature, tokens;
    const bool few = m_options.among > 0 && m_options.among < logits.numel();
    if (few) {
        std::tie(logits, tokens) = at::topk(logits, m_options.among);
    }
    const at::Tensor shares = at::softmax(logits, 0, at::kDouble).cumsum(0);
    RandomStream stream(mixKey(m_options.seed, hashText("generation")), Split::Validation,
                        static_cast<std::int64_t>(m_text.size()), 0);
    const double *sums = shares.const_data_ptr<double>();
    const double mark = stream.unit() * sums[shares.numel() - 1];
    const std::int64_t place =
        std::min<std::int64_t>(std::upper_bound(sums, sums + shares.numel(), mark) - sums, shares.numel() - 1);
    return few ? tokens[place].item<std::int32_t>() : static_cast<std::int32_t>(place);
}

} // namespace sparsescope
