// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Gram matrices are small (G d squared) however long the prompt is.
#include "compress/low_rank.hpp"

#include "core/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

// Callers run one layer a thread; a product that starts threads of its own would make results depend on their number.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>
#include <Eigen/Eigenvalues>

namespace kvviz::compress {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const Rows> asMatrix(std::span<const float> values, std::int64_t rows, int width)
{
    return {values.data(), rows, width};
}

/// Blocks in float would lose the small directions, so rows are widened before they are multiplied.
Eigen::MatrixXd gramOf(std::span<const float> rows, int width)
{
    constexpr std::int64_t kBlock = 256;
    const std::int64_t count = std::ssize(rows) / width;
    Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(width, width);
    for (std::int64_t first = 0; first < count; first += kBlock) {
        const Eigen::MatrixXd block = asMatrix(rows, count, width)
                                          .middleRows(first, std::min(kBlock, count - first))
                                          .cast<double>();
        gram.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
    }
    return gram;
}

} // namespace

Basis principalBasis(std::span<const float> rows, int width)
{
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gramOf(rows, width)); // reads the lower triangle
    Basis basis;
    basis.directions.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(width));
    for (int i = 0; i < width; ++i) { // ascending there
        const Eigen::VectorXf direction = solver.eigenvectors().col(width - 1 - i).cast<float>();
        std::copy_n(direction.data(), width, basis.directions.begin() + std::ptrdiff_t{i} * width);
        basis.energy.push_back(std::max(0.0, solver.eigenvalues()[width - 1 - i]));
    }
    return basis;
}

std::vector<float> throughLowRank(std::span<const float> rows, int width, std::span<const float> read,
                                  std::span<const float> write, std::int64_t rank)
{
    const std::int64_t count = std::ssize(rows) / width;
    std::vector<float> result(rows.size()), latent(static_cast<std::size_t>(count * rank));
    std::vector<float> columns(static_cast<std::size_t>(width * rank)); // `write` transposed
    core::transpose(write.data(), width, columns.data(), rank, rank, width);
    core::multiply(rows.data(), width, columns.data(), rank, latent.data(), rank, count, width, rank);
    core::multiply(latent.data(), rank, read.data(), width, result.data(), width, count, rank, width);
    return result;
}

std::vector<std::int64_t> progressiveRanks(std::span<const double> logConditions, double meanRank, double smallest,
                                           std::int64_t width)
{
    const auto layers = static_cast<double>(logConditions.size());
    const auto [least, most] = std::minmax_element(logConditions.begin(), logConditions.end());
    const double range = *most - *least, limit = static_cast<double>(width);
    std::vector<double> depth; // 0: largest rank, 1: smallest
    for (const double value : logConditions)
        depth.push_back(range > 0 ? (*most - value) / range : 0.0);
    const double meanDepth = std::accumulate(depth.begin(), depth.end(), 0.0) / layers;
    const double mean = std::clamp(meanRank, 1.0, limit);
    double low = std::max(1.0, smallest * mean);
    double high = (mean - meanDepth * low) / (1 - meanDepth);
    if (high > limit) {
        high = limit;
        low = meanDepth > 0 ? (mean - (1 - meanDepth) * limit) / meanDepth : limit;
    }
    std::vector<std::int64_t> ranks;
    for (const double u : depth)
        ranks.push_back(std::clamp(static_cast<std::int64_t>(std::floor(high - u * (high - low) + 1e-9)),
                                   std::int64_t{1}, width));
    // What rounding left goes to the first layers with room, one each, so that no layer overtakes one before it.
    std::int64_t left = static_cast<std::int64_t>(std::floor(layers * mean + 1e-6))
                        - std::accumulate(ranks.begin(), ranks.end(), std::int64_t{0});
    for (std::size_t i = 0; i < ranks.size() && left > 0; ++i)
        if (ranks[i] < width) {
            ++ranks[i];
            --left;
        }
    return ranks;
}

} // namespace kvviz::compress
