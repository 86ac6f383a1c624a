// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "core/color_map.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace kvviz::core {

namespace {

// Evenly spaced anchors of the published tables (viridis, magma: CC0; cividis: Nunez et al. 2018); the diverging one
// is ours: blue and orange, equal in lightness on both sides.
constexpr std::array<std::uint32_t, 10> kViridis{0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e,
                                                 0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b, 0xfde725};
constexpr std::array<std::uint32_t, 10> kCividis{0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173,
                                                 0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55, 0xfee838};
constexpr std::array<std::uint32_t, 10> kMagma{0x000004, 0x180f3d, 0x440f76, 0x721f81, 0x9e2f7f,
                                               0xcd4071, 0xf1605d, 0xfd9668, 0xfeca8d, 0xfcfdbf};
constexpr std::array<std::uint32_t, 9> kDiverging{0x0b3c6f, 0x2a6aa8, 0x6fa3cf, 0xbcd5e8, 0xf6f5f2,
                                                  0xf3cfae, 0xdf9352, 0xb15a12, 0x6b3000};

double channel(std::uint32_t color, int shift) { return static_cast<double>((color >> shift) & 0xffu); }

/// Catmull-Rom through the anchors, clamped to bytes.
std::uint8_t interpolate(std::span<const std::uint32_t> anchors, double position, int shift)
{
    const auto last = std::ssize(anchors) - 1;
    const auto i = std::min(static_cast<std::ptrdiff_t>(position), last - 1);
    const double u = position - static_cast<double>(i);
    const auto at = [&](std::ptrdiff_t k) {
        return channel(anchors[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(k, 0, last))], shift);
    };
    const double p0 = at(i - 1), p1 = at(i), p2 = at(i + 1), p3 = at(i + 2);
    const double value = p1 + 0.5 * u * (p2 - p0 + u * (2 * p0 - 5 * p1 + 4 * p2 - p3 + u * (3 * (p1 - p2) + p3 - p0)));
    return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
}

ColorTable makeTable(std::span<const std::uint32_t> anchors)
{
    ColorTable table;
    for (std::size_t i = 0; i < table.size(); ++i) {
        const double position = static_cast<double>(i) / 255.0 * static_cast<double>(anchors.size() - 1);
        table[i] = {interpolate(anchors, position, 16), interpolate(anchors, position, 8),
                    interpolate(anchors, position, 0)};
    }
    return table;
}

} // namespace

const std::vector<std::string>& colorMapNames()
{
    static const std::vector<std::string> names{"viridis", "cividis", "magma", "diverging"};
    return names;
}

std::string_view colorMapName(ColorMap map) { return colorMapNames().at(static_cast<std::size_t>(map)); }

ColorMap colorMapFromName(std::string_view name)
{
    const auto& names = colorMapNames();
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end())
        return static_cast<ColorMap>(found - names.begin());
    const std::string near = nearestName(name, names);
    throw Error(ErrorCode::usage, "unknown colour map '" + std::string(name) + "'"
                                      + (near.empty() ? "" : " (did you mean '" + near + "'?)")
                                      + "; known: viridis, cividis, magma, diverging");
}

const ColorTable& colorTable(ColorMap map)
{
    static const std::array<ColorTable, 4> tables{makeTable(kViridis), makeTable(kCividis), makeTable(kMagma),
                                                  makeTable(kDiverging)};
    return tables.at(static_cast<std::size_t>(map));
}

double lightness(Rgb color)
{
    const auto linear = [](std::uint8_t value) {
        const double v = value / 255.0;
        return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    const double y = 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue);
    return y > 0.008856 ? 116.0 * std::cbrt(y) - 16.0 : 903.3 * y;
}

} // namespace kvviz::core
