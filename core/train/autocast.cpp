#include "core/train/autocast.h"

#include <ATen/autocast_mode.h>

namespace sparsescope {

AutocastScope::AutocastScope(bool enabled)
    : m_enabled(enabled)
{
    if (!m_enabled) {
        return;
    }
    m_before = at::autocast::is_autocast_enabled(at::kCUDA);
    m_typeBefore = at::autocast::get_autocast_dtype(at::kCUDA);
    at::autocast::set_autocast_enabled(at::kCUDA, true);
    at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
    at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope()
{
    if (!m_enabled) {
        return;
    }
    if (at::autocast::decrement_nesting() == 0) {
        at::autocast::clear_cache(); // casts of weights must not outlive the step that changes them
    }
    at::autocast::set_autocast_enabled(at::kCUDA, m_before);
    at::autocast::set_autocast_dtype(at::kCUDA, m_typeBefore);
}

} // namespace sparsescope
