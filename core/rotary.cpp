// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Angles in double: at position 100000 a float angle is off by more than half-precision storage is.
#include "core/rotary.hpp"

#include "core/error.hpp"

#include <cmath>

#include <fmt/format.h>

namespace kvviz::core {
namespace {

std::vector<double> plainFrequencies(double theta, int ropeDim)
{
    std::vector<double> result;
    for (int i = 0; i < ropeDim / 2; ++i)
        result.push_back(std::pow(theta, -2.0 * i / ropeDim));
    return result;
}

} // namespace

Rotary::Rotary(double theta, int ropeDim) : m_frequencies(plainFrequencies(theta, ropeDim)) {}

Rotary::Rotary(const ModelInfo& model, int layer)
{
    if (const std::vector<float>& stored = model.ropeFrequenciesOf(layer); !stored.empty()) {
        m_frequencies.assign(stored.begin(), stored.end());
        return;
    }
    if (model.ropeScaling != "none" && !model.ropeScaling.empty())
        throw Error(ErrorCode::badInput,
                    fmt::format("model '{}' scales its rotary embedding ('{}') and the capture does not hold its "
                                "frequencies, so keys cannot be turned back; capture again with this version",
                                model.name, model.ropeScaling));
    m_frequencies = plainFrequencies(model.ropeTheta, model.ropeDim);
}

void Rotary::rotate(float* vector, std::int64_t offset) const
{
    const std::size_t half = m_frequencies.size();
    for (std::size_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(offset) * m_frequencies[i];
        const double cosine = std::cos(angle), sine = std::sin(angle);
        const double a = vector[i], b = vector[i + half];
        vector[i] = static_cast<float>(a * cosine - b * sine);
        vector[i + half] = static_cast<float>(b * cosine + a * sine);
    }
}

std::vector<float> Rotary::table(std::int64_t first, std::int64_t count) const
{
    const std::size_t half = m_frequencies.size();
    std::vector<float> result;
    result.reserve(static_cast<std::size_t>(count) * 2 * half);
    for (std::int64_t i = 0; i < count; ++i) {
        for (const double frequency : m_frequencies)
            result.push_back(static_cast<float>(std::cos(static_cast<double>(first + i) * frequency)));
        for (const double frequency : m_frequencies)
            result.push_back(static_cast<float>(std::sin(static_cast<double>(first + i) * frequency)));
    }
    return result;
}

void Rotary::rotateBy(const float* tableRow, float* vector, int ropeDim, int sign)
{
    const int half = ropeDim / 2;
    for (int i = 0; i < half; ++i) {
        const float cosine = tableRow[i], sine = static_cast<float>(sign) * tableRow[half + i];
        const float a = vector[i], b = vector[i + half];
        vector[i] = a * cosine - b * sine;
        vector[i + half] = b * cosine + a * sine;
    }
}

void Rotary::rotateRows(float* rows, std::int64_t count, std::int64_t width, std::int64_t firstPosition, int sign) const
{
    for (std::int64_t i = 0; i < count; ++i)
        rotate(rows + i * width, sign * (firstPosition + i));
}

} // namespace kvviz::core
