#pragma once

#include <cstdint>
#include <vector>

namespace sparsescope {

struct Point {
    double x = 0, y = 0;
};
using Series = std::vector<Point>;

/// Bias-corrected exponential moving average over the full data; weight 0 returns the data. NaN points are skipped.
Series smooth(const Series &series, double weight);
/// The same into `result`, whose memory is used again.
void smooth(const Series &series, double weight, Series &result);
/// At most four points a pixel column (first, minimum, maximum, last), in order of x.
Series decimate(const Series &series, double xLow, double xHigh, int columns);
/// Mean and sample standard deviation over series at equal x; n counts those that reached x. std is absent (NaN) for n < 2.
struct BandPoint {
    double x = 0, mean = 0, std = 0;
    int n = 0;
};
std::vector<BandPoint> meanAndStd(const std::vector<const Series *> &series);
void meanAndStd(const std::vector<const Series *> &series, std::vector<BandPoint> &band); ///< as smooth()
std::vector<BandPoint> meanAndStd(const std::vector<Series> &series);

} // namespace sparsescope
