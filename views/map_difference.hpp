// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The same map of two captures, one minus the other, cell by cell.
#pragma once

#include "views/map_source.hpp"

#include <string>

namespace kvviz::plot {

/// What of two captures can be put side by side.
struct Comparison {
    std::int64_t tokens = 0; ///< of both prompts
    std::int64_t steps = 0;  ///< decode steps of both; 0 where they would stand at other positions
    std::string note;        ///< how they were matched, when not token by token
};

/// Captures of prompts of another length or with other tokens are compared by position, up to the shorter one.
[[nodiscard]] Comparison compareCaptures(const core::CaptureInfo& a, const core::CaptureInfo& b);

/// The queries of which both have rows. Throws Error(usage) with both ranges when there are none.
[[nodiscard]] core::Span commonQueries(const MapSource& a, const MapSource& b);

/// a - b over cells of one grid; masked where either is. Tiles of other grids: Error(failure).
[[nodiscard]] io::MapTile differenceTile(const io::MapTile& a, const io::MapTile& b);

} // namespace kvviz::plot
