// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Something that can be painted, as the bytes of a PDF, SVG or PNG file or as an image: no dates, no random
// identifiers.
#pragma once

#include "views/plot_style.hpp"

#include <QByteArray>
#include <QImage>
#include <QSizeF>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace kvviz::plot {

enum class FileFormat : std::uint8_t { pdf, svg, png };

/// By extension; throws Error(usage) for any other.
[[nodiscard]] FileFormat formatOf(const std::filesystem::path& path);

struct Drawing {
    QSizeF size; ///< plot units, kExportUnitsPerInch to the inch
    QColor background;
    std::string title;       ///< of the document
    std::string creator, commandLine;
    std::function<void(QCPPainter*)> paint;
};

/// `dpi` counts for PNG. Throws Error(usage) for a picture that does not fit into memory.
[[nodiscard]] QByteArray fileBytes(const Drawing& drawing, FileFormat format, double dpi);
[[nodiscard]] QImage drawnImage(const Drawing& drawing, double dpi);

} // namespace kvviz::plot
