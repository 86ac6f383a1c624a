// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Colour tables of 256 entries for maps: perceptually even ones for values, one diverging for differences. Rainbow
// tables (Jet) are left out on purpose: they draw edges that are not in the data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::core {

struct Rgb {
    std::uint8_t red = 0, green = 0, blue = 0;
    friend bool operator==(const Rgb&, const Rgb&) = default;
};

using ColorTable = std::array<Rgb, 256>;

/// viridis and cividis read well with every kind of colour vision and in grey; magma has more contrast at the dark end;
/// diverging has its neutral middle at entry 127.5.
enum class ColorMap : std::uint8_t { viridis, cividis, magma, diverging };

[[nodiscard]] std::string_view colorMapName(ColorMap map);
/// Throws Error(usage) for an unknown name, suggesting the nearest.
[[nodiscard]] ColorMap colorMapFromName(std::string_view name);
[[nodiscard]] const std::vector<std::string>& colorMapNames();
[[nodiscard]] const ColorTable& colorTable(ColorMap map);
/// CIE lightness L* (0 to 100), for contrast decisions.
[[nodiscard]] double lightness(Rgb color);

} // namespace kvviz::core
