// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Spherical interpolation between directions (methods.md 6.2).
#pragma once

#include <span>

namespace kvviz::compress {

/// Euclidean length.
[[nodiscard]] double lengthOf(std::span<const float> vector);

/// Between the directions of two vectors, in radians. Lengths below 1e-6 count as that, cosines are kept 1e-6 away from
/// -1 and 1, so a zero vector is at a right angle to all.
[[nodiscard]] double angleBetween(std::span<const float> a, std::span<const float> b);

/// Writes the unit vector a fraction t of the way from the direction of `a` (t = 0) to that of `b` (t = 1) along the
/// arc between them; `out` has their size. Opposite directions have no such arc: the nearer of the two, b at t = 0.5.
void slerp(std::span<const float> a, std::span<const float> b, double t, std::span<float> out);

} // namespace kvviz::compress
