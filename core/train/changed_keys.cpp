#include "core/train/changed_keys.h"

#include "core/model/index_score.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <tuple>

namespace sparsescope {

void ChangedKeys::add(const std::vector<AttentionTrace> &trace)
{
    const c10::NoGradGuard noGrad;
    for (const AttentionTrace &layer : trace) {
        if (!layer.index.defined() || !layer.selection.bits.defined() || layer.q.size(2) <= m_topK) {
            continue;
        }
        const std::int64_t length = layer.q.size(2);
        const auto chosen = [&](const dsa::Selection &selection) {
            return dsa::unpack_mask(selection, length).slice(1, m_topK);
        };
        const at::Tensor own = chosen(std::get<0>(indexSelect(layer.index, m_topK, 0, false)));
        const at::Tensor taken = chosen(layer.selection);
        m_rows += static_cast<double>(own.size(0) * own.size(1));
        m_rowsChanged += own.ne(taken).any(-1).sum().to(at::kDouble).item<double>();
        m_keys += own.sum().to(at::kDouble).item<double>();
        m_keysChanged += own.logical_and(taken.logical_not()).sum().to(at::kDouble).item<double>();
    }
}

std::optional<double> ChangedKeys::rows() const
{
    return m_rows > 0 ? std::optional(m_rowsChanged / m_rows) : std::nullopt;
}

std::optional<double> ChangedKeys::keys() const
{
    return m_keys > 0 ? std::optional(m_keysChanged / m_keys) : std::nullopt;
}

} // namespace sparsescope
