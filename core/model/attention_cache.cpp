#include "core/model/attention_cache.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr std::int64_t kFirstRoom = 64;

} // namespace

at::Tensor GrowingRows::append(const at::Tensor &rows)
{
    const std::int64_t added = rows.size(-2), needed = m_used + added;
    if (!m_room.defined() || needed > m_room.size(-2)) {
        std::vector<std::int64_t> shape = rows.sizes().vec();
        shape[shape.size() - 2] = std::max({kFirstRoom, needed, 2 * m_used});
        const at::Tensor larger = at::empty(shape, rows.options());
        if (m_used > 0) {
            larger.narrow(-2, 0, m_used).copy_(m_room.narrow(-2, 0, m_used));
        }
        m_room = larger;
    }
    m_room.narrow(-2, m_used, added).copy_(rows);
    m_used = needed;
    return m_room.narrow(-2, 0, m_used);
}

std::uint64_t GrowingRows::bytes() const
{
    return m_room.defined() ? m_room.narrow(-2, 0, m_used).numel() * m_room.element_size() : 0;
}

std::uint64_t AttentionCache::bytes() const
{
    std::uint64_t sum = 0;
    for (const LayerCache &layer : m_layers) {
        sum += layer.keys.bytes() + layer.values.bytes() + layer.indexKeys.bytes();
    }
    return sum;
}

LayerCache &AttentionCache::layer(std::size_t index)
{
    if (index >= m_layers.size()) {
        m_layers.resize(index + 1);
    }
    return m_layers[index];
}

} // namespace sparsescope
