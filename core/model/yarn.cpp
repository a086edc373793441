#include "core/model/yarn.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sparsescope {

std::vector<double> rotaryFrequencies(int dims, double theta, const std::optional<YarnConfig> &yarn)
{
    std::vector<double> rates(dims / 2);
    for (int i = 0; i < dims / 2; ++i) {
        rates[i] = std::pow(theta, -2.0 * i / dims);
    }
    if (!yarn) {
        return rates;
    }
    // The dimension whose wave turns n times within the original context.
    const auto dimensionOfTurns = [&](double turns) {
        return dims * std::log(yarn->originalMaxPositionEmbeddings / (2 * std::numbers::pi * turns)) /
               (2 * std::log(theta));
    };
    const double low = std::max(std::floor(dimensionOfTurns(yarn->betaFast)), 0.0);
    double high = std::min(std::ceil(dimensionOfTurns(yarn->betaSlow)), dims - 1.0);
    if (low == high) {
        high += 0.001;
    }
    for (int i = 0; i < dims / 2; ++i) {
        const double ramp = std::clamp((i - low) / (high - low), 0.0, 1.0);
        rates[i] = rates[i] / yarn->factor * ramp + rates[i] * (1 - ramp);
    }
    return rates;
}

double yarnMagnitude(double factor, double a) { return factor <= 1 ? 1.0 : 0.1 * a * std::log(factor) + 1.0; }

double yarnAttentionFactor(const YarnConfig &yarn)
{
    if (yarn.mscale != 0 && yarn.mscaleAllDim != 0) {
        return yarnMagnitude(yarn.factor, yarn.mscale) / yarnMagnitude(yarn.factor, yarn.mscaleAllDim);
    }
    return yarnMagnitude(yarn.factor, 1.0);
}

} // namespace sparsescope
