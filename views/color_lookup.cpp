// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/color_lookup.hpp"

#include "views/map_image.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace kvviz::plot {

namespace {

constexpr std::uint32_t kBuckets = 0x8000; // upper halves of floats that are not negative
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The smallest float whose entry is at least `entry`. The formula comes within a few floats of it.
float smallestOf(int entry, const ColorScale& scale)
{
    auto value = static_cast<float>(scale.low * std::pow(scale.high / scale.low, (entry - 0.5) / 255.0));
    while (value > 0 && colorIndex(static_cast<double>(value), scale) >= entry)
        value = std::nextafter(value, 0.0f);
    while (value < kInfinity && colorIndex(static_cast<double>(value), scale) < entry)
        value = std::nextafter(value, kInfinity);
    return value;
}

} // namespace

ColorLookup::ColorLookup(const ColorScale& scale)
    : m_logarithmic(scale.logarithmic), m_low(scale.low), m_length(scale.high - scale.low), m_thresholds{}
{
    const auto& table = core::colorTable(scale.map);
    for (std::size_t i = 0; i < m_colors.size(); ++i)
        m_colors[i] = qRgb(table[i].red, table[i].green, table[i].blue);
    if (!m_logarithmic)
        return;
    for (std::size_t i = 0; i < m_thresholds.size(); ++i)
        m_thresholds[i] = smallestOf(static_cast<int>(i) + 1, scale);
    m_lowest = std::nextafter(m_thresholds[0], 0.0f);
    m_first.resize(kBuckets);
    std::size_t entry = 0;
    for (std::uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
        const auto begin = std::bit_cast<float>(bucket << 16U);
        while (entry < m_thresholds.size() && begin >= m_thresholds[entry])
            ++entry;
        m_first[bucket] = static_cast<std::uint8_t>(entry);
    }
}

int ColorLookup::index(float value) const
{
    if (!m_logarithmic) {
        if (static_cast<double>(value) <= m_low)
            return 0;
        const double share = (static_cast<double>(value) - m_low) / m_length;
        return static_cast<int>(std::clamp(share, 0.0, 1.0) * 255.0 + 0.5);
    }
    if (value <= m_lowest)
        return 0;
    std::size_t entry = m_first[std::bit_cast<std::uint32_t>(value) >> 16U];
    while (entry < m_thresholds.size() && value >= m_thresholds[entry])
        ++entry;
    return static_cast<int>(entry);
}

} // namespace kvviz::plot
