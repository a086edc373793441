#include "core/train/gates/planting.h"

#include "core/train/gates/dense_probe.h"
#include "core/train/planted_fault.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace sparsescope {
namespace {

constexpr double kLoud = 60;

/// The newest keys, one fewer than asked for, or that only where all are asked for.
class OneKeyShort : public Selector {
public:
    explicit OneKeyShort(bool ofAllOnly)
        : m_ofAllOnly(ofAllOnly)
    {}
    SelectorOutput select(const SelectorInput &input) const override
    {
        SelectorInput fewer = input;
        if (!m_ofAllOnly || input.topK >= input.k.size(2)) {
            fewer.topK = std::min(input.topK, input.k.size(2)) - 1;
        }
        return selectorKind("recency").make()->select(fewer);
    }

private:
    bool m_ofAllOnly;
};

/// Passes everything on but what a fault changes.
class ChangedData : public DataSource {
public:
    ChangedData(std::unique_ptr<DataSource> inner, bool repeats, bool claimsFloor)
        : m_inner(std::move(inner))
        , m_repeats(repeats)
        , m_claimsFloor(claimsFloor)
    {}
    int vocabulary() const override { return m_inner->vocabulary(); }
    Batch training(std::int64_t index) const override { return m_inner->training(index); }
    Batch validation(std::int64_t index) const override
    {
        return m_repeats ? m_inner->training(index) : m_inner->validation(index);
    }
    Probe probe(const std::string &text) const override { return m_inner->probe(text); }
    std::string word(std::int32_t id) const override { return m_inner->word(id); }
    double bytesPerToken() const override { return m_inner->bytesPerToken(); }
    std::optional<double> floor() const override
    {
        return m_claimsFloor ? std::log(m_inner->vocabulary()) : m_inner->floor();
    }
    bool isTask() const override { return m_inner->isTask(); }
    std::string notice() const override { return m_inner->notice(); }
    std::optional<double> chanceAccuracy() const override { return m_inner->chanceAccuracy(); }
    SplitOverlap overlap(std::int64_t length) const override
    {
        SplitOverlap overlap = m_inner->overlap(length);
        overlap.found = m_repeats ? overlap.strings : overlap.found;
        return overlap;
    }

private:
    std::unique_ptr<DataSource> m_inner;
    bool m_repeats, m_claimsFloor;
};

void scale(Transformer &model, const std::string &part, double factor)
{
    const at::NoGradGuard noGrad;
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        if (entry.name.find(part) != std::string::npos) {
            at::Tensor(entry.tensor).mul_(factor);
        }
    }
}

} // namespace

Planting::Planting(std::string name)
    : m_name(std::move(name))
{
    if (m_name == "future-key") {
        m_selector = selectorKind("planted-leak").make();
    } else if (m_name == "missing-key" || m_name == "missing-key-of-all") {
        m_selector = std::make_unique<OneKeyShort>(m_name == "missing-key-of-all");
    }
}

RunConfig Planting::config(RunConfig config) const
{
    if (m_name == "no-kl") {
        config.training.stages = {{"Sparse training",
                                   std::max<std::int64_t>(1, config.training.steps),
                                   StageAttention::Sparse,
                                   StageTrains::All,
                                   KlTarget::None,
                                   {}}};
        config.training.recipe = Recipe::Custom;
    } else if (m_name == "every-key") {
        config.model.selection.topK = LengthExpression("L");
    }
    return config;
}

ModelOptions Planting::options(ModelOptions options) const
{
    options.plantedAttachedIndexer = m_name == "attached-indexer";
    return options;
}

std::unique_ptr<DataSource> Planting::data(std::unique_ptr<DataSource> data) const
{
    const bool repeats = m_name == "repeated-documents", claimsFloor = m_name == "below-the-floor";
    return repeats || claimsFloor ? std::make_unique<ChangedData>(std::move(data), repeats, claimsFloor)
                                  : std::move(data);
}

std::optional<RecordedProbes> Planting::recorded(std::optional<RecordedProbes> recorded, const RunConfig &config) const
{
    const std::vector<StageSpan> stages = sparseSpans(config);
    if (m_name == "blind-kl" && recorded && !stages.empty()) {
        const double last = stages.back().to;
        return RecordedProbes{{{last - 1, 0.9}, {last, 0.4}}, {{last - 1, 2}, {last, 1}}};
    }
    return recorded;
}

void Planting::weights(Transformer &judged, const Transformer &fresh) const
{
    if (m_name == "loud-head" || m_name == "worse-than-chance") {
        scale(judged, "lm_head", m_name == "loud-head" ? kLoud : -1);
    } else if (m_name == "equal-scores") {
        scale(judged, ".indexer.weights_proj", 0);
    } else if (m_name == "untaught-indexer") {
        const at::NoGradGuard noGrad;
        for (const Parameters::Entry &entry : judged.parameters().entries()) {
            if (Transformer::isIndexer(entry.name)) {
                at::Tensor(entry.tensor).copy_(fresh.parameters().find(entry.name)->tensor);
            }
        }
    }
}

} // namespace sparsescope
