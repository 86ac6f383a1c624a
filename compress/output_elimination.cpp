// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// With the mass rho on the remaining keys, e = o - o' and u = a_j / (rho - a_j), losing key j turns e into
// e - u (o' - v_j) (methods.md 2.2). So the errors of all candidates follow from the products of e and o' with v.
#include "compress/output_elimination.hpp"

#include "core/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

// Callers run one KV head a thread; a product that starts threads of its own would make results depend on their number.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace kvviz::compress {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using DoubleMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double kDeadMass = 1e-9;  ///< a query with less has lost all its keys
constexpr float kLeastMass = 1e-6f; ///< a query that would be left with less would be dead
constexpr double kDeadCost = 100;   ///< relative error that stands for that: any living query is better

class Elimination {
public:
    Elimination(const core::LayerData& data, int kvHead)
        : m_rows(std::int64_t{data.heads.groupSize()} * data.t), m_left(data.n), m_positions(data.n), m_cost(data.n)
    {
        const Eigen::Map<const Matrix> attention(data.decodeRow(data.heads.firstQueryHead(kvHead), 0), m_rows,
                                                 data.total());
        const Eigen::Map<const Matrix> values(data.value.data() + kvHead * data.total() * data.headDim, data.total(),
                                              data.headDim);
        m_weights = attention.leftCols(data.n);
        m_values = values.topRows(data.n);
        m_squares = m_values.rowwise().squaredNorm();
        m_mass = attention.cast<double>().rowwise().sum();
        m_sums = (attention * values).cast<double>();
        m_full = DoubleMatrix::Zero(m_rows, data.headDim);
        for (std::int64_t row = 0; row < m_rows; ++row)
            if (m_mass[row] > kDeadMass)
                m_full.row(row) = m_sums.row(row) / m_mass[row];
        m_vectors.resize(2 * m_rows, data.headDim);
        m_dots.resize(2 * m_rows, data.n);
        m_transposed.resize(m_values.size());
        std::iota(m_positions.begin(), m_positions.end(), 0);
    }

    Ranking run(double step)
    {
        std::vector<double> places(m_positions.size(), 0.0);
        double place = 0;
        std::vector<std::int64_t> order;
        while (m_left > 0) {
            const auto share = static_cast<std::int64_t>(std::floor(step * static_cast<double>(m_left)));
            computeCosts(share > 1);
            order.resize(static_cast<std::size_t>(m_left));
            std::iota(order.begin(), order.end(), std::int64_t{0});
            std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
                return cost(a) != cost(b) ? cost(a) < cost(b) : a > b; // columns are in order of position
            });
            order.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, share)));
            for (std::size_t i = 0; i < order.size(); ++i) {
                place += i == 0 || cost(order[i]) != cost(order[i - 1]) ? 1 : 0;
                places[static_cast<std::size_t>(m_positions[static_cast<std::size_t>(order[i])])] = place;
            }
            remove(order);
        }
        return rank(std::move(places));
    }

