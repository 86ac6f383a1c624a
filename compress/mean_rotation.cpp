// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rotations of one plane average to (mean cosine, mean sine), applied as a rotation is.
#include "compress/mean_rotation.hpp"

#include "core/error.hpp"

#include <cmath>

#include <fmt/format.h>

namespace kvviz::compress {

MeanRotation::MeanRotation(const core::Rotary& rotary, int headDim, std::int64_t first, std::int64_t count,
                           double factor)
    : m_headDim(static_cast<std::size_t>(headDim))
{
    if (rotary.dim() > headDim)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("the rotary embedding turns {} channels, but a head has only {}", rotary.dim(),
                                      headDim));
    for (const double frequency : rotary.frequencies()) {
        double cosine = 0, sine = 0;
        for (std::int64_t position = first; position < first + count; ++position) {
            const double angle = static_cast<double>(position) * frequency;
            cosine += std::cos(angle);
            sine += std::sin(angle);
        }
        m_cosine.push_back(factor * cosine / static_cast<double>(count));
        m_sine.push_back(factor * sine / static_cast<double>(count));
    }
}

void MeanRotation::turn(double* first, std::size_t stride) const
{
    const std::size_t half = m_cosine.size();
    for (std::size_t i = 0; i < half; ++i) {
        double &a = first[i * stride], &b = first[(i + half) * stride];
        const double turnedA = a * m_cosine[i] - b * m_sine[i];
        b = b * m_cosine[i] + a * m_sine[i];
        a = turnedA;
    }
}

void MeanRotation::applyTo(std::vector<double>& vector) const { turn(vector.data(), 1); }

void MeanRotation::applyToBothSides(std::vector<double>& matrix) const
{
    for (std::size_t column = 0; column < m_headDim; ++column)
        turn(matrix.data() + column, m_headDim);
    for (std::size_t row = 0; row < m_headDim; ++row)
        turn(matrix.data() + row * m_headDim, 1);
}

} // namespace kvviz::compress
