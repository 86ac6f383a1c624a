// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// colorIndex() for many values at a time: a logarithm a pixel is what a frame of panning cannot afford.
#pragma once

#include "views/figure_data.hpp"

#include <QColor>

#include <array>
#include <vector>

namespace kvviz::plot {

class ColorLookup {
public:
    explicit ColorLookup(const ColorScale& scale);

    /// The same as colorIndex(value, scale), for values that are not NaN.
    [[nodiscard]] int index(float value) const;
    [[nodiscard]] QRgb color(float value) const { return m_colors[static_cast<std::size_t>(index(value))]; }

private:
    bool m_logarithmic;
    double m_low, m_length;
    float m_lowest = 0;                  ///< largest value of entry 0, on a log scale
    std::array<float, 255> m_thresholds; ///< smallest value of entry i + 1, on a log scale
    std::vector<std::uint8_t> m_first;   ///< entry at which the values begin that share their upper 16 bits
    std::array<QRgb, 256> m_colors;
};

} // namespace kvviz::plot
