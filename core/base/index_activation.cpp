#include "core/base/index_activation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sparsescope {

float activated(IndexActivation activation, float dot, float slope)
{
    switch (activation) {
    case IndexActivation::Relu:
        break;
    case IndexActivation::Gelu:
        return 0.5f * dot * (1.0f + std::erf(dot / std::numbers::sqrt2_v<float>));
    case IndexActivation::Silu:
        return dot / (1.0f + std::exp(-dot));
    case IndexActivation::Identity:
        return dot;
    case IndexActivation::Prelu:
        return dot > 0 ? dot : slope * dot;
    }
    return std::max(dot, 0.0f);
}

} // namespace sparsescope
