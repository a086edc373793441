#pragma once

#include "core/model/attention.h"
#include "core/model/lightning_indexer.h"
#include "core/model/parameters.h"

#include <memory>
#include <string>

// B batch, S tokens, D model width, U width of the query source, H heads, KV key heads, Dqk and Dv head widths
namespace sparsescope {

/// What both attention kinds share: the layer's indexer and selector, the walk through dense or selected attention,
/// the indexer's loss and the trace.
class SelectedAttention : public Attention {
protected:
    SelectedAttention(const ModelOptions &options, int layer, int querySource, Parameters &parameters,
                      const std::string &prefix);

    struct Request {
        at::Tensor q, k, v; ///< [B,H,S,Dqk], [B,KV,S,Dqk], [B,KV,S,Dv] as attended
        NormedRows x;       ///< [B,S,D] for the indexer
        at::Tensor u;       ///< [B,S,U] for the indexer
        at::Tensor traceQ = {},
                   traceK = {}; ///< what a trace shows, where it differs from what is attended (absorbed form)
    };
    /// [B,H,S,Dv]
    at::Tensor attend(const Request &request, AttentionContext &context) const;

    ModelOptions m_options;

private:
    class Walk;

    int m_layer;
    bool m_sharesSelection = false;              ///< takes the selection of an earlier layer (IndexShare)
    std::unique_ptr<LightningIndexer> m_indexer; ///< of a layer that owns one
    std::unique_ptr<Selector> m_selector;        ///< absent: dense
    bool m_trainsIndexer = false;
};

} // namespace sparsescope
