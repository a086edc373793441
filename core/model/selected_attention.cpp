#include "core/model/selected_attention.h"

#include "core/model/index_score.h"
#include "core/model/untaught_objectives.h"
#include "kernels/ops/dsa.h"

#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <tuple>

namespace sparsescope {

SelectedAttention::SelectedAttention(const ModelOptions &options, int layer, int querySource, Parameters &parameters,
                                     const std::string &prefix)
    : m_options(options)
    , m_layer(layer)
{
    if (options.selector == "none") {
        return;
    }
    const SelectorKind &kind = selectorKind(options.selector);
    m_selector = kind.make();
    m_trainsIndexer = kind.trainsIndexer;
    if (kind.needsIndexer) {
        m_sharesSelection = !options.ownsIndexer.at(layer);
        if (!m_sharesSelection) {
            m_indexer = std::make_unique<LightningIndexer>(options, querySource, parameters, prefix + "indexer.");
        }
    }
}

/// One pass of one layer.
class SelectedAttention::Walk {
public:
    Walk(const SelectedAttention &layer, const Request &request, AttentionContext &context)
        : m_layer(layer)
        , m_request(request)
        , m_context(context)
        , m_scale(layer.m_options.attentionScale())
        , m_selector(context.override ? context.override : layer.m_selector.get())
        , m_sparse(context.sparse && m_selector != nullptr)
        , m_learns(context.kl != KlTarget::None && layer.m_indexer && layer.m_trainsIndexer)
    {}

    at::Tensor run()
    {
        score();
        select();
        if (m_context.selections) {
            m_context.selections->push_back(m_sparse ? m_chosen.selection : dsa::Selection());
        }
        at::Tensor out;
        if (m_sparse) {
            std::tie(out, m_lse) =
                dsa::masked_attention(m_request.q, m_request.k, m_request.v, m_chosen.selection, m_scale);
        } else {
            std::tie(out, m_lse) = denseAttention();
        }
        at::Tensor loss;
        if (m_learns) {
            const c10::AutoGradMode gradient(m_context.indexerGradient);
            loss = comparesWithAttention(m_context.kl) ? divergence(m_context.kl, m_index.w)
                                                       : untaughtObjective(m_context.kl, m_index, m_context.offset);
            m_context.klLosses.push_back(loss);
        }
        if (m_context.trace) {
            const c10::NoGradGuard noGrad;
            observe(loss);
        }
        return out;
    }

private:
    bool needsSelection() const
    {
        return m_selector && (m_sparse || m_context.trace || (m_learns && m_context.kl == KlTarget::Selected));
    }

    void score()
    {
        if (m_layer.m_indexer && (needsSelection() || m_learns)) {
            const c10::AutoGradMode gradient(m_learns && m_context.indexerGradient);
            m_index = m_layer.m_indexer->forward(m_request.x, m_request.u, m_context.rotary);
            if (m_context.cache) {
                m_index.k = m_context.cache->indexKeys.append(m_index.k);
            }
            m_context.sharedIndex = m_index;
        } else if (m_layer.m_sharesSelection) {
            m_index = m_context.sharedIndex;
        }
    }

    void select()
    {
        if (!needsSelection()) {
            return;
        }
        if (m_layer.m_sharesSelection) {
            m_chosen = m_context.shared;
            return;
        }
        const c10::NoGradGuard noGrad;
        SelectorInput input;
        input.q = m_request.q.detach();
        input.k = m_request.k.detach();
        input.scale = m_scale;
        input.index = detached(m_index);
        input.topK = m_context.topK > 0 ? m_context.topK : m_layer.m_options.topK;
        input.topP = m_context.topP;
        input.offset = m_context.offset;
        input.layer = m_layer.m_layer;
        input.seed = m_context.selectorSeed;
        m_chosen = m_selector->select(input);
        m_context.shared = m_chosen;
    }

    static IndexFactors detached(const IndexFactors &factors)
    {
        if (!factors.defined()) {
            return factors;
        }
        return {factors.q.detach(), factors.k.detach(), factors.w.detach(), factors.activation,
                factors.slope.defined() ? factors.slope.detach() : at::Tensor()};
    }

    std::tuple<at::Tensor, at::Tensor> denseAttention() const
    {
        return dsa::dense_attention(m_request.q, m_request.k, m_request.v, m_scale, m_context.offset);
    }

    /// Log-sum-exp of the dense attention, whichever ran.
    const at::Tensor &denseLse()
    {
        if (!m_denseLse.defined()) {
            const c10::NoGradGuard noGrad;
            m_denseLse = m_sparse ? std::get<1>(denseAttention()) : m_lse;
        }
        return m_denseLse;
    }

    /// Log-sum-exp over the selected keys, whichever ran.
    at::Tensor selectedLse() const
    {
        if (m_sparse) {
            return m_lse;
        }
        const c10::NoGradGuard noGrad;
        return std::get<1>(dsa::masked_attention(m_request.q, m_request.k, m_request.v, m_chosen.selection, m_scale));
    }

    /// Mean over the rows of KL(attention || softmax of the scores with weights w) over the target's keys (SPEC section 7).
    at::Tensor divergence(KlTarget target, const at::Tensor &w)
    {
        const bool selected = target == KlTarget::Selected;
        const at::Tensor lse = selected ? selectedLse() : denseLse();
        const at::Tensor scoreLse = selected && w.is_same(m_index.w) ? m_chosen.lseSelected : at::Tensor();
        const dsa::Selection set = selected ? m_chosen.selection : dsa::Selection();
        IndexFactors factors = m_index;
        factors.w = w;
        return indexDivergence(factors, m_request.q.detach(), m_request.k.detach(), lse, set, scoreLse, m_scale,
                               selected ? dsa::KlTarget::Selected : dsa::KlTarget::Dense);
    }

    void observe(const at::Tensor &loss)
    {
        AttentionTrace trace;
        trace.index = detached(m_index);
        trace.selection = m_chosen.selection;
        trace.tau = m_chosen.tau;
        trace.q = (m_request.traceQ.defined() ? m_request.traceQ : m_request.q).detach();
        trace.k = (m_request.traceK.defined() ? m_request.traceK : m_request.k).detach();
        trace.lse = m_lse;
        trace.lseDense = denseLse();
        if (m_layer.m_indexer) {
            const KlTarget ran = m_sparse ? KlTarget::Selected : KlTarget::Visible;
            const bool compared = comparesWithAttention(m_context.kl);
            const KlTarget target = compared ? m_context.kl : ran;
            trace.kl = compared && loss.defined() ? loss.detach() : divergence(target, m_index.w);
            // Scores that are all zero are an indexer that knows nothing: uniform over the same keys.
            trace.klUniform = divergence(target, at::zeros_like(m_index.w));
        }
        m_context.trace->push_back(std::move(trace));
    }

    const SelectedAttention &m_layer;
    const Request &m_request;
    AttentionContext &m_context;
    double m_scale;
    const Selector *m_selector;
    bool m_sparse;
    bool m_learns;
    IndexFactors m_index;
    SelectorOutput m_chosen;
    at::Tensor m_lse, m_denseLse;
};

at::Tensor SelectedAttention::attend(const Request &request, AttentionContext &context) const
{
    return Walk(*this, request, context).run();
}

} // namespace sparsescope
