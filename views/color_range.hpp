// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From where to where the colours of maps reach, by the rule that was asked for, and how the small print says it.
#pragma once

#include "views/map_data.hpp"

#include <string>

namespace kvviz::plot {

/// Colours of differences A - B: diverging, linear, the same reach on both sides of zero. A fixed range reaches to its
/// larger end.
[[nodiscard]] ColorScale differenceScale(const std::vector<MapPanel>& panels, const MapRequest& request);

/// A fixed range that this scale can show: a log scale that is asked to begin at or below zero begins five decades
/// below its end.
[[nodiscard]] std::pair<double, double> usableRange(std::pair<double, double> range, bool logarithmic);

/// "colours: 1st to 99th percentile of what is visible"; empty for the range of all values.
[[nodiscard]] std::string rangeNote(const MapRequest& request);

/// "first 4 keys", "first key"
[[nodiscard]] std::string firstKeys(std::int64_t count);

} // namespace kvviz::plot
