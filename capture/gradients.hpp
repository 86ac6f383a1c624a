// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Derivatives of the parts of a transformer that act on one vector.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Sum of a[i] b[i], in double.
[[nodiscard]] double dotProduct(const float* a, const float* b, std::int64_t count);

/// to[size] += the gradient by x[size] of (weight * x / sqrt(mean(x^2) + eps)) . given[size].
void addNormGradient(const float* x, std::span<const float> weight, float eps, const float* given, float* to);

/// The gradients [rows, each, size] by x[rows, size] where given[rows, each, size] are those by its norm.
[[nodiscard]] std::vector<float> normGradients(std::span<const float> x, std::span<const float> weight, float eps,
                                               std::span<const float> given, std::int64_t each);

/// The derivative of cap tanh(x / cap) by x where the function has the value `capped`.
[[nodiscard]] inline float capSlope(float capped, float cap) { return 1 - capped / cap * (capped / cap); }

} // namespace kvviz::capture
