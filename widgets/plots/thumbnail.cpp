#include "widgets/plots/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsescope {

ThumbnailGrid::ThumbnailGrid(int length, int side)
    : m_side(std::min(length, side))
{
    m_pixels.reserve(static_cast<std::size_t>(length));
    for (int cell = 0; cell < length; ++cell) {
        m_pixels.push_back(static_cast<int>(static_cast<long long>(cell) * m_side / length));
    }
}

ThumbnailValues::ThumbnailValues(const ThumbnailGrid &grid, Reducer reducer)
    : m_grid(grid)
    , m_reducer(reducer)
    , m_values(static_cast<std::size_t>(grid.side()) * grid.side(), std::numeric_limits<float>::quiet_NaN())
    , m_cells(m_values.size(), 0)
{}

template <class Combine>
void ThumbnailValues::addWith(const float *values, int from, int rows, int columns, const Combine &combine)
{
    for (int r = 0; r < rows; ++r) {
        const float *row = values + static_cast<std::ptrdiff_t>(r) * columns;
        const std::size_t line = static_cast<std::size_t>(m_grid.pixelOf(from + r)) * m_grid.side();
        for (int s = 0; s <= from + r; ++s) {
            const std::size_t pixel = line + static_cast<std::size_t>(m_grid.pixelOf(s));
            float &to = m_values[pixel];
            to = std::isnan(to) ? row[s] : combine(to, row[s]);
            ++m_cells[pixel];
        }
    }
}

void ThumbnailValues::add(const float *values, int from, int rows, int columns)
{
    switch (m_reducer) {
    case Reducer::Maximum:
        return addWith(values, from, rows, columns, [](float a, float b) { return std::max(a, b); });
    case Reducer::LargestMagnitude:
        return addWith(values, from, rows, columns, [](float a, float b) { return std::abs(b) > std::abs(a) ? b : a; });
    case Reducer::Sum:
        return addWith(values, from, rows, columns, [](float a, float b) { return a + b; });
    }
}

Map ThumbnailValues::finish()
{
    if (m_reducer == Reducer::Sum) {
        const double perSide = static_cast<double>(m_grid.length()) / m_grid.side();
        const auto cellsPerPixel = static_cast<float>(perSide * perSide);
        for (std::size_t i = 0; i < m_values.size(); ++i) {
            m_values[i] *= m_cells[i] > 0 ? cellsPerPixel / static_cast<float>(m_cells[i]) : 1;
        }
    }
    return {m_grid.side(), m_grid.side(), std::move(m_values)};
}

QImage colourStates(const std::vector<StateCounts> &counts, int side, const Tokens &tokens)
{
    QImage image(side, side, QImage::Format_RGB32);
    for (int t = 0; t < side; ++t) {
        auto *line = reinterpret_cast<QRgb *>(image.scanLine(t));
        for (int s = 0; s < side; ++s) {
            line[s] = countsRgb(counts[static_cast<std::size_t>(t) * side + s], tokens);
        }
    }
    return image;
}

int thumbnailSide(int length, int room) { return length <= 0 || length > room ? room : room / length * length; }

} // namespace sparsescope
