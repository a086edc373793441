#pragma once

#include <QColor>

#include <algorithm>
#include <array>
#include <cmath>

/// How colours look to eyes that lack one kind of cone, and how far apart two colours are.
namespace sparsescope::test {

enum class Vision { Usual, Protanopia, Deuteranopia, Tritanopia };
inline constexpr std::array kVisions{Vision::Usual, Vision::Protanopia, Vision::Deuteranopia, Vision::Tritanopia};

using LinearRgb = std::array<double, 3>;

/// Source: Machado, Oliveira, Fernandes 2009, severity 1, on linear sRGB.
inline LinearRgb seen(const QColor &colour, Vision vision)
{
    static constexpr std::array<std::array<double, 9>, 4> kMatrices{
        {{1, 0, 0, 0, 1, 0, 0, 0, 1},
         {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
         {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
         {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900}}};
    const auto linear = [](double part) {
        return part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
    };
    const LinearRgb from{linear(colour.redF()), linear(colour.greenF()), linear(colour.blueF())};
    const auto &m = kMatrices[static_cast<std::size_t>(vision)];
    LinearRgb to{};
    for (std::size_t row = 0; row < 3; ++row) {
        to[row] = std::clamp(m[3 * row] * from[0] + m[3 * row + 1] * from[1] + m[3 * row + 2] * from[2], 0.0, 1.0);
    }
    return to;
}

/// Distance in CIE L*a*b* (1976, D65); one that is just noticed is about 2.3.
inline double distance(const LinearRgb &one, const LinearRgb &other)
{
    const auto lab = [](const LinearRgb &c) {
        const auto f = [](double t) { return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116; };
        const double x = f((0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2]) / 0.95047);
        const double y = f(0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]);
        const double z = f((0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2]) / 1.08883);
        return std::array{116 * y - 16, 500 * (x - y), 200 * (y - z)};
    };
    const auto a = lab(one), b = lab(other);
    return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

} // namespace sparsescope::test
