// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Figure to PDF, SVG or PNG of a width in millimetres, with a JSON sidecar that holds provenance and numbers. The same
// figure gives the same bytes: no dates, no random identifiers.
#pragma once

#include "views/drawing.hpp"
#include "views/figure_data.hpp"
#include "views/style_file.hpp"

#include <QByteArray>
#include <QImage>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::plot {

struct ExportOptions {
    std::filesystem::path path; ///< .pdf, .svg or .png
    double widthMm = 0;         ///< 0: the style's, else 85 (one column), 178 for figures of several panels
    double heightMm = 0;        ///< 0: the style's, else what the content needs
    double dpi = 0;             ///< of PNG and of rasters inside vector files; 0: the style's, else 300
    double fontPt = 0;          ///< 0: the style's, else 7.5
    bool force = false, sidecar = true;
    bool csv = false;           ///< the numbers as a table, too
    std::optional<bool> dark;   ///< light on dark, for slides; not set: the style's, else light
    StyleSheet style;
    std::string creator, commandLine;
};

/// Throws Error: usage for sizes that make no sense or an unknown extension, failure when the file exists without
/// `force` or cannot be written. Costs nothing: call it before the data are read.
void checkExport(const ExportOptions& options);

/// The file's bytes. Needs a QGuiApplication.
[[nodiscard]] QByteArray renderFigure(const Figure& figure, const ExportOptions& options);
/// The picture that a PNG would hold, for the clipboard; path and force do not count.
[[nodiscard]] QImage figureImage(const Figure& figure, const ExportOptions& options);

/// checkExport, renderFigure, then writes the file and what stands beside it under temporary names and renames them.
void exportFigure(const Figure& figure, const ExportOptions& options);

/// A file of an export and its bytes.
struct ExportedFile {
    std::filesystem::path path;
    std::string bytes;
};
/// Writes them whatever is there; every one is whole or not there at all. Throws Error(failure).
void writeExport(const std::vector<ExportedFile>& files);

[[nodiscard]] double exportDpi(const ExportOptions& options);
[[nodiscard]] inline double unitsOfMm(double mm) { return mm / 25.4 * kExportUnitsPerInch; }

/// PATH.json and PATH.csv
[[nodiscard]] std::filesystem::path sidecarPath(const std::filesystem::path& path);
[[nodiscard]] std::filesystem::path csvPath(const std::filesystem::path& path);

/// Widths with a name: "column" (85 mm, of a paper of two columns), "text" (178 mm, across both), "slide" (254 mm, with
/// 14 pt). Throws Error(usage) for another.
struct WidthPreset {
    std::string name;
    double widthMm = 0, fontPt = 0; ///< fontPt 0: as for papers
};
[[nodiscard]] const std::vector<WidthPreset>& widthPresets();
/// Fills in what the options leave open.
void applyWidthPreset(const std::string& name, ExportOptions& options);

} // namespace kvviz::plot
