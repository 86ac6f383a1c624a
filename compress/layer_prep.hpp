// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What happens to a captured layer before it is replayed: rows that were stored in half precision are made to sum to 1
// again, and a capture without decode rows is split so that masks are never judged on the rows that made them.
#pragma once

#include "core/capture_source.hpp"

#include <string>

namespace kvviz::compress {

/// Divides every window and decode row by its sum. Returns the largest |sum - 1| seen before doing so; rows without
/// mass are left alone and count as 1.
double renormaliseRows(core::LayerData& data);

/// How the window rows of a prompt are split into scoring and evaluated ones.
struct WindowSplit {
    std::int64_t promptEnd = 0; ///< q0
    std::int64_t scoring = 0;   ///< window rows before q0
    std::int64_t evaluated = 0; ///< window rows from q0 on
};
/// q0 = n - w/2. Throws Error(badInput) if fewer than two window rows exist.
[[nodiscard]] WindowSplit windowSplit(std::int64_t n, std::int64_t w, const std::string& captureName);

/// The layer as if the prompt ended at q0 and the later window rows were decode rows. What the later rows added to
/// the column sums is taken out of them; entropy and sink mass are per query and stay. Query statistics and
/// far squares cannot be undone and are left out. Generated tokens are cut off.
[[nodiscard]] core::LayerData splitAtWindow(const core::LayerData& data, const WindowSplit& split);

} // namespace kvviz::compress
