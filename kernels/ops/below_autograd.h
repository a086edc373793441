#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace dsa {

/// While it lives, ATen calls neither record gradients nor recast: the operations choose their types themselves.
struct BelowAutograd {
    at::AutoDispatchBelowADInplaceOrView belowAutograd;
    c10::impl::ExcludeDispatchKeyGuard withoutAutocast{c10::autocast_dispatch_keyset};
};

} // namespace dsa
