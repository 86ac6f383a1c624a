// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the window's heatmap shows, as a figure with provenance.
#pragma once

#include "views/map_loader.hpp"

namespace kvviz::plot {

/// `panel` with the cells of what is visible (visiblePanel), as it is drawn.
[[nodiscard]] Figure mapFigure(const LoadedMap& map, MapPanel panel, const ColorScale& scale);

} // namespace kvviz::plot
