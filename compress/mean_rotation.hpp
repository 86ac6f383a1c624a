// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The average of the rotations of many positions (ExpectedAttention, methods.md 5.13): each rotated pair of channels is
// turned and shrunk.
#pragma once

#include "core/rotary.hpp"

namespace kvviz::compress {

/// Rbar = factor times the mean of R_p over p = first .. first + count - 1, channels beyond the rotated ones unchanged.
class MeanRotation {
public:
    /// Throws Error(badInput) if the rotation has more channels than a head, `headDim`.
    MeanRotation(const core::Rotary& rotary, int headDim, std::int64_t first, std::int64_t count, double factor = 1);

    /// vector <- Rbar vector. [d]
    void applyTo(std::vector<double>& vector) const;
    /// matrix <- Rbar matrix Rbar^T. [d, d]
    void applyToBothSides(std::vector<double>& matrix) const;

private:
    void turn(double* first, std::size_t stride) const;

    std::size_t m_headDim;
    std::vector<double> m_cosine, m_sine; // [rotated channels / 2]
};

} // namespace kvviz::compress
