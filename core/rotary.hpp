// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rotary position embedding in the Hugging Face layout: channels i and i + ropeDim/2 turn together by position times
// frequency i. Rotations add, so a captured key is moved to another position, or to none, without its weights.
#pragma once

#include "core/capture_info.hpp"

#include <span>
#include <vector>

namespace kvviz::core {

class Rotary {
public:
    /// Frequencies in radians a token: those stored with the capture, else theta^(-2i/ropeDim). Throws Error(badInput)
    /// when the model scales its rotation and the capture does not hold the frequencies. The model's ropeFactor is no
    /// part of it: it stays in a key that is turned.
    Rotary(const ModelInfo& model, int layer);
    Rotary(double theta, int ropeDim);

    [[nodiscard]] int dim() const noexcept { return static_cast<int>(2 * m_frequencies.size()); }
    [[nodiscard]] const std::vector<double>& frequencies() const noexcept { return m_frequencies; }
    /// Turns one head vector in place by `offset` positions (negative: back). Channels beyond dim() stay.
    void rotate(float* vector, std::int64_t offset) const;
    /// cos and sin of every angle of positions [first, first + count), for many turns: [count, ropeDim].
    [[nodiscard]] std::vector<float> table(std::int64_t first, std::int64_t count) const;
    /// Turns one head vector in place by the position of a row of table(); `sign` -1: back.
    static void rotateBy(const float* tableRow, float* vector, int ropeDim, int sign);
    /// Rows [count, width] by `sign` times their position: +1 applies RoPE, -1 takes it off.
    void rotateRows(float* rows, std::int64_t count, std::int64_t width, std::int64_t firstPosition, int sign) const;

private:
    std::vector<double> m_frequencies; // [ropeDim / 2]
};

} // namespace kvviz::core
