// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Figure to PDF, SVG or PNG of a width in millimetres, with a JSON sidecar that holds provenance and numbers. The same
// figure gives the same bytes: no dates, no random identifiers.
#pragma once

#include "views/figure_data.hpp"

#include <QByteArray>

#include <filesystem>
#include <string>

namespace kvviz::plot {

struct ExportOptions {
    std::filesystem::path path; ///< .pdf, .svg or .png
    double widthMm = 0;         ///< 0: 85 (one column), 178 for figures of several panels
    double heightMm = 0;        ///< 0: follows from the content
    double dpi = 300;           ///< of PNG and of rasters inside vector files
    double fontPt = 0;          ///< 0: 7.5
    bool force = false, sidecar = true;
    bool dark = false; ///< light on dark, for slides
    std::string creator, commandLine;
};

enum class FileFormat : std::uint8_t { pdf, svg, png };

/// By extension; throws Error(usage) for any other.
[[nodiscard]] FileFormat formatOf(const std::filesystem::path& path);

/// Throws Error: usage for sizes that make no sense or an unknown extension, failure when the file exists without
/// `force` or cannot be written. Costs nothing: call it before the data are read.
void checkExport(const ExportOptions& options);

/// The file's bytes. Needs a QGuiApplication.
[[nodiscard]] QByteArray renderFigure(const Figure& figure, const ExportOptions& options);

/// checkExport, renderFigure, then writes the file and its sidecar under a temporary name and renames them.
void exportFigure(const Figure& figure, const ExportOptions& options);

/// PATH.json
[[nodiscard]] std::filesystem::path sidecarPath(const std::filesystem::path& path);

} // namespace kvviz::plot
