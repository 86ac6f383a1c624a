// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which tokens are visible after zooming, panning and jumping. Whole tokens, always inside of what there is.
#pragma once

#include "core/span.hpp"

namespace kvviz::plot {

/// Fewest tokens that are shown along an axis, unless there are not so many; closer zoom shows nothing more.
inline constexpr std::int64_t kLeastVisible = 8;

/// `visible` scaled about `center` (a position that stays where it is), within `all`.
[[nodiscard]] core::Span zoomed(core::Span visible, double center, double factor, core::Span all);
/// Moved by so many tokens, stopped at the ends of `all`.
[[nodiscard]] core::Span shifted(core::Span visible, double tokens, core::Span all);
/// Moved as little as needed to show `token`.
[[nodiscard]] core::Span scrolledTo(core::Span visible, std::int64_t token, core::Span all);
/// From one position to another in either order, at least kLeastVisible tokens, within `all`.
[[nodiscard]] core::Span between(double from, double to, core::Span all);

} // namespace kvviz::plot
