#pragma once

#include "core/base/error.h"

namespace sparsescope {

/// Everything that is wrong with files which were made before: not what was asked for is at fault, but they are.
class DamageFailure : public ConfigFailure {
public:
    using ConfigFailure::ConfigFailure;
};

} // namespace sparsescope
