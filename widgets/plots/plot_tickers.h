#pragma once

#include <vector>

class QCPAxis;

namespace sparsescope {

/// How the ticks of an axis of steps are placed and named, and its scale: whole counts with thousands apart.
void setStepTicks(QCPAxis *axis, bool logarithmic);
/// The same of an axis of losses and shares: as many decimals as the distance of the ticks needs.
void setValueTicks(QCPAxis *axis, bool logarithmic);
/// Ticks at these counts alone, where the axis has a value at no other place.
void setTicksAt(QCPAxis *axis, const std::vector<double> &counts, bool logarithmic);

} // namespace sparsescope
