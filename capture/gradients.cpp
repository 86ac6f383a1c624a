// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/gradients.hpp"

#include "core/parallel.hpp"

#include <cmath>

namespace kvviz::capture {

double dotProduct(const float* a, const float* b, std::int64_t count)
{
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

void addNormGradient(const float* x, std::span<const float> weight, float eps, const float* given, float* to)
{
    const auto size = std::ssize(weight);
    const double inverse = 1 / std::sqrt(dotProduct(x, x, size) / static_cast<double>(size) + static_cast<double>(eps));
    const auto weighted = [&](std::int64_t i) {
        return static_cast<double>(given[i]) * static_cast<double>(weight[static_cast<std::size_t>(i)]);
    };
    double along = 0;
    for (std::int64_t i = 0; i < size; ++i)
        along += weighted(i) * static_cast<double>(x[i]);
    const double pull = along * inverse * inverse * inverse / static_cast<double>(size);
    for (std::int64_t i = 0; i < size; ++i)
        to[i] += static_cast<float>(inverse * weighted(i) - pull * static_cast<double>(x[i]));
}

std::vector<float> normGradients(std::span<const float> x, std::span<const float> weight, float eps,
                                 std::span<const float> given, std::int64_t each)
{
    const auto size = std::ssize(weight);
    std::vector<float> out(given.size(), 0.0f);
    core::parallelFor(std::ssize(given) / size, [&](std::int64_t row) {
        addNormGradient(x.data() + row / each * size, weight, eps, given.data() + row * size, out.data() + row * size);
    });
    return out;
}

} // namespace kvviz::capture
