// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From the plan of one layer to what a map shows of it: which keys stay, a KV head a row. No drawing.
#pragma once

#include "compress/method.hpp"
#include "views/figure_data.hpp"

#include <optional>

namespace kvviz::plot {

struct KeptRequest {
    std::string method;         ///< specification
    compress::Budget budget;
    std::int64_t n = 0, t = 0;  ///< prompt tokens and later queries that the plan is about
    std::optional<int> head;    ///< among the captured query heads; none: all KV heads
    std::int64_t step = -1;     ///< later query that looks; -1: the end of prefill
};

/// Positions from n + t on are absent, and so are those that come after the step. Throws Error(usage) for an unknown
/// method.
[[nodiscard]] KeptMarks keptMarks(const compress::LayerPlan& plan, const core::CaptureInfo& info,
                                  const KeptRequest& request);

/// What several keys are in one pixel.
enum class KeptShare : std::uint8_t { absent, none, some, all };

/// [pixels] over the tokens [begin, end): a single kept key among evicted ones, or the other way round, is `some`.
[[nodiscard]] std::vector<KeptShare> keptShares(const KeyState* keys, std::int64_t count, double begin, double end,
                                                int pixels);

} // namespace kvviz::plot
