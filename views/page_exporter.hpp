// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Several figures as one page: in a grid, with letters (a), (b), ... over all their panels, one file or one image.
#pragma once

#include "views/figure_exporter.hpp"

#include <vector>

namespace kvviz::plot {

struct PageOptions : ExportOptions { ///< widthMm 0: the style's, else 178; heightMm is not followed, rows have their own
    int columns = 0;                 ///< 0: as the width has room for
};

/// The figures with the letters that they have on a page: a letter for every panel, from one figure to the next; what
/// small print and parameters say of a panel follows. A single panel has none.
[[nodiscard]] std::vector<Figure> letteredFigures(std::vector<Figure> figures);

/// Throws Error(usage) when there is no figure, or when it would be higher than 2000 mm.
[[nodiscard]] QByteArray renderPage(const std::vector<Figure>& figures, const PageOptions& options);
/// For the clipboard; path and force do not count.
[[nodiscard]] QImage pageImage(const std::vector<Figure>& figures, const PageOptions& options);
/// Writes the page, PATH.json (an object with the sidecar of each figure under "figures") and, with `csv`, a table for
/// each figure: PATH.1.csv, PATH.2.csv, ...
void exportPage(const std::vector<Figure>& figures, const PageOptions& options);

/// checkExport for a page of so many figures.
void checkPage(std::size_t figures, const PageOptions& options);

} // namespace kvviz::plot
