// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a method keeps of each segment, and of each layer and KV head, as figures. No drawing.
#pragma once

#include "core/capture_info.hpp"
#include "views/figure_data.hpp"

#include <optional>
#include <string>
#include <vector>

namespace kvviz::plot {

/// Of one method at one budget, on a layer or over layers.
struct ShotRetention {
    std::string name, method;    ///< for people; specification
    std::vector<float> survival; ///< [S] as compress::LayerMetrics
    std::vector<float> intact;   ///< [S], or empty
    double ratio = 0;            ///< kept of all tokens; NaN: not known
};

/// Segments of the prompt with tokens, as indices into info.segments.
[[nodiscard]] std::vector<std::size_t> promptSegments(const core::CaptureInfo& info);

/// Bars of `shown` and beside them, hollow, of `held`; in the order of the prompt. `where`: "layer 3".
[[nodiscard]] BarFigure retentionFigure(const core::CaptureInfo& info, const ShotRetention& shown,
                                        const std::optional<ShotRetention>& held, const std::string& where);

/// Layers x KV heads: kept tokens [L, G] as shares of `prompt` tokens (-1: not known yet), with means.
[[nodiscard]] MatrixFigure budgetFigure(const core::CaptureInfo& info, const std::vector<std::int64_t>& kept,
                                        std::int64_t prompt, const std::string& name);

/// How even a budget is, as one sentence: "Uniform: every KV head keeps 128 of 256 tokens."
[[nodiscard]] std::string budgetSentence(const core::CaptureInfo& info, const std::vector<std::int64_t>& kept,
                                         std::int64_t prompt);

} // namespace kvviz::plot
