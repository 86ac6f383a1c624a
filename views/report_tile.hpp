// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A tile of an attention map in one byte a cell, for a page: codes are equal steps of the logarithm.
#pragma once

#include "core/io/capture_reader.hpp"

#include <cstdint>
#include <vector>

namespace kvviz::plot {

/// Code 0: zero, or below `low`. 1 to 254: low * (high / low)^((code - 1) / 253). 255: masked. `low` is the smallest
/// positive value, but no less than a millionth of `high`, so that a step is at most 5.6 %.
struct ReportTile {
    double low = 1, high = 1;
    std::vector<int> counts;         ///< [rows] cells up to the last one that is not masked; the others are not in codes
    std::vector<std::uint8_t> codes; ///< row by row
};

[[nodiscard]] ReportTile reportTile(const io::MapTile& tile);

} // namespace kvviz::plot
