// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A style file: the look of figures as a journal or a lecture wants it, in JSON. docs/figures.md is its description.
#pragma once

#include "views/plot_style.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::plot {

/// What a file says; what it leaves out keeps its default.
struct StyleSheet {
    std::string fontFamily; ///< empty: not said
    std::optional<double> fontPt, widthMm, heightMm, dpi;
    std::optional<double> lineScale, markerScale, tokenScale;
    std::optional<bool> dark;
    std::map<std::string, QColor> colors; ///< by their name in the file, see styleColorNames()
    std::vector<QColor> seriesColors;
};

/// "background", "text", ...: the colours of a style other than those of series.
[[nodiscard]] std::vector<std::string> styleColorNames();

/// `name` is said in errors. Throws Error(badInput) for what is no JSON object, for unknown keys (with the nearest known
/// one) and for values out of range: the key, what was expected.
[[nodiscard]] StyleSheet parseStyle(std::string_view json, const std::string& name);
/// Throws Error(badInput) also when the file cannot be read.
[[nodiscard]] StyleSheet readStyleFile(const std::filesystem::path& path);

/// The style for an export: `fontPt` 0 and `dark` unset leave it to the sheet, then to the defaults (7.5 pt, light).
/// Throws Error(badInput) for a font family that is not installed, with the nearest that is. Needs a QGuiApplication.
[[nodiscard]] PlotStyle exportStyle(const StyleSheet& sheet, double fontPt, std::optional<bool> dark);

} // namespace kvviz::plot
