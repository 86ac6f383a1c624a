// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// In double: the sine of a small angle divides.
#include "compress/slerp.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace kvviz::compress {
namespace {

constexpr double kTiny = 1e-6;

double dot(std::span<const float> a, std::span<const float> b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

double safeLength(std::span<const float> vector) { return std::max(lengthOf(vector), kTiny); }

} // namespace

double lengthOf(std::span<const float> vector) { return std::sqrt(dot(vector, vector)); }

double angleBetween(std::span<const float> a, std::span<const float> b)
{
    return std::acos(std::clamp(dot(a, b) / (safeLength(a) * safeLength(b)), kTiny - 1, 1 - kTiny));
}

void slerp(std::span<const float> a, std::span<const float> b, double t, std::span<float> out)
{
    const double angle = angleBetween(a, b), lengthA = safeLength(a), lengthB = safeLength(b);
    double weightA = std::sin((1 - t) * angle) / lengthA, weightB = std::sin(t * angle) / lengthB;
    std::vector<double> mixed(a.size());
    const auto mix = [&] {
        double squares = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            mixed[i] = weightA * a[i] + weightB * b[i];
            squares += mixed[i] * mixed[i];
        }
        return std::sqrt(squares);
    };
    double length = mix(); // sin(angle) for unit vectors, at least 1e-3
    if (length < kTiny) {
        weightA = t < 0.5 ? 1 : 0;
        weightB = 1 - weightA;
        length = std::max(mix(), kTiny);
    }
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<float>(mixed[i] / length);
}

} // namespace kvviz::compress