private:
    [[nodiscard]] double cost(std::int64_t column) const { return m_cost[static_cast<std::size_t>(column)]; }

    /// What the loss of each remaining key would add to the sum of relative errors: exact when one key goes. When many
    /// go together, keys that would each undo a part of the error overshoot: then the mean of the exact cost and of
    /// what it can be at most, u |o' - v| (triangle inequality). On captures of SmolLM2 the mean was better than either.
    void computeCosts(bool together)
    {
        m_together = together;
        std::fill_n(m_cost.begin(), m_left, 0.0);
        m_vectors.setZero();
        for (std::int64_t row = 0; row < m_rows; ++row)
            if (m_mass[row] > kDeadMass) {
                const Eigen::RowVectorXd output = m_sums.row(row) / m_mass[row];
                m_vectors.row(row) = (m_full.row(row) - output).cast<float>();
                m_vectors.row(m_rows + row) = output.cast<float>();
            }
        core::transpose(m_values.data(), m_values.cols(), m_transposed.data(), m_left, m_left, m_values.cols());
        core::multiply(m_vectors.data(), m_vectors.cols(), m_transposed.data(), m_left, m_dots.data(), m_dots.cols(),
                       m_vectors.rows(), m_vectors.cols(), m_left);
        for (std::int64_t row = 0; row < m_rows; ++row)
            if (const double norm = m_full.row(row).norm(); norm > 0 && m_mass[row] > kDeadMass)
                addRowCosts(row, static_cast<float>(1 / norm));
    }

    void addRowCosts(std::int64_t row, float scale)
    {
        const float mass = static_cast<float>(m_mass[row]);
        const float errorSquare = m_vectors.row(row).squaredNorm();
        const float outputSquare = m_vectors.row(m_rows + row).squaredNorm();
        const float errorOutput = m_vectors.row(row).dot(m_vectors.row(m_rows + row));
        const float error = std::sqrt(errorSquare);
        const float *const weight = &m_weights(row, 0), *const errorDot = &m_dots(row, 0),
                    *const outputDot = &m_dots(m_rows + row, 0), *const square = m_squares.data();
        double* const costs = m_cost.data();
        const bool together = m_together;
#pragma omp simd
        for (std::int64_t key = 0; key < m_left; ++key) {
            const float left = mass - weight[key];
            const float u = weight[key] / std::max(left, kLeastMass);
            const float apart = outputSquare - 2 * outputDot[key] + square[key]; // |o' - v|^2
            // No loss can undo more than all of the error; rounding, where the error is small, pretends it could.
            const float change = std::max(-errorSquare, u * (u * apart - 2 * (errorOutput - errorDot[key])));
            const float after = std::sqrt(errorSquare + change);
            // sqrt(x + c) - sqrt(x), without the cancellation
            const float alone = change / (after + error + 1e-30f);
            const float bound = u * std::sqrt(std::max(0.0f, apart));
            costs[key] += left > kLeastMass ? scale * (together ? 0.5f * (bound + alone) : alone) : kDeadCost;
        }
    }

    /// Takes columns out of the sums and closes the gaps.
    void remove(const std::vector<std::int64_t>& columns)
    {
        Matrix weights(m_rows, std::ssize(columns)), values(std::ssize(columns), m_values.cols());
        std::vector<bool> gone(static_cast<std::size_t>(m_left), false);
        for (std::int64_t i = 0; i < std::ssize(columns); ++i) {
            const std::int64_t column = columns[static_cast<std::size_t>(i)];
            gone[static_cast<std::size_t>(column)] = true;
            weights.col(i) = m_weights.col(column);
            values.row(i) = m_values.row(column);
        }
        m_mass -= weights.cast<double>().rowwise().sum();
        m_sums -= (weights * values).cast<double>();
        std::vector<std::int64_t> stay;
        for (std::int64_t column = 0; column < m_left; ++column)
            if (!gone[static_cast<std::size_t>(column)])
                stay.push_back(column);
        m_left = std::ssize(stay);
        for (std::int64_t to = 0; to < m_left; ++to) {
            const std::int64_t from = stay[static_cast<std::size_t>(to)];
            m_positions[static_cast<std::size_t>(to)] = m_positions[static_cast<std::size_t>(from)];
            m_squares[to] = m_squares[from];
            if (to != from)
                m_values.row(to) = m_values.row(from);
        }
        for (std::int64_t row = 0; row < m_rows; ++row) {
            float* const weight = &m_weights(row, 0);
            for (std::int64_t to = 0; to < m_left; ++to)
                weight[to] = weight[stay[static_cast<std::size_t>(to)]];
        }
    }

    bool m_together = false;
    std::int64_t m_rows, m_left;           ///< R t; prompt keys that remain, the first columns of what follows
    std::vector<std::int32_t> m_positions; // [n]
    std::vector<double> m_cost;            // [n]
    Matrix m_weights;                      // [rows, n]
    Matrix m_values;                       // [n, d]
    Eigen::VectorXf m_squares;             // [n] |v|^2
    Eigen::VectorXd m_mass;                // [rows] on remaining and decode keys
    DoubleMatrix m_sums;                   // [rows, d] attention times value over the same
    DoubleMatrix m_full;                   // [rows, d] o
    Matrix m_vectors;                      // [2 rows, d] e, then o'
    Matrix m_dots;                         // [2 rows, n] their products with the values
    Eigen::VectorXf m_transposed;          // [d, m_left] values
};

} // namespace

Ranking outputElimination(const core::LayerData& data, int kvHead, double step)
{
    return Elimination(data, kvHead).run(step);
}

} // namespace kvviz::compress
