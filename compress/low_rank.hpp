// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Low-rank maps of rows (methods.md 7.1, 7.2): directions that carry most of given rows, projection on some of them,
// and how many each layer gets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

/// Orthonormal directions in descending order of the energy they carry.
struct Basis {
    std::vector<float> directions; // [width, width], row i: direction i
    std::vector<double> energy;    // [width] sum over rows of (x . direction)^2
};
/// Right singular vectors of `rows` [count, width] and the squares of its singular values, from the eigenvectors of
/// its Gram matrix in double. By Eckart and Young no projector of a rank loses less of these rows than the one on as
/// many first directions.
[[nodiscard]] Basis principalBasis(std::span<const float> rows, int width);

/// Each row x becomes sum_{i < rank} read_i (write_i . x). `read` and `write` hold at least `rank` rows of `width`;
/// the same orthonormal rows twice make a projector.
[[nodiscard]] std::vector<float> throughLowRank(std::span<const float> rows, int width, std::span<const float> read,
                                                std::span<const float> write, std::int64_t rank);

/// LoRC's progressive rule. `logConditions` [L]: sum over the layers from l on of the logarithms of the condition
/// numbers of W_K and W_V. The layer with the largest gets most, the others fall linearly to the smallest rank,
/// which is `smallest` (0 to 1) times the mean or, when the largest would exceed `width`, as much as keeps the mean.
/// Ranks add up to floor(L meanRank), each from 1 to `width`. Equal numbers: the same rank everywhere.
[[nodiscard]] std::vector<std::int64_t> progressiveRanks(std::span<const double> logConditions, double meanRank,
                                                         double smallest, std::int64_t width);

} // namespace kvviz::compress
